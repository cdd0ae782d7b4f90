//! Whether an audience may be seen: what must hold before any of it is written where readers look.

use std::fmt;

use spec::audience::Guards;
use spec::ids::Version;

use super::share::Share;

/// What is known of an audience before it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// People selected, holdout included.
    pub size: u64,
    /// The last published version, of another run.
    pub last: Last,
    /// Rows of the population without a key.
    pub null_keys: u64,
    /// Keys that more than one row of the population has.
    pub duplicates: Duplicates,
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
    },
    /// Several rows have one key.
    DuplicateKeys(Duplicates),
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
            Self::NullKeys { rows } => write!(f, "{rows} rows of the population have no key"),
            Self::DuplicateKeys(found) => {
                let more = if found.at_least { "at least " } else { "" };
                write!(f, "{more}{} keys of the population are on more than one row", found.keys)?;
                write!(f, " ({more}{} rows)", found.rows)
            }
        }
    }
}

/// The guards that do not hold; nothing may be published unless there are none.
pub fn held_back(guards: &Guards, facts: &Facts) -> Vec<HeldBack> {
    let size = facts.size;
    let mut reasons = Vec::new();
    if facts.null_keys > 0 {
        reasons.push(HeldBack::NullKeys { rows: facts.null_keys });
    }
    if facts.duplicates.keys > 0 {
        reasons.push(HeldBack::DuplicateKeys(facts.duplicates));
    }
    if size < guards.min_size {
        reasons.push(HeldBack::TooFew { size, min: guards.min_size });
    }
    if let Some(max) = guards.max_size.filter(|max| size > *max) {
        reasons.push(HeldBack::TooMany { size, max });
    }
    reasons.extend(guards.max_change.and_then(|max| changed(max, size, &facts.last)));
    reasons
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
        let guards = Guards { min_size: 10, max_size: Some(20), max_change: None };
        assert!(reasons(guards.clone(), of_size(10)).is_empty());
        assert!(reasons(guards.clone(), of_size(20)).is_empty());
        assert_eq!(reasons(guards.clone(), of_size(9)), ["9 people are fewer than guards.min_size, 10"]);
        assert_eq!(reasons(guards, of_size(21)), ["21 people are more than guards.max_size, 20"]);
    }

    #[test]
    fn change_is_measured_against_the_last_version() {
        let guards = Guards { min_size: 0, max_size: None, max_change: Some(0.3) };
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
}
