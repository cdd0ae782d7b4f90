//! `kindred-scorer`: the worker process of scoring runs (`work`), and what a person asks of those that are over (`lift`, `release`).

use std::error::Error;
use std::io::{Read, Write};
use std::process::ExitCode;

use artifacts::Workspace;
use clap::{Parser, Subcommand};
use kindred_scorer::ScorerWork;
use kindred_scorer::lift::lift;
use kindred_scorer::release::release;
use serde::Serialize;
use serde::de::DeserializeOwned;
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
    /// Read which held-back version is released, by whom and why, as JSON from standard input and publish it
    Release,
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
        Command::Lift => ended(answer(lift)),
        Command::Release => ended(answer(async |request| release(&request).await)),
    }
}

fn ended(answered: Result<(), Box<dyn Error>>) -> ExitCode {
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

/// Answers the question on standard input, both as JSON.
fn answer<Q, A, E>(asked: impl AsyncFnOnce(Q) -> Result<A, E>) -> Result<(), Box<dyn Error>>
where
    Q: DeserializeOwned,
    A: Serialize,
    E: Error + 'static,
{
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let question = serde_json::from_str(&text)?;
    let answer = tokio::runtime::Runtime::new()?.block_on(asked(question))?;
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, &answer)?;
    Ok(output.flush()?)
}

fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    eprintln!("{text}");
    ExitCode::FAILURE
}
