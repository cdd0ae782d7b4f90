//! Several audiences side by side: what they have cost, and p-values that count when all of them are looked at.

use serde::{Deserialize, Serialize};

use super::AudienceLift;
use super::figures::Figures;
use super::statistics::holm;

/// What an audience's figures are among others.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Reviewed {
    /// What addressing it has cost, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Costs>,
    /// The p-value of its conversions among those of all audiences (Holm 1979).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value_of_all: Option<f64>,
    /// The p-value of its value among those of all audiences (Holm 1979).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_p_value_of_all: Option<f64>,
}

/// What an audience has cost, in the unit of the values. What would be divided by 0 or less is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// In all.
    pub total: f64,
    /// A person who was to be addressed.
    pub per_contact: Option<f64>,
    /// A treated person who converted, whether because of it or not.
    pub per_conversion: Option<f64>,
    /// A conversion that would not have been.
    pub per_incremental_conversion: Option<f64>,
    /// Value of the treated for each unit of cost, whether because of it or not.
    pub return_on_spend: Option<f64>,
    /// Value that would not have been, for each unit of cost.
    pub incremental_return_on_spend: Option<f64>,
}

impl Reviewed {
    /// The figures of a cost.
    pub(super) fn of(cost: Option<f64>, figures: &Figures) -> Self {
        Self { costs: cost.map(|cost| Costs::of(cost, figures)), ..Self::default() }
    }
}

impl Costs {
    fn of(total: f64, figures: &Figures) -> Self {
        let over = |number: f64| (number > 0.0).then(|| total / number);
        let of_cost = |value: f64| (total > 0.0).then(|| value / total);
        let incremental = figures.conversions.map(|conversions| conversions.incremental.estimate);
        Self {
            total,
            per_contact: over(figures.treated.people as f64),
            per_conversion: over(figures.treated.converted as f64),
            per_incremental_conversion: incremental.and_then(over),
            return_on_spend: figures.treated.value.and_then(of_cost),
            incremental_return_on_spend: figures.value.and_then(|value| of_cost(value.incremental.estimate)),
        }
    }
}

/// Fills in the p-values among several audiences.
pub(super) fn adjust(lifts: &mut [AudienceLift]) {
    if lifts.len() < 2 {
        return;
    }
    let conversions = adjusted(lifts.iter().map(|lift| lift.overall.conversions.map(|figures| figures.p_value)));
    let values = adjusted(lifts.iter().map(|lift| lift.overall.value.map(|figures| figures.p_value)));
    for (lift, (conversions, value)) in lifts.iter_mut().zip(conversions.into_iter().zip(values)) {
        (lift.reviewed.p_value_of_all, lift.reviewed.value_p_value_of_all) = (conversions, value);
    }
}

/// The adjusted p-values of those who have one.
fn adjusted(p_values: impl Iterator<Item = Option<f64>>) -> Vec<Option<f64>> {
    let p_values: Vec<Option<f64>> = p_values.collect();
    let known: Vec<f64> = p_values.iter().flatten().copied().collect();
    let mut adjusted = holm(&known).into_iter();
    p_values.into_iter().map(|p_value| p_value.and_then(|_| adjusted.next())).collect()
}
