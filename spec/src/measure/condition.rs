//! Conditions over measures, as a promotion states them.

use std::fmt;
use std::str::FromStr;

use super::{InvalidMeasure, MeasureName};
use crate::ids::TaskName;

/// Comparisons that must all hold: `repurchase.auc >= 0.70 and spend.spearman > 0`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    comparisons: Vec<Comparison>,
}

/// One measure against a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The measure on the left.
    pub measure: MeasureName,
    /// How it is compared.
    pub operator: Operator,
    /// The finite number on the right.
    pub bound: f64,
}

/// How a measure is compared with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `<=`
    AtMost,
    /// `<`
    Below,
}

/// A text that is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCondition {
    /// A part between two `and` that is not `task.measure >= number`.
    #[error("`{text}` is no comparison: write task.measure, one of >= > <= <, and a number, joined by `and`")]
    Comparison {
        /// The part as written.
        text: String,
    },
    /// The right side is not a finite number.
    #[error("`{text}` is not a number")]
    Bound {
        /// The right side as written.
        text: String,
    },
    /// The left side names no measure.
    #[error(transparent)]
    Measure(#[from] InvalidMeasure),
}

impl Condition {
    /// The comparisons, in the order written; at least one.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// Whether every comparison holds. `value_of` gives a task's measure by name; a measure that is missing or not a
    /// number makes the condition false.
    pub fn holds(&self, value_of: &dyn Fn(&TaskName, &str) -> Option<f64>) -> bool {
        let holds = |comparison: &Comparison| {
            let measure = &comparison.measure;
            value_of(&measure.task, measure.measure.name()).is_some_and(|value| comparison.holds(value))
        };
        self.comparisons.iter().all(holds)
    }
}

impl Comparison {
    /// Whether a value stands in this relation to the bound; NaN does not.
    pub fn holds(&self, value: f64) -> bool {
        match self.operator {
            Operator::AtLeast => value >= self.bound,
            Operator::Above => value > self.bound,
            Operator::AtMost => value <= self.bound,
            Operator::Below => value < self.bound,
        }
    }
}

impl FromStr for Condition {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let parts = words.split(|word| word.eq_ignore_ascii_case("and"));
        let comparisons = parts.map(|part| part.join(" ").parse()).collect::<Result<_, _>>()?;
        Ok(Self { comparisons })
    }
}

impl FromStr for Comparison {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let malformed = || InvalidCondition::Comparison { text: text.to_owned() };
        let at = text.find(['<', '>']).ok_or_else(malformed)?;
        let (measure, rest) = text.split_at(at);
        let (operator, bound) =
            [(">=", Operator::AtLeast), (">", Operator::Above), ("<=", Operator::AtMost), ("<", Operator::Below)]
                .into_iter()
                .find_map(|(sign, operator)| Some((operator, rest.strip_prefix(sign)?.trim())))
                .ok_or_else(malformed)?;
        let measure = measure.trim();
        if measure.is_empty() || measure.contains(' ') || bound.is_empty() {
            return Err(malformed());
        }
        let is_decimal = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let not_a_number = || InvalidCondition::Bound { text: bound.to_owned() };
        let value: f64 = bound.parse().map_err(|_| not_a_number())?;
        if !value.is_finite() || !bound.chars().all(is_decimal) {
            return Err(not_a_number());
        }
        Ok(Self { measure: measure.parse()?, operator, bound: value })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, comparison) in self.comparisons.iter().enumerate() {
            let joint = if index == 0 { "" } else { " and " };
            write!(f, "{joint}{comparison}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.measure, self.operator, self.bound)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeast => ">=",
            Self::Above => ">",
            Self::AtMost => "<=",
            Self::Below => "<",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Condition, String> {
        text.parse().map_err(|error: InvalidCondition| error.to_string())
    }

    #[test]
    fn all_comparisons_must_hold() {
        let condition = parse("repurchase.auc >= 0.70 AND spend.spearman>0").unwrap();
        assert_eq!(condition.to_string(), "repurchase.auc >= 0.7 and spend.spearman > 0");
        let measured = |auc: f64, spearman: f64| {
            condition.holds(&|task, measure| match (task.as_str(), measure) {
                ("repurchase", "auc") => Some(auc),
                ("spend", "spearman") => Some(spearman),
                _ => None,
            })
        };
        assert!(measured(0.7, 0.1));
        assert!(!measured(0.699_999, 0.1));
        assert!(!measured(0.7, 0.0));
    }

    #[test]
    fn what_was_not_measured_holds_nothing() {
        for text in ["a.auc >= -1", "a.auc <= 9"] {
            let condition = parse(text).unwrap();
            assert!(!condition.holds(&|_, _| None));
            assert!(!condition.holds(&|_, _| Some(f64::NAN)));
        }
    }

    #[test]
    fn bounds_are_inclusive_as_written() {
        for (text, at_bound) in
            [("a.ece <= 0.5", true), ("a.ece < 0.5", false), ("a.ece >= 5e-1", true), ("a.ece > .5", false)]
        {
            assert_eq!(parse(text).unwrap().holds(&|_, _| Some(0.5)), at_bound, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_says_which_part() {
        let comparison = |text: &str| {
            format!("`{text}` is no comparison: write task.measure, one of >= > <= <, and a number, joined by `and`")
        };
        for (text, message) in [
            ("", comparison("")),
            ("a.auc", comparison("a.auc")),
            ("a.auc == 0.7", comparison("a.auc == 0.7")),
            ("a.auc > 0.7 and", comparison("")),
            ("and a.auc > 0.7", comparison("")),
            ("not a.auc > 0.7", comparison("not a.auc > 0.7")),
            ("> 0.7", comparison("> 0.7")),
            ("a.auc >", comparison("a.auc >")),
            ("a.auc > 0.7 or b.auc > 0.7", "`0.7 or b.auc > 0.7` is not a number".to_owned()),
            ("a.auc > nan", "`nan` is not a number".to_owned()),
            ("a.auc > inf", "`inf` is not a number".to_owned()),
            ("a.auc > 1e999", "`1e999` is not a number".to_owned()),
            ("(a.auc > 0.7)", "`0.7)` is not a number".to_owned()),
            ("auc > 0.7", "`auc` names no measure: write task.measure, such as repurchase.auc".to_owned()),
            ("a.acu > 0.7", "there is no measure `acu`: did you mean `auc`?".to_owned()),
        ] {
            assert_eq!(parse(text), Err(message), "{text}");
        }
    }
}
