//! Products that are like a new one.

use super::defaults::Purpose;
use super::sql::{date, indented, literal, transactions};
use super::{Preset, Similar, Similarity};
use crate::ids::ColumnName;

/// The query of `preset_similar`: the products, as `item`.
pub(super) fn sql(preset: &Preset, similar: &Similar, product: &ColumnName) -> String {
    let named: Vec<String> = similar.to.iter().map(|product| literal(product)).collect();
    let is_named = format!("IN ({})", named.join(", "));
    match (similar.by, &preset.transactions.category) {
        (Similarity::None, _) | (Similarity::Category, None) => {
            let bought = indented(&transactions(preset, &[(product, "item")]), 2);
            format!("SELECT DISTINCT item\nFROM (\n{bought}\n) AS bought\nWHERE item {is_named}")
        }
        (Similarity::Category, Some(category)) => {
            let bought = indented(&transactions(preset, &[(product, "item"), (category, "category")]), 2);
            format!(
                "SELECT DISTINCT item\nFROM (\n{bought}\n) AS bought\n\
                 WHERE item {is_named} OR item IS NOT NULL AND category IN (\n  \
                 SELECT category\n  FROM (\n{}\n  ) AS named\n  WHERE item {is_named} AND category IS NOT NULL\n)",
                indented(&bought, 2)
            )
        }
        (Similarity::CoPurchase, _) => by_co_purchase(preset, similar, product, &is_named),
    }
}

/// Cosine of the sets of buyers: buyers of both by the geometric mean of the buyers of each; a named product's with itself is
/// 1. Only what was bought before the oldest cut-off counts.
fn by_co_purchase(preset: &Preset, similar: &Similar, product: &ColumnName, is_named: &str) -> String {
    // A day that is out of range is a mistake, which validation reports.
    let oldest = preset.cut_offs(Purpose::Training).and_then(|days| days.last().copied()).unwrap_or(preset.as_of);
    format!(
        "WITH bought AS (\n  \
         SELECT DISTINCT customer, item\n  FROM (\n{}\n  ) AS lines\n  \
         WHERE amount > 0 AND item IS NOT NULL AND day < {}\n\
         ),\n\
         buyers AS (SELECT item, CAST(count(*) AS DOUBLE) AS buyers FROM bought GROUP BY item),\n\
         pairs AS (\n  \
         SELECT named.item AS named, other.item, count(*) AS of_both\n  \
         FROM bought AS named JOIN bought AS other ON other.customer = named.customer\n  \
         WHERE named.item {is_named}\n  \
         GROUP BY named.item, other.item\n\
         )\n\
         SELECT pairs.item\n\
         FROM pairs JOIN buyers ON buyers.item = pairs.item JOIN buyers AS of_named ON of_named.item = pairs.named\n\
         GROUP BY pairs.item\n\
         ORDER BY pairs.item {is_named} DESC, max(pairs.of_both / sqrt(buyers.buyers * of_named.buyers)) DESC, pairs.item\n\
         LIMIT {}",
        indented(&transactions(preset, &[(product, "item")]), 4),
        date(oldest),
        similar.to.len() + similar.most as usize,
    )
}

/// The query of `preset_seeds`: who buys one of the products within the horizon.
pub(super) fn seeds(preset: &Preset, product: &ColumnName, within: &str) -> String {
    format!(
        "SELECT DISTINCT people.cut_off, people.customer\n\
         FROM preset_people AS people JOIN (\n{}\n) AS bought ON bought.customer = people.customer\n  \
         JOIN preset_similar AS liked ON liked.item = bought.item\n\
         WHERE bought.amount > 0 AND people.cut_off - bought.day {within}\n\
         ORDER BY people.cut_off, people.customer",
        indented(&transactions(preset, &[(product, "item")]), 2)
    )
}
