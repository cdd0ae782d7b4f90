//! A world for schedules: time set by hand, a store in memory, submissions that take as long as they are told, and
//! processes that die at any request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::{Clock, WallClock};
use artifacts::faults::{Fault, FaultyStore};
use artifacts::publish::Patience;
use artifacts::source::Location;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::memory::InMemory;
use spec::{ScheduleName, SourceFile, SubmissionId};

use crate::error::{CoordinatorError, Result};
use crate::log::WriterId;
use crate::names::{Owner, Priority};
use crate::schedules::content::{Content, NewSchedules};
use crate::schedules::keeper::Keeper;
use crate::schedules::log::ScheduleLog;
use crate::schedules::submissions::{Firing, NotStarted, Standing, Submissions};

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(super) fn ana() -> Owner {
    "ana".parse().unwrap()
}

pub(super) fn nightly() -> ScheduleName {
    "nightly".parse().unwrap()
}

/// A Scoring document with this schedule.
pub(super) fn text(name: &str, schedule: &str) -> String {
    format!(
        "apiVersion: kindred.dev/v1\nkind: Scoring\nmetadata: {{name: {name}}}\nspec:\n  model: m@1\n  \
         tables: {{people: {{url: \"people/${{run_date}}.parquet\"}}}}\n  population: people\n  key: id\n{schedule}"
    )
}

pub(super) fn new_schedules(text: String) -> NewSchedules {
    let files = vec![SourceFile { name: "nightly.yaml".to_owned(), text }];
    NewSchedules { owner: ana(), priority: Priority::default(), files, set: BTreeMap::new(), folder: None }
}

/// The one schedule of a document, such as `{cron: 0 2 * * *}`.
pub(super) fn content(schedule: &str) -> Content {
    let new = new_schedules(text("nightly", &format!("  schedule: {schedule}\n")));
    new.contents(at("2026-01-01T00:00:00Z")).unwrap().remove(0)
}

/// A clock that shows what it is told. Sleeping takes no time but lets others go first.
#[derive(Debug)]
pub(super) struct SetClock {
    utc: Mutex<DateTime<Utc>>,
    slept: AtomicU64,
}

impl SetClock {
    pub(super) fn at(utc: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self { utc: Mutex::new(utc), slept: AtomicU64::new(0) })
    }

    pub(super) fn set(&self, utc: DateTime<Utc>) {
        *self.utc.lock().unwrap() = utc;
    }
}

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.slept.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        // In-memory requests are ready within a few polls; a time-out must not win against one that is.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.slept.fetch_add(u64::try_from(duration.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl WallClock for SetClock {
    fn utc(&self) -> DateTime<Utc> {
        *self.utc.lock().unwrap()
    }
}

/// Everything that outlives processes.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Arc<SetClock>,
    pub(super) store: Arc<InMemory>,
    /// Submissions by id, with what was asked and when they end.
    pub(super) submissions: Mutex<BTreeMap<SubmissionId, Submitted>>,
    /// How long the next submissions take.
    pub(super) takes: Mutex<TimeDelta>,
    /// What becomes of requests to whoever runs submissions.
    pub(super) desk: Mutex<Desk>,
    /// Cancels that hang.
    pub(super) hanging: AtomicU64,
}

/// How whoever runs submissions answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desk {
    /// As it should.
    Open,
    /// Not now.
    Closed,
    /// As it should, once it is that late.
    OpenAt(DateTime<Utc>),
    /// Never, to cancels.
    HangsOnCancels,
}

#[derive(Debug, Clone)]
pub(super) struct Submitted {
    pub(super) firing: Firing,
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    pub(super) was_cancelled: bool,
}

impl World {
    pub(super) fn at(utc: &str) -> Arc<Self> {
        Arc::new(Self {
            clock: SetClock::at(at(utc)),
            store: Arc::new(InMemory::new()),
            submissions: Mutex::default(),
            takes: Mutex::new(TimeDelta::minutes(10)),
            desk: Mutex::new(Desk::Open),
            hanging: AtomicU64::new(0),
        })
    }

    pub(super) fn workspace(&self, life: &Arc<Life>) -> Workspace {
        let life = Arc::clone(life);
        let store = FaultyStore::new(self.store.clone(), move |_| life.fault());
        let workspace = Workspace::in_store(Arc::new(store), Location::parse("memory://schedules/ws").unwrap());
        workspace.with_patience(Patience::default(), self.clock.clone())
    }

    /// A process that keeps the schedule until its life ends.
    pub(super) async fn process(self: &Arc<Self>, life: Arc<Life>) -> Option<Keeper<Mortal>> {
        let workspace = self.workspace(&life);
        let log = ScheduleLog::open(&workspace, &WriterId::new(), nightly()).await.ok()?;
        let submissions = Arc::new(Mortal { world: Arc::clone(self), life });
        Some(Keeper::new(log, submissions, self.clock.clone(), Duration::ZERO))
    }

    /// The slots that were submitted, in order.
    pub(super) fn fired(&self) -> Vec<DateTime<Utc>> {
        let mut slots: Vec<_> = self.submissions.lock().unwrap().values().map(|one| one.firing.slot.0).collect();
        slots.sort_unstable();
        slots
    }

    /// The same as text: `02-28T18:00`.
    pub(super) fn fired_texts(&self) -> Vec<String> {
        self.fired().iter().map(|slot| slot.format("%m-%dT%H:%M").to_string()).collect()
    }
}

/// How many requests a process lives for, to the store and to the coordinator.
#[derive(Debug)]
pub(super) struct Life {
    left: AtomicU64,
    /// Whether the last request is done though its answer never comes.
    last_is_done: bool,
}

impl Life {
    pub(super) fn of(requests: u64, last_is_done: bool) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(requests), last_is_done })
    }

    pub(super) fn without_end() -> Arc<Self> {
        Self::of(u64::MAX, false)
    }

    /// Requests that are left.
    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::SeqCst)
    }

    fn fault(&self) -> Fault {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match before {
            Ok(1) if self.last_is_done => Fault::After,
            Ok(_) => Fault::None,
            Err(_) => Fault::Before,
        }
    }
}

/// Submissions as a process that may die reaches them.
#[derive(Debug)]
pub(super) struct Mortal {
    pub(super) world: Arc<World>,
    pub(super) life: Arc<Life>,
}

impl Submissions for Mortal {
    async fn start(&self, firing: Firing) -> Result<SubmissionId, NotStarted> {
        let fault = self.life.fault();
        if fault == Fault::Before || *self.world.desk.lock().unwrap() == Desk::Closed {
            return Err(NotStarted::NotNow(CoordinatorError::Stopping));
        }
        assert!(!firing.documents.is_empty());
        let token = firing.slot.client_token(&firing.schedule);
        let id = crate::submission::id_of(&firing.owner, Some(&token));
        let now = self.world.clock.utc();
        let mut submissions = self.world.submissions.lock().unwrap();
        match submissions.get(&id) {
            Some(known) => assert_eq!(known.firing, firing, "the same slot is always submitted in the same way"),
            None => {
                let going: Vec<_> = submissions.values().filter(|one| one.until > now).collect();
                assert!(going.is_empty(), "{} starts while {going:?}", firing.slot);
                let until = now + *self.world.takes.lock().unwrap();
                submissions.insert(id.clone(), Submitted { firing, from: now, until, was_cancelled: false });
            }
        }
        if fault == Fault::After { Err(NotStarted::NotNow(CoordinatorError::Stopping)) } else { Ok(id) }
    }

    async fn standing(&self, submission: &SubmissionId) -> Result<Standing> {
        let desk = *self.world.desk.lock().unwrap();
        if self.life.fault() != Fault::None || desk == Desk::Closed {
            return Err(CoordinatorError::Stopping);
        }
        if let Desk::OpenAt(time) = desk {
            self.world.clock.set(time);
        }
        let now = self.world.clock.utc();
        Ok(match self.world.submissions.lock().unwrap().get(submission) {
            None => Standing::Absent,
            Some(submitted) if submitted.until <= now => Standing::Ended,
            Some(_) => Standing::Going,
        })
    }

    async fn cancel(&self, submission: &SubmissionId, _: &Owner) -> Result<()> {
        if self.life.fault() == Fault::Before {
            return Err(CoordinatorError::Stopping);
        }
        if *self.world.desk.lock().unwrap() == Desk::HangsOnCancels {
            self.world.hanging.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        let mut submissions = self.world.submissions.lock().unwrap();
        let cancelled = submissions.get_mut(submission).unwrap();
        let now = self.world.clock.utc();
        if cancelled.until > now {
            (cancelled.until, cancelled.was_cancelled) = (now, true);
        }
        Ok(())
    }
}
