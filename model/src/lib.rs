//! Rows to predictions: encoders, layers, networks, losses, measures, optimizers and the content of a model package.
//!
//! Never here: async, RPC, object storage.

pub mod calibrate;
pub mod input;
pub mod measure;
