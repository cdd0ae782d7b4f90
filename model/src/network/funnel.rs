//! Funnels: tasks that come after each other.

use super::Head;

/// The heads' places, each after that of the step before it.
pub(super) fn in_order(heads: &[Head]) -> Vec<usize> {
    let steps_before = |task: &usize| std::iter::successors(heads[*task].after, |before| heads[*before].after).count();
    let mut order: Vec<usize> = (0..heads.len()).collect();
    order.sort_by_key(steps_before);
    order
}
