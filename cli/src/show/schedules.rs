//! Schedules of a coordinator.

use proto::api::v1;
use serde_json::{Value, json};

use super::submissions::some;
use super::{Rows, times};

/// A schedule as `--output json` has it.
pub(crate) fn json(schedule: &v1::Schedule) -> Value {
    let documents =
        schedule.documents.iter().map(|document| json!({"kind": document.kind().word(), "name": document.name}));
    json!({
        "schedule": schedule.name,
        "owner": schedule.owner,
        "priority": schedule.priority,
        "documents": documents.collect::<Value>(),
        "cron": schedule.cron,
        "time_zone": schedule.time_zone,
        "overlap": overlap(schedule.overlap()),
        "catch_up": schedule.catch_up,
        "start": some(&schedule.start),
        "end": some(&schedule.end),
        "changed": times::text(schedule.update_time.as_ref()),
        "changed_by": schedule.updated_by,
        "paused_by": some(&schedule.paused_by),
        "paused": some(&times::text(schedule.pause_time.as_ref())),
        "next": schedule.next_times.iter().map(|time| times::text(Some(time))).collect::<Vec<_>>(),
        "running": some(&schedule.running_submission_id),
        "waiting": schedule.waiting.iter().map(slot).collect::<Value>(),
        "last": schedule.last_slots.iter().map(slot).collect::<Value>(),
        "problem": some(&schedule.problem),
    })
}

fn slot(slot: &v1::Slot) -> Value {
    json!({
        "slot": times::text(slot.time.as_ref()),
        "until": some(&times::text(slot.last_time.as_ref())),
        "count": slot.count,
        "state": word(slot.state()),
        "submission": some(&slot.submission_id),
        "reason": some(&slot.reason),
    })
}

fn overlap(overlap: v1::Overlap) -> &'static str {
    match overlap {
        v1::Overlap::Unspecified => "unknown",
        v1::Overlap::Skip => "skip",
        v1::Overlap::Queue => "queue",
        v1::Overlap::Cancel => "cancel",
    }
}

fn word(state: v1::SlotState) -> &'static str {
    match state {
        v1::SlotState::Unspecified => "unknown",
        v1::SlotState::Waiting => "waiting",
        v1::SlotState::Started => "started",
        v1::SlotState::Passed => "passed",
        v1::SlotState::Left => "left",
    }
}

/// Schedules, a line each.
pub(crate) fn table(schedules: &[v1::Schedule]) -> String {
    if schedules.is_empty() {
        return "no schedules".to_owned();
    }
    let mut rows = Rows::new(&["schedule", "owner", "cron", "time zone", "next", "last"]);
    for schedule in schedules {
        let is_paused = !schedule.paused_by.is_empty();
        let next = match (schedule.problem.is_empty(), is_paused) {
            (false, _) => "stuck".to_owned(),
            (true, true) => "paused".to_owned(),
            (true, false) => times::text(schedule.next_times.first()),
        };
        let last = schedule.last_slots.first().map(|slot| word(slot.state()).to_owned()).unwrap_or_default();
        let v1::Schedule { name, owner, cron, time_zone, .. } = schedule.clone();
        rows.add([name, owner, cron, time_zone, next, last]);
    }
    rows.to_string()
}

/// Everything about a schedule.
pub(crate) fn whole(schedule: &v1::Schedule) -> String {
    let v1::Schedule { name, owner, cron, time_zone, catch_up, .. } = schedule;
    let documents: Vec<&str> = schedule.documents.iter().map(|document| document.name.as_str()).collect();
    let mut lines = vec![
        format!("schedule {name}: `{cron}` in {time_zone}"),
        format!("runs {}, owner {owner}, priority {}", documents.join(", "), schedule.priority),
        format!("overlap {}, catch_up {catch_up}", overlap(schedule.overlap())),
    ];
    if schedule.paused_by.is_empty() {
        let next: Vec<String> = schedule.next_times.iter().map(|time| times::text(Some(time))).collect();
        lines.push(format!("next: {}", next.join(", ")));
    } else {
        lines.push(format!("paused by {}, {}", schedule.paused_by, times::text(schedule.pause_time.as_ref())));
    }
    if !schedule.running_submission_id.is_empty() {
        lines.push(format!("running: submission {}", schedule.running_submission_id));
    }
    if !schedule.problem.is_empty() {
        lines.push(format!("problem: {}", schedule.problem));
    }
    let mut rows = Rows::new(&["slot", "state", "submission", "reason"]);
    for slot in schedule.waiting.iter().chain(&schedule.last_slots) {
        let until = slot.last_time.as_ref().map(|last| format!(" to {} ({})", times::text(Some(last)), slot.count));
        let time = format!("{}{}", times::text(slot.time.as_ref()), until.unwrap_or_default());
        rows.add([time, word(slot.state()).to_owned(), slot.submission_id.clone(), slot.reason.clone()]);
    }
    lines.extend((!rows.is_empty()).then(|| rows.to_string()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_says_what_comes_and_what_came_of_it() {
        let time = proto::api::timestamp(chrono::DateTime::UNIX_EPOCH);
        let left = v1::Slot { time: Some(time), state: v1::SlotState::Left.into(), count: 1, ..v1::Slot::default() };
        let mut schedule = v1::Schedule {
            name: "nightly".to_owned(),
            next_times: vec![time],
            last_slots: vec![left],
            ..v1::Schedule::default()
        };
        assert!(whole(&schedule).contains("next: 1970-01-01T00:00:00Z") && whole(&schedule).contains("left"));
        assert_eq!(json(&schedule)["next"][0], "1970-01-01T00:00:00Z");
        schedule.paused_by = "ana".to_owned();
        assert!(whole(&schedule).contains("paused by ana"));
        assert!(table(std::slice::from_ref(&schedule)).contains("paused"));
        assert_eq!(json(&schedule)["last"][0]["state"], "left");
        schedule.problem = "not valid any more".to_owned();
        assert!(whole(&schedule).contains("problem: not valid"));
        assert!(table(std::slice::from_ref(&schedule)).contains("stuck"));
    }
}
