//! What ad systems know people by: normalized and hashed ids.
//!
//! Digests are kept as bytes in the score table, half of what their hex text would take, and become lower-case hex where
//! they are published. A null id stays null, and so does one that normalizes to nothing: its hash would be the same for
//! everybody who has none. What is no id of its kind is null as well, and marked in a column beside it.

mod derive;
mod published;
#[cfg(test)]
mod tests;

use arrow::datatypes::{DataType, Field};
use artifacts::keys::is_key_type;
use artifacts::secret::SecretKey;
use spec::audience::{IdColumn, IdHash};
use spec::ids::ColumnName;
use spec::{IdNormalization, Normalizer};

use crate::error::{Result, ScorerError};
pub use derive::Derived;
pub(crate) use published::exploded;
pub use published::{published, published_type};

/// One way of deriving an id from a column; audiences that ask for the same share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRecipe {
    /// The population's column.
    pub column: ColumnName,
    /// How its text is normalized.
    pub normalizer: Normalizer,
    /// How it is hashed.
    pub hashing: Hashing,
}

/// How an id is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hashing {
    /// Not at all.
    None,
    /// SHA-256.
    Sha256,
    /// MD5.
    Md5,
    /// HMAC-SHA-256 with a key.
    HmacSha256(Box<SecretKey>),
}

impl Hashing {
    /// How an audience's id column is hashed; its key is read now.
    ///
    /// # Errors
    ///
    /// A key that is not there or too short.
    fn of(id: &IdColumn) -> Result<Self> {
        Ok(match (id.hash, &id.key) {
            (IdHash::Sha256, _) => Self::Sha256,
            (IdHash::Md5, _) => Self::Md5,
            (IdHash::None, _) => Self::None,
            (IdHash::HmacSha256, Some(from)) => Self::HmacSha256(Box::new(SecretKey::read(from)?)),
            (IdHash::HmacSha256, None) => return Err(ScorerError::NoSecret { column: id.column.clone() }),
        })
    }

    fn hash(&self) -> IdHash {
        match self {
            Self::None => IdHash::None,
            Self::Sha256 => IdHash::Sha256,
            Self::Md5 => IdHash::Md5,
            Self::HmacSha256(_) => IdHash::HmacSha256,
        }
    }

    /// The word for it in names of columns: a key of another run makes another column.
    fn name(&self) -> String {
        match self {
            Self::HmacSha256(key) => format!("{}({})", self.hash().name(), key.id()),
            Self::None | Self::Sha256 | Self::Md5 => self.hash().name().to_owned(),
        }
    }
}

impl IdRecipe {
    /// What an audience's id column asks for.
    ///
    /// # Errors
    ///
    /// A secret key that is not there or too short.
    pub fn of(id: &IdColumn) -> Result<Self> {
        Ok(Self { column: id.column.clone(), normalizer: id.normalizer(), hashing: Hashing::of(id)? })
    }

    /// The SHA-256 of the key: what is published where a document names no ids.
    pub fn of_key(key: &ColumnName) -> Self {
        Self { column: key.clone(), normalizer: Normalizer::NONE, hashing: Hashing::Sha256 }
    }

    /// The score table's column that holds it.
    pub fn stored_name(&self) -> String {
        format!("id:{}:{}:{}", self.normalizer, self.hashing.name(), self.column)
    }

    /// The score table's column that says for whom a value is no id; `None` where every value is one.
    pub fn invalid_name(&self) -> Option<String> {
        let name = || format!("invalid:{}:{}:{}", self.normalizer, self.hashing.name(), self.column);
        self.normalizer.can_refuse().then(name)
    }

    /// The id of the secret key that it is made with.
    pub fn key_id(&self) -> Option<&str> {
        match &self.hashing {
            Hashing::HmacSha256(key) => Some(key.id()),
            Hashing::None | Hashing::Sha256 | Hashing::Md5 => None,
        }
    }

    /// Its type in the score table, made of a column of this type: bytes of the digest; where nothing is hashed, text,
    /// or the integers, dates or booleans themselves where nothing is normalized either. Of lists, lists of these.
    pub fn stored_type(&self, values: &DataType) -> DataType {
        if let Some(item) = list_item(values) {
            return DataType::new_list(self.stored_type(item), true);
        }
        match (&self.hashing, value_type(values)) {
            (Hashing::Sha256 | Hashing::HmacSha256(_), _) => DataType::FixedSizeBinary(32),
            (Hashing::Md5, _) => DataType::FixedSizeBinary(16),
            (Hashing::None, values) if self.is_raw(values) => values.clone(),
            (Hashing::None, _) => DataType::Utf8,
        }
    }

    /// Its columns in the score table, made of a column of this type.
    pub fn stored_fields(&self, values: &DataType) -> Vec<Field> {
        let ids = Field::new(self.stored_name(), self.stored_type(values), true);
        let invalid = self.invalid_name().map(|name| Field::new(name, DataType::Boolean, false));
        std::iter::once(ids).chain(invalid).collect()
    }

    fn is_raw(&self, values: &DataType) -> bool {
        self.hashing == Hashing::None && self.normalizer.rule == IdNormalization::None && !is_text(values)
    }

    /// The published column's name where the document gives none.
    pub fn default_name(&self) -> String {
        match self.hashing.hash() {
            IdHash::None => self.column.to_string(),
            hash => format!("{}_{}", hash.name(), self.column),
        }
    }

    /// Whether ids can be made of a column of this type.
    ///
    /// # Errors
    ///
    /// Types whose values have no canonical text, such as lists of lists.
    pub fn check(&self, data_type: &DataType) -> Result<()> {
        match is_key_type(list_item(data_type).unwrap_or(data_type)) {
            true => Ok(()),
            false => Err(ScorerError::IdType { column: self.column.clone(), found: data_type.clone() }),
        }
    }
}

/// The type of a list's items.
pub(crate) fn list_item(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) => Some(item.data_type()),
        _ => None,
    }
}

fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
