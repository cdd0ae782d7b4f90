//! The word to stop a run, from whoever holds it.

use tokio::sync::watch;

use crate::names::Owner;
use crate::run::StopReason;

/// What is wanted of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// To go on.
    Run,
    /// To stop cleanly, so that it can go on later.
    Stop,
    /// To stop at once.
    Kill,
}

/// What is wanted, and by whom where it is the end of the run.
#[derive(Debug, Clone)]
struct Word {
    wanted: Wanted,
    cancelled_by: Option<Owner>,
}

/// The end that gives the word. Words only get firmer.
#[derive(Debug, Clone)]
pub struct Control {
    word: watch::Sender<Word>,
}

/// The end that hears it.
#[derive(Debug, Clone)]
pub struct Controlled {
    word: watch::Receiver<Word>,
}

impl Control {
    /// Both ends.
    pub fn new() -> (Self, Controlled) {
        let (sender, receiver) = watch::channel(Word { wanted: Wanted::Run, cancelled_by: None });
        (Self { word: sender }, Controlled { word: receiver })
    }

    /// Stops cleanly the first time, at once the second time.
    pub fn interrupt(&self) -> Wanted {
        self.word.send_modify(|word| {
            word.wanted = match word.wanted {
                Wanted::Run => Wanted::Stop,
                Wanted::Stop | Wanted::Kill => Wanted::Kill,
            }
        });
        self.word.borrow().wanted
    }

    /// Stops cleanly and for good. The first who cancels is the one who did.
    pub fn cancel(&self, by: Owner) {
        self.word.send_modify(|word| {
            word.wanted = word.wanted.max(Wanted::Stop);
            word.cancelled_by.get_or_insert(by);
        });
    }
}

impl Controlled {
    /// What is wanted now.
    pub fn wanted(&self) -> Wanted {
        self.word.borrow().wanted
    }

    /// Why it is wanted, where it is not that the run goes on.
    pub fn reason(&self) -> StopReason {
        match &self.word.borrow().cancelled_by {
            Some(by) => StopReason::Cancelled { by: by.clone() },
            None => StopReason::Interrupted,
        }
    }

    /// The next firmer word; never, once nobody can give one. Safe to drop and ask again.
    pub async fn firmer(&mut self) -> Wanted {
        if self.word.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.word.borrow_and_update().wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_interrupt_is_firmer_than_the_first() {
        let (control, mut controlled) = Control::new();
        assert_eq!(controlled.wanted(), Wanted::Run);
        assert_eq!(control.interrupt(), Wanted::Stop);
        assert_eq!(controlled.firmer().await, Wanted::Stop);
        assert_eq!(controlled.reason(), StopReason::Interrupted);
        assert_eq!(control.interrupt(), Wanted::Kill);
        assert_eq!(control.interrupt(), Wanted::Kill);
        assert_eq!(controlled.firmer().await, Wanted::Kill);
        assert_eq!(controlled.wanted(), Wanted::Kill);
    }

    #[test]
    fn the_first_who_cancels_is_named_and_an_interrupt_does_not_undo_it() {
        let (control, controlled) = Control::new();
        let (ana, ben): (Owner, Owner) = ("ana".parse().unwrap(), "ben".parse().unwrap());
        control.cancel(ana.clone());
        control.cancel(ben);
        assert_eq!(
            (controlled.wanted(), controlled.reason()),
            (Wanted::Stop, StopReason::Cancelled { by: ana.clone() })
        );
        control.interrupt();
        assert_eq!((controlled.wanted(), controlled.reason()), (Wanted::Kill, StopReason::Cancelled { by: ana }));
    }
}
