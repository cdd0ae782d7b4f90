//! Times against a table of Python's croniter 7.0.0, against hand-made ones where clocks change, and against a search
//! through all minutes.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Duration, NaiveTime, Timelike, Utc};
use proptest::prelude::*;

use super::*;
use crate::testing::{SCORING, TRAINING, check_edits, document, edited};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn schedule(cron: &str, time_zone: &str) -> CronSchedule {
    CronSchedule {
        cron: cron.to_owned(),
        time_zone: time_zone.to_owned(),
        overlap: Overlap::Skip,
        catch_up: 1,
        start: None,
        end: None,
        wait_for: Vec::new(),
    }
}

fn timetable(cron: &str, zone: &str) -> Timetable {
    Timetable::of(&schedule(cron, zone)).unwrap_or_else(|error| panic!("{cron}: {error}"))
}

fn slots(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let timetable = timetable(cron, zone);
    timetable.slots_after(at(after)).take(count).map(|slot| slot.format("%m-%dT%H:%M").to_string()).collect()
}

#[test]
fn the_times_are_those_of_croniter() {
    let table = [
        ("0 2 * * *", ["2026-02-28T02:00", "2026-03-01T02:00", "2026-03-02T02:00", "2026-03-03T02:00"]),
        ("*/15 * * * *", ["2026-02-27T23:45", "2026-02-28T00:00", "2026-02-28T00:15", "2026-02-28T00:30"]),
        ("5,35 8-18/2 * * 1-5", ["2026-03-02T08:05", "2026-03-02T08:35", "2026-03-02T10:05", "2026-03-02T10:35"]),
        ("0 0 1 * *", ["2026-03-01T00:00", "2026-04-01T00:00", "2026-05-01T00:00", "2026-06-01T00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00", "2040-02-29T00:00"]),
        ("30 4 1,15 * 5", ["2026-03-01T04:30", "2026-03-06T04:30", "2026-03-13T04:30", "2026-03-15T04:30"]),
        ("0 12 * JAN-MAR,oct MON", ["2026-03-02T12:00", "2026-03-09T12:00", "2026-03-16T12:00", "2026-03-23T12:00"]),
        ("59 23 31 12 *", ["2026-12-31T23:59", "2027-12-31T23:59", "2028-12-31T23:59", "2029-12-31T23:59"]),
        ("0 0 * * 7", ["2026-03-01T00:00", "2026-03-08T00:00", "2026-03-15T00:00", "2026-03-22T00:00"]),
        ("0 0 * * 5-7", ["2026-02-28T00:00", "2026-03-01T00:00", "2026-03-06T00:00", "2026-03-07T00:00"]),
        ("10-20/5 6 * * *", ["2026-02-28T06:10", "2026-02-28T06:15", "2026-02-28T06:20", "2026-03-01T06:10"]),
        ("0 9 31 */2 *", ["2026-03-31T09:00", "2026-05-31T09:00", "2026-07-31T09:00", "2027-01-31T09:00"]),
        ("0 0 13 * FRI", ["2026-03-06T00:00", "2026-03-13T00:00", "2026-03-20T00:00", "2026-03-27T00:00"]),
        ("0 22 * * SAT-SUN", ["2026-02-28T22:00", "2026-03-01T22:00", "2026-03-07T22:00", "2026-03-08T22:00"]),
        ("1-59/20 0,12 * * *", ["2026-02-28T00:01", "2026-02-28T00:21", "2026-02-28T00:41", "2026-02-28T12:01"]),
    ];
    for (cron, expected) in table {
        let timetable = timetable(cron, "UTC");
        let slots = timetable.slots_after(at("2026-02-27T23:41:00Z")).take(4);
        let slots: Vec<String> = slots.map(|slot| slot.format("%Y-%m-%dT%H:%M").to_string()).collect();
        assert_eq!(slots, expected, "{cron}");
    }
}

#[test]
fn a_time_that_the_clock_skips_comes_once_right_after() {
    let berlin = |cron| slots(cron, "Europe/Berlin", "2026-03-27T22:00:00Z", 5);
    assert_eq!(berlin("30 2 * * *")[..3], ["03-28T01:30", "03-29T01:00", "03-30T00:30"]);
    assert_eq!(berlin("0,30 2 * * *"), ["03-28T01:00", "03-28T01:30", "03-29T01:00", "03-30T00:00", "03-30T00:30"]);
    assert_eq!(berlin("30 2,3 * * *")[2..], ["03-29T01:00", "03-29T01:30", "03-30T00:30"]);
    assert_eq!(
        slots("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T00:00:00Z", 3),
        ["10-02T15:45", "10-03T15:30", "10-04T15:15"],
        "half an hour is skipped"
    );
    assert_eq!(
        slots("0 0 * * *", "America/Sao_Paulo", "2018-11-03T00:00:00Z", 3),
        ["11-03T03:00", "11-04T03:00", "11-05T02:00"],
        "midnight is skipped"
    );
    assert_eq!(
        slots("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3),
        ["12-29T22:00", "12-30T10:00", "12-30T22:00"],
        "a whole day is skipped"
    );
}

#[test]
fn a_time_that_the_clock_shows_twice_comes_the_first_time() {
    assert_eq!(
        slots("30 2 * * *", "Europe/Berlin", "2026-10-23T22:00:00Z", 3),
        ["10-24T00:30", "10-25T00:30", "10-26T01:30"]
    );
    assert_eq!(
        slots("30 1 * * *", "America/New_York", "2026-10-31T00:00:00Z", 3),
        ["10-31T05:30", "11-01T05:30", "11-02T06:30"]
    );
    assert_eq!(
        slots("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T00:00:00Z", 3),
        ["04-03T14:45", "04-04T14:45", "04-05T15:15"]
    );
    let between = slots("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", 1);
    assert_eq!(between, ["10-26T01:30"], "not the second time either");
    assert_eq!(slots("0 */2 * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 2), ["10-25T00:00", "10-25T03:00"]);
}

#[test]
fn an_interval_is_kept_over_a_change_of_the_clock() {
    for (zone, day) in [
        ("Europe/Berlin", "2026-03-29T00:00:00Z"),
        ("Europe/Berlin", "2026-10-25T00:00:00Z"),
        ("America/New_York", "2026-11-01T04:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T14:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T14:00:00Z"),
    ] {
        let timetable = timetable("*/30 * * * *", zone);
        let expected = (1..=12).map(|half_hours| at(day) + Duration::minutes(30 * half_hours));
        assert!(timetable.slots_after(at(day)).take(12).eq(expected), "{zone} {day}");
        let inside = at(day) + Duration::minutes(75);
        assert_eq!(timetable.next_after(inside), Some(inside + Duration::minutes(15)), "{zone} {day}");
    }
    assert_eq!(
        slots("0 * * * *", "Australia/Lord_Howe", "2026-04-04T13:30:00Z", 3),
        ["04-04T14:00", "04-04T15:30", "04-04T16:30"]
    );
}

#[test]
fn slots_are_on_the_days_from_start_to_end_on_the_schedules_own_clock() {
    let mut schedule = schedule("0 2,23 * * *", "Asia/Shanghai");
    schedule.start = Some("2026-03-01".parse().unwrap());
    schedule.end = Some("2026-03-02".parse().unwrap());
    let timetable = Timetable::of(&schedule).unwrap();
    let slots: Vec<DateTime<Utc>> = timetable.slots_after(at("2020-01-01T00:00:00Z")).collect();
    let expected = ["02-28T18:00", "03-01T15:00", "03-01T18:00", "03-02T15:00"];
    assert!(slots.iter().map(|slot| slot.format("%m-%dT%H:%M").to_string()).eq(expected), "{slots:?}");
    let days = slots.iter().map(|slot| timetable.run_date(*slot).to_string());
    assert!(days.eq(["2026-03-01", "2026-03-01", "2026-03-02", "2026-03-02"]));
    assert_eq!(timetable.local(slots[0]).to_string(), "2026-03-01 02:00:00 +08:00");
}

#[test]
fn a_mistake_says_which_field_it_is_in_and_what_would_be_right() {
    let table = [
        (
            "0 2 * *",
            "`0 2 * *` has 4 fields, and a cron expression has five: minute, hour, day of the month, month and day of the week, such as 0 2 * * *",
        ),
        (
            "0 0 2 * * *",
            "`0 0 2 * * *` has 6 fields, and a cron expression has five: minute, hour, day of the month, month and day of the week, such as 0 2 * * *; there are no seconds",
        ),
        ("@daily", "`@daily` is not available: write 0 0 * * *"),
        ("60 2 * * *", "the minute `60`: 60 is out of range: expected 0 to 59"),
        ("0 1-24 * * *", "the hour `1-24`: 24 is out of range: expected 0 to 23"),
        ("0 2 0 * *", "the day of the month `0`: 0 is out of range: expected 1 to 31"),
        ("0 2 * Sept *", "the month `Sept`: `Sept` is no value: did you mean SEP?"),
        ("0 2 * * monday", "the day of the week `monday`: `monday` is no value: did you mean MON?"),
        ("0 2 * * mno", "the day of the week `mno`: `mno` is no value: did you mean MON?"),
        ("0 2 * * x", "the day of the week `x`: `x` is no value: expected 0 to 7, or SUN to SAT"),
        ("a 2 * * *", "the minute `a`: `a` is no value: expected 0 to 59"),
        ("0 22-2 * * *", "the hour `22-2`: the range runs backwards: write 22-23,0-2"),
        ("0 2 * * FRI-MON", "the day of the week `FRI-MON`: the range runs backwards: write 5-6,0-1"),
        ("*/0 2 * * *", "the minute `*/0`: the step `0` is no number from 1 to 59"),
        ("5/15 2 * * *", "the minute `5/15`: a step goes with `*` or a range: write 5-59/15"),
        ("1,,2 2 * * *", "the minute `1,,2`: a value is missing"),
        ("0 2 L * *", "the day of the month `L`: `L` is not available: write days as numbers, names, ranges and lists"),
        ("0 2 ? * 1", "the day of the month `?`: `?` is not available: write days as numbers, names, ranges and lists"),
        (
            "0 2 * * 5#2",
            "the day of the week `5#2`: `5#2` is not available: write days as numbers, names, ranges and lists",
        ),
        ("-1 2 * * *", "the minute `-1`: a value is missing"),
        ("0 0 31 4,6 *", "it never comes due: no month that it names has such a day"),
        (
            "99999999999999999999 2 * * *",
            "the minute `99999999999999999999`: 99999999999999999999 is out of range: expected 0 to 59",
        ),
    ];
    for (text, message) in table {
        let error = text.parse::<Cron>().expect_err(text);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_zone_that_is_none_is_named_with_what_was_meant() {
    let mistake = |name: &str| name.parse::<TimeZone>().unwrap_err().to_string();
    assert_eq!(mistake("Asia/Shangai"), "there is no time zone `Asia/Shangai` (did you mean `Asia/Shanghai`?)");
    assert_eq!(mistake("shanghai"), "there is no time zone `shanghai` (did you mean `Asia/Shanghai`?)");
    assert_eq!(mistake("New York"), "there is no time zone `New York` (did you mean `America/New_York`?)");
    assert_eq!(
        mistake("+08:00"),
        "there is no time zone `+08:00`: write an IANA name such as Asia/Shanghai, Europe/Berlin or UTC"
    );
    assert_eq!("Europe/Berlin".parse::<TimeZone>().unwrap().to_string(), "Europe/Berlin");
}

#[test]
fn mistakes_of_a_schedule_stand_where_they_are_written() {
    let keep = "keep: [customer_id, city]";
    let with = |schedule: &str| format!("{keep}\n  schedule: {schedule}");
    let row = |schedule: &str, messages: &[&str]| {
        let messages: Vec<String> = messages.iter().map(|message| format!("spec.schedule.{message}")).collect();
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        check_edits(SCORING, &[(keep, &with(schedule), &messages)]);
    };
    row("{cron: 0 2 * * *}", &[]);
    row("{cron: §0 25 * * *}", &["cron: the hour `25`: 25 is out of range: expected 0 to 23"]);
    row(
        "{cron: 0 2 * * *, time_zone: §Europe/Berln, overlap: §skipp, catch_up: §2000}",
        &[
            "time_zone: there is no time zone `Europe/Berln` (did you mean `Europe/Berlin`?)",
            "overlap: unknown overlap `skipp` (did you mean `skip`?)",
            "catch_up: 2000 is out of range: expected 0 to 100",
        ],
    );
    row(
        "{cron: 0 2 * * *, start: 2026-05-01, end: §2026-04-01}",
        &["end: the last day 2026-04-01 is before the first day 2026-05-01"],
    );
    row(
        "{cron: 0 2 1 * *, start: 2026-05-02, end: §2026-05-31}",
        &["end: it never comes due: no day from 2026-05-02 to 2026-05-31 has such a time"],
    );
    row(
        "{cron: 0 2 * * *, wait_for: [{url: s3://b/_SUCCESS, timeout: §soon}]}",
        &[
            "wait_for[0].timeout: `soon` is not a length of time: write a whole number above 0 and s, m, h, d or w, such as 14d",
        ],
    );
}

#[test]
fn what_is_left_out_has_its_default_and_a_document_goes_through_json() {
    let text = edited(
        SCORING,
        "keep:",
        "schedule: {cron: 0 2 * * *, wait_for: [{url: \"in/${run_date}/_SUCCESS\"}]}\n  keep:",
    );
    let document = document(&text);
    let stated = document.schedule().unwrap();
    assert_eq!((stated.time_zone.as_str(), stated.overlap, stated.catch_up), ("UTC", Overlap::Skip, 1));
    assert_eq!(stated.wait_for, [WaitFor { url: "in/2026-03-31/_SUCCESS".to_owned(), timeout: "24h".to_owned() }]);
    let json = serde_json::to_string(&document).unwrap();
    assert_eq!(serde_json::from_str::<crate::Document>(&json).unwrap(), document);
    let plain = crate::testing::document(SCORING);
    assert_eq!(document.without_schedule(), plain, "what is run is the same");
    assert_eq!(crate::testing::document(TRAINING).schedule(), None);
}

#[test]
fn relative_paths_are_below_the_folder_that_a_document_is_run_in() {
    let waits =
        "schedule: {cron: 0 2 * * *, wait_for: [{url: done/_SUCCESS}, {url: /done}, {url: s3://b/done}]}\n  keep:";
    let document = document(&edited(SCORING, "keep:", waits)).in_folder("/lake/");
    let urls: Vec<&str> = document.schedule().unwrap().wait_for.iter().map(|wait| wait.url.as_str()).collect();
    assert_eq!(urls, ["/lake/done/_SUCCESS", "/done", "s3://b/done"]);
    let crate::Document::Scoring(scoring) = &document else { panic!("a Scoring document") };
    let tables: Vec<&str> = scoring.spec.tables.values().map(|table| table.url.as_str()).collect();
    assert_eq!(tables, ["/lake/data/2026-03-31/customers.parquet", "/lake/data/buyers/"]);
}

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "America/St_Johns"];

/// A field's values, and how they are written.
fn field(least: u32, most: u32) -> impl Strategy<Value = (BTreeSet<u32>, String)> {
    let all: BTreeSet<u32> = (least..=most).collect();
    let list = prop::collection::btree_set(least..=most, 1..4).prop_map(|values| {
        let text = values.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        (values, text)
    });
    let steps =
        (1..=most - least).prop_map(move |step| ((least..=most).step_by(step as usize).collect(), format!("*/{step}")));
    let range = (least..=most, least..=most).prop_map(|(one, other)| {
        let (low, high) = (one.min(other), one.max(other));
        ((low..=high).collect(), format!("{low}-{high}"))
    });
    prop_oneof![3 => Just((all, "*".to_owned())), 3 => list, 1 => steps, 1 => range]
}

/// Every slot of some days, found by looking at every minute.
fn search(
    (minutes, hours): (&BTreeSet<u32>, &BTreeSet<u32>),
    is_day: impl Fn(NaiveDate) -> bool,
    zone: TimeZone,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> BTreeSet<DateTime<Utc>> {
    let all: Vec<(DateTime<Utc>, chrono::NaiveDateTime)> = (0..(to - from).num_minutes())
        .map(|minute| from + Duration::minutes(minute))
        .map(|instant| (instant, zone.local(instant).naive_local()))
        .collect();
    let is_named = |time: chrono::NaiveDateTime| {
        is_day(time.date()) && hours.contains(&time.hour()) && minutes.contains(&time.minute())
    };
    if hours.len() == 24 {
        return all.iter().filter(|(_, local)| is_named(*local)).map(|(instant, _)| *instant).collect();
    }
    let first_day = all[0].1.date() + Duration::days(1);
    let last_day = all[all.len() - 1].1.date() - Duration::days(1);
    let days = (0..=(last_day - first_day).num_days()).map(|day| first_day + Duration::days(day));
    let times =
        days.flat_map(|day| (0..1440).map(move |minute| day.and_time(NaiveTime::MIN) + Duration::minutes(minute)));
    times
        .filter(|time| is_named(*time))
        .filter_map(|time| {
            let shown = all.iter().find(|(_, local)| *local == time);
            // The clock has jumped over it: the first instant after the jump, whose time is the first that is later.
            let after = || all.windows(2).find(|pair| pair[0].1 < time && pair[1].1 > time).map(|pair| &pair[1]);
            shown.or_else(after).map(|(instant, _)| *instant)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn slots_are_what_a_search_through_all_minutes_finds(
        (minutes, minute_text) in field(0, 59),
        (hours, hour_text) in field(0, 23),
        (days, day_text) in field(1, 31),
        (weekdays, weekday_text) in field(0, 6),
        zone in 0..ZONES.len(),
        start in prop::sample::select(vec!["2026-03-06", "2026-03-27", "2026-04-03", "2026-10-02", "2026-10-23", "2026-10-30", "2026-07-10"]),
        offset in 0..2880_i64,
    ) {
        let cron = format!("{minute_text} {hour_text} {day_text} * {weekday_text}");
        let timetable = timetable(&cron, ZONES[zone]);
        let from = at(&format!("{start}T00:00:00Z"));
        let to = from + Duration::days(5);
        let either = !day_text.starts_with('*') && !weekday_text.starts_with('*');
        let is_day = |day: NaiveDate| {
            let (day, weekday) = (days.contains(&day.day()), weekdays.contains(&day.weekday().num_days_from_sunday()));
            if either { day || weekday } else { day && weekday }
        };
        let found = search((&minutes, &hours), is_day, timetable.zone(), (from, to));
        let (after, before) = (from + Duration::days(1) + Duration::minutes(offset), to - Duration::days(1));
        let expected: Vec<_> = found.into_iter().filter(|slot| *slot > after && *slot < before).collect();
        let slots: Vec<_> = timetable.slots_after(after).take_while(|slot| *slot < before).collect();
        prop_assert_eq!(&slots, &expected, "{} {}", cron, ZONES[zone]);
        // Whoever asks slot by slot gets the same ones.
        let mut last = after;
        for slot in slots {
            prop_assert_eq!(timetable.next_after(last), Some(slot));
            last = slot;
        }
    }

    #[test]
    fn in_a_zone_whose_clock_is_never_set_the_times_are_croners(
        (_, minute) in field(0, 59), (_, hour) in field(0, 23), (_, day) in field(1, 28), (_, month) in field(1, 12),
        at_minute in 0..5_000_000_i64,
    ) {
        let text = format!("{minute} {hour} {day} {month} *");
        let theirs: croner::Cron = text.parse().unwrap();
        let start = at("2024-01-01T00:00:00Z") + Duration::minutes(at_minute);
        let expected: Vec<_> = theirs.iter_after(start).take(5).collect();
        let slots: Vec<_> = timetable(&text, "UTC").slots_after(start).take(5).collect();
        prop_assert_eq!(slots, expected, "{}", text);
    }

    #[test]
    fn any_text_is_an_expression_or_a_mistake(text in "[-0-9*/,A-Za-z# ?L]{0,30}") {
        if let Ok(cron) = text.parse::<Cron>() {
            prop_assert_eq!(cron.to_string().parse::<Cron>(), Ok(cron));
        }
    }
}
