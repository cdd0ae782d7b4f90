//! Time as it is passed in, so that no test sleeps.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;

/// A clock that only goes forward.
#[async_trait]
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// Returns when this much time has passed.
    async fn sleep(&self, duration: Duration);
}

/// The machine's monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Duration {
        START.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
