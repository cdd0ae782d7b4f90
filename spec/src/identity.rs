//! Which ids are of one person: a step of `prepare` that joins the ids of several tables into one key.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::identifier::{Country, IdNormalization, Normalizer};
use crate::ids::{ColumnName, TableName};

/// Joins ids that stand together in a row of any of some tables: all ids that are so linked, over however many rows, are of
/// one person.
///
/// The step's table has a row for each id: its kind, its value as it is normalized, and its person's key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The kinds of ids, the most lasting first: a person's key is made of an id of the first kind that the person has.
    #[schemars(extend("minProperties" = 1))]
    pub kinds: IndexMap<ColumnName, IdKind>,
    /// The tables whose rows say which ids go together.
    #[schemars(length(min = 1))]
    pub tables: Vec<IdTable>,
}

/// One kind of ids.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdKind {
    /// How values are normalized, so that two ways of writing an id are one id.
    pub normalize: IdNormalization,
    /// `e164`, `e164_digits`: the country of numbers that are written without one, by its ISO 3166 code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// An id that stands on more different rows than this is of nobody: a shared device, a company's telephone.
    #[schemars(range(min = 1))]
    pub max_records: u32,
}

impl Default for IdKind {
    fn default() -> Self {
        Self { normalize: IdNormalization::None, country: None, max_records: 1000 }
    }
}

impl IdKind {
    /// How its values are normalized.
    pub fn normalizer(&self) -> Normalizer {
        Normalizer { rule: self.normalize, country: self.country }
    }
}

/// A table whose rows hold ids of one person each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdTable {
    /// The table.
    pub table: TableName,
    /// Its columns by the kind of their ids; a list holds several ids.
    #[schemars(extend("minProperties" = 1))]
    pub ids: IndexMap<ColumnName, ColumnName>,
}

impl Identity {
    /// The columns of the step's table: an id's kind, its value, its person's key; all of them text.
    pub const COLUMNS: [&str; 3] = ["kind", "id", "person"];
}
