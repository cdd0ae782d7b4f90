//! What the whole-system tests share: the real `kindred` binary on a workspace of its own, and generated tables.

pub mod sandbox;
pub mod tables;
