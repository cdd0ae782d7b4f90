//! Optimizers of the dense weights and the course of the learning rate. Embedding tables have their own
//! ([`crate::embedding::update`]).

pub(crate) mod dense;
pub(crate) mod schedule;
pub(crate) mod tensors;
