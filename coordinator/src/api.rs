//! The gRPC API for clients (`proto/kindred/api/v1`): each method is a check of what was sent, one question to the
//! [`Coordinator`](crate::Coordinator) or the workspace, and the answer in the API's words.
//!
//! Who may ask is decided before, in the gate; which gRPC status an error becomes in one place, `status`. Workers are served
//! elsewhere.

mod audiences;
mod connections;
mod deadline;
mod gate;
mod health;
mod metrics;
mod models;
mod models_wanted;
mod page;
mod routes;
mod runs;
mod schedules;
mod server;
mod status;
mod streams;
mod submissions;
mod submit;
mod tls;
mod wire;

pub use metrics::Requests;
pub use server::{ApiLimits, ApiServer, ApiSettings, BoundServer, ServerError};
pub use tls::{PemError, TlsFiles};
