//! `kindred coordinator`

use std::sync::Arc;
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::SystemClock;
use coordinator::access::{NewToken, TokenEntry, Tokens};
use coordinator::house::Limits;
use coordinator::schedules::Waits;
use coordinator::{
    Access, ApiLimits, ApiSettings, BoundServer, Controlled, Coordinator, Owner, Role, Schedules, ServerError,
    Settings, TlsFiles, Wanted,
};
use serde::Serialize;

use crate::arguments::{Format, Most, Serve};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::{interrupt, programs, show};

/// What `kindred coordinator token` prints.
#[derive(Debug, Serialize)]
struct Made {
    /// The only time that it is shown.
    token: String,
    /// For the tokens file.
    entry: TokenEntry,
}

/// What a coordinator prints once it can be reached.
#[derive(Debug, Serialize)]
struct Reachable {
    coordinator: String,
    http: String,
    workspace: String,
}

/// Makes a token; needs no workspace.
pub(super) fn token(name: &Owner, role: Role, format: Format) -> Result<Ending, Failure> {
    let NewToken { secret, entry } = NewToken::make(name.clone(), role);
    let made = Made { token: secret, entry };
    show::result(format, &made, || {
        let TokenEntry { name, role, sha256 } = &made.entry;
        let sha256 = String::from(*sha256);
        format!(
            "token, for {name} alone; it is not shown again:\n{}\n\nfor the tokens file, below `tokens:`:\n  \
             - {{name: {:?}, role: {role}, sha256: {sha256}}}",
            made.token,
            name.as_str(),
        )
    })?;
    Ok(Ending::Done)
}

/// Coordinates until it is told to stop, or another coordinator takes over.
pub(super) async fn serve(workspace: Workspace, arguments: &Serve) -> Result<Ending, Failure> {
    let controlled = interrupt::listen()?;
    let programs = programs::beside_this_one()?;
    let bound = BoundServer::bind(api_settings(arguments)?).await?;
    let url = bound.url();
    let settings = Settings {
        limits: limits(&arguments.most),
        take_over: arguments.take_over,
        address: Some(url.clone()),
        ..Settings::default()
    };
    let opened = Coordinator::open(workspace.clone(), programs, settings);
    let opened = async { Ok(opened.await?) };
    let (coordinator, ended) = interrupt::or_interrupted(&controlled, opened).await?;
    let keeping = Schedules::open(workspace.clone(), coordinator.clone(), Waits::default(), Arc::new(SystemClock));
    let (schedules, timekeeper) = keeping.await.map_err(|error| Failure::Failed(error.into()))?;
    let server = bound.serve(coordinator.clone(), schedules, workspace.clone()).await?;
    let http = format!("http://{}", server.http_address());
    tracing::info!(coordinator = %url, %http, workspace = %workspace.url(), "ready");
    show::result(Format::Json, &Reachable { coordinator: url, http, workspace: workspace.url() }, String::new)?;
    let mut told = controlled.clone();
    let broken = tokio::select! {
        // Schedules end with their server: it is the cause where both have ended.
        biased;
        _ = told.firmer() => None,
        end = ended.wait() => {
            timekeeper.stop().await;
            server.stop().await?;
            end?;
            return Ok(Ending::Done);
        }
        () = server.ended() => Some("the server for clients broke down"),
        () = timekeeper.ended() => Some("the schedules' task broke down"),
    };
    server.begin_stop().await;
    timekeeper.stop().await;
    stop(&coordinator, &controlled, Duration::from_secs(arguments.grace)).await?;
    server.stop().await?;
    // What starts this program again finds everything in the workspace.
    broken.map_or(Ok(Ending::Done), |what| Err(Failure::Failed(anyhow::Error::msg(what))))
}

/// Leaves runs for the next coordinator; at once if it is told to stop a second time.
async fn stop(coordinator: &Coordinator, controlled: &Controlled, grace: Duration) -> Result<(), Failure> {
    tracing::info!(grace_seconds = grace.as_secs(), "stopping; what runs goes on with the next start");
    let mut controlled = controlled.clone();
    let at_once = async {
        while controlled.wanted() < Wanted::Kill {
            controlled.firmer().await;
        }
    };
    tokio::select! {
        stopped = coordinator.shutdown(grace) => stopped?,
        () = at_once => coordinator.shutdown(Duration::ZERO).await?,
    }
    Ok(())
}

fn api_settings(arguments: &Serve) -> Result<ApiSettings, Failure> {
    let access = match &arguments.tokens {
        Some(path) => Access::Tokens(Arc::new(Tokens::read(path).map_err(|error| Failure::Usage(error.into()))?)),
        None => Access::Open,
    };
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (certificate.clone(), key.clone());
            Some(TlsFiles { certificate, key, client_ca: arguments.client_ca.clone() })
        }
        _ => None,
    };
    let (listen, http, limits) = (arguments.listen, arguments.http_listen, ApiLimits::default());
    Ok(ApiSettings { listen, http, access, tls, limits })
}

fn limits(most: &Most) -> Limits {
    let usual = Limits::default();
    Limits {
        total: most.max_runs.unwrap_or(usual.total),
        training: most.max_training.unwrap_or(usual.training),
        scoring: most.max_scoring.unwrap_or(usual.scoring),
        search: most.max_search.unwrap_or(usual.search),
        per_owner: most.max_runs_per_owner.unwrap_or(usual.per_owner),
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Unguarded { .. } | ServerError::Pem(_) | ServerError::Tls(_) => Self::Usage(error.into()),
            ServerError::Listen { .. } | ServerError::Descriptors(_) | ServerError::Serve(_) | ServerError::Task(_) => {
                Self::Failed(error.into())
            }
        }
    }
}
