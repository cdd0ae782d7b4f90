//! Whether the store answers, asked by probes as often as they like and found out once a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

/// For how long an answer counts.
const FRESH: Duration = Duration::from_secs(1);

/// Why it is not ready; nothing while it is.
type Verdict = Option<String>;

/// The last look, or the one under way. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readiness {
    look: Arc<dyn Fn() -> BoxFuture<'static, Verdict> + Send + Sync>,
    last: Arc<Mutex<Option<Look>>>,
}

struct Look {
    began: Instant,
    verdict: Shared<BoxFuture<'static, Verdict>>,
}

impl Readiness {
    /// Found out by `look`.
    pub(super) fn of(look: impl Fn() -> BoxFuture<'static, Verdict> + Send + Sync + 'static) -> Self {
        Self { look: Arc::new(look), last: Arc::default() }
    }

    /// What was found out less than a second ago, or is being found out.
    pub(super) async fn verdict(&self, now: Instant) -> Verdict {
        let verdict = self.current(now);
        verdict.await
    }

    fn current(&self, now: Instant) -> Shared<BoxFuture<'static, Verdict>> {
        // A look is put in its place whole, so a panic elsewhere does no harm.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref() {
            Some(look) if look.verdict.peek().is_none() || now.saturating_duration_since(look.began) < FRESH => {
                look.verdict.clone()
            }
            _ => {
                let verdict = (self.look)().shared();
                *last = Some(Look { began: now, verdict: verdict.clone() });
                verdict
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_probes_are_one_look_a_second() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let readiness = Readiness::of(move || {
            let look = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::task::yield_now().await;
                (look > 0).then(|| format!("look {look}"))
            }
            .boxed()
        });
        let now = Instant::now();
        let probes = (0..100).map(|_| readiness.verdict(now));
        assert!(futures::future::join_all(probes).await.iter().all(Option::is_none));
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        assert_eq!(readiness.verdict(now + FRESH / 2).await, None);
        assert_eq!(readiness.verdict(now + FRESH).await.as_deref(), Some("look 1"));
        assert_eq!(looks.load(Ordering::SeqCst), 2);
    }
}
