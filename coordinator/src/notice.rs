//! What a coordinator tells whoever watches a run. Nothing depends on its being heard.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proto::{Epoch, Failure, Generation, Progress, Stage, Unit};
use serde::{Deserialize, Serialize};
use spec::RunId;
use tokio::sync::mpsc;

use crate::board::Board;
use crate::launcher::ChildName;
use crate::run::{StopReason, Subject, Verdict};
use crate::waiting::WaitsFor;

/// Something worth showing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Notice {
    /// The run is in this coordinator's hands.
    Opened {
        /// The run.
        run: RunId,
        /// This coordinator's epoch; above 1 the run is continued.
        epoch: Epoch,
        /// Where the output of its processes goes.
        logs: Option<PathBuf>,
    },
    /// A stage begins or goes on.
    StageBegan {
        /// The stage.
        stage: Stage,
        /// Its units.
        units: usize,
        /// Those that were done before.
        done: usize,
    },
    /// Processes are launched.
    Launched {
        /// The stage.
        stage: Stage,
        /// Which launch.
        generation: Generation,
        /// How many.
        processes: u32,
    },
    /// A worker told how far it is.
    Progressed {
        /// Its process.
        child: ChildName,
        /// Its unit, if it has one.
        unit: Option<Unit>,
        /// How far it is.
        progress: Progress,
    },
    /// A process has ended.
    Ended {
        /// Which one.
        child: ChildName,
    },
    /// A unit is done.
    UnitDone {
        /// The unit.
        unit: Unit,
        /// Units of the stage done by now.
        done: usize,
        /// Units of the stage.
        units: usize,
    },
    /// Something failed.
    AttemptFailed {
        /// What.
        subject: Subject,
        /// Why.
        failure: Failure,
        /// What follows.
        verdict: Verdict,
        /// The log of the process concerned.
        log: Option<PathBuf>,
    },
    /// A shard has been held for so long that an idle worker tries it as well.
    Straggler {
        /// The unit.
        unit: Unit,
        /// How long the first has held it.
        held: Duration,
    },
    /// The run has not advanced for a while; told again after as long.
    Waiting {
        /// For how long.
        waited: Duration,
        /// What for, what matters most first; never empty.
        reasons: Vec<WaitsFor>,
    },
    /// A process that a coordinator before left is ended.
    Leftover {
        /// Which one.
        child: ChildName,
    },
    /// A stage is done.
    StageFinished {
        /// The stage.
        stage: Stage,
    },
    /// The run's processes are being stopped.
    Stopping {
        /// Why.
        reason: StopReason,
        /// How many are to end.
        processes: usize,
    },
}

/// Where notices go.
#[derive(Debug, Clone)]
pub struct Notices {
    sender: Option<mpsc::Sender<Notice>>,
    board: Option<Arc<Board>>,
}

/// Notices that may wait to be shown.
const MOST_WAITING: usize = 1024;

impl Notices {
    /// Both ends.
    pub fn channel() -> (Self, mpsc::Receiver<Notice>) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        (Self { sender: Some(sender), board: None }, receiver)
    }

    /// Notices that nobody wants.
    pub fn unheard() -> Self {
        Self { sender: None, board: None }
    }

    /// Notices for everybody who watches a board.
    pub(crate) fn on(board: Arc<Board>) -> Self {
        Self { sender: None, board: Some(board) }
    }

    /// Tells something. A listener that is far behind misses it: a run must not wait for who watches it.
    pub fn tell(&self, notice: Notice) {
        if let Some(sender) = &self.sender {
            // Nobody listening is no reason to stop either.
            let _ = sender.try_send(notice);
        } else if let Some(board) = &self.board {
            board.tell(notice);
        }
    }
}
