//! A document's turn: what it means now, and so which run it is.

use std::time::Duration;

use artifacts::runs;
use proto::{Failure, FailureClass};
use spec::Document;
use tokio::sync::oneshot;

use super::{Posting, Step, Steward, Tale};
use crate::carry::Launchers;
use crate::error::{CoordinatorError, Result};
use crate::log::Replay;
use crate::resolved::ResolvedDocument;
use crate::run::retries;
use crate::submission::{DocumentEnd, Event, State, Take};

impl<P: Launchers> Steward<P> {
    /// Waits for a turn, finds the run of the next document, and writes it down.
    pub(super) async fn start(&mut self, document: usize) -> Result<Step> {
        if self.turn().await? == Step::Stop {
            return Ok(Step::Stop);
        }
        // It may have been cancelled while it waited.
        let State::Queued(_) = self.log.state() else { return Ok(Step::Go) };
        self.estate.leadership.check().await?;
        let Some(wanted) = self.log.document(document).cloned() else {
            return Err(CoordinatorError::NoDocuments);
        };
        let resolved = match self.resolve(wanted.clone()).await? {
            Resolved::Run(resolved) => resolved,
            Resolved::Not(error) => {
                return self.ended(document, DocumentEnd::Failed { failure: unresolved(&wanted, &error) }).await;
            }
            Resolved::Ended(step) => return Ok(step),
        };
        if self.held.as_ref() != Some(&resolved.run) {
            match self.hold(&resolved).await? {
                Step::Go if matches!(self.log.state(), State::Queued(_)) => {}
                step => return Ok(step),
            }
        }
        let workspace = &self.estate.carrier.workspace;
        runs::write_document(workspace, &resolved.run, &resolved.document).await?;
        let stops = Replay::read(workspace, &resolved.run).await?.stops();
        self.posting = Some(Posting(self.estate.boards.open(&resolved.run)));
        let take = Take { run: resolved.run.clone(), stops };
        // Where it cannot happen any more, the state says what does.
        let _ = self.log.append(Event::Started { document, take }).await?;
        Ok(Step::Go)
    }

    /// Looks up the document's tables and model; a store that fails gets time. A cancel or a stop ends that.
    async fn resolve(&mut self, document: Document) -> Result<Resolved> {
        let (workspace, run_date) = (self.estate.carrier.workspace.clone(), self.log.brief().run_date);
        let mut pause = Duration::from_secs(1);
        let mut tries = 0;
        loop {
            let mut gate = self.gate.clone();
            let resolved = tokio::select! {
                resolved = ResolvedDocument::resolve(&workspace, document.clone(), run_date) => resolved,
                () = Self::stopped(&mut gate) => return Ok(Resolved::Ended(Step::Stop)),
                Some(cancel) = self.cancels.recv() => {
                    self.cancelled(cancel).await?;
                    return Ok(Resolved::Ended(Step::Go));
                }
            };
            match resolved {
                Ok(resolved) => return Ok(Resolved::Run(Box::new(resolved))),
                Err(error) if error.class() == FailureClass::Storage && tries < retries(FailureClass::Storage) => {
                    if self.wait_out(&error, &mut pause).await == Step::Stop {
                        return Ok(Resolved::Ended(Step::Stop));
                    }
                    if self.log.state().is_terminal() {
                        return Ok(Resolved::Ended(Step::Go));
                    }
                    tries += 1;
                }
                Err(error) => return Ok(Resolved::Not(error)),
            }
        }
    }

    /// Waits until no other submission has the same run in its hands.
    async fn hold(&mut self, resolved: &ResolvedDocument) -> Result<Step> {
        self.let_go().await;
        let (granted, mut is_mine) = oneshot::channel();
        self.say(Tale::Wants(self.log.id().clone(), resolved.run.clone(), granted)).await;
        self.held = Some(resolved.run.clone());
        let mut gate = self.gate.clone();
        let cancel = tokio::select! {
            // A coordinator that is gone cannot grant it.
            granted = &mut is_mine => return Ok(if granted.is_ok() { Step::Go } else { Step::Stop }),
            () = Self::stopped(&mut gate) => return Ok(Step::Stop),
            Some(cancel) = self.cancels.recv() => cancel,
        };
        self.let_go().await;
        self.cancelled(cancel).await?;
        Ok(Step::Go)
    }
}

/// What a document means now.
enum Resolved {
    Run(Box<ResolvedDocument>),
    Not(CoordinatorError),
    /// Something else came first.
    Ended(Step),
}

/// Says which document could not be resolved, where in it, and why.
fn unresolved(document: &Document, error: &CoordinatorError) -> Failure {
    let named = match document {
        Document::Training(training) => format!("Training {}", training.metadata.name),
        Document::Scoring(scoring) => format!("Scoring {}", scoring.metadata.name),
    };
    let place = match (error, document) {
        (CoordinatorError::Table { table, .. }, _) => format!("spec.tables.{table}: "),
        (CoordinatorError::Artifacts(_), Document::Scoring(_)) => "spec.model: ".to_owned(),
        _ => String::new(),
    };
    let failure = Failure::of(error.class(), error);
    Failure { message: format!("{named}: {place}{}", failure.message), ..failure }
}
