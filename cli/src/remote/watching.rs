//! Watching a submission until it has ended, through restarts of its coordinator.

use std::collections::BTreeMap;
use std::time::Duration;

use coordinator::{Controlled, Notice, Notices};
use proto::api::v1;
use proto::api::v1::watch_submission_response::Event;

use super::{Refused, Remote};
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::{Display, Following, notice_of};
use crate::show;

/// How long to wait before a coordinator that went away is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often it is asked in vain.
const TRIES: u32 = 300;

/// Shows on stderr how a submission goes until it has ended.
///
/// # Errors
/// When it is not there, this command is interrupted, or its coordinator stays away for five minutes.
pub(crate) async fn watch(remote: &Remote, id: &str, controlled: &Controlled) -> Result<v1::Submission, Failure> {
    let mut view = View::default();
    let watched = interrupt::or_interrupted(controlled, follow(remote, id, &mut view)).await;
    view.end().await;
    if let Err(Failure::Interrupted) = watched {
        show::tell(&format!(
            "submission {id} goes on; `kindred watch {id}` shows it again, `kindred cancel {id}` ends it"
        ));
    }
    watched
}

async fn follow(remote: &Remote, id: &str, view: &mut View) -> Result<v1::Submission, Failure> {
    let mut tries = 0;
    loop {
        let refused = match listen(remote, id, view, &mut tries).await {
            Ok(()) => match remote.submission(id).await {
                Ok(submission) if submission.state().is_final() => return Ok(submission),
                // The stream ended with its coordinator.
                Ok(_) => None,
                Err(refused) => Some(refused),
            },
            Err(refused) => Some(refused),
        };
        match refused {
            Some(refused) if !refused.may_pass() || tries >= TRIES => return Err(refused.into()),
            Some(_) if tries == 0 => show::tell("the coordinator does not answer; trying again"),
            _ => {}
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Shows events until the stream ends.
async fn listen(remote: &Remote, id: &str, view: &mut View, tries: &mut u32) -> Result<(), Refused> {
    let asked = v1::WatchSubmissionRequest { id: id.to_owned() };
    let mut events = remote.submissions.clone().watch_submission(asked).await?.into_inner();
    while let Some(told) = events.message().await? {
        *tries = 0;
        match told.event {
            Some(Event::Submission(submission)) => view.stand(&submission),
            Some(Event::Run(event)) => view.show(event).await,
            None => {}
        }
    }
    Ok(())
}

/// What is on the screen: the run that is under way.
#[derive(Default)]
struct View {
    /// The last log entry that was shown, by run. A stream that is opened again begins from the first.
    shown: BTreeMap<String, u64>,
    current: Option<Current>,
    waits_for: Vec<String>,
}

struct Current {
    run: String,
    notices: Notices,
    display: Following,
}

impl View {
    /// Says what a submission waits for, when that is new.
    fn stand(&mut self, submission: &v1::Submission) {
        let waits_for = if submission.state() == v1::State::Queued { submission.waits_for.clone() } else { vec![] };
        if waits_for != self.waits_for {
            waits_for.iter().for_each(|line| show::tell(&format!("{}: waits: {line}", submission.id)));
            self.waits_for = waits_for;
        }
    }

    async fn show(&mut self, event: v1::RunEvent) {
        if let Some(sequence) = event.sequence {
            let last = self.shown.get(&event.run_id);
            if last.is_some_and(|last| *last >= sequence) {
                return;
            }
            self.shown.insert(event.run_id.clone(), sequence);
        }
        let run = event.run_id.clone();
        if let Some(notice) = notice_of(event) {
            self.tell(&run, notice).await;
        }
    }

    async fn tell(&mut self, run: &str, notice: Notice) {
        if self.current.as_ref().is_none_or(|current| current.run != run) {
            self.end().await;
            let (notices, heard) = Notices::channel();
            let display = Display::on_stderr(run.to_owned()).follow(heard);
            self.current = Some(Current { run: run.to_owned(), notices, display });
        }
        if let Some(current) = &self.current {
            current.notices.tell(notice);
        }
    }

    async fn end(&mut self) {
        if let Some(Current { notices, display, .. }) = self.current.take() {
            drop(notices);
            display.end().await;
        }
    }
}
