//! Stages: which units one has, how many processes work on them, and what comes of it.

use proto::{FailureClass, Generation, Stage, Unit};
use serde_json::{Value, json};

use super::Conductor;
use super::children::Child;
use crate::control::Wanted;
use crate::error::Result;
use crate::launcher::{ChildName, Launcher};
use crate::notice::Notice;
use crate::run::{Event, State, StopReason, Subject};
use crate::{outcome, shards, trials};

impl<L: Launcher> Conductor<L> {
    /// Finds out which units of the stage are left and launches processes for them.
    pub(super) async fn begin(&mut self, stage: Stage) -> Result<()> {
        self.begun = Some(stage);
        let (workspace, run) = (self.log.workspace(), self.log.run());
        let (waves, done) = match stage {
            Stage::Train => (vec![vec![Unit::Train]], vec![]),
            Stage::Plan => (vec![vec![Unit::Plan]], vec![]),
            Stage::Score => {
                let (shards, done) = shards::of_run(workspace, run).await?;
                (vec![shards], done)
            }
            Stage::Publish => (vec![vec![Unit::Publish]], vec![]),
            Stage::Prepare => (vec![vec![Unit::Prepare]], vec![]),
            Stage::Search => trials::of_run(workspace, run).await?,
        };
        self.leases.begin_in_waves(waves, done);
        let (units, done) = (self.leases.total(), self.leases.done());
        self.notices.tell(Notice::StageBegan { stage, units, done });
        if self.leases.is_done() {
            return self.finish(stage, counted(stage, units)).await;
        }
        if self.control.wanted() > Wanted::Run {
            self.wanted_stop = Some(self.control.reason());
            return Ok(());
        }
        self.fill_up(stage).await
    }

    /// Launches as many processes as there is work for and the run may have.
    pub(super) async fn fill_up(&mut self, stage: Stage) -> Result<()> {
        let most = match stage {
            Stage::Score | Stage::Search => self.processes as usize,
            Stage::Train | Stage::Plan | Stage::Publish | Stage::Prepare => 1,
        };
        let wanted = most.min(self.leases.unfinished());
        let present = self.children.iter().filter(|(name, child)| name.stage == stage && !child.is_condemned()).count();
        match u32::try_from(wanted.saturating_sub(present)) {
            Ok(0) => Ok(()),
            Ok(processes) => self.launch(stage, processes).await,
            Err(_) => self.launch(stage, u32::MAX).await,
        }
    }

    pub(super) async fn launch(&mut self, stage: Stage, processes: u32) -> Result<()> {
        let generation = Generation(self.course().map_or(0, |course| course.generation.0) + 1);
        self.record(Event::Launched { stage, generation, processes }).await?;
        self.notices.tell(Notice::Launched { stage, generation, processes });
        for process in 0..processes {
            let child = ChildName { run: self.log.run().clone(), stage, generation, process };
            let launched = self.launcher.launch(&child, &self.contact).await;
            match launched {
                Ok(()) => {
                    self.children.insert(child, Child::launched(self.clock.now()));
                }
                Err(error) => {
                    let failure = proto::Failure::of(FailureClass::Environment, &error);
                    return self.failed(Subject::Process(stage), failure, None).await;
                }
            }
        }
        Ok(())
    }

    /// A unit is done; after the last one the stage is.
    pub(super) async fn done(&mut self, unit: Unit, outcome: Value) -> Result<()> {
        let (done, units) = (self.leases.done(), self.leases.total());
        self.notices.tell(Notice::UnitDone { unit, done, units });
        if !self.leases.is_done() {
            return Ok(());
        }
        let outcome = match unit {
            Unit::Score(_) | Unit::Trial(_) => counted(unit.stage(), units),
            Unit::Train | Unit::Plan | Unit::Publish | Unit::Prepare => outcome,
        };
        self.finish(unit.stage(), outcome).await
    }

    pub(super) async fn finish(&mut self, stage: Stage, outcome: Value) -> Result<()> {
        let held_back = match stage {
            Stage::Train | Stage::Plan | Stage::Score | Stage::Prepare | Stage::Search => vec![],
            Stage::Publish => match outcome::held_back(&outcome) {
                Ok(held_back) => held_back,
                Err(error) => {
                    let message = "the scorer's account of what it published cannot be read";
                    let causes = vec![error.to_string()];
                    let failure = proto::Failure { class: FailureClass::Bug, message: message.to_owned(), causes };
                    self.wanted_stop = Some(StopReason::Failed { subject: Subject::Unit(Unit::Publish), failure });
                    return Ok(());
                }
            },
        };
        self.record(Event::StageFinished { stage, outcome, held_back }).await?;
        self.notices.tell(Notice::StageFinished { stage });
        Ok(())
    }

    /// Processes take the place of those that have ended or are about to, if there is work for them.
    pub(super) async fn replace_lost(&mut self) -> Result<()> {
        match (self.log.state(), self.begun) {
            (State::Active(course), Some(stage))
                if course.stage == stage && self.wanted_stop.is_none() && !self.leases.is_done() =>
            {
                self.fill_up(stage).await
            }
            _ => Ok(()),
        }
    }
}

/// The outcome of a stage of many units.
fn counted(stage: Stage, units: usize) -> Value {
    match stage {
        Stage::Search => json!({"trainings": units}),
        Stage::Score | Stage::Train | Stage::Plan | Stage::Publish | Stage::Prepare => json!({"shards": units}),
    }
}
