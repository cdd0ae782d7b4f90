//! What each command does.

mod audiences;
mod check;
mod export;
mod models;
mod run;
mod score;

use anyhow::Context;
use artifacts::Workspace;
use clap::CommandFactory;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command, Format};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::show;

/// The environment variable that turns on the program's own log, such as `KINDRED_LOG=debug`.
const LOG_VARIABLE: &str = "KINDRED_LOG";

/// Does what the command line says. Errors are told on stderr.
pub fn main(arguments: Arguments) -> Ending {
    log_if_wanted();
    let result = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the asynchronous runtime failed")
        .map_err(Failure::Failed)
        .and_then(|runtime| {
            let result = runtime.block_on(execute(arguments));
            runtime.shutdown_background();
            result
        });
    result.unwrap_or_else(|failure| {
        show::tell(&failure.message());
        failure.ending()
    })
}

async fn execute(arguments: Arguments) -> Result<Ending, Failure> {
    let Arguments { workspace: url, command } = arguments;
    match command {
        Command::Check(arguments) if arguments.expand => check::expand(&arguments.documents),
        Command::Check(arguments) => check::check(&url, arguments.documents).await,
        Command::Run(documents) => run::run(&open(&url)?, documents).await,
        Command::Score(score) => score::score(&open(&url)?, score).await,
        Command::Models(models) => models::models(&open(&url)?, models).await,
        Command::Audiences(audiences) => audiences::audiences(&open(&url)?, audiences).await,
        Command::Schema => {
            show::result(Format::Json, &spec::schema(), String::new)?;
            Ok(Ending::Done)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "kindred", &mut script);
            show::print(&String::from_utf8_lossy(&script))?;
            Ok(Ending::Done)
        }
    }
}

fn open(url: &str) -> Result<Workspace, Failure> {
    let opened = Workspace::open(url).with_context(|| format!("the workspace {url} cannot be opened"));
    opened.map_err(Failure::Usage)
}

fn log_if_wanted() {
    if let Ok(filter) = EnvFilter::try_from_env(LOG_VARIABLE) {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}
