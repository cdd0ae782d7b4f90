//! Regression: any number, by the loss that suits it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ColumnName;

/// A number; null means not observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegressionTask {
    /// The label's column: a number, of at least 0 for `poisson` and `tweedie`.
    pub label: ColumnName,
    /// How far a prediction is off.
    #[serde(default)]
    pub loss: RegressionLoss,
    /// A column of weights ≥ 0 of the rows in this task's loss and measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<ColumnName>,
    /// A SQL condition over the examples' columns: the rows that the task learns from and is measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub when: Option<String>,
}

/// Losses of a prediction `ŷ` for a label `y`; `σ` is the standard deviation of the training rows' labels and `m` their
/// mean, so that a loss does not depend on the label's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RegressionLoss {
    /// ½((ŷ - y) / σ)²: the mean is predicted.
    Squared(SquaredLoss),
    /// Squared near the label, linear beyond `delta`: outliers count less (Huber 1964).
    Huber(HuberLoss),
    /// Half the Poisson deviance of y/m: counts, and other amounts whose spread grows with the mean.
    Poisson(PoissonLoss),
    /// Half the Tweedie deviance of y/m: amounts that are often 0 (Jørgensen 1987).
    Tweedie(TweedieLoss),
}

impl RegressionLoss {
    /// The word after `kind:`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Squared(_) => "squared",
            Self::Huber(_) => "huber",
            Self::Poisson(_) => "poisson",
            Self::Tweedie(_) => "tweedie",
        }
    }

    /// Whether labels below 0 have a loss.
    pub fn takes_negative(&self) -> bool {
        match self {
            Self::Squared(_) | Self::Huber(_) => true,
            Self::Poisson(_) | Self::Tweedie(_) => false,
        }
    }
}

impl Default for RegressionLoss {
    fn default() -> Self {
        Self::Squared(SquaredLoss {})
    }
}

/// No fields.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SquaredLoss {}

/// No fields.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoissonLoss {}

/// Where Huber's loss turns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HuberLoss {
    /// The distance from the label beyond which the loss is linear, in standard deviations of the label.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub delta: f64,
}

impl Default for HuberLoss {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

/// Which of Tweedie's distributions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TweedieLoss {
    /// The variance grows with this power of the mean, 1..2: near 1 like counts, near 2 like amounts that are seldom 0.
    #[schemars(extend("exclusiveMinimum" = 1, "exclusiveMaximum" = 2))]
    pub power: f64,
}

impl Default for TweedieLoss {
    fn default() -> Self {
        Self { power: 1.5 }
    }
}
