//! How runs go, on stderr: bars on a terminal, plain lines elsewhere.

mod bars;
mod lines;
mod told;

use std::io::IsTerminal;
use std::time::Duration;

use coordinator::Notice;
use coordinator::run::{StopReason, Verdict};
use proto::{Progress, Stage};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use bars::Bars;
use lines::Lines;
pub(crate) use told::{notice_of, subject_of};

use crate::show;

/// Shows the notices of one run.
pub(crate) enum Display {
    /// Bars that move.
    Bars(Bars),
    /// Lines that stay.
    Lines(Lines),
}

impl Display {
    /// A display of a run's notices, as stderr allows.
    pub(crate) fn on_stderr(run: String) -> Self {
        let is_plain = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if std::io::stderr().is_terminal() && !is_plain {
            Self::Bars(Bars::new(run))
        } else {
            Self::Lines(Lines::new(run))
        }
    }

    /// Shows notices until there are no more, on a thread of its own: a terminal may block.
    pub(crate) fn follow(mut self, mut heard: mpsc::Receiver<Notice>) -> Following {
        let task = tokio::task::spawn_blocking(move || {
            while let Some(notice) = heard.blocking_recv() {
                match &mut self {
                    Self::Bars(bars) => bars.show(&notice),
                    Self::Lines(lines) => lines.show(&notice),
                }
            }
            if let Self::Bars(bars) = &self {
                bars.clear();
            }
        });
        Following { task }
    }
}

/// A display at work.
pub(crate) struct Following {
    task: JoinHandle<()>,
}

impl Following {
    /// Waits until everything has been shown; not for long, because a terminal may block.
    pub(crate) async fn end(self) {
        // What could not be shown by then, or at all, is no reason to lose the run's result.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.task).await;
    }
}

/// What is said once of a notice, whatever the display.
fn announcement(notice: &Notice) -> Option<String> {
    match notice {
        Notice::Opened { epoch, logs, .. } => {
            let logs = logs.as_ref().map(|logs| format!(" (logs: {})", logs.display())).unwrap_or_default();
            Some(if epoch.0 > 1 { format!("goes on{logs}") } else { format!("begins{logs}") })
        }
        Notice::StageBegan { stage: Stage::Score, units, done } if *done > 0 => {
            Some(format!("score: {done} of {units} shards are done already"))
        }
        Notice::StageBegan { stage: Stage::Search, units, done } => {
            let already = if *done > 0 { format!(", {done} of them done already") } else { String::new() };
            Some(format!("search: {units} trainings{already}"))
        }
        Notice::StageBegan { .. } | Notice::Launched { .. } | Notice::Ended { .. } | Notice::UnitDone { .. } => None,
        Notice::StageFinished { stage } => Some(format!("{stage}: done")),
        Notice::Progressed { .. } => None,
        Notice::AttemptFailed { subject, failure, verdict, log } => {
            Some(failed(*subject, failure, *verdict, log.as_ref()))
        }
        Notice::Straggler { unit, held } => {
            Some(format!("{unit} has been worked on for {} s: an idle process tries it as well", held.as_secs()))
        }
        Notice::Waiting { waited, reasons } => {
            let reasons: String = reasons.iter().map(|reason| format!("\n    {reason}")).collect();
            Some(format!("no progress for {} s; waiting for{reasons}", waited.as_secs()))
        }
        Notice::Leftover { child } => Some(format!("ending process {child}, which a `kindred` before left behind")),
        Notice::Stopping { reason: StopReason::Interrupted, .. } => {
            Some("stopping the processes; Ctrl-C again kills them".to_owned())
        }
        Notice::Stopping { reason: StopReason::Cancelled { by }, .. } => {
            Some(format!("cancelled by {by}: stopping the processes"))
        }
        Notice::Stopping { reason: StopReason::Failed { .. }, processes } => {
            (*processes > 0).then(|| "stopping the other processes".to_owned())
        }
    }
}

fn failed(
    subject: coordinator::run::Subject,
    failure: &proto::Failure,
    verdict: Verdict,
    log: Option<&std::path::PathBuf>,
) -> String {
    let what_next = match verdict {
        Verdict::Retry { after } if after.is_zero() => "trying again".to_owned(),
        Verdict::Retry { after } => format!("trying again in {} s", after.as_secs()),
        Verdict::LeaveOut => "the search goes on without it".to_owned(),
        Verdict::GiveUp => "giving up".to_owned(),
    };
    let causes: String = failure.causes.iter().map(|cause| format!("\n    {cause}")).collect();
    let log = crate::failure::pointer(log);
    format!("{subject} failed ({}): {failure}; {what_next}{causes}{log}", failure.class)
}

/// A worker's progress in one line, such as `train: 1,024 of 20,000 rows · epoch 3 · auc 0.712`.
fn line(progress: &Progress) -> String {
    let Progress { phase, done, total, item, message, notes: _ } = progress;
    let counted = match (total, done) {
        (Some(total), done) => format!("{} of {} {item}", show::count(*done), show::count(*total)),
        (None, 0) => String::new(),
        (None, done) => format!("{} {item}", show::count(*done)),
    };
    let told: Vec<&str> = [counted.as_str(), message.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    match (phase.is_empty(), told.is_empty()) {
        (true, _) => told.join(" · "),
        (false, true) => phase.clone(),
        (false, false) => format!("{phase}: {}", told.join(" · ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_one_line_of_what_is_known() {
        let full = Progress {
            phase: "train".to_owned(),
            done: 1024,
            total: Some(20_000),
            item: "rows".to_owned(),
            message: "epoch 3".to_owned(),
            notes: vec![],
        };
        assert_eq!(line(&full), "train: 1,024 of 20,000 rows · epoch 3");
        assert_eq!(line(&Progress { total: None, ..full.clone() }), "train: 1,024 rows · epoch 3");
        assert_eq!(line(&Progress { phase: "prepare".to_owned(), ..Progress::default() }), "prepare");
        assert_eq!(line(&Progress::default()), "");
    }
}
