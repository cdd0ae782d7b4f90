//! How good a seed list is: how many of its people the examples have, what tells them from others, and what that warns of.

use std::fmt;

use model::measure::Interval;
use query::KeySet;
use serde::{Deserialize, Serialize};
use spec::TableName;
use spec::task::LookalikeTask;

use super::census::Counted;
use crate::report::numbers::{count, percent, plural, times};

/// Fewer seeds than this teach little.
const FEW: u64 = 50;

/// A list of which less than this share is among the examples is mostly about others.
const HALF: f64 = 0.5;

/// An AUC that a look-alike hardly ever reaches honestly.
const CERTAIN: f64 = 0.98;

/// What is known of a seed list before a model is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedQuality {
    /// The table that it comes from.
    pub table: TableName,
    /// The campaign, where the table has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// People on the list, each once.
    pub size: u64,
    /// Rows whose person an earlier row has.
    pub duplicates: u64,
    /// Rows without a key.
    pub without_key: u64,
    /// People on the list who are among the examples.
    pub found: u64,
    /// Rows of the examples that are theirs.
    pub rows: u64,
    /// Rows of the examples of people who are excluded and no seeds.
    pub excluded_rows: u64,
    /// Rows of the examples that are neither.
    pub others: u64,
    /// The share of those that the task learns from.
    pub negative_rate: f64,
    /// The columns that tell most, the best one first; empty where few seeds are in the sample that was looked at.
    pub signs: Vec<Sign>,
}

/// What one column says about the seeds, on a sample of the examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    /// The column.
    pub column: String,
    /// How well it alone orders seeds and others, ½..1: that of the better direction.
    pub auc: f64,
    /// The people who stand out, such as `income ≥ 50,000`.
    pub group: String,
    /// Their share of all, 0..1.
    pub share: f64,
    /// Their share of seeds over that of all, 10 rows of the latter added.
    pub lift: f64,
}

/// How well a model tells seeds from others on rows that it did not learn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) auc: f64,
    pub(crate) interval: Option<Interval>,
}

/// Something about a list that a reader should not miss.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SeedWarning {
    /// Few seeds.
    Few { found: u64 },
    /// Most of the list is not among the examples.
    MostlyAbsent { found: u64, size: u64 },
    /// A model does not tell the seeds from others.
    NoSignal { low: f64, high: f64 },
    /// A model tells them nearly always.
    TooDistinct { auc: f64 },
    /// One column tells them nearly always.
    OneColumn { column: String, auc: f64 },
}

impl fmt::Display for SeedWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Few { found } => {
                write!(f, "only {} found: every figure is rough", plural(*found, "seed is", "seeds are"))
            }
            Self::MostlyAbsent { found, size } => write!(
                f,
                "only {} of {} seeds are among the examples: the model learns of these alone; check that the keys are of one kind",
                count(*found),
                count(*size)
            ),
            Self::NoSignal { low, high } => write!(
                f,
                "no signal shown: on unseen rows the seeds cannot be told from others beyond chance (AUC {low:.2} to {high:.2}); an \
                 audience of this list may be a random one"
            ),
            Self::TooDistinct { auc } => write!(
                f,
                "too distinct (AUC {auc:.3}): the list was selected by a rule that the features hold, or one of them was \
                 written because of it; an audience repeats the rule"
            ),
            Self::OneColumn { column, auc } => write!(
                f,
                "column {column} alone tells the seeds (AUC {auc:.3}): the list was selected by it, or it was written because \
                 of the list"
            ),
        }
    }
}

impl SeedQuality {
    pub(super) fn of(task: &LookalikeTask, keys: &KeySet, counted: &Counted) -> Self {
        Self {
            table: task.seeds.table.clone(),
            campaign: task.seeds.value.clone(),
            size: keys.len() as u64,
            duplicates: keys.duplicates(),
            without_key: keys.nulls(),
            found: counted.people,
            rows: counted.rows,
            excluded_rows: counted.excluded_rows,
            others: counted.others(),
            negative_rate: task.negative_rate,
            signs: Vec::new(),
        }
    }
}

impl fmt::Display for SeedQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seeds from {}, {} of them among the examples", self.size, self.table, self.found)?;
        if self.duplicates > 0 {
            write!(f, ", {}", plural(self.duplicates, "duplicate", "duplicates"))?;
        }
        if self.without_key > 0 {
            write!(f, ", {} without a key", plural(self.without_key, "row", "rows"))?;
        }
        if self.excluded_rows > 0 {
            write!(f, "; {} no negatives", plural(self.excluded_rows, "row is", "rows are"))?;
        }
        if self.negative_rate < 1.0 {
            write!(f, "; {} of {} others are learned from", percent(self.negative_rate), count(self.others))?;
        }
        Ok(())
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { auc, group, share, lift, .. } = self;
        write!(f, "{group}: {} of the people, {} as many seeds (AUC {auc:.2})", percent(*share), times(*lift))
    }
}

/// What a list warns of, with what a model saw of it where there is one.
pub(crate) fn warnings(quality: &SeedQuality, seen: Option<Sighting>) -> Vec<SeedWarning> {
    let SeedQuality { size, found, .. } = *quality;
    let mut warnings = Vec::new();
    if found < FEW {
        warnings.push(SeedWarning::Few { found });
    }
    if (found as f64) < HALF * size as f64 {
        warnings.push(SeedWarning::MostlyAbsent { found, size });
    }
    if let Some(interval) = seen.and_then(|seen| seen.interval).filter(|interval| interval.low <= 0.5) {
        warnings.push(SeedWarning::NoSignal { low: interval.low, high: interval.high });
    }
    if let Some(seen) = seen.filter(|seen| seen.auc >= CERTAIN) {
        warnings.push(SeedWarning::TooDistinct { auc: seen.auc });
    }
    if let Some(sign) = quality.signs.first().filter(|sign| sign.auc >= CERTAIN) {
        warnings.push(SeedWarning::OneColumn { column: sign.column.clone(), auc: sign.auc });
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(size: u64, found: u64, auc: f64) -> SeedQuality {
        let sign = Sign { column: "income".to_owned(), auc, group: "income ≥ 5".to_owned(), share: 0.1, lift: 2.0 };
        SeedQuality {
            table: "best".parse().unwrap(),
            campaign: None,
            size,
            duplicates: 2,
            without_key: 0,
            found,
            rows: found,
            excluded_rows: 7,
            others: 1000,
            negative_rate: 0.25,
            signs: vec![sign],
        }
    }

    fn seen(auc: f64, low: f64) -> Option<Sighting> {
        Some(Sighting { auc, interval: Some(Interval { low, high: 2.0 * auc - low }) })
    }

    #[test]
    fn a_good_list_warns_of_nothing_and_each_fault_of_one_thing() {
        assert_eq!(warnings(&quality(100, 80, 0.7), seen(0.7, 0.6)), []);
        assert_eq!(warnings(&quality(60, 40, 0.7), None), [SeedWarning::Few { found: 40 }]);
        let absent = SeedWarning::MostlyAbsent { found: 80, size: 200 };
        assert_eq!(warnings(&quality(200, 80, 0.7), seen(0.7, 0.6)), [absent]);
        let blind = warnings(&quality(100, 80, 0.52), seen(0.55, 0.45));
        assert!(matches!(blind[..], [SeedWarning::NoSignal { low: 0.45, .. }]), "{blind:?}");
        let found = warnings(&quality(100, 80, 0.99), seen(0.995, 0.99));
        assert!(matches!(found[..], [SeedWarning::TooDistinct { .. }, SeedWarning::OneColumn { .. }]), "{found:?}");
    }

    #[test]
    fn a_list_is_described_in_a_line() {
        assert_eq!(
            quality(1234, 80, 0.7).to_string(),
            "1234 seeds from best, 80 of them among the examples, 2 duplicates; 7 rows are no negatives; 25.0\u{a0}% of 1,000 \
             others are learned from"
        );
    }
}
