//! Embedding tables: what features say of theirs, and what features that share one say together.

use super::{Feature, Hash, IdSpace, Vocabulary};
use crate::ids::{EmbeddingTableName, FeatureName};

/// What a feature says of its embedding table.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TableSettings<'a> {
    /// The table's name, if it is shared.
    pub table: Option<&'a EmbeddingTableName>,
    /// The vocabulary.
    pub vocabulary: Option<&'a Vocabulary>,
    /// The hash buckets.
    pub hash: Option<&'a Hash>,
    /// The embedding's width.
    pub width: Option<u16>,
}

impl TableSettings<'_> {
    /// The id space that they mean; validation has refused vocabulary and hash at once.
    pub fn id_space(&self) -> IdSpace {
        IdSpace::of(self.vocabulary, self.hash)
    }

    /// What is said here, and where nothing is, what `other` says. Vocabulary and hash exclude one another.
    fn or(self, other: Self) -> Self {
        let has_ids = self.vocabulary.is_some() || self.hash.is_some();
        let (vocabulary, hash) = if has_ids { (self.vocabulary, self.hash) } else { (other.vocabulary, other.hash) };
        Self { vocabulary, hash, width: self.width.or(other.width), ..self }
    }
}

impl Feature {
    /// What it says of its embedding table; none for features without one.
    pub fn table_settings(&self) -> Option<TableSettings<'_>> {
        match self {
            Self::Numeric(_) | Self::Vector(_) | Self::Timestamp(_) => None,
            Self::Categorical(categorical) => Some(TableSettings {
                table: categorical.table.as_ref(),
                vocabulary: categorical.vocabulary.as_ref(),
                hash: categorical.hash.as_ref(),
                width: categorical.width,
            }),
            Self::Bag(bag) => Some(TableSettings {
                table: bag.table.as_ref(),
                vocabulary: bag.vocabulary.as_ref(),
                hash: bag.hash.as_ref(),
                width: bag.width,
            }),
            Self::Sequence(sequence) => Some(TableSettings {
                table: sequence.table.as_ref(),
                vocabulary: sequence.vocabulary.as_ref(),
                hash: sequence.hash.as_ref(),
                width: sequence.width,
            }),
            Self::Cross(cross) => Some(TableSettings {
                table: cross.table.as_ref(),
                vocabulary: None,
                hash: Some(&cross.hash),
                width: cross.width,
            }),
        }
    }
}

/// An embedding table that features share by name.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedTable<'a> {
    /// Its name.
    pub name: &'a EmbeddingTableName,
    /// What the first feature that says something of it says.
    pub settings: TableSettings<'a>,
    /// The features, in the document's order.
    pub features: Vec<&'a FeatureName>,
}

/// The tables that features name, in the order in which they are named first.
pub fn shared_tables<'a>(features: impl IntoIterator<Item = (&'a FeatureName, &'a Feature)>) -> Vec<SharedTable<'a>> {
    let mut tables: Vec<SharedTable<'a>> = Vec::new();
    for (feature, declared) in features {
        let Some(settings) = declared.table_settings() else { continue };
        let Some(name) = settings.table else { continue };
        match tables.iter_mut().find(|table| table.name == name) {
            Some(table) => {
                table.settings = table.settings.or(settings);
                table.features.push(feature);
            }
            None => tables.push(SharedTable { name, settings, features: vec![feature] }),
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    #[test]
    fn features_of_one_table_say_together_what_it_is() {
        let features: IndexMap<FeatureName, Feature> = serde_json::from_value(serde_json::json!({
            "last": {"kind": "categorical", "table": "product"},
            "age": {"kind": "numeric"},
            "seen": {"kind": "bag", "table": "product", "hash": {"buckets": 50}},
            "city": {"kind": "categorical"},
            "bought": {"kind": "bag", "table": "product", "width": 12},
            "pair": {"kind": "cross", "of": ["a", "b"], "hash": {"buckets": 7}, "table": "pairs"},
        }))
        .unwrap();
        let tables = shared_tables(&features);
        let found: Vec<_> = tables.iter().map(|table| (table.name.as_str(), table.features.len())).collect();
        assert_eq!(found, [("product", 3), ("pairs", 1)]);
        assert_eq!(tables[0].settings.id_space(), IdSpace::Hash(Hash { buckets: 50, seed: 0 }));
        assert_eq!(tables[0].settings.width, Some(12));
    }
}
