//! Weeks and years of slots with processes that die at any request, two of them at once: every slot is run once.

use std::collections::BTreeSet;
use std::sync::Arc;

use artifacts::clock::WallClock;
use artifacts::layout;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use spec::Timetable;

use super::world::{Life, Mortal, World, ana, at, content, nightly};
use crate::schedules::event::{Event, Passed};
use crate::schedules::keeper::Keeper;
use crate::schedules::log::LogEntry;
use crate::schedules::state::State;
use crate::schedules::transition::transition;

/// Numbers that look drawn, the same for the same seed (Vigna's SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// How a simulation goes.
struct Plan {
    schedule: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// How often processes look at the time.
    every: TimeDelta,
    /// The most requests that a process lives for.
    longest_life: u64,
    /// Of a hundred looks, those after which a dead process comes back.
    returns: u64,
    seed: u64,
}

/// What became of a simulated world.
struct Simulated {
    world: Arc<World>,
    timetable: Timetable,
    deaths: u32,
    log: Vec<LogEntry>,
}

async fn simulate(plan: &Plan) -> Simulated {
    let world = World::at("2000-01-01T00:00:00Z");
    world.clock.set(plan.from);
    let content = content(&plan.schedule);
    let timetable = Timetable::of(&content.schedule).unwrap();
    world.process(Life::without_end()).await.unwrap().revise(content, &ana()).await.unwrap();
    let (mut draws, mut deaths) = (Draws(plan.seed), 0);
    let mut processes: [Option<Keeper<Mortal>>; 2] = [None, None];
    let mut slots = timetable.slots_after(plan.from).peekable();
    let mut now = plan.from;
    while now < plan.to {
        // At every slot, and in between.
        let jitter = TimeDelta::seconds(draws.below(50) as i64);
        now = match slots.next_if(|slot| *slot <= now + plan.every) {
            Some(slot) => now.max(slot + jitter),
            None => now + plan.every,
        };
        world.clock.set(now);
        for process in &mut processes {
            if process.is_none() && draws.below(100) < plan.returns {
                let life = Life::of(1 + draws.below(plan.longest_life), draws.below(2) == 0);
                *process = world.process(life).await;
                deaths += u32::from(process.is_none());
            }
            if let Some(keeper) = process
                && keeper.advance().await.is_err()
            {
                deaths += 1;
                *process = None;
            }
        }
    }
    // Whoever comes last finds everything as it should be.
    let mut heir = world.process(Life::without_end()).await.unwrap();
    heir.advance().await.unwrap();
    for _ in 0..200 {
        if heir.view().unwrap().waiting.is_empty() {
            break;
        }
        world.clock.set(world.clock.utc() + *world.takes.lock().unwrap());
        heir.advance().await.unwrap();
    }
    let log = read_log(&world).await;
    Simulated { world, timetable, deaths, log }
}

async fn read_log(world: &World) -> Vec<LogEntry> {
    let workspace = world.workspace(&Life::without_end());
    let mut entries = Vec::new();
    let mut state: Option<State> = None;
    loop {
        let number = entries.len() as u64;
        let key = layout::schedule_log_entry(&nightly(), number);
        let Some(entry) = workspace.read_entry_if_there::<LogEntry>(&key).await.unwrap() else { return entries };
        let next = transition(state, number, entry.body.at, &entry.body.event).unwrap();
        assert_eq!(next, entry.body.state, "entry {number} holds the state after it");
        state = Some(next);
        entries.push(entry.body);
    }
}

impl Simulated {
    /// The slots from the start to the end of what is decided.
    fn slots(&self) -> Vec<DateTime<Utc>> {
        let (from, to) = (self.log[0].at, self.log[self.log.len() - 1].state.decided);
        self.timetable.slots_after(from).take_while(|slot| *slot <= to).collect()
    }

    /// Every slot is decided once: it is run, or the log says why not; and what is run is what the log says.
    fn check(&self) {
        let mut decided = Vec::new();
        let (mut started, mut left) = (BTreeSet::new(), BTreeSet::new());
        for entry in &self.log {
            match &entry.event {
                Event::Passed { first, last, count, .. } => {
                    let before = first.0 - TimeDelta::minutes(1);
                    let passed: Vec<_> =
                        self.timetable.slots_after(before).take_while(|slot| *slot <= last.0).collect();
                    assert_eq!(passed.len() as u64, *count, "{first} to {last}");
                    decided.extend(passed);
                }
                Event::Admitted { slot, .. } => decided.push(slot.0),
                Event::Started { slot, .. } => assert!(started.insert(slot.0), "{slot} is started twice"),
                Event::Left { slot, .. } => assert!(left.insert(slot.0), "{slot} is left twice"),
                Event::Revised { .. } | Event::Paused { .. } | Event::Resumed { .. } | Event::Removed { .. } => {}
            }
        }
        assert_eq!(decided, self.slots(), "every slot is decided once and in order");
        assert!(started.is_disjoint(&left));
        let fired: BTreeSet<_> = self.world.fired().into_iter().collect();
        assert_eq!(fired, started, "what was started was submitted, and nothing else");
        assert_eq!(fired.len(), self.world.submissions.lock().unwrap().len(), "one submission a slot");
        for one in self.world.submissions.lock().unwrap().values() {
            assert!(one.from >= one.firing.slot.0, "not before its time");
            assert_eq!(one.firing.run_date, self.timetable.run_date(one.firing.slot.0));
        }
        self.check_catch_up();
    }

    /// After slots that nobody catches up with, no more are caught up with than the schedule allows.
    fn check_catch_up(&self) {
        for (place, entry) in self.log.iter().enumerate() {
            let Event::Passed { why: Passed::Missed { catch_up }, .. } = &entry.event else { continue };
            let after = self.log[place + 1..].iter().take_while(|later| later.at == entry.at);
            let late = after.filter(|later| matches!(later.event, Event::Admitted { is_late: true, .. })).count();
            assert!(late <= *catch_up as usize, "{late} slots were caught up with");
        }
    }
}

fn run(plan: &Plan) -> Simulated {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let simulated = runtime.block_on(simulate(plan));
    simulated.check();
    simulated
}

#[test]
fn a_week_of_nights_with_a_crash_at_every_request_fires_each_slot_once() {
    // A process lives for so many requests and no more, again and again: each request of the week is somebody's last.
    for requests in 1..40 {
        let plan = Plan {
            schedule: "{cron: 0 2 * * *, time_zone: Asia/Shanghai, overlap: queue, catch_up: 7}".to_owned(),
            from: at("2026-03-01T00:00:00Z"),
            to: at("2026-03-08T00:00:00Z"),
            every: TimeDelta::minutes(30),
            longest_life: requests,
            returns: 60,
            seed: requests,
        };
        let simulated = run(&plan);
        assert_eq!(simulated.world.fired(), simulated.slots(), "lives of {requests} requests at the most");
        assert_eq!(simulated.slots().len(), 7);
        assert!(simulated.deaths > 0);
    }
}

#[test]
fn a_year_with_its_changes_of_the_clock_fires_each_slot_once() {
    let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
    // Between them they are times that each of these clocks skips, and shows twice.
    let times = ["45 1 * * *", "15 2 * * *"];
    for (seed, (zone, cron)) in zones.into_iter().flat_map(|zone| times.map(|cron| (zone, cron))).enumerate() {
        let plan = Plan {
            schedule: format!("{{cron: {cron}, time_zone: {zone}, overlap: queue, catch_up: 10}}"),
            from: at("2026-01-01T00:00:00Z"),
            to: at("2027-01-01T00:00:00Z"),
            every: TimeDelta::hours(3),
            longest_life: 60,
            returns: 50,
            seed: seed as u64,
        };
        let simulated = run(&plan);
        assert_eq!(simulated.world.fired(), simulated.slots(), "{zone}");
        let days: Vec<_> = simulated.slots().iter().map(|slot| simulated.timetable.run_date(*slot)).collect();
        assert!(days.len() >= 365, "{zone}: {} slots", days.len());
        assert!(days.windows(2).all(|pair| pair[1] == pair[0] + chrono::Days::new(1)), "{zone}: one a day");
        assert!(simulated.deaths > 50, "{} deaths", simulated.deaths);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_schedule_and_wherever_processes_die_each_slot_is_decided_once(
        cron in prop::sample::select(vec!["0 2 * * *", "*/30 * * * *", "0 */4 * * *", "15,45 1-3 * * *", "0 6 * * MON", "5 * * * *"]),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
        overlap in prop::sample::select(vec!["skip", "queue", "cancel"]),
        catch_up in 0..6_u32,
        day in prop::sample::select(vec!["2026-03-06", "2026-03-27", "2026-10-23", "2026-10-30", "2026-04-03", "2026-10-02"]),
        longest_life in 2..80_u64,
        returns in 2..100_u64,
        takes in 1..120_i64,
        seed in any::<u64>(),
    ) {
        let from = at(&format!("{day}T00:00:00Z"));
        let plan = Plan {
            schedule: format!("{{cron: \"{cron}\", time_zone: {zone}, overlap: {overlap}, catch_up: {catch_up}}}"),
            from,
            to: from + TimeDelta::days(4),
            every: TimeDelta::minutes(takes / 3 + 1),
            longest_life,
            returns,
            seed,
        };
        run(&plan);
    }
}

#[tokio::test]
async fn a_schedule_of_years_is_opened_with_a_handful_of_requests() {
    let world = World::at("2026-01-01T00:00:00Z");
    let mut keeper = world.process(Life::without_end()).await.unwrap();
    keeper.revise(content("{cron: \"*/5 * * * *\"}"), &ana()).await.unwrap();
    *world.takes.lock().unwrap() = TimeDelta::minutes(1);
    for slot in 1..=600 {
        world.clock.set(at("2026-01-01T00:00:00Z") + TimeDelta::minutes(5 * slot));
        keeper.advance().await.unwrap();
    }
    assert_eq!(world.fired().len(), 600);
    let life = Life::of(100, false);
    let mut heir = world.process(life.clone()).await.unwrap();
    assert!(heir.advance().await.is_ok());
    assert!(life.left() > 85, "{} of 100 requests are left", life.left());
}
