//! `kindred-scorer`: the worker process of scoring runs (`work`), and what came of their audiences (`lift`).

use std::error::Error;
use std::io::{Read, Write};
use std::process::ExitCode;

use artifacts::Workspace;
use clap::{Parser, Subcommand};
use kindred_scorer::ScorerWork;
use kindred_scorer::lift::lift;
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
    /// Reads a question about lift as JSON from standard input and writes the answer as JSON
    Lift,
}

fn main() -> ExitCode {
    // Whether there is a GPU is decided by the first call into libtorch, for good.
    model::device::prepare();
    model::device::tune_allocator();
    match Arguments::parse().command {
        Command::Work(arguments) => match Workspace::open(&arguments.workspace) {
            Ok(workspace) => worker::run(&arguments, ScorerWork::new(workspace)),
            Err(error) => failed(&error),
        },
        Command::Lift => match answer() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(error.as_ref()),
        },
    }
}

/// Answers the question on standard input.
fn answer() -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let request = serde_json::from_str(&text)?;
    let answer = tokio::runtime::Runtime::new()?.block_on(lift(request))?;
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, &answer)?;
    Ok(output.flush()?)
}

fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    eprintln!("{}", causes.collect::<Vec<_>>().join(": "));
    ExitCode::FAILURE
}
