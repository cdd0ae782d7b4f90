//! What can be foretold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a preset foretells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PresetKind {
    /// Who buys within the horizon, of all who are known.
    Purchase,
    /// Who buys again within the horizon, of those who bought within the window.
    Repurchase,
    /// Who does not buy within the horizon, of active customers.
    Churn,
    /// How much customers spend within the horizon.
    Value,
    /// Who buys within the horizon, and above their own usual order.
    Upsell,
    /// Who buys within the horizon, and of a category that they never bought.
    CrossSell,
    /// Who buys within days, of those who were just seen.
    HighIntent,
    /// Who answers a contact.
    Response,
    /// Who buys for the first time: on the site, of a brand, of a category.
    Acquisition,
    /// Who buys something like a product that nobody could buy yet.
    NewProduct,
}

impl PresetKind {
    /// The word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Repurchase => "repurchase",
            Self::Churn => "churn",
            Self::Value => "value",
            Self::Upsell => "upsell",
            Self::CrossSell => "cross_sell",
            Self::HighIntent => "high_intent",
            Self::Response => "response",
            Self::Acquisition => "acquisition",
            Self::NewProduct => "new_product",
        }
    }
}

/// Of what a first purchase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Of anything.
    #[default]
    Site,
    /// Of one brand.
    Brand,
    /// Of one category.
    Category,
}
