//! Presets: a document's steps, features, tasks and network, made from tables with stated columns and a few dates.
//!
//! `spec.preset` is read first; what it stands for is put into the document's tree wherever the user says nothing
//! ([`merge`]), and the filled tree is checked like any other. A document that was filled and the one that
//! `kindred check --expand` prints are the same run.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod columns;
mod contacts;
mod days;
mod defaults;
mod events;
mod filling;
mod habits;
mod kind;
mod merge;
mod outcome;
mod people;
mod similar;
mod source;
mod sql;
mod tastes;

pub use columns::{Holds, StatedColumn};
pub(crate) use days::PATTERN as DAYS;
pub use days::{Days, InvalidDays};
pub(crate) use defaults::Purpose;
pub(crate) use filling::{column_names, step_names};
pub use kind::{PresetKind, Scope};
pub(crate) use merge::{Merged, merge};
pub use source::{Contacts, Customers, Events, Similar, Similarity, Transactions};

/// What a preset fills in a Training document beside `prepare`, where the user does not say it.
pub(crate) const FILLED_IN_TRAINING: [&str; 5] = ["examples", "key", "features", "tasks", "network"];

/// What a preset fills in a Scoring document beside `prepare`, where the user does not say it.
pub(crate) const FILLED_IN_SCORING: [&str; 2] = ["population", "key"];

/// What is to be foretold of people, and from which columns of which tables. It fills the document: `kindred check
/// --expand` shows with what. The same block stands in Training and in Scoring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// What is foretold.
    pub kind: PresetKind,
    /// The day one stands on: nothing from that day on is used. Scoring looks back from it; the newest cut-off of Training is
    /// `horizon` before it, so that all outcomes are known.
    pub as_of: NaiveDate,
    /// How long from a cut-off on outcomes are looked for, such as `90d` or `13w`; when absent 90d, 7d of `high_intent` and 14d of
    /// `response`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon: Option<Days>,
    /// How far back from a cut-off features look; when absent 365d, and 90d of `high_intent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Days>,
    /// From how many days in the past Training learns.
    #[serde(default)]
    pub cut_offs: CutOffs,
    /// `churn`: whoever has bought within this time before the cut-off is a customer who can be lost; 90d when absent.
    /// `high_intent`: whoever has an event within it is looked at; 7d when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_within: Option<Days>,
    /// `upsell`: how far above the usual order the next ones have to be on average, as a share of it; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "uplift")]
    pub uplift: Option<f64>,
    /// `acquisition`: of what the first purchase is foretold; of anything when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// `acquisition` of a brand or category: which one, as the transactions call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub of: Option<String>,
    /// `new_product`: the products that are like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similar: Option<Similar>,
    /// Who bought what, when.
    pub transactions: Transactions,
    /// What else is known of people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<Customers>,
    /// What people did beside buying: views, carts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Events>,
    /// Whom campaigns reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Contacts>,
}

/// The days that Training looks from: the newest one is `as_of` less the horizon, the others lie before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CutOffs {
    /// How many; every person is a row of each of them.
    #[schemars(range(min = 1, max = 100))]
    pub count: u32,
    /// How far apart; the horizon when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Days>,
}

impl Default for CutOffs {
    fn default() -> Self {
        Self { count: 1, every: None }
    }
}

fn uplift(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": ["number", "null"], "minimum": 0})
}
