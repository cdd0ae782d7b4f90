//! Ctrl-C and its relatives.

use anyhow::Context;
use coordinator::{Control, Controlled, Wanted};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Passes SIGINT, SIGTERM and SIGHUP on as a wish to stop, the second time to stop at once.
pub(crate) fn listen() -> Result<Controlled, Failure> {
    let (control, controlled) = Control::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut arrived = signal(kind).context("installing a signal handler failed").map_err(Failure::Failed)?;
        let control = control.clone();
        tokio::spawn(async move {
            while arrived.recv().await.is_some() {
                control.interrupt();
            }
        });
    }
    Ok(controlled)
}

/// The work's result, unless the command is interrupted first.
pub(crate) async fn or_interrupted<T>(
    controlled: &Controlled,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut controlled = controlled.clone();
    if controlled.wanted() > Wanted::Run {
        return Err(Failure::Interrupted);
    }
    tokio::select! {
        _ = controlled.firmer() => Err(Failure::Interrupted),
        result = work => result,
    }
}
