//! `kindred-scorer`: the worker process of scoring runs.

use std::process::ExitCode;

use artifacts::Workspace;
use clap::{Parser, Subcommand};
use kindred_scorer::ScorerWork;
use worker::WorkArguments;

/// Scores populations and publishes audiences for Kindred's coordinator.
#[derive(Debug, Parser)]
#[command(name = "kindred-scorer", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Does units of work of a run until there are none left; started by a coordinator
    Work(WorkArguments),
}

fn main() -> ExitCode {
    // Whether there is a GPU is decided by the first call into libtorch, for good.
    model::device::prepare();
    model::device::tune_allocator();
    let Command::Work(arguments) = Arguments::parse().command;
    match Workspace::open(&arguments.workspace) {
        Ok(workspace) => worker::run(&arguments, ScorerWork::new(workspace)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
