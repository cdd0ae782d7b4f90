//! What is said of two groups: rates and values, their differences, and how sure they are.

use serde::{Deserialize, Serialize};

use super::OutcomesFound;
use super::outcomes::Wanted;
use super::people::{Arms, Cell};
use super::statistics::{
    Count, Estimate, RateTest, Sample, difference, difference_of_means, minimum_detectable_mean,
    minimum_detectable_rate, rate_interval, ratio, ratio_of_means, test_of_rates, welch_p_value,
};

/// The figures of the people who were to be addressed and of the control group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Those who were to be addressed, reached or not.
    pub treated: ArmFigures,
    /// The control group.
    pub holdout: ArmFigures,
    /// How much more often the treated converted; `None` where a group is empty.
    pub conversions: Option<Conversions>,
    /// How much more they were worth; `None` without values, or where they do not vary.
    pub value: Option<Values>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmFigures {
    /// People with an id.
    pub people: u64,
    /// People without one, who are in no other figure.
    pub without_id: u64,
    /// People who converted.
    pub converted: u64,
    /// Their share, with its interval.
    pub rate: Option<Estimate>,
    /// People who were reached, where the outcomes say so.
    pub exposed: Option<u64>,
    /// Their share, 0..1.
    pub exposed_share: Option<f64>,
    /// The sum of all values, where the outcomes have them.
    pub value: Option<f64>,
    /// The same a person.
    pub mean_value: Option<f64>,
}

/// Conversions of the treated against the holdout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Conversions {
    /// The difference of the rates.
    pub absolute: Estimate,
    /// The same as a share of the holdout's rate: 0.2 is a fifth more; `None` where nobody of a group converted.
    pub relative: Option<Estimate>,
    /// Which test the p-value is of.
    pub test: RateTest,
    /// The chance of such a difference, in either direction, if there were none.
    pub p_value: f64,
    /// Conversions that would not have been: the difference, of all treated people.
    pub incremental: Estimate,
    /// The smallest true difference that groups of these sizes find with 80 % power.
    pub minimum_detectable: Option<f64>,
}

/// Values of the treated against the holdout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// The difference of the means a person.
    pub absolute: Estimate,
    /// The same as a share of the holdout's mean; `None` unless both means are above 0.
    pub relative: Option<Estimate>,
    /// The chance of such a difference, in either direction, if there were none (Welch's test).
    pub p_value: f64,
    /// Value that would not have been: the difference, of all treated people.
    pub incremental: Estimate,
    /// The smallest true difference a person that groups like these find with 80 % power.
    pub minimum_detectable: Option<f64>,
}

/// What makes figures doubtful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// The holdout is of another size than was drawn: some people of a group have lost their ids.
    OddSampleRatio,
    /// People of the holdout were reached.
    HoldoutExposed,
    /// People of both groups have the same id; they are left out.
    SharedIds,
    /// No id of the outcomes is in the package.
    NobodyMatched,
}

/// What came of one group of people.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Group {
    pub(super) people: u64,
    pub(super) without_id: u64,
    pub(super) converted: u64,
    pub(super) exposed: u64,
    /// Of those who have one other than 0.
    pub(super) values: Vec<f64>,
}

/// The groups of all tiers.
#[derive(Debug)]
pub(super) struct Groups(Vec<Group>);

/// Two groups to be compared.
#[derive(Debug, Default)]
pub(super) struct Pair {
    treated: Group,
    holdout: Group,
}

impl Groups {
    /// Everybody, with nothing come of them yet.
    pub(super) fn of(arms: &Arms) -> Self {
        let group = |cell: &super::people::Headcount| Group {
            people: cell.people,
            without_id: cell.without_id,
            ..Group::default()
        };
        Self(arms.cells().iter().map(group).collect())
    }

    /// The group of a cell.
    pub(super) fn at(&mut self, cell: Cell) -> &mut Group {
        &mut self.0[cell.index()]
    }

    /// The groups of a tier.
    pub(super) fn tier(&self, tier: usize) -> Pair {
        let of = |holdout| self.0[Cell { tier, holdout }.index()].clone();
        Pair { treated: of(false), holdout: of(true) }
    }

    /// The groups of all tiers together.
    pub(super) fn overall(&self) -> Pair {
        let mut pair = Pair::default();
        for tier in self.0.chunks(2) {
            if let [treated, holdout] = tier {
                pair.treated.join(treated);
                pair.holdout.join(holdout);
            }
        }
        pair
    }
}

impl Group {
    fn join(&mut self, other: &Self) {
        self.people += other.people;
        self.without_id += other.without_id;
        self.converted += other.converted;
        self.exposed += other.exposed;
        self.values.extend_from_slice(&other.values);
    }

    fn count(&self) -> Count {
        Count { converted: self.converted, people: self.people }
    }

    fn figures(&self, wanted: Wanted, confidence: f64) -> ArmFigures {
        let share = |part: u64| (self.people > 0).then(|| part as f64 / self.people as f64);
        let sum: f64 = self.values.iter().sum();
        ArmFigures {
            people: self.people,
            without_id: self.without_id,
            converted: self.converted,
            rate: rate_interval(self.count(), confidence),
            exposed: wanted.exposed.then_some(self.exposed),
            exposed_share: if wanted.exposed { share(self.exposed) } else { None },
            value: wanted.value.then_some(sum),
            mean_value: if wanted.value && self.people > 0 { Some(sum / self.people as f64) } else { None },
        }
    }
}

impl Figures {
    pub(super) fn of(pair: &Pair, wanted: Wanted, confidence: f64) -> Self {
        let Pair { treated, holdout } = pair;
        Self {
            treated: treated.figures(wanted, confidence),
            holdout: holdout.figures(wanted, confidence),
            conversions: Conversions::of(treated, holdout, confidence),
            value: if wanted.value { Values::of(treated, holdout, confidence) } else { None },
        }
    }

    /// What makes these figures doubtful, with what was found of the outcomes.
    pub(super) fn warnings(&self, found: &OutcomesFound, left_out: u64) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.holdout.exposed.is_some_and(|exposed| exposed > 0) {
            warnings.push(Warning::HoldoutExposed);
        }
        if left_out > 0 {
            warnings.push(Warning::SharedIds);
        }
        if found.matched == 0 {
            warnings.push(Warning::NobodyMatched);
        }
        warnings
    }
}

impl Conversions {
    fn of(treated: &Group, holdout: &Group, confidence: f64) -> Option<Self> {
        let (t, h) = (treated.count(), holdout.count());
        let absolute = difference(t, h, confidence)?;
        let (test, p_value) = test_of_rates(t, h)?;
        Some(Self {
            absolute,
            relative: ratio(t, h, confidence).map(|ratio| ratio.less(1.0)),
            test,
            p_value,
            incremental: absolute.times(treated.people as f64),
            minimum_detectable: minimum_detectable_rate(h.rate()?, t.people, h.people, confidence),
        })
    }
}

impl Values {
    fn of(treated: &Group, holdout: &Group, confidence: f64) -> Option<Self> {
        let (t, h) = (Sample::of(&treated.values, treated.people), Sample::of(&holdout.values, holdout.people));
        let absolute = difference_of_means(&t, &h, confidence)?;
        Some(Self {
            absolute,
            relative: ratio_of_means(&t, &h, confidence).map(|ratio| ratio.less(1.0)),
            p_value: welch_p_value(&t, &h)?,
            incremental: absolute.times(treated.people as f64),
            minimum_detectable: minimum_detectable_mean(&t, &h, confidence),
        })
    }
}
