//! The boards of runs that somebody carries or watches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use artifacts::Workspace;
use spec::RunId;

use crate::board::{Board, Role};
use crate::error::{CoordinatorError, Result};
use crate::figures::Figures;
use crate::log::Replay;
use crate::run::State;

/// Finds a run's board as long as somebody holds it.
#[derive(Debug)]
pub(super) struct Boards {
    workspace: Workspace,
    figures: Arc<Figures>,
    held: Mutex<BTreeMap<RunId, Weak<Board>>>,
}

impl Boards {
    pub(super) fn new(workspace: Workspace, figures: Arc<Figures>) -> Self {
        Self { workspace, figures, held: Mutex::default() }
    }

    /// A board for who is going to carry the run.
    pub(super) fn open(&self, run: &RunId) -> Arc<Board> {
        let carried = self.carried(run);
        carried.unwrap_or_else(|| self.put(run, Board::new(Arc::clone(&self.figures), Role::Carried)))
    }

    /// The board of a run that is carried here.
    pub(super) fn carried(&self, run: &RunId) -> Option<Arc<Board>> {
        self.living(run).filter(|board| board.role() == Role::Carried && !board.is_closed())
    }

    /// The board of any run, with everything that is in its log: read once, however many ask.
    ///
    /// # Errors
    /// [`CoordinatorError::UnknownRun`] where there is no log.
    pub(super) async fn filled(&self, run: &RunId) -> Result<Arc<Board>> {
        let board = self.living(run).filter(|board| board.role() == Role::Read || !board.is_closed());
        let board = board.unwrap_or_else(|| self.put(run, Board::new(Arc::clone(&self.figures), Role::Read)));
        let fill = || async {
            let replay = Replay::read_onto(&self.workspace, run, Some(Arc::clone(&board))).await?;
            match (board.role(), replay.state()) {
                (Role::Carried, _) => {}
                (Role::Read, State::Absent) => return Err(CoordinatorError::UnknownRun { run: run.clone() }),
                (Role::Read, _) => board.close(),
            }
            Ok(())
        };
        board.filled.get_or_try_init(fill).await?;
        Ok(board)
    }

    fn put(&self, run: &RunId, board: Arc<Board>) -> Arc<Board> {
        let mut held = self.held();
        held.retain(|_, board| board.strong_count() > 0);
        held.insert(run.clone(), Arc::downgrade(&board));
        board
    }

    fn living(&self, run: &RunId) -> Option<Arc<Board>> {
        self.held().get(run).and_then(Weak::upgrade)
    }

    /// Every board that somebody holds.
    pub(super) fn all(&self) -> Vec<Arc<Board>> {
        self.held().values().filter_map(Weak::upgrade).collect()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<RunId, Weak<Board>>> {
        // Every change leaves the map whole, so a panic elsewhere does no harm.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
