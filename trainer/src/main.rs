//! `kindred-trainer`: works for a coordinator (`work`), looks at documents and their data (`check`), exports models
//! (`export`), or makes tables (`prepare`).

use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use kindred_trainer::work::Training;
use kindred_trainer::{TrainerError, check, export, preparation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::WorkArguments;

/// Fits models for a Kindred coordinator.
#[derive(Debug, Parser)]
#[command(name = "kindred-trainer", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take units of work from a coordinator until it has no more
    Work(WorkArguments),
    /// Read documents as JSON from standard input and write what is wrong with them and their data
    Check,
    /// Read which version is wanted as JSON from standard input and write it as a TorchScript module
    Export,
    /// Read documents as JSON from standard input and make the tables of their SQL steps
    Prepare,
}

fn main() -> ExitCode {
    // Before anything of libtorch runs: it remembers for good that there is no CUDA.
    model::device::prepare();
    model::device::tune_allocator();
    match Arguments::parse().command {
        Command::Work(arguments) => worker::run(&arguments, Training::new(&arguments.workspace)),
        Command::Check => ended(answer(async |request| check::check(&request).await)),
        Command::Export => ended(answer(export::export)),
        Command::Prepare => ended(answer(preparation::prepare)),
    }
}

fn ended(answered: anyhow::Result<()>) -> ExitCode {
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kindred-trainer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Answers the request on standard input, both as JSON.
fn answer<Q: DeserializeOwned, A: Serialize>(
    work: impl AsyncFnOnce(Q) -> Result<A, TrainerError>,
) -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("reading the request from standard input")?;
    let request: Q = serde_json::from_str(&text).context("the request on standard input")?;
    let runtime = tokio::runtime::Runtime::new().context("starting the asynchronous runtime")?;
    let answer = runtime.block_on(work(request))?;
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, &answer).context("writing the answer")?;
    output.flush().context("writing the answer")
}
