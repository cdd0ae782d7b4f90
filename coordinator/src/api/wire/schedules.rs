//! Schedules.

use chrono::{DateTime, Utc};
use proto::api::{timestamp, v1};
use spec::Overlap;

use crate::schedules::{DocumentKind, Left, Passed, Recent, ScheduleView, WaitingView, Why};

/// A schedule.
pub(in crate::api) fn schedule(view: &ScheduleView) -> v1::Schedule {
    let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let documents = view.documents.iter().map(|document| v1::ScheduledDocument {
        kind: match document.kind {
            DocumentKind::Training => v1::Kind::Training,
            DocumentKind::Scoring => v1::Kind::Scoring,
        }
        .into(),
        name: document.name.clone(),
    });
    v1::Schedule {
        name: view.name.to_string(),
        owner: view.owner.to_string(),
        priority: view.priority.number(),
        documents: documents.collect(),
        cron: view.cron.clone(),
        time_zone: view.time_zone.clone(),
        overlap: overlap(view.overlap).into(),
        catch_up: view.catch_up,
        start: day(view.start),
        end: day(view.end),
        update_time: Some(timestamp(view.revised_at)),
        updated_by: view.revised_by.to_string(),
        paused_by: view.paused.as_ref().map(|paused| paused.by.to_string()).unwrap_or_default(),
        pause_time: view.paused.as_ref().map(|paused| timestamp(paused.at)),
        next_times: view.next.iter().map(|next| timestamp(next.with_timezone(&Utc))).collect(),
        waiting: view.waiting.iter().map(waiting).collect(),
        running_submission_id: view.running.as_ref().map(ToString::to_string).unwrap_or_default(),
        last_slots: view.last.iter().map(recent).collect(),
        problem: view.problem.clone().unwrap_or_default(),
    }
}

fn overlap(overlap: Overlap) -> v1::Overlap {
    match overlap {
        Overlap::Skip => v1::Overlap::Skip,
        Overlap::Queue => v1::Overlap::Queue,
        Overlap::Cancel => v1::Overlap::Cancel,
    }
}

fn slot(time: DateTime<Utc>, state: v1::SlotState, reason: String) -> v1::Slot {
    v1::Slot { time: Some(timestamp(time)), state: state.into(), reason, count: 1, ..v1::Slot::default() }
}

fn waiting(view: &WaitingView) -> v1::Slot {
    let reason = match &view.why {
        Why::Moment => "it is about to be looked after".to_owned(),
        Why::Input { url, until, problem } => {
            let problem = problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
            format!("{url} is not there, and is waited for until {until}{problem}")
        }
        Why::Predecessor { slot, submission } => format!("submission {submission} of slot {slot} has not ended"),
        Why::Behind { slot } => format!("slot {slot} waits itself"),
    };
    slot(view.slot.0, v1::SlotState::Waiting, reason)
}

fn recent(recent: &Recent) -> v1::Slot {
    match recent {
        Recent::Started { slot: started, submission, at: _ } => {
            v1::Slot { submission_id: submission.to_string(), ..slot(started.0, v1::SlotState::Started, String::new()) }
        }
        Recent::Passed { first, last, count, why } => v1::Slot {
            last_time: (*count > 1).then(|| timestamp(last.0)),
            count: *count,
            ..slot(first.0, v1::SlotState::Passed, passed(why))
        },
        Recent::Left { slot: left_out, why, at: _ } => slot(left_out.0, v1::SlotState::Left, left(why)),
    }
}

fn passed(why: &Passed) -> String {
    match why {
        Passed::Missed { catch_up } => {
            format!("no coordinator ran when it came due, and catch_up is {catch_up}")
        }
        Passed::Overlap { slot } => format!("slot {slot} had not ended"),
        Passed::Changed => "the schedule changed before the slot before could be asked after".to_owned(),
        Passed::TooManyWait { waiting } => format!("{waiting} slots waited already"),
    }
}

fn left(why: &Left) -> String {
    match why {
        Left::InputMissing { url, until, problem } => {
            let problem = problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
            format!("{url} did not come until {until}{problem}")
        }
        Left::Refused { problem } => problem.clone(),
        Left::Overtaken { by } => format!("slot {by} came due"),
        Left::Paused { by } => format!("{by} paused the schedule"),
        Left::Removed { by } => format!("{by} removed the schedule"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedules::Slot;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn slots_that_were_passed_over_together_are_one() {
        let (first, last) = (at("2026-01-01T02:00:00Z"), at("2026-01-03T02:00:00Z"));
        let why = Passed::Missed { catch_up: 1 };
        let told = recent(&Recent::Passed { first: Slot(first), last: Slot(last), count: 3, why });
        assert_eq!((told.time, told.last_time, told.count), (Some(timestamp(first)), Some(timestamp(last)), 3));
        assert_eq!(told.state(), v1::SlotState::Passed);
        assert!(told.reason.contains("catch_up is 1"), "{}", told.reason);
    }

    #[test]
    fn a_slot_that_waits_says_for_what() {
        let url = "s3://b/day=2026-01-01/_SUCCESS".to_owned();
        let why = Why::Input { url, until: at("2026-01-01T08:00:00Z"), problem: Some("no answer".to_owned()) };
        let view = WaitingView {
            slot: Slot(at("2026-01-01T02:00:00Z")),
            run_date: "2026-01-01".parse().unwrap(),
            since: at("2026-01-01T02:00:00Z"),
            is_late: false,
            why,
        };
        let told = waiting(&view);
        assert_eq!((told.state(), told.count), (v1::SlotState::Waiting, 1));
        assert!(told.reason.contains("_SUCCESS is not there") && told.reason.ends_with("no answer"), "{}", told.reason);
    }
}
