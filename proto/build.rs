//! Generates messages, clients and servers of everything under `kindred/`, without protoc, and the descriptors that
//! server reflection answers from.

use std::error::Error;
use std::path::Path;

/// What coordinator and workers say to each other.
const WORKERS: [&str; 1] = ["kindred/worker/v1/worker.proto"];

/// What a coordinator's clients say to it.
const CLIENTS: [&str; 8] = [
    "kindred/api/v1/audience.proto",
    "kindred/api/v1/error.proto",
    "kindred/api/v1/model.proto",
    "kindred/api/v1/page.proto",
    "kindred/api/v1/run.proto",
    "kindred/api/v1/schedule.proto",
    "kindred/api/v1/state.proto",
    "kindred/api/v1/submission.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=kindred");
    for files in [&WORKERS[..], &CLIENTS[..]] {
        let files = protox::compile(files, ["."])?;
        tonic_prost_build::configure().emit_rerun_if_changed(false).compile_fds(files)?;
    }
    let mut clients = protox::Compiler::new(["."])?;
    clients.include_imports(true).include_source_info(true).open_files(CLIENTS)?;
    let folder = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&folder).join("api_descriptors.bin"), clients.encode_file_descriptor_set())?;
    Ok(())
}
