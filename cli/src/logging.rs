//! The program's own log on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::arguments::{Command, LogFormat};

/// The environment variable that says what is logged, such as `KINDRED_LOG=debug`.
const VARIABLE: &str = "KINDRED_LOG";

/// What a coordinator logs unless told otherwise.
const OF_A_COORDINATOR: &str = "info";

/// Begins to log: a long-lived coordinator always, other commands if the environment says so.
pub(crate) fn begin(command: &Command) {
    let wanted = EnvFilter::try_from_env(VARIABLE).ok();
    match command {
        Command::Coordinator(serve) if serve.action.is_none() => {
            let filter = wanted.unwrap_or_else(|| EnvFilter::new(OF_A_COORDINATOR));
            start(filter, serve.log_format.unwrap_or_else(usual));
        }
        _ => wanted.into_iter().for_each(|filter| start(filter, LogFormat::Text)),
    }
}

/// Lines for who looks on, JSON for who collects.
fn usual() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json }
}

fn start(filter: EnvFilter, format: LogFormat) {
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
