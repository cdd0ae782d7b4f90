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
        self.living_or_new(run, Role::Carried, is_carried)
    }

    /// The board of a run that is carried here.
    pub(super) fn carried(&self, run: &RunId) -> Option<Arc<Board>> {
        self.held().get(run).and_then(Weak::upgrade).filter(|board| is_carried(board))
    }

    /// The board of any run, with everything that is in its log: read once, however many ask.
    ///
    /// # Errors
    /// [`CoordinatorError::UnknownRun`] where there is no log.
    pub(super) async fn filled(&self, run: &RunId) -> Result<Arc<Board>> {
        let board = self.living_or_new(run, Role::Read, |board| board.role() == Role::Read || !board.is_closed());
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

    /// The run's board, if it is one that fits; else a new one in its place.
    fn living_or_new(&self, run: &RunId, role: Role, fits: impl Fn(&Board) -> bool) -> Arc<Board> {
        let mut held = self.held();
        if let Some(board) = held.get(run).and_then(Weak::upgrade).filter(|board| fits(board)) {
            return board;
        }
        let board = Board::new(Arc::clone(&self.figures), role);
        held.retain(|_, board| board.strong_count() > 0);
        held.insert(run.clone(), Arc::downgrade(&board));
        board
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

fn is_carried(board: &Board) -> bool {
    board.role() == Role::Carried && !board.is_closed()
}
