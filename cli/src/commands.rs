//! What each command does.

mod asked;
mod audiences;
mod check;
mod ended;
mod export;
mod gc;
mod lift;
mod models;
mod prepare;
mod release;
mod run;
mod schedules;
mod score;
mod serve;
mod submit;

use anyhow::Context;
use artifacts::Workspace;
use clap::CommandFactory;

use crate::arguments::{Arguments, Command, Format, ServeAction};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::{logging, show};

/// Does what the command line says. Errors are told on stderr.
pub fn main(arguments: Arguments) -> Ending {
    logging::begin(&arguments.command);
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
        Command::Prepare(arguments) => prepare::prepare(arguments).await,
        Command::Score(score) => score::score(&open(&url)?, score).await,
        Command::Models(models) => models::models(&open(&url)?, models).await,
        Command::Audiences(audiences) => audiences::audiences(&open(&url)?, audiences).await,
        Command::Lift(arguments) => lift::lift(&open(&url)?, *arguments).await,
        Command::Review(arguments) => lift::review(&open(&url)?, *arguments).await,
        Command::Gc(arguments) => gc::gc(&open(&url)?, &arguments).await,
        Command::Coordinator(arguments) => match &arguments.action {
            Some(ServeAction::Token { name, role, shown }) => serve::token(name, *role, shown.format),
            None => serve::serve(open(&url)?, &arguments).await,
        },
        Command::Submit(submit) => submit::submit(*submit).await,
        Command::Submissions(list) => asked::list_submissions(list).await,
        Command::Runs(list) => asked::list_runs(list).await,
        Command::Show(one) => asked::show_one(one).await,
        Command::Watch(one) => asked::watch(one).await,
        Command::Logs(logs) => asked::logs(logs).await,
        Command::Cancel(one) => asked::cancel(one).await,
        Command::Retry(one) => asked::retry(one).await,
        Command::Schedules(schedules) => schedules::schedules(schedules).await,
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
