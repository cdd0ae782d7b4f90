//! Which submission has a run in its hands. Documents that mean the same are one run, and one submission at a time
//! carries it.

use std::collections::{BTreeMap, VecDeque};

use spec::{RunId, SubmissionId};
use tokio::sync::oneshot;

/// Runs in hands, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Holds {
    holders: BTreeMap<RunId, SubmissionId>,
    waiting: BTreeMap<RunId, VecDeque<(SubmissionId, oneshot::Sender<()>)>>,
}

impl Holds {
    /// A submission has the run already.
    pub(super) fn take(&mut self, run: &RunId, id: &SubmissionId) {
        self.holders.insert(run.clone(), id.clone());
    }

    /// A submission wants the run; it hears when it has it.
    pub(super) fn ask(&mut self, run: RunId, id: SubmissionId, granted: oneshot::Sender<()>) {
        self.waiting.entry(run.clone()).or_default().push_back((id, granted));
        self.grant(&run);
    }

    /// A submission has or wants the run no more.
    pub(super) fn let_go(&mut self, run: &RunId, id: &SubmissionId) {
        if self.holders.get(run) == Some(id) {
            self.holders.remove(run);
        }
        if let Some(waiting) = self.waiting.get_mut(run) {
            waiting.retain(|(other, _)| other != id);
        }
        self.grant(run);
    }

    /// A submission has and wants nothing more.
    pub(super) fn forget(&mut self, id: &SubmissionId) {
        let held = self.holders.iter().filter(|(_, holder)| *holder == id).map(|(run, _)| run.clone());
        let wanted = self.waiting.iter().filter(|(_, waiting)| waiting.iter().any(|(other, _)| other == id));
        let runs: Vec<RunId> = held.chain(wanted.map(|(run, _)| run.clone())).collect();
        runs.iter().for_each(|run| self.let_go(run, id));
    }

    /// The run that a submission waits for, and who has it.
    pub(super) fn wait_of(&self, id: &SubmissionId) -> Option<(RunId, SubmissionId)> {
        let waits = |waiting: &VecDeque<(SubmissionId, _)>| waiting.iter().any(|(other, _)| other == id);
        let (run, _) = self.waiting.iter().find(|(_, waiting)| waits(waiting))?;
        Some((run.clone(), self.holders.get(run)?.clone()))
    }

    fn grant(&mut self, run: &RunId) {
        while !self.holders.contains_key(run)
            && let Some((id, granted)) = self.waiting.get_mut(run).and_then(VecDeque::pop_front)
        {
            // Who does not listen any more has gone.
            if granted.send(()).is_ok() {
                self.holders.insert(run.clone(), id);
            }
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> SubmissionId {
        name.parse().unwrap()
    }

    fn run() -> RunId {
        "train-0123456789ab".parse().unwrap()
    }

    fn ask(holds: &mut Holds, who: &str) -> oneshot::Receiver<()> {
        let (granted, hears) = oneshot::channel();
        holds.ask(run(), id(who), granted);
        hears
    }

    #[test]
    fn one_submission_at_a_time_has_a_run_in_the_order_of_asking() {
        let mut holds = Holds::default();
        let (mut a, mut b, mut c) = (ask(&mut holds, "a"), ask(&mut holds, "b"), ask(&mut holds, "c"));
        assert!(a.try_recv().is_ok() && b.try_recv().is_err() && c.try_recv().is_err());
        assert_eq!(holds.wait_of(&id("c")), Some((run(), id("a"))));
        holds.forget(&id("b"));
        holds.let_go(&run(), &id("a"));
        assert!(c.try_recv().is_ok());
        assert_eq!(holds.wait_of(&id("c")), None);
        holds.let_go(&run(), &id("a"));
        assert!(ask(&mut holds, "d").try_recv().is_err(), "who has let go cannot do so again");
        holds.let_go(&run(), &id("c"));
        assert!(holds.waiting.is_empty());
    }

    #[test]
    fn who_has_stopped_waiting_does_not_get_the_run() {
        let mut holds = Holds::default();
        holds.take(&run(), &id("a"));
        drop(ask(&mut holds, "b"));
        let mut c = ask(&mut holds, "c");
        holds.let_go(&run(), &id("a"));
        assert!(c.try_recv().is_ok());
    }
}
