//! Who is in an audience: pure decisions, apart from all reading and writing.
//!
//! [`order`] says who stands above whom, [`histogram`] what a shard tells of its ranks, [`precedence`] which audience takes
//! people first, [`standing`] who is left for one, [`sketch`] where people of a rank stand, [`cut`] how many are taken and where tiers end, [`search`] finds those ends
//! exactly, [`holdout`] draws the control group, [`waterfall`] counts who was left out and why, [`overlap`] who is in two
//! audiences, [`drift`] says what has moved, [`guards`] decides whether the result may be seen. None of it depends on how the rows are sharded.

pub mod cut;
pub mod drift;
pub mod duplicates;
pub mod guards;
pub mod histogram;
pub mod holdout;
pub mod order;
pub mod overlap;
pub mod precedence;
pub mod search;
pub mod share;
pub mod sketch;
pub mod standing;
pub mod waterfall;

#[cfg(test)]
mod tests;
