//! Which coordinator has the workspace: the one that created the last `coordinators/<n>.json`.
//!
//! There is no lease on time. Who comes asks the last one whether it is alive, and goes away if it is; the one in
//! office looks for a successor every round and before every run, and steps down. Two that overlap for a moment do no
//! harm: every run has one writer, by its epochs.

use artifacts::workspace::Created;
use artifacts::{Workspace, layout};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tonic::transport::ClientTlsConfig;

use super::incumbent::{Host, Life, life_of};
use crate::error::{CoordinatorError, Result};
use crate::log::WriterId;

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
    /// The machine that it works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<Host>,
}

/// What becomes of the coordinator that has the workspace.
#[derive(Debug, Clone)]
pub(super) enum Manners {
    /// It is asked whether it is alive, by TLS with these certificates, and left alone if it is or may be.
    Ask(Option<Box<ClientTlsConfig>>),
    /// It is taken over.
    TakeOver,
}

/// A workspace in a coordinator's hands.
#[derive(Debug, Clone)]
pub(super) struct Leadership {
    workspace: Workspace,
    number: u64,
}

impl Leadership {
    /// Claims a workspace, unless the last coordinator is alive and nobody wants it taken over.
    pub(super) async fn claim(workspace: &Workspace, me: &CoordinatorRecord, manners: &Manners) -> Result<Self> {
        let taken = workspace.numbers_in(&layout::coordinators()).await?;
        let mut number = 1;
        if let Some(last) = taken.last() {
            let incumbent = workspace.read_entry(&layout::coordinator(*last)).await?.body;
            make_way(&incumbent, me, manners).await?;
            number = last + 1;
        }
        loop {
            match workspace.create_once(&layout::coordinator(number), me).await? {
                Created::Won => return Ok(Self { workspace: workspace.clone(), number }),
                Created::Lost { winner } => make_way(&winner, me, manners).await?,
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

/// Fails if the coordinator is alive, or may be, and is not to be taken over.
async fn make_way(incumbent: &CoordinatorRecord, me: &CoordinatorRecord, manners: &Manners) -> Result<()> {
    let Manners::Ask(tls) = manners else { return Ok(()) };
    let address = incumbent.address.clone().unwrap_or_else(|| incumbent.workers.clone());
    match life_of(incumbent, me.host.as_ref(), tls.as_deref()).await {
        Life::Gone => Ok(()),
        Life::Alive => Err(CoordinatorError::Occupied { address, since: incumbent.at }),
        Life::Unknown => {
            let host = incumbent.host.as_ref().map(|host| host.name.clone()).unwrap_or_default();
            Err(CoordinatorError::Unasked { host, address, since: incumbent.at })
        }
    }
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
        (server, CoordinatorRecord { writer, address: None, workers, at: Utc::now(), host: Host::this() })
    }

    #[tokio::test]
    async fn a_second_coordinator_is_refused_while_the_first_is_alive() {
        let workspace = workspace();
        let (first_server, first) = coordinator().await;
        let (_second_server, second) = coordinator().await;
        let leadership = Leadership::claim(&workspace, &first, &Manners::Ask(None)).await.unwrap();
        assert_eq!(leadership.number(), 1);
        let error = Leadership::claim(&workspace, &second, &Manners::Ask(None)).await.unwrap_err();
        assert!(matches!(&error, CoordinatorError::Occupied { address, .. } if *address == first.workers), "{error}");
        leadership.check().await.unwrap();

        first_server.stop().await.unwrap();
        assert_eq!(Leadership::claim(&workspace, &second, &Manners::Ask(None)).await.unwrap().number(), 2);
        let error = leadership.check().await.unwrap_err();
        assert!(matches!(error, CoordinatorError::SteppedDown { leadership: 1 }), "{error}");
    }

    #[tokio::test]
    async fn another_program_at_the_same_address_is_not_taken_for_the_coordinator() {
        let workspace = workspace();
        let (server, first) = coordinator().await;
        let gone = CoordinatorRecord { writer: WriterId::new(), workers: server.url(), ..first };
        Leadership::claim(&workspace, &gone, &Manners::Ask(None)).await.unwrap();
        let (_server, second) = coordinator().await;
        assert_eq!(Leadership::claim(&workspace, &second, &Manners::Ask(None)).await.unwrap().number(), 2);
    }

    #[tokio::test]
    async fn a_living_coordinator_makes_way_for_one_that_is_to_take_over() {
        let workspace = workspace();
        let (_first_server, first) = coordinator().await;
        let (_second_server, second) = coordinator().await;
        let leadership = Leadership::claim(&workspace, &first, &Manners::Ask(None)).await.unwrap();
        assert_eq!(Leadership::claim(&workspace, &second, &Manners::TakeOver).await.unwrap().number(), 2);
        assert!(leadership.check().await.is_err());
    }

    #[tokio::test]
    async fn a_coordinator_that_cannot_be_asked_is_not_taken_over_unless_somebody_says_so() {
        let workspace = workspace();
        let (server, first) = coordinator().await;
        let elsewhere = Host { name: "another machine".to_owned(), boot: "another start".to_owned() };
        let first = CoordinatorRecord { host: Some(elsewhere), ..first };
        Leadership::claim(&workspace, &first, &Manners::Ask(None)).await.unwrap();
        server.stop().await.unwrap();
        let (_server, second) = coordinator().await;
        let error = Leadership::claim(&workspace, &second, &Manners::Ask(None)).await.unwrap_err();
        assert!(matches!(&error, CoordinatorError::Unasked { .. }), "{error}");
        assert!(error.to_string().contains("another machine") && error.to_string().contains("--take-over"), "{error}");
        assert_eq!(Leadership::claim(&workspace, &second, &Manners::TakeOver).await.unwrap().number(), 2);
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
            claims.push(tokio::spawn(async move { Leadership::claim(&workspace, &me, &Manners::Ask(None)).await }));
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
