//! The word to stop a run, from whoever holds it.

use tokio::sync::watch;

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

/// The end that gives the word. Words only get firmer.
#[derive(Debug, Clone)]
pub struct Control {
    wanted: watch::Sender<Wanted>,
}

/// The end that hears it.
#[derive(Debug, Clone)]
pub struct Controlled {
    wanted: watch::Receiver<Wanted>,
}

impl Control {
    /// Both ends.
    pub fn new() -> (Self, Controlled) {
        let (sender, receiver) = watch::channel(Wanted::Run);
        (Self { wanted: sender }, Controlled { wanted: receiver })
    }

    /// Stops cleanly the first time, at once the second time.
    pub fn interrupt(&self) -> Wanted {
        self.wanted.send_modify(|wanted| {
            *wanted = match wanted {
                Wanted::Run => Wanted::Stop,
                Wanted::Stop | Wanted::Kill => Wanted::Kill,
            }
        });
        *self.wanted.borrow()
    }
}

impl Controlled {
    /// What is wanted now.
    pub fn wanted(&self) -> Wanted {
        *self.wanted.borrow()
    }

    /// The next firmer word; never, once nobody can give one. Safe to drop and ask again.
    pub async fn firmer(&mut self) -> Wanted {
        if self.wanted.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.wanted.borrow_and_update()
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
        assert_eq!(control.interrupt(), Wanted::Kill);
        assert_eq!(control.interrupt(), Wanted::Kill);
        assert_eq!(controlled.firmer().await, Wanted::Kill);
        assert_eq!(controlled.wanted(), Wanted::Kill);
    }
}
