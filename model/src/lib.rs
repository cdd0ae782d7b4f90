//! Rows to predictions: encoders, layers, networks, losses, measures, optimizers and the content of a model package.
//!
//! Never here: async, RPC, object storage.

mod architecture;
mod attention;
pub mod calibrate;
mod cpu;
pub mod device;
pub mod drift;
mod embedding;
pub mod encode;
pub mod error;
pub mod export;
pub mod fine_tuning;
#[cfg(test)]
mod fixtures;
pub mod input;
mod kernel;
mod layers;
pub mod learner;
mod loss;
pub mod measure;
pub mod neighbours;
mod network;
mod optimize;
pub mod outputs;
pub mod predictor;
pub mod prior;
pub mod seed_head;
pub mod segments;
mod tensor;
mod weights;
