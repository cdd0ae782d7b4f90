//! When documents run by themselves.

use std::str::FromStr;

use super::{Checker, spec};
use crate::duration;
use crate::mistake::Mistake;
use crate::schedule::{Cron, CronSchedule, InvalidSchedule, TimeZone, Timetable};

pub(super) fn check(checker: &mut Checker<'_>, schedule: &CronSchedule) {
    let path = spec("schedule");
    let mut report = |field: &str, mistake: InvalidSchedule| {
        checker.report_mistake(&path.name(field), Mistake::Schedule(mistake));
    };
    let cron = Cron::from_str(&schedule.cron);
    let zone = TimeZone::from_str(&schedule.time_zone);
    let is_timed = cron.is_ok() && zone.is_ok();
    if let Err(mistake) = cron {
        report("cron", mistake.into());
    }
    if let Err(mistake) = zone {
        report("time_zone", mistake);
    }
    if is_timed && let Err(mistake) = Timetable::of(schedule) {
        report(if schedule.end.is_some() { "end" } else { "cron" }, mistake);
    }
    let timeouts = path.name("wait_for");
    for (index, wait) in schedule.wait_for.iter().enumerate() {
        if let Err(mistake) = duration::parse(&wait.timeout) {
            checker.report_mistake(&timeouts.item(index).name("timeout"), Mistake::Schedule(mistake.into()));
        }
    }
}
