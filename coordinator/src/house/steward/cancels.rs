//! Cancels on their way into the submission's log.

use super::{Cancel, Steward, may_pass};
use crate::carry::Launchers;
use crate::error::{CoordinatorError, Result};
use crate::names::Owner;
use crate::submission::{Event, State};

/// A cancel that is not known to be in the log.
pub(super) struct Unwritten {
    cancel: Cancel,
    /// The store failed over it, and may have taken it all the same.
    was_tried: bool,
}

impl<P: Launchers> Steward<P> {
    /// Writes down that somebody wants the submission to end, and answers. Where the store does not take it, it is written
    /// later, and answered then.
    pub(super) async fn cancelled(&mut self, cancel: Cancel) -> Result<()> {
        self.unwritten.push_back(Unwritten { cancel, was_tried: false });
        self.write_cancels().await
    }

    pub(super) async fn write_cancels(&mut self) -> Result<()> {
        while let Some(Unwritten { cancel, was_tried }) = self.unwritten.pop_front() {
            let by = cancel.by.clone();
            // Whoever asked may not wait any more.
            match self.log.append(Event::CancelRequested { by: by.clone() }).await {
                Ok(Ok(())) => {
                    self.tell().await;
                    let _ = cancel.reply.send(Ok(()));
                }
                Ok(Err(_)) if was_tried && self.is_cancelled_by(&by) => {
                    self.tell().await;
                    let _ = cancel.reply.send(Ok(()));
                }
                Ok(Err(_)) => {
                    let _ = cancel.reply.send(Err(self.not_now("cancelled")));
                }
                Err(error) if may_pass(&error) => {
                    self.unwritten.push_front(Unwritten { cancel, was_tried: true });
                    return Err(error);
                }
                Err(error) => {
                    let _ = cancel.reply.send(Err(CoordinatorError::Stopping));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn is_cancelled_by(&self, owner: &Owner) -> bool {
        matches!(self.log.state(), State::Cancelling(_, _, by) | State::Cancelled(_, by) if by == owner)
    }
}
