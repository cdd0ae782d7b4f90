//! The simulation's launcher: children outlive the coordinator that launched them, as pods do.

use std::path::PathBuf;
use std::sync::Arc;

use proto::{Failure, FailureClass};
use spec::RunId;
use tokio::sync::mpsc;

use super::member::{Member, Worker};
use super::sea::{Sea, Side};
use crate::desk::Desk;
use crate::error::Result;
use crate::launcher::{ChildName, Contact, Exit, Force, Launcher};
use crate::log::Replay;

/// One coordinator's view of the children.
pub(in crate::conductor::tests) struct Fleet {
    sea: Arc<Sea>,
    desk: Desk,
    /// Whether it can find out what there is.
    sees: bool,
    exits: mpsc::UnboundedSender<Exit>,
    ended: tokio::sync::Mutex<mpsc::UnboundedReceiver<Exit>>,
}

impl Fleet {
    pub(in crate::conductor::tests) fn new(sea: Arc<Sea>, desk: Desk, sees: bool) -> Self {
        let (exits, ended) = mpsc::unbounded_channel();
        Self { sea, desk, sees, exits, ended: tokio::sync::Mutex::new(ended) }
    }

    /// Fails unless the log says that the child was meant to be.
    async fn check_intent(&self, child: &ChildName) {
        let log = Replay::read(&self.sea.workspace(), &child.run).await.unwrap();
        let course = log.state().course().unwrap();
        assert!(child.generation <= course.generation, "seed {}: {child} was launched unsaid", self.sea.seed);
    }
}

impl Launcher for Fleet {
    async fn launch(&self, child: &ChildName, _: &Contact) -> Result<()> {
        self.check_intent(child).await;
        let fatal = self.sea.launch_begins();
        if fatal == Some(Side::Before) {
            std::future::pending::<()>().await;
        }
        if self.sea.children.lock().unwrap().contains_key(child) {
            return Ok(());
        }
        let task = tokio::spawn(Worker::new(Arc::clone(&self.sea), self.desk.clone(), child.clone()).live());
        let member = Member { task: task.abort_handle() };
        self.sea.launched.lock().unwrap().push(child.clone());
        self.sea.children.lock().unwrap().insert(child.clone(), member);
        let (name, exits) = (child.clone(), self.exits.clone());
        tokio::spawn(async move {
            let killed = || Failure::new(FailureClass::Preempted, "the process was killed (signal 9)");
            let failure = match task.await {
                Ok(failure) => failure,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Some(killed()),
            };
            // Whoever launched it may be gone.
            let _ = exits.send(Exit { child: name, failure, log: None });
        });
        if fatal == Some(Side::After) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn ended(&self) -> Exit {
        self.ended.lock().await.recv().await.unwrap()
    }

    fn stop(&self, child: &ChildName, _: Force) {
        if let Some(member) = self.sea.children.lock().unwrap().get(child) {
            member.task.abort();
        }
    }

    async fn observe(&self, _: &str, run: &RunId) -> Vec<ChildName> {
        if !self.sees {
            return vec![];
        }
        let children = self.sea.children.lock().unwrap();
        let left = children.iter().filter(|(name, member)| name.run == *run && !member.task.is_finished());
        left.map(|(name, _)| name.clone()).collect()
    }

    async fn remove(&self, _: &str, child: &ChildName) {
        self.stop(child, Force::Kill);
    }

    fn log_of(&self, _: &ChildName) -> Option<PathBuf> {
        None
    }
}
