//! `kindred schedules`

use proto::api::v1;
use serde_json::{Value, json};

use crate::arguments::{Format, ScheduleAction, Schedules};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::remote::{Refused, Remote};
use crate::show::{self, schedules as shown_as};

pub(super) async fn schedules(arguments: Schedules) -> Result<Ending, Failure> {
    let Schedules { action, shown, contact } = arguments;
    let mut schedules = Remote::open(&contact)?.schedules;
    let schedule = match action {
        None => {
            let found = schedules.list_schedules(v1::ListSchedulesRequest {}).await?.into_inner().schedules;
            return list(shown.format, &found);
        }
        Some(ScheduleAction::Show { name }) => {
            schedules.get_schedule(v1::GetScheduleRequest { name }).await?.into_inner().schedule
        }
        Some(ScheduleAction::Pause { name }) => {
            schedules.pause_schedule(v1::PauseScheduleRequest { name }).await?.into_inner().schedule
        }
        Some(ScheduleAction::Resume { name }) => {
            schedules.resume_schedule(v1::ResumeScheduleRequest { name }).await?.into_inner().schedule
        }
        Some(ScheduleAction::Remove { name }) => {
            schedules.remove_schedule(v1::RemoveScheduleRequest { name }).await?.into_inner().schedule
        }
    };
    let schedule = schedule.ok_or(Refused::Incomplete { field: "schedule" })?;
    show::result(shown.format, &json!({"schedule": shown_as::json(&schedule)}), || shown_as::whole(&schedule))?;
    Ok(Ending::Done)
}

fn list(format: Format, found: &[v1::Schedule]) -> Result<Ending, Failure> {
    let values: Vec<Value> = found.iter().map(shown_as::json).collect();
    show::result(format, &json!({"schedules": values}), || shown_as::table(found))?;
    Ok(Ending::Done)
}
