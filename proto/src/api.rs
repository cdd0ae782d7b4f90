//! What a coordinator's clients say to it: the generated code of package `kindred.api.v1`, and what both sides need to
//! use it.

mod details;
mod words;

pub use details::{info_of, status};
pub use prost_types::Timestamp;
pub use words::{UnknownWord, duration, from_timestamp, timestamp};

/// Generated messages, clients and servers of package `kindred.api.v1`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::wildcard_imports)]
pub mod v1 {
    tonic::include_proto!("kindred.api.v1");
}

/// The descriptors of package `kindred.api.v1` and its imports, comments included: an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/api_descriptors.bin"));

/// The largest request that a coordinator reads, in bytes. Documents are small.
pub const LARGEST_REQUEST_BYTES: usize = 4 << 20;

/// The largest response that a client reads, in bytes: pages are bounded, but a run's outcome may be long.
pub const LARGEST_RESPONSE_BYTES: usize = 64 << 20;
