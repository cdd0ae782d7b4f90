//! What the schedules in documents mean, for people.

use chrono::{DateTime, FixedOffset, Utc};
use coordinator::schedules::Parts;
use serde::{Deserialize, Serialize};
use spec::{Document, Timetable};

/// How many slots to come are shown.
const NEXT: usize = 5;

/// A schedule in documents, and when it would come due.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Upcoming {
    /// Its name.
    name: String,
    /// What it runs, in order, such as `Scoring nightly`.
    documents: Vec<String>,
    cron: String,
    time_zone: String,
    /// What it waits for, for today.
    wait_for: Vec<String>,
    /// The next slots on its own clock.
    next: Vec<DateTime<FixedOffset>>,
}

/// Every schedule in documents.
pub(crate) fn upcoming(documents: &[Document], now: DateTime<Utc>) -> Vec<Upcoming> {
    let scheduled = Parts::of(documents.to_vec()).scheduled;
    scheduled.iter().filter_map(|documents| one(documents, now)).collect()
}

fn one(documents: &[Document], now: DateTime<Utc>) -> Option<Upcoming> {
    let first = documents.first()?;
    let schedule = first.schedule()?;
    let timetable = Timetable::of(schedule).ok()?;
    Some(Upcoming {
        name: first.name().to_owned(),
        documents: documents.iter().map(|document| format!("{} {}", document.kind(), document.name())).collect(),
        cron: schedule.cron.clone(),
        time_zone: schedule.time_zone.clone(),
        wait_for: schedule.wait_for.iter().map(|wait| wait.url.clone()).collect(),
        next: timetable.slots_after(now).take(NEXT).map(|slot| timetable.local(slot)).collect(),
    })
}

impl Upcoming {
    /// A few lines.
    pub(crate) fn block(&self) -> String {
        let Self { name, documents, cron, time_zone, wait_for, next } = self;
        let mut lines = vec![format!("schedule {name}: {cron} ({time_zone}), runs {}", documents.join(", then "))];
        lines.extend(wait_for.iter().map(|url| format!("waits for, today: {url}")));
        lines.extend(next.iter().map(|slot| slot.format("%a %Y-%m-%d %H:%M %:z").to_string()));
        if next.is_empty() {
            lines.push("no slot is left".to_owned());
        }
        lines.join("\n  ")
    }
}

/// What `kindred run` says of documents that have a schedule.
pub(crate) fn run_anyway(documents: &[Document]) -> String {
    let line = |document: &Document| {
        let schedule = document.schedule()?;
        let (kind, name, cron, zone) = (document.kind(), document.name(), &schedule.cron, &schedule.time_zone);
        Some(format!(
            "{kind} {name} has a schedule ({cron}, {zone}): it runs now, once; `kindred submit` keeps the schedule\n"
        ))
    };
    documents.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use spec::{Settings, SourceFile};

    use super::*;

    fn documents(schedule: &str) -> Vec<Document> {
        let head = "apiVersion: kindred.dev/v1\nkind: Scoring\nmetadata: {name: ";
        let rest = "spec:\n  model: m@1\n  tables: {p: {url: p.parquet}}\n  population: p\n  key: id\n";
        let text = format!("{head}nightly}}\n{rest}{schedule}---\n{head}after}}\n{rest}");
        let file = SourceFile { name: "a.yaml".to_owned(), text };
        let settings = Settings { set: Default::default(), run_date: "2026-03-01".parse().unwrap() };
        spec::parse(&[file], &settings).unwrap()
    }

    #[test]
    fn a_schedule_shows_what_it_runs_and_its_next_five_times() {
        let schedule =
            "  schedule: {cron: 0 2 * * *, time_zone: Asia/Shanghai, wait_for: [{url: \"in/${run_date}/\"}]}\n";
        let now = "2026-03-01T18:00:00Z".parse().unwrap();
        let upcoming = upcoming(&documents(schedule), now);
        assert_eq!(
            upcoming[0].block(),
            "schedule nightly: 0 2 * * * (Asia/Shanghai), runs Scoring nightly, then Scoring after\n  \
             waits for, today: in/2026-03-01/\n  \
             Tue 2026-03-03 02:00 +08:00\n  Wed 2026-03-04 02:00 +08:00\n  Thu 2026-03-05 02:00 +08:00\n  \
             Fri 2026-03-06 02:00 +08:00\n  Sat 2026-03-07 02:00 +08:00"
        );
        assert_eq!(
            run_anyway(&documents(schedule)),
            "Scoring nightly has a schedule (0 2 * * *, Asia/Shanghai): it runs now, once; `kindred submit` keeps the \
             schedule\n"
        );
    }

    #[test]
    fn documents_without_a_schedule_say_nothing() {
        assert!(upcoming(&documents(""), Utc::now()).is_empty());
        assert_eq!(run_anyway(&documents("")), "");
    }
}
