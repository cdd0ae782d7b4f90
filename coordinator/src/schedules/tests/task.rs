//! The task behind the handle.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use spec::ScheduleName;

use super::world::{Desk, Life, Mortal, World, ana, at, new_schedules, nightly, text};
use crate::schedules::content::MOST_INPUTS;
use crate::schedules::handle::{Schedules, Waits};
use crate::schedules::mistake::SchedulesError;
use crate::schedules::shelf::MOST_SCHEDULES;
use crate::schedules::timekeeper::Timekeeper;

async fn opened(world: &Arc<World>) -> (Schedules, Timekeeper) {
    let life = Life::without_end();
    let submissions = Mortal { world: Arc::clone(world), life: Arc::clone(&life) };
    let waits = Waits { inputs: Duration::ZERO, ..Waits::default() };
    Schedules::open(world.workspace(&life), submissions, waits, world.clock.clone()).await.unwrap()
}

async fn fires(world: &World, count: usize) {
    while world.fired().len() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn schedules_fire_are_listed_and_are_there_again_after_a_restart() {
    let world = World::at("2026-03-01T00:30:00Z");
    let (schedules, timekeeper) = opened(&world).await;
    let two = [
        text("nightly", "  schedule: {cron: 0 1 * * *}\n"),
        text("hourly", "  schedule: {cron: 0 * * * *, overlap: queue}\n"),
    ];
    let registered = schedules.register(new_schedules(two.join("---\n")), ana()).await.unwrap();
    assert_eq!(registered.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["nightly", "hourly"]);
    assert_eq!(registered[1].next[0].to_string(), "2026-03-01 01:00:00 +00:00");
    schedules.pause(&"hourly".parse().unwrap(), ana()).await.unwrap();
    world.clock.set(at("2026-03-01T01:00:00Z"));
    fires(&world, 1).await;
    timekeeper.stop().await;
    assert!(matches!(schedules.list().await, Err(SchedulesError::Stopping)));

    let (schedules, timekeeper) = opened(&world).await;
    let list = schedules.list().await.unwrap();
    assert_eq!(list.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["hourly", "nightly"]);
    assert!(list[0].paused.is_some() && list[1].paused.is_none());
    schedules.resume(&list[0].name, ana()).await.unwrap();
    schedules.remove(&nightly(), ana()).await.unwrap();
    world.clock.set(at("2026-03-01T02:00:00Z"));
    fires(&world, 2).await;
    let unknown = schedules.show(&nightly()).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no schedule `nightly`");
    let meant = schedules.show(&"hurly".parse().unwrap()).await.unwrap_err();
    assert_eq!(meant.to_string(), "there is no schedule `hurly` (did you mean `hourly`?)");
    timekeeper.stop().await;
}

#[tokio::test]
async fn the_task_ends_with_the_last_who_can_ask_it() {
    let (schedules, timekeeper) = opened(&World::at("2026-03-01T00:30:00Z")).await;
    drop(schedules);
    timekeeper.ended().await;
    timekeeper.stop().await;
}

#[tokio::test]
async fn documents_without_a_schedule_are_refused() {
    let world = World::at("2026-03-01T00:30:00Z");
    let (schedules, timekeeper) = opened(&world).await;
    let error = schedules.register(new_schedules(text("nightly", "")), ana()).await.unwrap_err();
    assert!(matches!(error, SchedulesError::NoSchedule), "{error}");
    let wrong = schedules.register(new_schedules(text("nightly", "  schedule: {cron: 0 25 * * *}\n")), ana()).await;
    assert!(matches!(wrong, Err(SchedulesError::Documents(_))));
    timekeeper.stop().await;
}

#[tokio::test]
async fn a_schedule_that_hangs_delays_no_other_and_nobody_who_asks() {
    let world = World::at("2026-03-01T00:30:00Z");
    let (schedules, timekeeper) = opened(&world).await;
    let slow = text("slow", "  schedule: {cron: 0 * * * *, overlap: cancel}\n");
    schedules.register(new_schedules(slow), ana()).await.unwrap();
    *world.takes.lock().unwrap() = chrono::TimeDelta::days(9);
    world.clock.set(at("2026-03-01T01:00:00Z"));
    fires(&world, 1).await;
    *world.desk.lock().unwrap() = Desk::HangsOnCancels;
    world.clock.set(at("2026-03-01T02:00:00Z"));
    while world.hanging.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let other = text("other", "  schedule: {cron: 10 2 * * *}\n");
    schedules.register(new_schedules(other), ana()).await.unwrap();
    world.submissions.lock().unwrap().values_mut().for_each(|one| one.until = at("2026-03-01T02:05:00Z"));
    world.clock.set(at("2026-03-01T02:10:00Z"));
    fires(&world, 2).await;
    let names: Vec<ScheduleName> =
        world.submissions.lock().unwrap().values().map(|one| one.firing.schedule.clone()).collect();
    assert!(names.iter().any(|name| name.as_str() == "other"), "{names:?}");
    assert_eq!(schedules.list().await.unwrap().len(), 2);
    timekeeper.stop().await;
}

#[tokio::test]
async fn there_are_no_more_schedules_and_inputs_than_there_may_be() {
    let world = World::at("2026-03-01T00:30:00Z");
    let (schedules, timekeeper) = opened(&world).await;
    let inputs = vec!["{url: s3://b/_SUCCESS}"; MOST_INPUTS + 1].join(", ");
    let greedy = text("greedy", &format!("  schedule: {{cron: 0 2 * * *, wait_for: [{inputs}]}}\n"));
    let error = schedules.register(new_schedules(greedy), ana()).await.unwrap_err();
    assert!(matches!(error, SchedulesError::TooManyInputs { given: 33, most: 32, .. }), "{error}");
    let many: Vec<String> =
        (0..=MOST_SCHEDULES).map(|n| text(&format!("s{n}"), "  schedule: {cron: 0 2 * * *}\n")).collect();
    let error = schedules.register(new_schedules(many.join("---\n")), ana()).await.unwrap_err();
    assert!(matches!(error, SchedulesError::TooMany { most: MOST_SCHEDULES }), "{error}");
    assert!(schedules.list().await.unwrap().is_empty());
    timekeeper.stop().await;
}
