//! Whether the coordinator is alive, and whether it can take work.

use std::time::{Duration, Instant};

use artifacts::{Workspace, layout};
use axum::extract::State;
use axum::http::StatusCode;
use futures::FutureExt;

use super::Shown;
use super::readiness::Readiness;

/// How long the store may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(5);

/// 200 as long as there is anybody to answer.
pub(super) async fn is_alive() -> &'static str {
    "ok\n"
}

/// 200 while this coordinator leads its workspace and the store answers, else 503 and why.
pub(super) async fn is_ready(State(shown): State<Shown>) -> (StatusCode, String) {
    match unready(&shown).await {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn unready(Shown { pages, store }: &Shown) -> Option<String> {
    if *pages.stopping.borrow() {
        return Some("the coordinator is stopping".to_owned());
    }
    if let Err(error) = pages.coordinator.snapshot().await {
        return Some(error.to_string());
    }
    store.verdict(Instant::now()).await
}

/// Whether the workspace's store does its part.
pub(super) fn store_of(workspace: Workspace) -> Readiness {
    Readiness::of(move || {
        let workspace = workspace.clone();
        async move {
            let folder = layout::coordinators();
            match tokio::time::timeout(PATIENCE, workspace.numbers_in(&folder)).await {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(format!("the store does not do its part: {error}")),
                Err(_) => Some(format!("the store did not answer within {} s", PATIENCE.as_secs())),
            }
        }
        .boxed()
    })
}
