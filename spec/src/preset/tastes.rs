//! What somebody bought before a cut-off, by name: products, categories and brands, the latest first.

use serde_json::{Value as Json, json};

use super::Preset;
use super::sql::{indented, transactions};
use crate::ids::ColumnName;

/// At most so many of the latest are read of a person.
const LATEST: u32 = 100;

/// A column of the transactions whose values become a bag, and how many there are.
pub(super) struct Taste<'a> {
    /// The step that collects it.
    pub(super) step: &'static str,
    /// The column of the distinct values, and the bag's feature.
    pub(super) names: &'static str,
    /// The column of how many there are.
    pub(super) count: &'static str,
    column: &'a ColumnName,
}

/// The tastes that the stated columns tell of.
pub(super) fn of(preset: &Preset) -> Vec<Taste<'_>> {
    let stated = &preset.transactions;
    let all = [
        ("preset_products", "products", "distinct_products", &stated.product),
        ("preset_categories", "categories", "distinct_categories", &stated.category),
        ("preset_brands", "brands", "distinct_brands", &stated.brand),
    ];
    all.into_iter()
        .filter_map(|(step, names, count, column)| Some(Taste { step, names, count, column: column.as_ref()? }))
        .collect()
}

impl Taste<'_> {
    /// The step's query, a row a customer and cut-off.
    pub(super) fn sql(&self, preset: &Preset) -> String {
        let Self { names, count, .. } = self;
        format!(
            "SELECT cut_off, customer, count(*) AS {count}, array_agg(item ORDER BY age_days, item) AS {names}\n\
             FROM (\n  \
             SELECT people.cut_off, people.customer, bought.item, min(people.cut_off - bought.day) AS age_days\n  \
             FROM preset_people AS people JOIN (\n{}\n  ) AS bought ON bought.customer = people.customer\n  \
             WHERE bought.amount > 0 AND bought.item IS NOT NULL AND people.cut_off - bought.day BETWEEN 1 AND {}\n  \
             GROUP BY people.cut_off, people.customer, bought.item\n\
             ) AS latest\n\
             GROUP BY cut_off, customer",
            indented(&transactions(preset, &[(self.column, "item")]), 4),
            preset.window().count(),
        )
    }

    /// Its features.
    pub(super) fn features(&self) -> [(&'static str, Json); 2] {
        [(self.count, json!({"kind": "numeric"})), (self.names, json!({"kind": "bag", "max_length": LATEST}))]
    }
}
