//! Reads that go on while the store does not answer.

use std::time::Duration;

use futures::future::{Either, select};
use object_store::Error;
use uuid::Uuid;

use super::Workspace;
use crate::error::{Action, ArtifactsError, Result};

impl Workspace {
    /// Repeats `request`, which reads or lists and changes nothing, while the store fails or does not answer: as long,
    /// and with such pauses, as a create is tried (see [`crate::publish::Patience`]).
    ///
    /// # Errors
    /// The last failure once that time is over, and at once whatever another try would not change.
    pub async fn persistently<T, F>(&self, request: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let (start, seed) = (self.clock.now(), Uuid::new_v4().as_u64_pair().1);
        for number in 0.. {
            let error = match self.in_time(request()).await {
                Err(error) if error.class().is_retryable() => error,
                settled => return settled,
            };
            let pause = self.patience.pause(number, seed);
            if self.clock.now().saturating_sub(start) + pause >= self.patience.deadline {
                return Err(error);
            }
            tracing::warn!(%error, "trying again");
            self.clock.sleep(pause).await;
        }
        unreachable!("the deadline comes before numbers end")
    }

    /// The request's result, or an error once the time is over that one request may take.
    pub async fn in_time<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        match select(std::pin::pin!(request), self.clock.sleep(self.patience.request)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => {
                let source = Box::new(NoAnswer { waited: self.patience.request });
                let source = Error::Generic { store: "workspace", source };
                Err(ArtifactsError::store(Action::Read, self.url(), source))
            }
        }
    }
}

/// A request that got no answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {waited:.0?}")]
struct NoAnswer {
    waited: Duration,
}
