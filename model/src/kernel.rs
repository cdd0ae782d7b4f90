//! What moves the numbers on a CPU: aligned memory, matrix products, random masks. No networks here.
//!
//! Everything is single-threaded; callers cut their work into fixed pieces and give each to one thread, so results do
//! not depend on how many threads there are.

pub(crate) mod memory;
pub(crate) mod product;
pub(crate) mod random;
