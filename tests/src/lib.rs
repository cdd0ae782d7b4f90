//! What the tests of several crates share: the real `kindred` binary on a workspace of its own, generated tables, a real S3
//! server, and a proxy in front of it that fails as it is told.

pub mod package;
pub mod proxy;
pub mod s3;
pub mod sandbox;
pub mod tables;
