//! A worker as a process: signals, its parent's life, its exit code.

use std::process::ExitCode;

use proto::{LOST_TOUCH_STATUS, PARENT_VARIABLE};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::Work;
use crate::arguments::{WorkArguments, WorkerOptions};
use crate::cancel::{Cancel, CancelSource};
use crate::error::WorkerError;
use crate::link::GrpcLink;
use crate::session::{Ending, Session};

/// Runs a worker process to its end: 0 when nothing was left to do, 143 when it was told to stop, 75 when it lost touch
/// with its coordinator, else 1; the last two with the reason on stderr. Return its result from `main`: threads that still compute end with the process.
pub fn run(arguments: &WorkArguments, work: impl Work) -> ExitCode {
    log_to_stderr();
    match start(arguments, work) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Stopped) => ExitCode::from(143),
        Err(error) => {
            eprintln!("{}", chain(&error));
            if error.is_lost_touch() { ExitCode::from(LOST_TOUCH_STATUS) } else { ExitCode::FAILURE }
        }
    }
}

/// Whoever launched the process keeps its stderr as its log; `RUST_LOG` says how much there is of it.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}

fn start(arguments: &WorkArguments, work: impl Work) -> Result<Ending, WorkerError> {
    die_with_parent()?;
    let options = arguments.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("worker")
        .build()
        .map_err(WorkerError::Runtime)?;
    let ending = runtime.block_on(serve(options, work));
    runtime.shutdown_background();
    ending
}

/// Works for the coordinator of `options` until nothing is left to do, or SIGTERM or SIGINT arrives.
pub async fn serve(options: WorkerOptions, work: impl Work) -> Result<Ending, WorkerError> {
    let stop = stop_on_signals()?;
    let link = GrpcLink::new(&options.coordinator, &options.token)?;
    Session::new(link, options, work, stop).run().await
}

/// Ends this process with SIGTERM when its parent dies, where [`PARENT_VARIABLE`] names the parent.
pub fn die_with_parent() -> Result<(), WorkerError> {
    let parent = std::env::var(PARENT_VARIABLE).ok().and_then(|pid| pid.parse::<libc::pid_t>().ok());
    let Some(parent) = parent else {
        return Ok(());
    };
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory of ours.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
    if result != 0 {
        return Err(WorkerError::Parent(std::io::Error::last_os_error()));
    }
    // SAFETY: getppid has no preconditions.
    let current = unsafe { libc::getppid() };
    // The parent may have died before the call above.
    if current == parent { Ok(()) } else { Err(WorkerError::Orphaned) }
}

fn stop_on_signals() -> Result<Cancel, WorkerError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(WorkerError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(WorkerError::Signals)?;
    let source = CancelSource::new();
    let stop = source.listen();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        source.fire();
    });
    Ok(stop)
}

/// An error and its causes in one line.
fn chain(error: &WorkerError) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
