//! Which coordinator has the workspace: the one that created the last `coordinators/<n>.json`.
//!
//! There is no lease on time. Who comes asks the last one whether it is alive, and goes away if it is; the one in
//! office looks for a successor every round and before every run, and steps down. Two that overlap for a moment do no
//! harm: every run has one writer, by its epochs.

use artifacts::workspace::Created;
use artifacts::{Workspace, layout};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::error::{CoordinatorError, Result};
use crate::log::WriterId;

/// How long the last coordinator may take to say that it is alive.
const PATIENCE: Duration = Duration::from_secs(3);

/// `coordinators/<n>.json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CoordinatorRecord {
    /// The coordinator.
    pub(super) writer: WriterId,
    /// Where clients reach it.
    pub(super) address: Option<String>,
    /// Where its workers reach it.
    pub(super) workers: String,
    /// When it began, by its clock.
    pub(super) at: DateTime<Utc>,
}

/// A workspace in a coordinator's hands.
#[derive(Debug, Clone)]
pub(super) struct Leadership {
    workspace: Workspace,
    number: u64,
}

impl Leadership {
    /// Claims a workspace, unless the last coordinator is alive and nobody wants it taken over.
    pub(super) async fn claim(workspace: &Workspace, me: &CoordinatorRecord, take_over: bool) -> Result<Self> {
        let taken = workspace.numbers_in(&layout::coordinators()).await?;
        let mut number = 1;
        if let Some(last) = taken.last() {
            let incumbent = workspace.read_entry(&layout::coordinator(*last)).await?.body;
            make_way(&incumbent, take_over).await?;
            number = last + 1;
        }
        loop {
            match workspace.create_once(&layout::coordinator(number), me).await? {
                Created::Won => return Ok(Self { workspace: workspace.clone(), number }),
                Created::Lost { winner } => make_way(&winner, take_over).await?,
            }
            number += 1;
        }
    }

    /// Which claim it is; counts up over the workspace's life.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Fails once another coordinator has claimed the workspace.
    pub(super) async fn check(&self) -> Result<()> {
        match self.workspace.size_of(&layout::coordinator(self.number + 1)).await? {
            None => Ok(()),
            Some(_) => Err(CoordinatorError::SteppedDown { leadership: self.number }),
        }
    }
}

/// Fails if the coordinator is alive and is not to be taken over.
async fn make_way(incumbent: &CoordinatorRecord, take_over: bool) -> Result<()> {
    if take_over || !is_alive(incumbent).await {
        return Ok(());
    }
    let address = incumbent.address.clone().unwrap_or_else(|| incumbent.workers.clone());
    Err(CoordinatorError::Occupied { address, since: incumbent.at })
}

/// Whether one of a coordinator's addresses says that it is this very coordinator.
async fn is_alive(incumbent: &CoordinatorRecord) -> bool {
    let addresses = incumbent.address.iter().chain([&incumbent.workers]);
    let asked = addresses.map(|address| says_it_serves(address, &incumbent.writer));
    futures::future::join_all(asked).await.contains(&true)
}

async fn says_it_serves(address: &str, writer: &WriterId) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(address.to_owned()) else { return false };
    let asked = async {
        let channel = endpoint.connect().await.ok()?;
        let service = writer.as_str().to_owned();
        let answer = HealthClient::new(channel).check(HealthCheckRequest { service }).await.ok()?;
        Some(answer.into_inner().status() == ServingStatus::Serving)
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use artifacts::source::Location;
    use object_store::memory::InMemory;

    use super::*;
    use crate::service::WorkerServer;

    fn workspace() -> Workspace {
        let root = Location::parse("memory://leadership/workspace").unwrap();
        Workspace::in_store(Arc::new(InMemory::new()), root)
    }

    async fn coordinator() -> (WorkerServer, CoordinatorRecord) {
        let writer = WriterId::new();
        let server = WorkerServer::start(WorkerServer::LOOPBACK, &writer).await.unwrap();
        let workers = server.url();
        (server, CoordinatorRecord { writer, address: None, workers, at: Utc::now() })
    }

    #[tokio::test]
    async fn a_second_coordinator_is_refused_while_the_first_is_alive() {
        let workspace = workspace();
        let (first_server, first) = coordinator().await;
        let (_second_server, second) = coordinator().await;
        let leadership = Leadership::claim(&workspace, &first, false).await.unwrap();
        assert_eq!(leadership.number(), 1);
        let error = Leadership::claim(&workspace, &second, false).await.unwrap_err();
        assert!(matches!(&error, CoordinatorError::Occupied { address, .. } if *address == first.workers), "{error}");
        leadership.check().await.unwrap();

        first_server.stop().await.unwrap();
        assert_eq!(Leadership::claim(&workspace, &second, false).await.unwrap().number(), 2);
        let error = leadership.check().await.unwrap_err();
        assert!(matches!(error, CoordinatorError::SteppedDown { leadership: 1 }), "{error}");
    }

    #[tokio::test]
    async fn another_program_at_the_same_address_is_not_taken_for_the_coordinator() {
        let workspace = workspace();
        let (server, first) = coordinator().await;
        let gone = CoordinatorRecord { writer: WriterId::new(), workers: server.url(), ..first };
        Leadership::claim(&workspace, &gone, false).await.unwrap();
        let (_server, second) = coordinator().await;
        assert_eq!(Leadership::claim(&workspace, &second, false).await.unwrap().number(), 2);
    }

    #[tokio::test]
    async fn a_living_coordinator_makes_way_for_one_that_is_to_take_over() {
        let workspace = workspace();
        let (_first_server, first) = coordinator().await;
        let (_second_server, second) = coordinator().await;
        let leadership = Leadership::claim(&workspace, &first, false).await.unwrap();
        assert_eq!(Leadership::claim(&workspace, &second, true).await.unwrap().number(), 2);
        assert!(leadership.check().await.is_err());
    }

    #[tokio::test]
    async fn of_coordinators_that_start_at_once_one_has_the_workspace() {
        let workspace = workspace();
        let mut servers = vec![];
        let mut claims = vec![];
        for _ in 0..8 {
            let (server, me) = coordinator().await;
            servers.push(server);
            let workspace = workspace.clone();
            claims.push(tokio::spawn(async move { Leadership::claim(&workspace, &me, false).await }));
        }
        let mut leaders = 0;
        for claim in claims {
            match claim.await.unwrap() {
                Ok(_) => leaders += 1,
                Err(error) => assert!(matches!(error, CoordinatorError::Occupied { .. }), "{error}"),
            }
        }
        assert_eq!(leaders, 1);
    }
}
