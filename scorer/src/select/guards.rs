//! Whether an audience may be seen: what must hold before any of it is written where readers look.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use indexmap::IndexMap;
use spec::audience::Guards;
use spec::ids::{ColumnName, TableName, Version};

use super::drift::{Shift, beyond};
use super::share::Share;

/// What is known of an audience before it is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// People selected, holdout included.
    pub size: u64,
    /// The last published version, of another run.
    pub last: Last,
    /// Rows of the population without a key.
    pub null_keys: u64,
    /// Keys that more than one row of the population has.
    pub duplicates: Duplicates,
    /// Rows of the population.
    pub population: u64,
    /// Inputs that are older than the guards allow.
    pub stale: Vec<Stale>,
    /// How far features and scores have moved.
    pub shifts: Vec<Shift>,
    /// What is wrong with the distributions that the last version was stored with.
    pub lost_distributions: Option<String>,
}

/// A table that is older than a guard allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The table.
    pub table: TableName,
    /// Whose latest time it is; that of the newest file when absent.
    pub column: Option<ColumnName>,
    /// The newest there is; none where there is no time at all.
    pub newest: Option<DateTime<Utc>>,
    /// How long before the day it may be.
    pub within: String,
    /// The run's day.
    pub day: NaiveDate,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, newest, within, day } = self;
        let newest = newest.map(|newest| newest.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        write!(f, "table `{table}` is stale: ")?;
        match (column, newest) {
            (Some(column), Some(newest)) => write!(f, "the latest `{column}` is {newest}")?,
            (Some(column), None) => write!(f, "no row has a `{column}`")?,
            (None, Some(newest)) => write!(f, "its newest file is of {newest}")?,
            (None, None) => write!(f, "nobody knows when its files were written")?,
        }
        write!(f, ", and guards.fresh wants it within {within} of {day}")
    }
}

/// What is known of the last published version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Last {
    /// There is none.
    #[default]
    Nothing,
    /// It had so many people.
    Size(Version, u64),
    /// It is not whole, so nobody knows how many people it had.
    Broken(String),
}

/// Keys that stand for more than one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Duplicates {
    /// Distinct keys that several rows have.
    pub keys: u64,
    /// Rows that have one of them.
    pub rows: u64,
    /// Whether counting stopped at a limit, so that there are more.
    pub at_least: bool,
}

/// Why an audience is held back.
#[derive(Debug, Clone, PartialEq)]
pub enum HeldBack {
    /// Below `min_size`.
    TooFew {
        /// People selected.
        size: u64,
        /// The guard.
        min: u64,
    },
    /// Above `max_size`.
    TooMany {
        /// People selected.
        size: u64,
        /// The guard.
        max: u64,
    },
    /// Too different from the last published version.
    Changed {
        /// People selected.
        size: u64,
        /// The last version's.
        last: u64,
        /// Which that is.
        version: Version,
        /// The guard.
        max: f64,
    },
    /// The last published version cannot be compared with.
    NothingToCompare {
        /// What is wrong with it.
        fault: String,
    },
    /// Rows without a key.
    NullKeys {
        /// How many.
        rows: u64,
        /// Of so many.
        population: u64,
        /// The guard, if there is one.
        max: Option<f64>,
    },
    /// A published id that too many people do not have.
    NullIds {
        /// The published column.
        column: String,
        /// People without it.
        people: u64,
        /// Of so many.
        size: u64,
        /// The guard.
        max: f64,
    },
    /// An input that is too old.
    Stale(Stale),
    /// A feature or score that has moved too far.
    Drifted {
        /// What, and how far.
        shift: Shift,
        /// The guard.
        max: f64,
    },
    /// The distributions of the last published version cannot be compared with.
    NoDistributions {
        /// What is wrong with them.
        fault: String,
    },
    /// Several rows have one key.
    DuplicateKeys {
        /// How many.
        found: Duplicates,
        /// The guard, if there is one.
        max: Option<f64>,
    },
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { size, min } => write!(f, "{size} people are fewer than guards.min_size, {min}"),
            Self::TooMany { size, max } => write!(f, "{size} people are more than guards.max_size, {max}"),
            Self::Changed { size, last, version, max } => {
                let change = (*size as f64 - *last as f64) / *last as f64 * 100.0;
                let limit = max * 100.0;
                write!(f, "{size} people after {last} in version {version} ")?;
                write!(f, "change it by {change:+.1} %, beyond guards.max_change, {limit} %")
            }
            Self::NothingToCompare { fault } => write!(f, "guards.max_change cannot be checked: {fault}"),
            Self::NullKeys { rows, max: None, .. } => write!(f, "{rows} rows of the population have no key"),
            Self::NullKeys { rows, population, max: Some(max) } => {
                write!(f, "{rows} of the population's {population} rows have no key, beyond guards.max_null_keys, ")?;
                write!(f, "{}", percent(*max))
            }
            Self::NullIds { column, people, size, max } => {
                write!(f, "{people} of {size} people have no `{column}`, beyond guards.max_null_ids, {}", percent(*max))
            }
            Self::Stale(stale) => stale.fmt(f),
            Self::Drifted { shift, max } => write!(f, "{shift}, beyond guards.max_psi, {max}"),
            Self::NoDistributions { fault } => write!(f, "guards.max_psi cannot be checked: {fault}"),
            Self::DuplicateKeys { found, max } => {
                let more = if found.at_least { "at least " } else { "" };
                write!(f, "{more}{} keys of the population are on more than one row", found.keys)?;
                write!(f, " ({more}{} rows)", found.rows)?;
                max.map_or(Ok(()), |max| write!(f, ", beyond guards.max_duplicates, {}", percent(max)))
            }
        }
    }
}

fn percent(share: f64) -> String {
    format!("{} %", Share::of(share).map_or(share * 100.0, Share::percent))
}

/// Whether so many rows are more than a guard allows; without a guard, any are.
fn is_exceeded(max: Option<f64>, part: u64, rows: u64) -> bool {
    Share::of(max.unwrap_or(0.0)).is_none_or(|share| share.is_exceeded(part, rows))
}

/// The guards that do not hold; nothing may be published unless there are none.
pub fn held_back(guards: &Guards, facts: &Facts) -> Vec<HeldBack> {
    let (size, population) = (facts.size, facts.population);
    let mut reasons = Vec::new();
    reasons.extend(facts.stale.iter().cloned().map(HeldBack::Stale));
    if is_exceeded(guards.max_null_keys, facts.null_keys, population) {
        reasons.push(HeldBack::NullKeys { rows: facts.null_keys, population, max: guards.max_null_keys });
    }
    let found = facts.duplicates;
    if found.at_least || is_exceeded(guards.max_duplicates, found.rows, population) {
        reasons.push(HeldBack::DuplicateKeys { found, max: guards.max_duplicates });
    }
    if size < guards.min_size {
        reasons.push(HeldBack::TooFew { size, min: guards.min_size });
    }
    if let Some(max) = guards.max_size.filter(|max| size > *max) {
        reasons.push(HeldBack::TooMany { size, max });
    }
    reasons.extend(guards.max_change.and_then(|max| changed(max, size, &facts.last)));
    if let Some(max) = guards.max_psi {
        reasons.extend(facts.lost_distributions.clone().map(|fault| HeldBack::NoDistributions { fault }));
        reasons.extend(beyond(max, &facts.shifts).into_iter().map(|shift| HeldBack::Drifted { shift, max }));
    }
    reasons
}

/// The ids that too many of `size` people do not have, which is known when the files are written.
pub fn without_ids(guards: &Guards, size: u64, missing: &IndexMap<String, u64>) -> Vec<HeldBack> {
    let Some(max) = guards.max_null_ids else { return Vec::new() };
    let beyond = missing.iter().filter(|(_, people)| is_exceeded(Some(max), **people, size));
    beyond.map(|(column, people)| HeldBack::NullIds { column: column.clone(), people: *people, size, max }).collect()
}

fn changed(max: f64, size: u64, last: &Last) -> Option<HeldBack> {
    match last {
        Last::Nothing => None,
        Last::Broken(fault) => Some(HeldBack::NothingToCompare { fault: fault.clone() }),
        Last::Size(version, last) => {
            let is_exceeded = Share::of(max).is_none_or(|share| share.is_exceeded(size.abs_diff(*last), *last));
            is_exceeded.then_some(HeldBack::Changed { size, last: *last, version: *version, max })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(guards: Guards, facts: Facts) -> Vec<String> {
        held_back(&guards, &facts).iter().map(HeldBack::to_string).collect()
    }

    fn of_size(size: u64) -> Facts {
        Facts { size, ..Facts::default() }
    }

    #[test]
    fn an_empty_audience_is_held_back_by_default() {
        assert_eq!(reasons(Guards::default(), of_size(0)), ["0 people are fewer than guards.min_size, 1"]);
        assert_eq!(reasons(Guards::default(), of_size(1)), Vec::<String>::new());
        assert_eq!(reasons(Guards { min_size: 0, ..Guards::default() }, of_size(0)), Vec::<String>::new());
    }

    #[test]
    fn limits_are_inclusive() {
        let guards = Guards { min_size: 10, max_size: Some(20), ..Guards::default() };
        assert!(reasons(guards.clone(), of_size(10)).is_empty());
        assert!(reasons(guards.clone(), of_size(20)).is_empty());
        assert_eq!(reasons(guards.clone(), of_size(9)), ["9 people are fewer than guards.min_size, 10"]);
        assert_eq!(reasons(guards, of_size(21)), ["21 people are more than guards.max_size, 20"]);
    }

    #[test]
    fn change_is_measured_against_the_last_version() {
        let guards = Guards { min_size: 0, max_change: Some(0.3), ..Guards::default() };
        let after = |size| Facts { last: Last::Size(Version(4), 1000), ..of_size(size) };
        assert!(reasons(guards.clone(), after(1300)).is_empty());
        assert!(reasons(guards.clone(), after(700)).is_empty());
        assert!(reasons(guards.clone(), of_size(5)).is_empty(), "the first version has nothing to differ from");
        assert_eq!(
            reasons(guards.clone(), after(699)),
            ["699 people after 1000 in version 4 change it by -30.1 %, beyond guards.max_change, 30 %"]
        );
        assert_eq!(reasons(guards, after(1301)).len(), 1);
    }

    #[test]
    fn a_broken_last_version_matters_to_the_guard_that_needs_it() {
        let facts = Facts { last: Last::Broken("it has no manifest".to_owned()), ..of_size(5) };
        assert!(reasons(Guards::default(), facts.clone()).is_empty());
        let guards = Guards { max_change: Some(0.5), ..Guards::default() };
        assert_eq!(reasons(guards, facts), ["guards.max_change cannot be checked: it has no manifest"]);
    }

    #[test]
    fn keys_that_do_not_name_one_person_hold_everything_back() {
        let duplicates = Duplicates { keys: 3, rows: 7, at_least: false };
        let facts = Facts { null_keys: 2, duplicates, ..of_size(50) };
        assert_eq!(
            reasons(Guards::default(), facts),
            ["2 rows of the population have no key", "3 keys of the population are on more than one row (7 rows)"]
        );
    }

    #[test]
    fn a_share_of_keys_may_be_wrong_where_the_document_says_so() {
        let guards = Guards { max_null_keys: Some(0.02), max_duplicates: Some(0.07), ..Guards::default() };
        let duplicates = Duplicates { keys: 3, rows: 7, at_least: false };
        let facts = Facts { null_keys: 2, duplicates, population: 100, ..of_size(50) };
        assert!(reasons(guards.clone(), facts.clone()).is_empty());
        let more = Facts { null_keys: 3, duplicates: Duplicates { rows: 8, ..duplicates }, ..facts.clone() };
        assert_eq!(
            reasons(guards.clone(), more),
            [
                "3 of the population's 100 rows have no key, beyond guards.max_null_keys, 2 %",
                "3 keys of the population are on more than one row (8 rows), beyond guards.max_duplicates, 7 %"
            ]
        );
        let unknown = Facts { duplicates: Duplicates { at_least: true, ..duplicates }, ..facts };
        assert_eq!(reasons(guards, unknown).len(), 1, "nobody knows how many there are");
    }

    #[test]
    fn people_without_an_id_are_counted_column_by_column() {
        let guards = Guards { max_null_ids: Some(0.1), ..Guards::default() };
        let missing = [("mail".to_owned(), 11), ("phone".to_owned(), 10)].into();
        let told: Vec<String> = without_ids(&guards, 100, &missing).iter().map(HeldBack::to_string).collect();
        assert_eq!(told, ["11 of 100 people have no `mail`, beyond guards.max_null_ids, 10 %"]);
        assert!(without_ids(&Guards::default(), 100, &missing).is_empty());
    }

    #[test]
    fn a_stale_table_is_named_with_its_newest_row() {
        let stale = Stale {
            table: "orders".parse().unwrap(),
            column: Some("day".parse().unwrap()),
            newest: Some("2026-02-26T00:00:00Z".parse().unwrap()),
            within: "36h".to_owned(),
            day: "2026-03-01".parse().unwrap(),
        };
        let nothing = Stale { newest: None, ..stale.clone() };
        let facts = Facts { stale: vec![stale, nothing], ..of_size(5) };
        assert_eq!(
            reasons(Guards::default(), facts),
            [
                "table `orders` is stale: the latest `day` is 2026-02-26T00:00:00Z, and guards.fresh wants it within 36h of 2026-03-01",
                "table `orders` is stale: no row has a `day`, and guards.fresh wants it within 36h of 2026-03-01"
            ]
        );
    }
}
