//! The word to stop, for asynchronous and computing code alike.

use proto::{Failure, FailureClass};
use tokio::sync::watch;

/// Whether a unit of work is to stop. Cheap to clone and to ask, from any thread.
#[derive(Debug, Clone)]
pub struct Cancel {
    fired: watch::Receiver<bool>,
}

/// The other end of a [`Cancel`].
#[derive(Debug, Clone)]
pub struct CancelSource {
    fired: watch::Sender<bool>,
}

impl CancelSource {
    /// A new one that has not fired.
    pub fn new() -> Self {
        Self { fired: watch::Sender::new(false) }
    }

    /// Says stop; saying it again changes nothing.
    pub fn fire(&self) {
        self.fired.send_replace(true);
    }

    /// The end that listens.
    pub fn listen(&self) -> Cancel {
        Cancel { fired: self.fired.subscribe() }
    }
}

impl Default for CancelSource {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancel {
    /// One that never fires.
    pub fn never() -> Self {
        CancelSource::new().listen()
    }

    /// Whether the work is to stop now.
    pub fn is_cancelled(&self) -> bool {
        *self.fired.borrow()
    }

    /// An error to return from the work once it is to stop.
    pub fn check(&self) -> Result<(), Failure> {
        if self.is_cancelled() { Err(Self::failure()) } else { Ok(()) }
    }

    /// Returns when the work is to stop; never, if it is not.
    pub async fn cancelled(&self) {
        let mut fired = self.fired.clone();
        if fired.wait_for(|fired| *fired).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What stopped work says of itself.
    pub fn failure() -> Failure {
        Failure::new(FailureClass::Preempted, "was told to stop before it was done")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn firing_reaches_every_listener_for_good() {
        let source = CancelSource::new();
        let (early, clone) = (source.listen(), source.clone());
        assert!(early.check().is_ok());
        clone.fire();
        source.fire();
        early.cancelled().await;
        source.listen().cancelled().await;
        assert_eq!(early.check().unwrap_err().class, FailureClass::Preempted);
    }

    #[tokio::test]
    async fn one_without_a_source_stays_quiet() {
        let never = Cancel::never();
        assert!(!never.is_cancelled());
        tokio::select! {
            biased;
            () = never.cancelled() => panic!("fired by itself"),
            () = tokio::task::yield_now() => {}
        }
    }
}
