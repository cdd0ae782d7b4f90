//! What a coordinator elsewhere tells of a run, as the notices of one on this machine.

use std::path::PathBuf;
use std::time::Duration;

use coordinator::run::{StopReason, Subject, Verdict};
use coordinator::{ChildName, Notice, WaitsFor};
use proto::api::v1;
use proto::api::v1::obstacle::Obstacle;
use proto::api::v1::run_event::Event;
use proto::{Epoch, Failure, FailureClass, Generation, Progress, Shard, Stage, Trial, Unit};
use spec::RunId;

/// The notice that shows an event; `None` for what is not shown, and for what a newer coordinator says that this program
/// does not know.
pub(crate) fn notice_of(event: v1::RunEvent) -> Option<Notice> {
    let run: RunId = event.run_id.parse().ok()?;
    match event.event? {
        Event::Created(v1::RunCreated { epoch, .. }) | Event::EpochStarted(v1::EpochStarted { epoch }) => {
            Some(Notice::Opened { run, epoch: Epoch(epoch), logs: None })
        }
        Event::StageBegan(began) => {
            let (units, done) = (count(began.units), count(began.done));
            Some(Notice::StageBegan { stage: stage(began.stage)?, units, done })
        }
        Event::Launched(launched) => Some(Notice::Launched {
            stage: stage(launched.stage)?,
            generation: Generation(launched.generation),
            processes: launched.processes,
        }),
        Event::Progressed(progressed) => self::progressed(run, progressed),
        Event::ProcessEnded(ended) => Some(Notice::Ended { child: child(run, ended.process?)? }),
        Event::UnitDone(done) => {
            let unit = unit(stage(done.stage)?, done.unit);
            Some(Notice::UnitDone { unit, done: count(done.done), units: count(done.units) })
        }
        Event::Verdict(verdict) => attempt_failed(verdict),
        Event::StageFinished(finished) => Some(Notice::StageFinished { stage: stage(finished.stage)? }),
        Event::StopRequested(requested) => stopping(requested),
        Event::Straggler(straggler) => {
            let unit = unit(stage(straggler.stage)?, straggler.unit);
            Some(Notice::Straggler { unit, held: span(straggler.held) })
        }
        Event::Stalled(stalled) => {
            let obstacles = stalled.obstacles.into_iter().filter_map(|obstacle| obstacle.obstacle);
            let reasons = obstacles.filter_map(|obstacle| waits_for(&run, obstacle)).collect();
            Some(Notice::Waiting { waited: span(stalled.waited), reasons })
        }
        Event::LeftoverEnded(left) => Some(Notice::Leftover { child: child(run, left.process?)? }),
        Event::AttemptFailed(_) | Event::Stopped(_) | Event::Reopened(_) | Event::Missed(_) => None,
    }
}

fn progressed(run: RunId, progressed: v1::Progressed) -> Option<Notice> {
    let v1::Progressed { process, phase, done, total, item, message, notes, unit: number } = progressed;
    let child = child(run, process?)?;
    let unit = number.map(|number| unit(child.stage, number));
    let total = (total > 0).then_some(total);
    Some(Notice::Progressed { child, unit, progress: Progress { phase, done, total, item, message, notes } })
}

fn attempt_failed(verdict: v1::Verdict) -> Option<Notice> {
    let (subject, failure) = failure(verdict.failure.clone()?)?;
    let after = span(verdict.after);
    let kind = match verdict.kind() {
        v1::VerdictKind::Retry => Verdict::Retry { after },
        v1::VerdictKind::LeaveOut => Verdict::LeaveOut,
        v1::VerdictKind::GiveUp => Verdict::GiveUp,
        v1::VerdictKind::Unspecified => return None,
    };
    Some(Notice::AttemptFailed { subject, failure, verdict: kind, log: path(verdict.log) })
}

fn waits_for(run: &RunId, obstacle: Obstacle) -> Option<WaitsFor> {
    Some(match obstacle {
        Obstacle::Start(start) => {
            WaitsFor::Start { child: child(run.clone(), start.process?)?, launched: span(start.launched) }
        }
        Obstacle::Work(work) => {
            let child = child(run.clone(), work.process?)?;
            let unit = unit(child.stage, work.unit);
            WaitsFor::Work { unit, child, held: span(work.held), silent: span(work.silent), idle: span(work.idle) }
        }
        Obstacle::Retry(retry) => {
            WaitsFor::Retry { unit: unit(stage(retry.stage)?, retry.unit), after: span(retry.after) }
        }
        Obstacle::StoreSilent(silent) => WaitsFor::Store { silent: span(Some(silent)) },
        Obstacle::ProcessesEnding(processes) => WaitsFor::End { processes: count(processes) },
        Obstacle::UnitsReady(units) => WaitsFor::Worker { units: count(units) },
    })
}

/// A coordinator that stops its processes because it is told to stop takes them up again: nothing to be said of the run.
fn stopping(requested: v1::StopRequested) -> Option<Notice> {
    let reason = match requested.reason() {
        v1::StopReason::Cancelled => StopReason::Cancelled { by: requested.by.parse().ok()? },
        v1::StopReason::Failed => {
            let (subject, failure) = failure(requested.failure?)?;
            StopReason::Failed { subject, failure }
        }
        v1::StopReason::Interrupted | v1::StopReason::Unspecified => return None,
    };
    Some(Notice::Stopping { reason, processes: 0 })
}

/// Why something failed, and what.
fn failure(failure: v1::Failure) -> Option<(Subject, Failure)> {
    let class = FailureClass::try_from(failure.class()).ok()?;
    let subject = failure.subject?;
    let stage = stage(subject.stage)?;
    let subject = subject.unit.map_or(Subject::Process(stage), |number| Subject::Unit(unit(stage, number)));
    Some((subject, Failure { class, message: failure.message, causes: failure.causes }))
}

/// The words for what failed, such as `shard 3`; empty where that is not said.
pub(crate) fn subject_of(failure: &v1::Failure) -> String {
    match self::failure(failure.clone()) {
        Some((Subject::Unit(unit), _)) => unit.to_string(),
        Some((Subject::Process(stage), _)) => format!("a process for {stage}"),
        None => String::new(),
    }
}

fn child(run: RunId, process: v1::Process) -> Option<ChildName> {
    let v1::Process { stage: number, generation, index } = process;
    Some(ChildName { run, stage: stage(number)?, generation: Generation(generation), process: index })
}

fn stage(number: i32) -> Option<Stage> {
    Stage::try_from(v1::Stage::try_from(number).ok()?).ok()
}

fn unit(stage: Stage, number: u64) -> Unit {
    match stage {
        Stage::Train => Unit::Train,
        Stage::Plan => Unit::Plan,
        Stage::Score => Unit::Score(Shard(number)),
        Stage::Publish => Unit::Publish,
        Stage::Prepare => Unit::Prepare,
        Stage::Search => Unit::Trial(Trial(number)),
    }
}

fn path(text: String) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

/// A length of time; none where there is none, or one that is none.
fn span<T>(time: Option<T>) -> Duration
where
    Duration: TryFrom<T>,
{
    time.and_then(|time| Duration::try_from(time).ok()).unwrap_or_default()
}

fn count(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(event: Event) -> Option<Notice> {
        notice_of(v1::RunEvent { run_id: "r-1".to_owned(), sequence: None, time: None, event: Some(event) })
    }

    #[test]
    fn what_a_process_does_is_shown_as_if_it_were_here() {
        let process = v1::Process { stage: v1::Stage::Score.into(), generation: 2, index: 1 };
        let progressed = v1::Progressed {
            process: Some(process),
            phase: "score".to_owned(),
            done: 5,
            total: 0,
            item: "rows".to_owned(),
            unit: Some(7),
            ..v1::Progressed::default()
        };
        let Some(Notice::Progressed { child, unit, progress }) = told(Event::Progressed(progressed)) else {
            panic!("not shown")
        };
        assert_eq!((child.to_string().as_str(), unit), ("score-g2-p1", Some(Unit::Score(Shard(7)))));
        assert_eq!((progress.done, progress.total), (5, None));
    }

    #[test]
    fn a_failure_says_what_follows() {
        let subject = v1::Subject { stage: v1::Stage::Train.into(), unit: Some(0) };
        let failure = v1::Failure {
            class: v1::FailureClass::Storage.into(),
            message: "no answer".to_owned(),
            causes: vec![],
            subject: Some(subject),
        };
        assert_eq!(subject_of(&failure), "train");
        let after = Some(Duration::from_secs(2).try_into().unwrap());
        let kind = v1::VerdictKind::Retry.into();
        let verdict = v1::Verdict { failure: Some(failure), kind, after, log: String::new() };
        let Some(Notice::AttemptFailed { verdict, log, .. }) = told(Event::Verdict(verdict)) else {
            panic!("not shown")
        };
        assert_eq!((verdict, log), (Verdict::Retry { after: Duration::from_secs(2) }, None));
    }

    #[test]
    fn what_a_stalled_run_waits_for_is_shown() {
        let process = v1::Process { stage: v1::Stage::Score.into(), generation: 2, index: 1 };
        let seconds = |seconds| Some(Duration::from_secs(seconds).try_into().unwrap());
        let (held, silent, idle) = (seconds(90), seconds(1), seconds(80));
        let work = Obstacle::Work(v1::UnitHeld { process: Some(process), unit: 7, held, silent, idle });
        let obstacles = [work, Obstacle::UnitsReady(3)].map(|obstacle| v1::Obstacle { obstacle: Some(obstacle) });
        let stalled = v1::Stalled { waited: seconds(60), obstacles: obstacles.to_vec() };
        let Some(Notice::Waiting { waited, reasons }) = told(Event::Stalled(stalled)) else { panic!("not shown") };
        assert_eq!((waited, reasons.len()), (Duration::from_secs(60), 2));
        let WaitsFor::Work { unit, held, .. } = &reasons[0] else { panic!("{:?}", reasons[0]) };
        assert_eq!((*unit, *held), (Unit::Score(Shard(7)), Duration::from_secs(90)));
        assert_eq!(reasons[1], WaitsFor::Worker { units: 3 });
    }

    #[test]
    fn what_this_program_does_not_know_is_not_shown() {
        assert!(told(Event::StageBegan(v1::StageBegan { stage: 99, units: 1, done: 0 })).is_none());
        assert!(told(Event::Verdict(v1::Verdict::default())).is_none());
        assert!(told(Event::Missed(v1::Missed { events: 3 })).is_none());
    }
}
