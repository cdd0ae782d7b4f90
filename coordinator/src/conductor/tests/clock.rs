//! Time moved by hand.

use std::sync::Mutex;
use std::time::Duration;

use artifacts::clock::Clock;
use async_trait::async_trait;
use tokio::sync::oneshot;

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub(super) struct HandClock {
    time: Mutex<(Duration, Vec<Sleeper>)>,
}

/// When somebody wants to be woken, and how.
type Sleeper = (Duration, oneshot::Sender<()>);

impl HandClock {
    /// Moves it.
    pub(super) fn advance(&self, duration: Duration) {
        let mut time = self.time.lock().unwrap();
        time.0 += duration;
        let now = time.0;
        let due: Vec<_> = time.1.extract_if(.., |(deadline, _)| *deadline <= now).collect();
        for (_, sleeper) in due {
            // Who has stopped waiting meanwhile needs no word.
            let _ = sleeper.send(());
        }
    }

    /// Moves it to the next moment that somebody waits for; false where nobody waits.
    pub(super) fn advance_to_next(&self) -> bool {
        let next = {
            let time = self.time.lock().unwrap();
            let waiting = time.1.iter().filter(|(_, sleeper)| !sleeper.is_closed());
            waiting.map(|(deadline, _)| deadline.saturating_sub(time.0)).min()
        };
        next.into_iter().for_each(|duration| self.advance(duration));
        next.is_some()
    }

    /// Returns once somebody waits for a time to come.
    pub(super) async fn everyone_waits(&self) {
        while !self.somebody_waits() {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn somebody_waits(&self) -> bool {
        self.time.lock().unwrap().1.iter().any(|(_, sleeper)| !sleeper.is_closed())
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Duration {
        self.time.lock().unwrap().0
    }

    async fn sleep(&self, duration: Duration) {
        let woken = {
            let mut time = self.time.lock().unwrap();
            if duration.is_zero() {
                return;
            }
            let (sleeper, woken) = oneshot::channel();
            let deadline = time.0 + duration;
            time.1.retain(|(_, sleeper)| !sleeper.is_closed());
            time.1.push((deadline, sleeper));
            woken
        };
        woken.await.expect("a clock is not dropped while somebody waits for it");
    }
}
