//! How a coordinator begins: claims the workspace and reads what is in it.

use std::sync::Arc;

use artifacts::Workspace;
use artifacts::clock::Clock;
use chrono::Utc;
use futures::{StreamExt, TryStreamExt};
use spec::SubmissionId;
use tokio::sync::{mpsc, oneshot};

use super::actor::Actor;
use super::boards::Boards;
use super::incumbent::Host;
use super::leadership::{CoordinatorRecord, Leadership, Manners};
use super::queue::Queue;
use super::steward::Estate;
use super::{Coordinator, Ended, Settings};
use crate::carry::{Carrier, Launchers};
use crate::error::{CoordinatorError, Result};
use crate::figures::Figures;
use crate::log::WriterId;
use crate::service::WorkerServer;
use crate::submission::{self, SubmissionLog};

/// Questions that may wait.
const MOST_ASKS: usize = 256;
/// Submissions read at once.
const SUBMISSIONS_IN_FLIGHT: usize = 16;

pub(super) async fn open<P: Launchers>(
    workspace: Workspace,
    launchers: P,
    settings: Settings,
    clock: Arc<dyn Clock>,
) -> Result<(Coordinator, Ended)> {
    let Settings { limits, timing, take_over, address, tls, workers } = settings;
    let unusable = |source| CoordinatorError::Workspace { url: workspace.url(), source };
    workspace.check_writable().await.map_err(unusable)?;
    let (writer, figures) = (WriterId::new(), Arc::<Figures>::default());
    let server = WorkerServer::start(workers, &writer).await?;
    let me = CoordinatorRecord {
        writer: writer.clone(),
        address,
        workers: server.url(),
        at: Utc::now(),
        host: Host::this(),
    };
    let manners = if take_over { Manners::TakeOver } else { Manners::Ask(tls.map(Box::new)) };
    let leadership = Leadership::claim(&workspace, &me, &manners).await?;
    tracing::info!(leadership = leadership.number(), workers = me.workers, "coordinates");
    let submissions = submissions(&workspace, &writer).await?;
    let boards = Arc::new(Boards::new(workspace.clone(), Arc::clone(&figures)));
    let carrier =
        Carrier { workspace: workspace.clone(), launchers, server, clock: Arc::clone(&clock), timing, figures };
    let estate = Arc::new(Estate { carrier, boards: Arc::clone(&boards), leadership: leadership.clone() });
    let (asks, asked) = mpsc::channel(MOST_ASKS);
    let actor = Actor::new(estate, writer.clone(), Queue::new(limits), submissions, asked);
    let (ended, done) = oneshot::channel();
    tokio::spawn(async move {
        // Nobody may wait for the end.
        let _ = ended.send(actor.work().await);
    });
    Ok((Coordinator { asks, writer, workspace, boards, leadership, clock }, Ended { done }))
}

/// Every submission of the workspace, the eldest first. One that cannot be understood is left out, and said so: it must
/// not keep the others from going on.
async fn submissions(workspace: &Workspace, writer: &WriterId) -> Result<Vec<SubmissionLog>> {
    let ids = submission::list(workspace).await?;
    let mut logs: Vec<SubmissionLog> = futures::stream::iter(ids)
        .map(|id| read(workspace, writer, id))
        .buffered(SUBMISSIONS_IN_FLIGHT)
        .try_filter_map(async |log| Ok(log))
        .try_collect()
        .await?;
    logs.sort_by(|left, right| (left.brief().at, left.id()).cmp(&(right.brief().at, right.id())));
    Ok(logs)
}

async fn read(workspace: &Workspace, writer: &WriterId, id: SubmissionId) -> Result<Option<SubmissionLog>> {
    match SubmissionLog::open(workspace, writer, &id).await {
        Err(error) if error.class() == proto::FailureClass::Input => {
            let causes = proto::Failure::of(error.class(), &error).causes;
            tracing::error!(submission = %id, %error, ?causes, "a submission cannot be understood, and is left alone");
            Ok(None)
        }
        other => Ok(other?.map(|mut log| {
            log.forget_documents();
            log
        })),
    }
}
