//! What watchers are told.

use proto::api::v1::obstacle::Obstacle;
use proto::api::v1::run_event::Event as Told;
use proto::api::v1::watch_submission_response;
use proto::api::{duration, timestamp, v1};
use proto::{Progress, Unit};
use spec::RunId;

use super::{submission, words};
use crate::house::{RunEvent, SubmissionEvent};
use crate::launcher::ChildName;
use crate::log::LogEntry;
use crate::notice::Notice;
use crate::run::{Event, StopReason, Verdict};
use crate::waiting::WaitsFor;

/// Something that happened to a submission; `None` for what its watchers learn otherwise.
pub(in crate::api) fn submission_event(event: SubmissionEvent) -> Option<v1::WatchSubmissionResponse> {
    let event = match event {
        SubmissionEvent::Changed { submission: view } => {
            watch_submission_response::Event::Submission(submission(&view))
        }
        SubmissionEvent::Run { run, event, .. } => watch_submission_response::Event::Run(self::event(&run, event)?),
    };
    Some(v1::WatchSubmissionResponse { event: Some(event) })
}

/// Something that happened to a run; `None` for what the log tells as well.
pub(in crate::api) fn event(run: &RunId, event: RunEvent) -> Option<v1::RunEvent> {
    let (sequence, time, event) = match event {
        RunEvent::Logged { seq, entry } => (Some(seq), Some(timestamp(entry.at)), logged(entry)),
        RunEvent::Notice { notice } => (None, None, noticed(notice)?),
        RunEvent::Missed { notices } => (None, None, Told::Missed(v1::Missed { events: notices })),
    };
    Some(v1::RunEvent { run_id: run.to_string(), sequence, time, event: Some(event) })
}

fn logged(entry: LogEntry) -> Told {
    match entry.event {
        Event::Submitted { kind, epoch } => {
            Told::Created(v1::RunCreated { kind: words::kind(kind).into(), epoch: epoch.0 })
        }
        Event::EpochStarted { epoch } => Told::EpochStarted(v1::EpochStarted { epoch: epoch.0 }),
        Event::Launched { stage, generation, processes } => {
            let (stage, generation) = (words::stage(stage), generation.0);
            Told::Launched(v1::ProcessesLaunched { stage, generation, processes })
        }
        Event::AttemptFailed { subject, failure } => {
            Told::AttemptFailed(v1::AttemptFailed { failure: Some(words::failure(&failure, Some(subject))) })
        }
        Event::StageFinished { stage, outcome, held_back } => Told::StageFinished(v1::StageFinished {
            stage: words::stage(stage),
            outcome_json: outcome.to_string(),
            held_back: words::held_back(&held_back),
        }),
        Event::StopRequested { reason } => Told::StopRequested(stop_requested(reason)),
        Event::Stopped => Told::Stopped(v1::RunStopped {}),
        Event::Reopened => Told::Reopened(v1::RunReopened {}),
    }
}

fn stop_requested(reason: StopReason) -> v1::StopRequested {
    let (reason, by, failure) = match reason {
        StopReason::Interrupted => (v1::StopReason::Interrupted, String::new(), None),
        StopReason::Cancelled { by } => (v1::StopReason::Cancelled, by.to_string(), None),
        StopReason::Failed { subject, failure } => {
            (v1::StopReason::Failed, String::new(), Some(words::failure(&failure, Some(subject))))
        }
    };
    v1::StopRequested { reason: reason.into(), by, failure }
}

fn noticed(notice: Notice) -> Option<Told> {
    let path = |path: Option<std::path::PathBuf>| path.map(|path| path.display().to_string()).unwrap_or_default();
    Some(match notice {
        Notice::StageBegan { stage, units, done } => {
            Told::StageBegan(v1::StageBegan { stage: words::stage(stage), units: units as u64, done: done as u64 })
        }
        Notice::Progressed { child, unit, progress } => Told::Progressed(progressed(&child, unit, progress)),
        Notice::Ended { child } => Told::ProcessEnded(v1::ProcessEnded { process: Some(process(&child)) }),
        Notice::UnitDone { unit, done, units } => Told::UnitDone(v1::UnitDone {
            stage: words::stage(unit.stage()),
            unit: words::unit(unit),
            done: done as u64,
            units: units as u64,
        }),
        Notice::AttemptFailed { subject, failure, verdict, log } => {
            let (kind, after) = match verdict {
                Verdict::Retry { after } => (v1::VerdictKind::Retry, duration(after)),
                Verdict::LeaveOut => (v1::VerdictKind::LeaveOut, None),
                Verdict::GiveUp => (v1::VerdictKind::GiveUp, None),
            };
            let failure = Some(words::failure(&failure, Some(subject)));
            Told::Verdict(v1::Verdict { failure, kind: kind.into(), after, log: path(log) })
        }
        Notice::Straggler { unit, held } => Told::Straggler(v1::Straggler {
            stage: words::stage(unit.stage()),
            unit: words::unit(unit),
            held: duration(held),
        }),
        Notice::Waiting { waited, reasons } => Told::Stalled(v1::Stalled {
            waited: duration(waited),
            obstacles: reasons.iter().map(|reason| v1::Obstacle { obstacle: Some(obstacle(reason)) }).collect(),
        }),
        Notice::Leftover { child } => Told::LeftoverEnded(v1::LeftoverEnded { process: Some(process(&child)) }),
        // The log has them.
        Notice::Opened { .. } | Notice::Launched { .. } | Notice::StageFinished { .. } | Notice::Stopping { .. } => {
            return None;
        }
    })
}

fn obstacle(reason: &WaitsFor) -> Obstacle {
    match reason {
        WaitsFor::Start { child, launched } => {
            Obstacle::Start(v1::ProcessStart { process: Some(process(child)), launched: duration(*launched) })
        }
        WaitsFor::Work { unit, child, held, silent, idle } => Obstacle::Work(v1::UnitHeld {
            process: Some(process(child)),
            unit: words::unit(*unit),
            held: duration(*held),
            silent: duration(*silent),
            idle: duration(*idle),
        }),
        WaitsFor::Retry { unit, after } => Obstacle::Retry(v1::UnitRetry {
            stage: words::stage(unit.stage()),
            unit: words::unit(*unit),
            after: duration(*after),
        }),
        WaitsFor::Store { silent } => Obstacle::StoreSilent(duration(*silent).unwrap_or_default()),
        WaitsFor::End { processes } => Obstacle::ProcessesEnding(*processes as u64),
        WaitsFor::Worker { units } => Obstacle::UnitsReady(*units as u64),
    }
}

fn process(child: &ChildName) -> v1::Process {
    v1::Process { stage: words::stage(child.stage), generation: child.generation.0, index: child.process }
}

fn progressed(child: &ChildName, unit: Option<Unit>, progress: Progress) -> v1::Progressed {
    let Progress { phase, done, total, item, message, notes } = progress;
    v1::Progressed {
        process: Some(process(child)),
        phase,
        done,
        total: total.unwrap_or(0),
        item,
        message,
        notes,
        unit: unit.map(words::unit),
    }
}
