//! The whole system with its real binaries: from documents and tables to what lies in the workspace.

mod bad_inputs;
mod demo;
mod documents;
mod interruption;
mod package;
mod same_bytes;
