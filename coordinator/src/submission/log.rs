//! A submission's durable log: entry n is `submissions/<id>/log/<n>.json`, created once, by whoever read entry n-1.

use std::sync::Arc;

use artifacts::workspace::Created;
use artifacts::{Workspace, layout};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use spec::{Document, RunId, SubmissionId};

use super::record::{Brief, SubmissionRecord};
use super::state::{Event, State};
use super::transition::{Illegal, transition};
use crate::error::{CoordinatorError, Result};
use crate::log::WriterId;

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogEntry {
    /// The coordinator that wrote it.
    writer: WriterId,
    /// When, by its clock; for readers only.
    at: DateTime<Utc>,
    /// What happened.
    event: Event,
}

/// A submission and its log as far as it has been read.
#[derive(Debug, Clone)]
pub(crate) struct SubmissionLog {
    workspace: Workspace,
    writer: WriterId,
    id: SubmissionId,
    brief: Arc<Brief>,
    /// Absent once they have been forgotten.
    documents: Option<Arc<[Document]>>,
    state: State,
    next: u64,
    changed: DateTime<Utc>,
}

impl SubmissionLog {
    /// Brings a submission into being, or finds that it is there: the flag says which.
    ///
    /// # Errors
    /// [`CoordinatorError::TokenReused`] when what is there asks for something else.
    pub(crate) async fn create(
        workspace: &Workspace,
        writer: &WriterId,
        id: SubmissionId,
        record: SubmissionRecord,
    ) -> Result<(Self, bool)> {
        match workspace.create_once(&layout::submission_record(&id), &record).await? {
            Created::Won => Ok((Self::new(workspace, writer, id, record), true)),
            Created::Lost { winner } if winner.asks_the_same(&record) => {
                let mut log = Self::new(workspace, writer, id, winner);
                log.read_on().await?;
                Ok((log, false))
            }
            Created::Lost { .. } => Err(CoordinatorError::TokenReused { id }),
        }
    }

    /// Reads a submission; `None` where there is no such one.
    pub(crate) async fn open(workspace: &Workspace, writer: &WriterId, id: &SubmissionId) -> Result<Option<Self>> {
        let Some(record) = workspace.read_entry_if_there(&layout::submission_record(id)).await? else {
            return Ok(None);
        };
        let mut log = Self::new(workspace, writer, id.clone(), record.body);
        log.read_on().await?;
        Ok(Some(log))
    }

    fn new(workspace: &Workspace, writer: &WriterId, id: SubmissionId, record: SubmissionRecord) -> Self {
        let (state, changed) = (State::new(record.documents.len()), record.at);
        let (workspace, writer) = (workspace.clone(), writer.clone());
        let (brief, documents) = record.apart();
        let (brief, documents) = (Arc::new(brief), Some(documents.into()));
        Self { workspace, writer, id, brief, documents, state, next: 0, changed }
    }

    pub(crate) fn id(&self) -> &SubmissionId {
        &self.id
    }

    pub(crate) fn brief(&self) -> &Brief {
        &self.brief
    }

    /// One of its documents; none where there is none of this number, or where they have been forgotten.
    pub(crate) fn document(&self, number: usize) -> Option<&Document> {
        self.documents.as_ref()?.get(number)
    }

    /// Lets go of the documents, which are in the workspace, of a submission that is at its end: they are the largest part
    /// of it by far.
    pub(crate) fn forget_documents(&mut self) {
        if self.state.is_terminal() {
            self.documents = None;
        }
    }

    /// Reads the documents again if they have been forgotten.
    pub(crate) async fn recall_documents(&mut self) -> Result<()> {
        if self.documents.is_none() {
            let key = layout::submission_record(&self.id);
            let record: SubmissionRecord = self.workspace.read_entry(&key).await?.body;
            self.documents = Some(record.documents.into());
        }
        Ok(())
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The run that it has in its hands.
    pub(crate) fn run_in_hand(&self) -> Option<&RunId> {
        match &self.state {
            State::Running(_, take) | State::Cancelling(_, take, _) => Some(&take.run),
            State::Queued(_) | State::Succeeded(_) | State::HeldBack(_) | State::Failed(_) | State::Cancelled(..) => {
                None
            }
        }
    }

    /// When its last entry was written.
    pub(crate) fn changed(&self) -> DateTime<Utc> {
        self.changed
    }

    /// Appends an event, unless it cannot happen, or cannot any more because of what another coordinator wrote.
    ///
    /// # Errors
    /// When the store fails: then the event may or may not be in the log, and nothing may be built on either.
    pub(crate) async fn append(&mut self, event: Event) -> Result<Result<(), Illegal>> {
        loop {
            if let Err(illegal) = transition(self.state.clone(), &event) {
                // It may have become possible by what another coordinator wrote.
                let known = self.next;
                self.read_on().await?;
                if self.next == known {
                    return Ok(Err(illegal));
                }
                continue;
            }
            let key = layout::submission_log_entry(&self.id, self.next);
            let entry = LogEntry { writer: self.writer.clone(), at: Utc::now(), event: event.clone() };
            match self.workspace.create_once(&key, &entry).await? {
                Created::Won => {
                    tracing::info!(submission = %self.id, seq = self.next, event = event.as_str(), "logged");
                    self.apply(entry)?;
                    return Ok(Ok(()));
                }
                Created::Lost { .. } => self.read_on().await?,
            }
        }
    }

    async fn read_on(&mut self) -> Result<()> {
        loop {
            let key = layout::submission_log_entry(&self.id, self.next);
            match self.workspace.read_entry_if_there::<LogEntry>(&key).await? {
                Some(entry) => self.apply(entry.body)?,
                None => return Ok(()),
            }
        }
    }

    fn apply(&mut self, entry: LogEntry) -> Result<()> {
        let state = transition(self.state.clone(), &entry.event);
        self.state = state.map_err(|source| {
            let url = self.workspace.url_of(&layout::submission_log_entry(&self.id, self.next));
            CoordinatorError::ImpossibleSubmission { url, source }
        })?;
        self.changed = entry.at;
        self.next += 1;
        Ok(())
    }
}

/// Every submission of a workspace, by id.
pub(crate) async fn list(workspace: &Workspace) -> Result<Vec<SubmissionId>> {
    let names = workspace.names_in(&layout::submissions()).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}
