//! One watcher of a submission: its changes, and what happens to its runs, one after the other.

use std::sync::Arc;

use futures::Stream;
use spec::RunId;
use tokio::sync::watch;

use super::boards::Boards;
use super::view::{SubmissionEvent, SubmissionView};
use crate::board::{Board, Watcher};
use crate::error::Result;

/// The board of a run that waits for its submission to come to it, once somebody carries it; `None` where the submission
/// ends, or goes past it, before that.
pub(super) async fn begun(
    mut views: watch::Receiver<Arc<SubmissionView>>,
    boards: Arc<Boards>,
    run: RunId,
) -> Option<Arc<Board>> {
    loop {
        let view = Arc::clone(&views.borrow_and_update());
        if let Some(board) = boards.carried(&run) {
            return Some(board);
        }
        if view.status.is_terminal() || !may_come_to(&view, &run) {
            return None;
        }
        views.changed().await.ok()?;
    }
}

/// Whether a submission that has not ended may still carry a run. One that is tried again does not know its run yet.
fn may_come_to(view: &SubmissionView, run: &RunId) -> bool {
    match view.documents.iter().find(|document| document.run.as_ref() == Some(run)) {
        Some(document) => document.ended.is_none(),
        None => view.documents.iter().any(|document| document.run.is_none() && document.ended.is_none()),
    }
}

/// Follows a submission to its end.
#[derive(Debug)]
pub(super) struct SubmissionWatcher {
    boards: Arc<Boards>,
    views: watch::Receiver<Arc<SubmissionView>>,
    /// The view that was last told; absent before the first.
    told: Option<Arc<SubmissionView>>,
    /// The next document whose run is watched.
    next: usize,
    watched: Option<Watched>,
}

/// A run on watch.
#[derive(Debug)]
struct Watched {
    document: usize,
    run: RunId,
    watcher: Watcher,
}

impl SubmissionWatcher {
    pub(super) fn new(views: watch::Receiver<Arc<SubmissionView>>, boards: Arc<Boards>) -> Self {
        Self { boards, views, told: None, next: 0, watched: None }
    }

    pub(super) fn stream(self) -> impl Stream<Item = Result<SubmissionEvent>> + Send {
        futures::stream::try_unfold(self, |mut watcher| async move {
            Ok(watcher.next().await?.map(|event| (event, watcher)))
        })
    }

    async fn next(&mut self) -> Result<Option<SubmissionEvent>> {
        let Some(told) = self.told.clone() else { return Ok(Some(self.tell())) };
        loop {
            if let Some(Watched { document, run, watcher }) = &mut self.watched {
                tokio::select! {
                    // What happened to the run comes before what that made of the submission.
                    biased;
                    event = watcher.next() => match event {
                        Some(event) => {
                            let (document, run) = (*document, run.clone());
                            return Ok(Some(SubmissionEvent::Run { document, run, event }));
                        }
                        None => {
                            self.next = *document + 1;
                            self.watched = None;
                        }
                    },
                    changed = self.views.changed() => return Ok(changed.is_ok().then(|| self.tell())),
                }
            } else if !self.watch_next(&told).await? {
                let is_news = self.views.has_changed().unwrap_or(false);
                if !is_news && told.status.is_terminal() {
                    return Ok(None);
                }
                return Ok(self.views.changed().await.is_ok().then(|| self.tell()));
            }
        }
    }

    fn tell(&mut self) -> SubmissionEvent {
        let view = Arc::clone(&self.views.borrow_and_update());
        let before = self.told.replace(Arc::clone(&view));
        if before.is_some_and(|before| before.retries < view.retries) {
            // It is tried again from the first document that has not ended well.
            self.next = view.documents.iter().position(|document| document.ended.is_none()).unwrap_or(self.next);
        }
        SubmissionEvent::Changed { submission: view.as_ref().clone() }
    }

    /// Begins to watch the next document's run; false while it has none.
    async fn watch_next(&mut self, view: &SubmissionView) -> Result<bool> {
        let document = self.next;
        let Some(run) = view.documents.get(document).and_then(|document| document.run.clone()) else {
            return Ok(false);
        };
        let watcher = Watcher::new(self.boards.filled(&run).await?, 0);
        self.watched = Some(Watched { document, run, watcher });
        Ok(true)
    }
}
