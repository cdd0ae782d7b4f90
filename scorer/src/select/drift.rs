//! How far features and scores have moved since training and since the last version.

use std::fmt;

use model::drift::{Distribution, Distributions, stability_index};
use serde::{Deserialize, Serialize};
use spec::ids::{FeatureName, TaskName, Version};

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// A feature, over the population.
    Feature(FeatureName),
    /// A task's output, over the population.
    Output(TaskName),
    /// The audience's rank, over its eligible people.
    Rank,
}

/// What it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The rows that the model was trained on, or of its outputs those that it was validated on.
    Training,
    /// The population of the last published version.
    Version(Version),
}

/// By how much something has moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// What.
    pub compared: Compared,
    /// Since when.
    pub since: Since,
    /// The population stability index, 0 or more: see [`stability_index`].
    pub index: f64,
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.compared {
            Compared::Feature(name) => write!(f, "feature `{name}`")?,
            Compared::Output(task) => write!(f, "the score of task `{task}`")?,
            Compared::Rank => write!(f, "the rank")?,
        }
        match self.since {
            Since::Training => write!(f, " has moved since training")?,
            Since::Version(version) => write!(f, " has moved since version {version}")?,
        }
        write!(f, ": its population stability index is {:.3}", self.index)
    }
}

/// What a version was chosen from: kept beside it for the next one to be compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionDistributions {
    /// The features and outputs of the whole population.
    pub population: Distributions,
    /// The audience's rank over its eligible people.
    pub rank: Distribution,
}

/// The shifts of everything that both sides have, features first, in the order of what is observed.
pub fn shifts(observed: &Distributions, reference: &Distributions, since: Since) -> Vec<Shift> {
    let features = observed.features.iter().filter_map(|(name, distribution)| {
        let index = stability_index(reference.features.get(name)?, distribution)?;
        Some(Shift { compared: Compared::Feature(name.clone()), since, index })
    });
    let outputs = observed.outputs.iter().filter_map(|(task, distribution)| {
        let index = stability_index(reference.outputs.get(task)?, distribution)?;
        Some(Shift { compared: Compared::Output(task.clone()), since, index })
    });
    features.chain(outputs).collect()
}

/// The shift of the rank since a version.
pub fn rank_shift(observed: &Distribution, last: &Distribution, version: Version) -> Option<Shift> {
    let index = stability_index(last, observed)?;
    Some(Shift { compared: Compared::Rank, since: Since::Version(version), index })
}

/// Those beyond a limit, the worst first.
pub fn beyond(max: f64, shifts: &[Shift]) -> Vec<Shift> {
    let mut beyond: Vec<Shift> = shifts.iter().filter(|shift| shift.index > max).cloned().collect();
    beyond.sort_by(|left, right| right.index.total_cmp(&left.index));
    beyond
}

#[cfg(test)]
mod tests {
    use model::drift::Kind;

    use super::*;

    fn of(age: &[f64], score: &[f64]) -> Distributions {
        let distribution = |numbers: &[f64]| {
            let mut distribution = Distribution::new(Kind::Numbers);
            distribution.add_numbers(numbers.iter().copied());
            distribution
        };
        Distributions {
            features: [("age".parse().unwrap(), distribution(age))].into(),
            outputs: [("buy".parse().unwrap(), distribution(score))].into(),
        }
    }

    #[test]
    fn the_worst_offender_comes_first_and_is_named() {
        let numbers = |first: u32| (first..first + 50).map(f64::from).collect::<Vec<_>>();
        let shares = |first: u32| numbers(first).iter().map(|number| number / 100.0).collect::<Vec<_>>();
        let (before, now) = (of(&numbers(1), &shares(1)), of(&numbers(31), &shares(6)));
        let found = shifts(&now, &before, Since::Training);
        assert_eq!(found.len(), 2);
        let told: Vec<String> = beyond(0.0, &found).iter().map(Shift::to_string).collect();
        assert!(
            told[0].starts_with("feature `age` has moved since training: its population stability index is "),
            "{told:?}"
        );
        assert!(told.len() == 1 || told[1].starts_with("the score of task `buy`"), "{told:?}");
        assert!(beyond(100.0, &found).is_empty());
    }

    #[test]
    fn what_one_side_alone_has_is_not_compared() {
        let now = of(&[1.0], &[0.5]);
        assert!(shifts(&now, &Distributions::default(), Since::Version(Version(3))).is_empty());
    }
}
