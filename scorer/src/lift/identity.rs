//! How a row of outcomes is recognized as somebody of a package.

use arrow::array::ArrayRef;
use artifacts::audience::AudienceManifest;
use artifacts::keys::hash_nullable_keys;
use query::KeySet;
use spec::ColumnName;
use spec::audience::{IdColumn, IdHash, IdNormalization};

use super::OutcomeTable;
use super::error::LiftError;
use crate::score::ids::{IdRecipe, published};

/// The column of outcomes that identifies people, and how its values become the package's ids.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Identity {
    /// The outcomes' column.
    pub(super) column: ColumnName,
    /// The package's column.
    published: String,
    /// How raw ids are made into published ones; `None` where they are that already.
    recipe: Option<IdRecipe>,
    /// Whether it is of the population's key, so that no two people share one.
    pub(super) is_key: bool,
}

impl Identity {
    /// What a request means for a package.
    pub(super) fn find(manifest: &AudienceManifest, asked: &OutcomeTable) -> Result<Self, LiftError> {
        if asked.exposed.is_some() && asked.converted.is_none() && asked.value.is_none() {
            return Err(LiftError::ExposureAlone);
        }
        if let Some(exploded) = manifest.definition.ids.iter().find(|id| id.explode) {
            let column = exploded.published_name();
            return Err(LiftError::Exploded { audience: manifest.audience.clone(), version: manifest.version, column });
        }
        let ids = ids_of(manifest, asked);
        let known = || ids.iter().map(IdColumn::published_name).collect::<Vec<_>>();
        let named = |id: &ColumnName| ids.iter().find(|column| column.published_name() == id.as_str());
        let absent =
            |id: &ColumnName| LiftError::NoId { audience: manifest.audience.clone(), id: id.clone(), known: known() };
        let is_key = manifest.definition.ids.is_empty();
        match (&asked.key, &asked.id) {
            (None, None) => Err(LiftError::NoKey),
            (None, Some(id)) => {
                let found = named(id).ok_or_else(|| absent(id))?;
                Ok(Self { column: id.clone(), published: found.published_name(), recipe: None, is_key })
            }
            (Some(key), id) => {
                let found = match id {
                    Some(id) => named(id).ok_or_else(|| absent(id))?,
                    None => match ids.iter().find(|column| column.column == *key).or(only(&ids)) {
                        Some(found) => found,
                        None => {
                            let (audience, key) = (manifest.audience.clone(), key.clone());
                            return Err(LiftError::WhichId { audience, key, known: known() });
                        }
                    },
                };
                let recipe = Some(IdRecipe::of(found)?);
                Ok(Self { column: key.clone(), published: found.published_name(), recipe, is_key })
            }
        }
    }

    /// The package's column.
    pub(super) fn published(&self) -> &str {
        &self.published
    }

    /// The hash of each row's id as a package would publish it; `None` where there is none.
    pub(super) fn of_outcomes(&self, values: &ArrayRef) -> Result<Vec<Option<u128>>, LiftError> {
        match &self.recipe {
            None => self.hashes(values),
            Some(recipe) => self.hashes(&published(&recipe.derive(values)?.ids)),
        }
    }

    /// The hash of each row's id in the package.
    pub(super) fn hashes(&self, values: &ArrayRef) -> Result<Vec<Option<u128>>, LiftError> {
        hash_nullable_keys(values, KeySet::SEED)
            .map_err(|source| LiftError::Key { column: self.column.clone(), source })
    }
}

/// The id columns of a package. One that declares none publishes the SHA-256 of its key, whose name only the published
/// column tells.
fn ids_of(manifest: &AudienceManifest, asked: &OutcomeTable) -> Vec<IdColumn> {
    if !manifest.definition.ids.is_empty() {
        return manifest.definition.ids.clone();
    }
    let published = manifest.missing_ids.keys().find_map(|name| name.strip_prefix("sha256_")?.parse().ok());
    let column = published.or_else(|| asked.key.clone());
    let of_key = |column| IdColumn {
        column,
        normalize: IdNormalization::None,
        country: None,
        hash: IdHash::Sha256,
        key: None,
        explode: false,
        name: None,
    };
    column.map(of_key).into_iter().collect()
}

fn only(ids: &[IdColumn]) -> Option<&IdColumn> {
    match ids {
        [only] => Some(only),
        _ => None,
    }
}
