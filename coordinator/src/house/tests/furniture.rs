//! A house to try things in.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::Clock;
use artifacts::faults::{Fault, FaultyStore, Operation, Request};
use artifacts::publish::Patience;
use artifacts::source::Location;
use async_trait::async_trait;
use object_store::memory::InMemory;
use spec::{RunId, SourceFile, SubmissionId};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::carry::Launchers;
use crate::error::Result;
use crate::house::opening::open;
use crate::house::{Coordinator, Ended, Limits, NewSubmission, Origin, Settings, SubmissionStatus, SubmissionView};
use crate::launcher::{ChildName, Contact, Exit, Force, Launcher};
use crate::names::{Owner, Priority};
use crate::resolved::ResolvedDocument;
use crate::timing::Timing;

/// Long enough for nothing to happen by itself.
const NEVER: Duration = Duration::from_secs(1 << 40);

/// What the store does wrong.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    None,
    /// This, to writes and reads of paths with these words.
    At(&'static str, Fault),
    /// A panic in whoever asks for a path with these words, so often.
    Breakdowns(&'static str, usize),
}

impl Trouble {
    pub(super) fn at(words: &'static str, fault: Fault) -> Self {
        Self::At(words, fault)
    }

    pub(super) fn breakdowns(words: &'static str, times: usize) -> Self {
        Self::Breakdowns(words, times)
    }
}

/// A workspace, and what happens around it.
pub(super) struct Home {
    workspace: Workspace,
    clock: Arc<Hasty>,
    settings: Settings,
    around: Arc<Around>,
}

#[derive(Debug, Default)]
struct Around {
    trouble: Mutex<Option<Trouble>>,
    troubled: AtomicUsize,
    launches: AtomicUsize,
}

impl Around {
    fn fault(&self, request: &Request) -> Fault {
        let mut trouble = self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let path = request.path.as_ref();
        match trouble.as_mut() {
            Some(Trouble::At(words, fault)) if path.contains(*words) => {
                self.troubled.fetch_add(1, Ordering::SeqCst);
                *fault
            }
            Some(Trouble::Breakdowns(words, left))
                if *left > 0 && path.contains(*words) && request.operation == Operation::Put =>
            {
                *left -= 1;
                panic!("a breakdown, as this test wants it");
            }
            _ => Fault::None,
        }
    }
}

impl Home {
    /// One run at a time, and so many submissions of one owner.
    pub(super) fn with(unended_per_owner: u32) -> Self {
        let (around, clock) = (Arc::<Around>::default(), Arc::<Hasty>::default());
        let plan = Arc::clone(&around);
        let store = FaultyStore::new(Arc::new(InMemory::new()), move |request| plan.fault(request));
        let root = Location::parse("memory://house/workspace").unwrap();
        let workspace = Workspace::in_store(Arc::new(store), root).with_patience(Patience::default(), clock.clone());
        let one = std::num::NonZeroU32::MIN;
        let limits =
            Limits { total: one, unended_per_owner: one.saturating_add(unended_per_owner - 1), ..Limits::default() };
        let timing = Timing {
            lease: NEVER,
            startup: NEVER,
            unreachable: NEVER,
            quiet: NEVER,
            stuck: NEVER,
            ..Timing::default()
        };
        Self { workspace, clock, settings: Settings { limits, timing, ..Settings::default() }, around }
    }

    pub(super) async fn open(&self) -> (Coordinator, Ended) {
        let idlers = Idlers(Arc::clone(&self.around));
        open(self.workspace.clone(), idlers, self.settings.clone(), self.clock.clone()).await.unwrap()
    }

    pub(super) fn trouble(&self, trouble: Trouble) {
        *self.around.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(trouble);
    }

    /// Returns once so many requests were in trouble.
    pub(super) async fn troubled(&self, requests: usize) {
        while self.around.troubled.load(Ordering::SeqCst) < requests {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn launches(&self) -> usize {
        self.around.launches.load(Ordering::SeqCst)
    }

    /// Returns once so many processes were launched.
    pub(super) async fn launched(&self, processes: usize) {
        while self.launches() < processes {
            tokio::task::yield_now().await;
        }
    }

    /// Returns once a submission is so.
    pub(super) async fn until(
        &self,
        house: &Coordinator,
        id: &SubmissionId,
        status: SubmissionStatus,
    ) -> SubmissionView {
        loop {
            let view = house.submission(id).await.unwrap();
            if view.status == status {
                return view;
            }
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn owner(name: &str) -> Owner {
    name.parse().unwrap()
}

/// A submission of one Training document of this name, whose table is there.
pub(super) fn new(who: &str, name: &str) -> NewSubmission {
    let text = format!(
        "apiVersion: kindred.dev/v1\nkind: Training\nmetadata: {{name: {name}}}\nspec:\n  \
         tables: {{people: {{url: {}}}}}\n  examples: people\n  key: person\n  features: {{age: {{kind: numeric}}}}\n  \
         tasks: {{bought: {{kind: binary, label: bought}}}}\n  network: {{kind: linear}}\n",
        people()
    );
    let settings = spec::Settings { set: BTreeMap::new(), run_date: "2026-01-05".parse().unwrap() };
    let documents = spec::parse(&[SourceFile { name: "d.yaml".to_owned(), text }], &settings).unwrap();
    let (priority, origin, run_date) = (Priority::default(), Origin::Request, "2026-01-05".parse().unwrap());
    NewSubmission { client_token: None, owner: owner(who), priority, documents, run_date, origin }
}

pub(super) fn token(new: NewSubmission, token: &str) -> NewSubmission {
    NewSubmission { client_token: Some(token.parse().unwrap()), ..new }
}

/// A table that is there as long as the tests run.
fn people() -> String {
    static FOLDER: std::sync::LazyLock<TempDir> = std::sync::LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("people.csv"), "person,age,bought\n1,30,1\n").unwrap();
        folder
    });
    FOLDER.path().join("people.csv").to_str().unwrap().to_owned()
}

/// A clock whose sleeps let others go first and take no time, though it shows that they did.
#[derive(Debug, Default)]
struct Hasty {
    slept: Mutex<Duration>,
}

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> Duration {
        *self.slept.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        if duration >= NEVER / 2 {
            std::future::pending::<()>().await;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        *self.slept.lock().unwrap() += duration;
    }
}

/// Processes that do nothing until they are stopped.
struct Idlers(Arc<Around>);

impl Launchers for Idlers {
    type Launcher = Idler;

    fn of_run(&self, _: &ResolvedDocument, _: PathBuf) -> Idler {
        Idler { around: Arc::clone(&self.0), stopped: Mutex::default(), word: Notify::new() }
    }
}

struct Idler {
    around: Arc<Around>,
    stopped: Mutex<VecDeque<ChildName>>,
    word: Notify,
}

impl Launcher for Idler {
    async fn launch(&self, _: &ChildName, _: &Contact) -> Result<()> {
        self.around.launches.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn ended(&self) -> Exit {
        loop {
            let child = self.stopped.lock().unwrap().pop_front();
            match child {
                Some(child) => return Exit { child, failure: None, log: None },
                None => self.word.notified().await,
            }
        }
    }

    fn stop(&self, child: &ChildName, _: Force) {
        self.stopped.lock().unwrap().push_back(child.clone());
        self.word.notify_one();
    }

    async fn observe(&self, _: &str, _: &RunId) -> Vec<ChildName> {
        vec![]
    }

    async fn remove(&self, _: &str, _: &ChildName) {}

    fn log_of(&self, _: &ChildName) -> Option<PathBuf> {
        None
    }
}
