//! Work spread over threads whose results come back in order, with a bound on how much is under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Result, ScorerError};

/// Threads that score batches.
#[derive(Debug, Clone)]
pub struct Crew {
    pool: Arc<ThreadPool>,
    in_flight: usize,
}

impl Crew {
    /// So many threads, each with a batch in hand and one waiting.
    ///
    /// # Errors
    ///
    /// Threads that the system does not give.
    pub fn new(threads: usize) -> Result<Self> {
        let builder = ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("score-{index}"));
        // A panic has been reported by then; whoever waits for the result sees that it does not come.
        let pool = builder.panic_handler(|_| {}).build().map_err(ScorerError::Threads)?;
        Ok(Self { pool: Arc::new(pool), in_flight: 2 * threads })
    }

    /// Does something with all threads, and waits for it; in between, they score.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Does `work` on every item, several at once, and gives the results to `emit` in the items' order.
    ///
    /// Blocks the calling thread, which must not be one of the crew.
    ///
    /// # Errors
    ///
    /// The first error in the items' order, of an item, of its work or of its emission.
    pub fn in_order<T: Send + 'static, R: Send + 'static>(
        &self,
        items: impl Iterator<Item = Result<T>>,
        work: impl Fn(T) -> Result<R> + Send + Sync + 'static,
        mut emit: impl FnMut(R) -> Result<()>,
    ) -> Result<()> {
        let work = Arc::new(work);
        let mut under_way = VecDeque::new();
        for item in items {
            // An item that cannot be had is reported after everything before it, as if there were one thread.
            let item = match item {
                Ok(item) => item,
                Err(error) => {
                    under_way.into_iter().try_for_each(|result| emit(settle(&result)?))?;
                    return Err(error);
                }
            };
            let (sender, result) = sync_channel(1);
            let work = Arc::clone(&work);
            self.pool.spawn(move || {
                // Nobody waits any more once an earlier item has failed.
                let _ = sender.send(work(item));
            });
            under_way.push_back(result);
            if under_way.len() >= self.in_flight
                && let Some(first) = under_way.pop_front()
            {
                emit(settle(&first)?)?;
            }
        }
        under_way.into_iter().try_for_each(|result| emit(settle(&result)?))
    }
}

fn settle<R>(result: &Receiver<Result<R>>) -> Result<R> {
    result.recv().map_err(|_| ScorerError::Broken)?
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_the_items_order_whatever_takes_long() {
        let crew = Crew::new(4).expect("threads");
        let mut seen = Vec::new();
        let slow_first = |item: u64| {
            let spins = if item.is_multiple_of(7) { 200_000 } else { 10 };
            (0..spins).for_each(|spin| {
                std::hint::black_box(spin);
            });
            Ok(item)
        };
        let emit = |item| {
            seen.push(item);
            Ok(())
        };
        crew.in_order((0..500).map(Ok), slow_first, emit).expect("no item fails");
        assert_eq!(seen, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_is_under_way_than_was_said() {
        let crew = Crew::new(2).expect("threads");
        let emitted = AtomicUsize::new(0);
        let taken = (0..100).map(|item| {
            assert!(item <= emitted.load(Ordering::SeqCst) + crew.in_flight);
            Ok(item)
        });
        let emit = |_| {
            emitted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        crew.in_order(taken, Ok, emit).expect("no item fails");
        assert_eq!(emitted.load(Ordering::SeqCst), 100);
    }

    #[test]
    fn the_first_failure_in_order_is_the_one_reported() {
        let crew = Crew::new(3).expect("threads");
        let mut emitted = 0;
        let items = (0..10).map(|item| if item == 8 { Err(ScorerError::Cancelled) } else { Ok(item) });
        let work = |item| if item == 5 { Err(ScorerError::Broken) } else { Ok(item) };
        let error = crew.in_order(items, work, |_| {
            emitted += 1;
            Ok(())
        });
        assert!(matches!(error, Err(ScorerError::Broken)));
        assert_eq!(emitted, 5);
    }

    #[test]
    fn a_panic_of_one_item_fails_the_whole() {
        let crew = Crew::new(2).expect("threads");
        let work = |item: u32| if item == 3 { panic!("on purpose") } else { Ok(item) };
        assert!(matches!(crew.in_order((0..6).map(Ok), work, |_| Ok(())), Err(ScorerError::Broken)));
    }
}
