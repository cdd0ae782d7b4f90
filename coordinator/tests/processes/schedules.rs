//! Schedules whose slots become submissions of a long-lived coordinator, with real processes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifacts::clock::{Clock, SystemClock, WallClock};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use coordinator::house::{Ended, Origin, Page, SubmissionFilter, SubmissionStatus, SubmissionView};
use coordinator::schedules::{NewSchedules, Schedules, Timekeeper, Waits};
use coordinator::{Coordinator, Priority};
use spec::SourceFile;

use crate::site::{Site, owner, to_its_end};

/// A time of day that is set, over time that passes.
#[derive(Debug)]
struct SetClock(Mutex<DateTime<Utc>>);

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Duration {
        SystemClock.now()
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

impl WallClock for SetClock {
    fn utc(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A coordinator and its schedules.
struct Night {
    coordinator: Coordinator,
    _ended: Ended,
    schedules: Schedules,
    timekeeper: Timekeeper,
}

const ROUND: Duration = Duration::from_millis(10);

impl Night {
    async fn begin(site: &Site, clock: &Arc<SetClock>) -> Self {
        let (coordinator, _ended) = site.open().await;
        let waits = Waits { round: ROUND, inputs: ROUND };
        let opened = Schedules::open(site.workspace(), coordinator.clone(), waits, clock.clone()).await;
        let (schedules, timekeeper) = opened.unwrap();
        Self { coordinator, _ended, schedules, timekeeper }
    }

    async fn end(self) {
        self.timekeeper.stop().await;
        self.coordinator.shutdown(Duration::from_secs(20)).await.unwrap();
    }

    /// The submissions, the newest first, once there are so many.
    async fn submissions(&self, count: usize) -> Vec<SubmissionView> {
        loop {
            let page = Page::first(100.try_into().unwrap());
            let listed = self.coordinator.submissions(SubmissionFilter::default(), page).await.unwrap().items;
            if listed.len() >= count {
                return listed;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn nightly(site: &Site) -> NewSchedules {
    let folder = site.people().parent().unwrap().to_str().unwrap().to_owned();
    let document = |name: &str, schedule: &str| {
        format!(
            "apiVersion: kindred.dev/v1\nkind: Training\nmetadata: {{name: {name}}}\nspec:\n{schedule}  \
             tables: {{people: {{url: people.csv}}}}\n  examples: people\n  key: person\n  \
             features: {{age: {{kind: numeric}}}}\n  tasks: {{bought: {{kind: binary, label: bought}}}}\n  \
             network: {{kind: linear}}\n  parameters: {{day: \"${{run_date}}\"}}\n"
        )
    };
    let wait = "wait_for: [{url: \"${run_date}/_SUCCESS\"}]";
    let schedule = format!("  schedule: {{cron: 0 2 * * *, time_zone: Asia/Shanghai, {wait}}}\n");
    let text = format!("{}---\n{}", document("nightly", &schedule), document("after", ""));
    let files = vec![SourceFile { name: "nightly.yaml".to_owned(), text }];
    let (owner, priority) = (owner("ana"), Priority::default());
    NewSchedules { owner, priority, files, set: BTreeMap::new(), folder: Some(folder) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_runs_its_documents_once_its_input_is_there_and_never_again() {
    let site = Site::new();
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let clock = Arc::new(SetClock(Mutex::new(at("2026-03-01T12:00:00Z"))));
    let night = Night::begin(&site, &clock).await;
    let registered = night.schedules.register(nightly(&site), owner("ana")).await.unwrap();
    assert_eq!(registered[0].next[0].to_string(), "2026-03-02 02:00:00 +08:00");

    *clock.0.lock().unwrap() = at("2026-03-01T18:00:00Z");
    while night.schedules.list().await.unwrap()[0].waiting.is_empty() {
        tokio::task::yield_now().await;
    }
    let done = site.people().with_file_name("2026-03-02");
    std::fs::create_dir_all(&done).unwrap();
    std::fs::write(done.join("_SUCCESS"), "").unwrap();
    let first = night.submissions(1).await.remove(0);
    assert_eq!(first.origin, Origin::Schedule { name: "nightly".to_owned(), slot: at("2026-03-01T18:00:00Z") });
    assert_eq!((first.owner.as_str(), first.run_date.to_string().as_str()), ("ana", "2026-03-02"));
    let names: Vec<&str> = first.documents.iter().map(|document| document.name.as_str()).collect();
    assert_eq!(names, ["nightly", "after"]);
    let told = to_its_end(&night.coordinator, &first.id).await;
    assert_eq!(told.last.status, SubmissionStatus::Succeeded);
    night.end().await;

    let night = Night::begin(&site, &clock).await;
    let done = site.people().with_file_name("2026-03-03");
    std::fs::create_dir_all(&done).unwrap();
    std::fs::write(done.join("_SUCCESS"), "").unwrap();
    *clock.0.lock().unwrap() = at("2026-03-02T18:00:01Z");
    let listed = night.submissions(2).await;
    assert_eq!(listed.len(), 2, "the first slot was not run again");
    assert_eq!((listed[0].run_date.to_string().as_str(), &listed[1].id), ("2026-03-03", &first.id));
    let told = to_its_end(&night.coordinator, &listed[0].id).await;
    assert_eq!(told.last.status, SubmissionStatus::Succeeded);
    night.end().await;
}
