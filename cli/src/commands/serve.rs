//! `kindred coordinator`

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use artifacts::Workspace;
use artifacts::clock::SystemClock;
use coordinator::access::{NewToken, TokenEntry, TokensFile};
use coordinator::house::Limits;
use coordinator::schedules::Waits;
use coordinator::{
    Access, ApiLimits, ApiSettings, BoundServer, Controlled, Coordinator, Owner, Role, Schedules, ServerError,
    Settings, TlsFiles, Wanted,
};
use serde::Serialize;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

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
    let tokens = tokens(arguments)?;
    let _watch = tokens.as_ref().map(|tokens| tokens.watch(Arc::new(SystemClock)));
    let bound = BoundServer::bind(api_settings(arguments, tokens)).await?;
    let url = bound.url();
    let settings = Settings {
        limits: limits(&arguments.most),
        take_over: arguments.take_over,
        address: Some(url.clone()),
        tls: asking(arguments)?,
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
    let end = first_end(told.firmer(), ended.wait(), server.ended(), timekeeper.ended()).await;
    if let End::Coordinator(end) = end {
        timekeeper.stop().await;
        server.stop().await?;
        end?;
        return Ok(Ending::Done);
    }
    server.begin_stop().await;
    timekeeper.stop().await;
    stop(&coordinator, &controlled, Duration::from_secs(arguments.grace)).await?;
    server.stop().await?;
    // What starts this program again finds everything in the workspace.
    end.broken().map_or(Ok(Ending::Done), |what| Err(Failure::Failed(anyhow::Error::msg(what))))
}

/// What ends a coordinator.
#[derive(Debug)]
enum End {
    /// Somebody wants it.
    Told,
    /// It has stopped by itself.
    Coordinator(coordinator::Result<()>),
    /// Clients are not served any more.
    Server,
    /// Schedules are not kept any more.
    Schedules,
}

impl End {
    /// What has broken down, if that is why.
    fn broken(&self) -> Option<&'static str> {
        match self {
            Self::Told | Self::Coordinator(_) => None,
            Self::Server => Some("the server for clients broke down"),
            Self::Schedules => Some("the schedules' task broke down"),
        }
    }
}

/// The first thing that ends a coordinator; of several at once the one that the others come of: schedules end with their server.
async fn first_end<T>(
    told: impl Future<Output = T>,
    coordinator: impl Future<Output = coordinator::Result<()>>,
    server: impl Future<Output = ()>,
    schedules: impl Future<Output = ()>,
) -> End {
    tokio::select! {
        biased;
        _ = told => End::Told,
        end = coordinator => End::Coordinator(end),
        () = server => End::Server,
        () = schedules => End::Schedules,
    }
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

fn tokens(arguments: &Serve) -> Result<Option<TokensFile>, Failure> {
    let read = arguments.tokens.as_ref().map(|path| TokensFile::open(path)).transpose();
    read.map_err(|error| Failure::Usage(error.into()))
}

fn api_settings(arguments: &Serve, tokens: Option<TokensFile>) -> ApiSettings {
    let access = tokens.map_or(Access::Open, Access::File);
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (certificate.clone(), key.clone());
            Some(TlsFiles { certificate, key, client_ca: arguments.client_ca.clone() })
        }
        _ => None,
    };
    let (listen, http, limits) = (arguments.listen, arguments.http_listen, ApiLimits::default());
    ApiSettings { listen, http, access, tls, limits }
}

/// How another coordinator is asked by TLS: it has to show a certificate of `--ca`, and is shown this one's own.
fn asking(arguments: &Serve) -> Result<Option<ClientTlsConfig>, Failure> {
    let Some(ca) = &arguments.ca else { return Ok(None) };
    let read = |path: &Path| {
        let unreadable = || format!("cannot read {}", path.display());
        std::fs::read(path).with_context(unreadable).map_err(Failure::Usage)
    };
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?));
    Ok(Some(match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => config.identity(Identity::from_pem(read(certificate)?, read(key)?)),
        _ => config,
    }))
}

fn limits(most: &Most) -> Limits {
    let usual = Limits::default();
    Limits {
        total: most.max_runs.unwrap_or(usual.total),
        training: most.max_training.unwrap_or(usual.training),
        scoring: most.max_scoring.unwrap_or(usual.scoring),
        search: most.max_search.unwrap_or(usual.search),
        per_owner: most.max_runs_per_owner.unwrap_or(usual.per_owner),
        unended_per_owner: most.max_submissions_per_owner.unwrap_or(usual.unended_per_owner),
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use coordinator::CoordinatorError;

    use super::*;

    #[tokio::test]
    async fn a_part_that_breaks_down_ends_the_coordinator_with_a_word_of_why() {
        let never = pending::<coordinator::Result<()>>;
        let end = first_end(pending::<()>(), never(), ready(()), ready(())).await;
        assert_eq!(end.broken(), Some("the server for clients broke down"), "the cause, not what came of it");
        let end = first_end(pending::<()>(), never(), pending(), ready(())).await;
        assert_eq!(end.broken(), Some("the schedules' task broke down"));
        let stepped_down = ready(Err(CoordinatorError::SteppedDown { leadership: 1 }));
        let end = first_end(pending::<()>(), stepped_down, ready(()), ready(())).await;
        assert!(matches!(end, End::Coordinator(Err(CoordinatorError::SteppedDown { .. }))) && end.broken().is_none());
        let end = first_end(ready(()), never(), pending(), pending()).await;
        assert!(matches!(end, End::Told) && end.broken().is_none());
    }
}
