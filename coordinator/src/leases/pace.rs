//! How long units take, and so which of them takes too long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use proto::Unit;

/// When a unit that is still held counts as a straggler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Straggling {
    /// So many times the median time that its stage's units took.
    pub multiple: u32,
    /// But never before this long.
    pub floor: Duration,
}

impl Straggling {
    /// How long a unit may be held before it is a straggler; `None` while no unit has shown how long they take.
    pub(super) fn limit(&self, pace: &Pace) -> Option<Duration> {
        pace.median().map(|median| median.saturating_mul(self.multiple).max(self.floor))
    }
}

/// Whether two processes may work on a unit at once because one of them is slow.
///
/// Shards have the same number of rows, so a slow one says something of its process; each attempt writes under keys of its
/// own, and `runs::commit_shard` decides. Trials take as long as their settings make them, and a second process on the
/// same machine would only slow down the others. The units that stand alone in their stage have no others to be slower
/// than; two of them at once would prepare, fit or publish everything twice.
pub(super) fn may_run_twice(unit: Unit) -> bool {
    match unit {
        Unit::Score(_) => true,
        Unit::Train | Unit::Plan | Unit::Publish | Unit::Prepare | Unit::Trial(_) => false,
    }
}

/// The median of durations as they come in; each costs the logarithm of how many there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// The shorter half, and the middle one of an odd number.
    shorter: BinaryHeap<Duration>,
    longer: BinaryHeap<Reverse<Duration>>,
}

impl Pace {
    pub(super) fn took(&mut self, duration: Duration) {
        if self.median().is_none_or(|median| duration <= median) {
            self.shorter.push(duration);
        } else {
            self.longer.push(Reverse(duration));
        }
        if self.shorter.len() > self.longer.len() + 1 {
            self.longer.extend(self.shorter.pop().map(Reverse));
        } else if self.shorter.len() < self.longer.len() {
            self.shorter.extend(self.longer.pop().map(|Reverse(duration)| duration));
        }
    }

    /// The lower one of an even number's middle two.
    pub(super) fn median(&self) -> Option<Duration> {
        self.shorter.peek().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_straggler_is_late_by_the_multiple_but_never_before_the_floor() {
        let straggling = Straggling { multiple: 3, floor: Duration::from_secs(10) };
        let mut pace = Pace::default();
        assert_eq!(straggling.limit(&pace), None, "nobody knows yet how long a unit takes");
        pace.took(Duration::from_secs(2));
        assert_eq!(straggling.limit(&pace), Some(Duration::from_secs(10)));
        pace.took(Duration::from_secs(5));
        pace.took(Duration::from_secs(60));
        assert_eq!(straggling.limit(&pace), Some(Duration::from_secs(15)));
    }

    proptest! {
        #[test]
        fn the_median_is_the_one_in_the_middle(seconds in prop::collection::vec(0..50u64, 1..60)) {
            let mut pace = Pace::default();
            let mut sorted = vec![];
            for seconds in seconds {
                pace.took(Duration::from_secs(seconds));
                sorted.push(seconds);
                sorted.sort_unstable();
                let middle = sorted[(sorted.len() - 1) / 2];
                prop_assert_eq!(pace.median(), Some(Duration::from_secs(middle)));
            }
        }
    }
}
