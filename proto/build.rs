//! Generates the messages, client and server of `kindred/worker/v1/worker.proto`, without protoc.

use std::error::Error;

const PROTO: &str = "kindred/worker/v1/worker.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    let files = protox::compile([PROTO], ["."])?;
    tonic_prost_build::configure().emit_rerun_if_changed(false).compile_fds(files)?;
    Ok(())
}
