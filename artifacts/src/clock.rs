//! Time as it is passed in, so that no test sleeps.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A clock that only goes forward.
#[async_trait]
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// Returns when this much time has passed.
    async fn sleep(&self, duration: Duration);
}

/// A clock that also knows the time of day. It may be set, forward or back.
pub trait WallClock: Clock {
    /// The time of day.
    fn utc(&self) -> DateTime<Utc>;
}

/// The machine's clocks: the monotonic one, and that of the day.
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

impl WallClock for SystemClock {
    fn utc(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
