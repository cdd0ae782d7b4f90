//! What ad systems know people by: normalized and hashed ids.
//!
//! Digests are kept as bytes in the score table, half of what their hex text would take, and become lower-case hex where
//! they are published. A null id stays null, and so does one that normalizes to nothing: its hash would be the same for
//! everybody who has none.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder, StringArray, StringBuilder,
    downcast_dictionary_array,
};
use arrow::compute::take;
use arrow::datatypes::DataType;
use artifacts::keys::{is_key_type, key_texts};
use md5::Md5;
use sha2::{Digest, Sha256};
use spec::audience::{IdColumn, IdHash, IdNormalization};
use spec::ids::ColumnName;

use crate::error::{Result, ScorerError};

/// One way of deriving an id from a column; audiences that ask for the same share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRecipe {
    /// The population's column.
    pub column: ColumnName,
    /// How its text is normalized.
    pub normalize: IdNormalization,
    /// How it is hashed.
    pub hash: IdHash,
}

impl IdRecipe {
    /// What an audience's id column asks for.
    pub fn of(id: &IdColumn) -> Self {
        Self { column: id.column.clone(), normalize: id.normalize, hash: id.hash }
    }

    /// The SHA-256 of the key: what is published where a document names no ids.
    pub fn of_key(key: &ColumnName) -> Self {
        Self { column: key.clone(), normalize: IdNormalization::None, hash: IdHash::Sha256 }
    }

    /// The score table's column that holds it.
    pub fn stored_name(&self) -> String {
        let normalize = normalization_name(self.normalize);
        let hash = hash_name(self.hash);
        format!("id:{normalize}:{hash}:{}", self.column)
    }

    /// Its type in the score table, made of a column of this type: bytes of the digest; where nothing is hashed, text,
    /// or the integers, dates or booleans themselves where nothing is normalized either.
    pub fn stored_type(&self, values: &DataType) -> DataType {
        match (self.hash, value_type(values)) {
            (IdHash::Sha256, _) => DataType::FixedSizeBinary(32),
            (IdHash::Md5, _) => DataType::FixedSizeBinary(16),
            (IdHash::None, values) if self.is_raw(values) => values.clone(),
            (IdHash::None, _) => DataType::Utf8,
        }
    }

    fn is_raw(&self, values: &DataType) -> bool {
        self.hash == IdHash::None && self.normalize == IdNormalization::None && !is_text(values)
    }

    /// The published column's name where the document gives none.
    pub fn default_name(&self) -> String {
        match self.hash {
            IdHash::Sha256 => format!("sha256_{}", self.column),
            IdHash::Md5 => format!("md5_{}", self.column),
            IdHash::None => self.column.to_string(),
        }
    }

    /// Whether ids can be made of a column of this type.
    ///
    /// # Errors
    ///
    /// Types whose values have no canonical text, such as lists.
    pub fn check(&self, data_type: &DataType) -> Result<()> {
        match is_key_type(data_type) {
            true => Ok(()),
            false => Err(ScorerError::IdType { column: self.column.clone(), found: data_type.clone() }),
        }
    }

    /// The ids of these rows, as the score table holds them; a dictionary's entries are hashed once each.
    ///
    /// # Errors
    ///
    /// A column of a type that [`IdRecipe::check`] refuses.
    pub fn derive(&self, values: &ArrayRef) -> Result<ArrayRef> {
        self.check(values.data_type())?;
        downcast_dictionary_array!(
            values => {
                let entries = self.derive(values.values())?;
                return take(&entries, values.keys(), None).map_err(ScorerError::rows);
            },
            _ => {}
        );
        match values.data_type() {
            DataType::Utf8 => self.of_texts(values.as_string::<i32>().iter()),
            DataType::LargeUtf8 => self.of_texts(values.as_string::<i64>().iter()),
            DataType::Utf8View => self.of_texts(values.as_string_view().iter()),
            raw if self.is_raw(raw) => Ok(Arc::clone(values)),
            _ => {
                let texts =
                    key_texts(values).map_err(|source| ScorerError::Key { column: self.column.clone(), source })?;
                self.of_texts(texts.iter())
            }
        }
    }

    fn of_texts<'a>(&self, texts: impl Iterator<Item = Option<&'a str>>) -> Result<ArrayRef> {
        let normalized = texts.map(|text| text.map(|text| normalize(self.normalize, text)));
        let ids = normalized.map(|text| text.filter(|text| !text.is_empty()));
        match self.hash {
            IdHash::Sha256 => digests::<32>(ids, |text| Sha256::digest(text).into()),
            IdHash::Md5 => digests::<16>(ids, |text| Md5::digest(text).into()),
            IdHash::None => Ok(Arc::new(ids.collect::<StringArray>())),
        }
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

/// The type of ids as they are published.
pub fn published_type(stored: &DataType) -> DataType {
    match stored {
        DataType::FixedSizeBinary(_) => DataType::Utf8,
        other => other.clone(),
    }
}

/// Ids as they are published: digests as lower-case hex, all else as it is.
pub fn published(stored: &ArrayRef) -> ArrayRef {
    let Some(digests) = stored.as_fixed_size_binary_opt() else {
        return Arc::clone(stored);
    };
    let width = 2 * digests.value_length() as usize;
    let mut texts = StringBuilder::with_capacity(digests.len(), digests.len() * width);
    let mut text = vec![0; width];
    for digest in digests {
        match digest {
            Some(digest) => {
                hex::encode_to_slice(digest, &mut text).expect("the text is twice as long as the digest");
                texts.append_value(std::str::from_utf8(&text).expect("hex is ASCII"));
            }
            None => texts.append_null(),
        }
    }
    Arc::new(texts.finish())
}

/// The word for a normalization in documents and manifests.
pub fn normalization_name(normalize: IdNormalization) -> &'static str {
    match normalize {
        IdNormalization::None => "none",
        IdNormalization::Trim => "trim",
        IdNormalization::Lower => "lower",
        IdNormalization::Email => "email",
    }
}

/// The word for a hash in documents and manifests.
pub fn hash_name(hash: IdHash) -> &'static str {
    match hash {
        IdHash::Sha256 => "sha256",
        IdHash::Md5 => "md5",
        IdHash::None => "none",
    }
}

fn normalize(how: IdNormalization, text: &str) -> Cow<'_, str> {
    match how {
        IdNormalization::None => Cow::Borrowed(text),
        IdNormalization::Trim => Cow::Borrowed(text.trim()),
        IdNormalization::Lower | IdNormalization::Email => lower(text.trim()),
    }
}

/// Lower case; allocates only for text that has upper-case letters or is not ASCII.
fn lower(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

fn digests<'a, const WIDTH: usize>(
    texts: impl Iterator<Item = Option<Cow<'a, str>>>,
    digest: impl Fn(&[u8]) -> [u8; WIDTH],
) -> Result<ArrayRef> {
    let mut digests = FixedSizeBinaryBuilder::with_capacity(texts.size_hint().0, WIDTH as i32);
    for text in texts {
        match text {
            Some(text) => digests.append_value(digest(text.as_bytes())).map_err(ScorerError::rows)?,
            None => digests.append_null(),
        }
    }
    let digests: FixedSizeBinaryArray = digests.finish();
    Ok(Arc::new(digests))
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Float64Array, Int64Array};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn recipe(normalize: IdNormalization, hash: IdHash) -> IdRecipe {
        IdRecipe { column: "email".parse().expect("a name"), normalize, hash }
    }

    fn texts(recipe: &IdRecipe, values: ArrayRef) -> Vec<Option<String>> {
        let stored = recipe.derive(&values).expect("a type that ids are made of");
        assert_eq!(*stored.data_type(), recipe.stored_type(values.data_type()));
        let published = published(&stored);
        published.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    // printf '%s' jane.doe@example.com | sha256sum
    const JANE: &str = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d";

    #[test]
    fn emails_are_trimmed_and_lowered_before_hashing() {
        let emails: ArrayRef = Arc::new(StringArray::from(vec![
            Some(" Jane.Doe@Example.com\t"),
            Some("jane.doe@example.com"),
            None,
            Some("   "),
            Some(""),
        ]));
        let hashed = texts(&recipe(IdNormalization::Email, IdHash::Sha256), emails);
        assert_eq!(hashed, [Some(JANE.to_owned()), Some(JANE.to_owned()), None, None, None]);
    }

    #[test]
    fn md5_and_raw_values_are_as_asked() {
        let values: ArrayRef = Arc::new(StringArray::from(vec![" Ab "]));
        let of = |normalize, hash| texts(&recipe(normalize, hash), Arc::clone(&values)).remove(0).expect("a value");
        assert_eq!(of(IdNormalization::None, IdHash::None), " Ab ");
        assert_eq!(of(IdNormalization::Trim, IdHash::None), "Ab");
        assert_eq!(of(IdNormalization::Lower, IdHash::None), "ab");
        assert_eq!(of(IdNormalization::Lower, IdHash::Md5), "187ef4436122d1cc2f40dc2b92f0eba0");
    }

    #[test]
    fn letters_beyond_ascii_are_lowered_too() {
        let values: ArrayRef = Arc::new(StringArray::from(vec!["ÄÖ@X.de"]));
        assert_eq!(texts(&recipe(IdNormalization::Email, IdHash::None), values), [Some("äö@x.de".to_owned())]);
    }

    #[test]
    fn a_dictionary_gives_the_same_ids_as_its_values() {
        let plain = StringArray::from(vec![Some("a"), Some("B"), None, Some("a")]);
        let dictionary: DictionaryArray<Int32Type> = plain.iter().collect();
        let recipe = recipe(IdNormalization::Lower, IdHash::Sha256);
        assert_eq!(texts(&recipe, Arc::new(dictionary)), texts(&recipe, Arc::new(plain)));
    }

    #[test]
    fn integers_are_hashed_as_their_digits() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(42), Some(-7), None]));
        let words: ArrayRef = Arc::new(StringArray::from(vec![Some("42"), Some("-7"), None]));
        let recipe = recipe(IdNormalization::None, IdHash::Sha256);
        assert_eq!(texts(&recipe, numbers), texts(&recipe, words));
    }

    #[test]
    fn raw_integers_stay_integers_until_they_are_normalized() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![42]));
        let raw = recipe(IdNormalization::None, IdHash::None).derive(&numbers).expect("an id");
        assert_eq!(raw.data_type(), &DataType::Int64);
        assert_eq!(texts(&recipe(IdNormalization::Trim, IdHash::None), numbers), [Some("42".to_owned())]);
    }

    #[test]
    fn whole_numbers_that_came_as_floats_are_the_same_ids() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(42.0), None]));
        let words: ArrayRef = Arc::new(StringArray::from(vec![Some("42"), None]));
        let recipe = recipe(IdNormalization::None, IdHash::Sha256);
        assert_eq!(texts(&recipe, floats), texts(&recipe, words));
    }

    #[test]
    fn what_is_no_id_is_refused_with_its_column() {
        let recipe = recipe(IdNormalization::None, IdHash::Sha256);
        let fraction: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
        let error = recipe.derive(&fraction).expect_err("no id has a fraction");
        assert!(matches!(&error, ScorerError::Key { column, .. } if column.as_str() == "email"), "{error}");
        let list = DataType::new_list(DataType::Utf8, true);
        let error = recipe.check(&list).expect_err("a list is no id");
        assert!(error.to_string().contains("`email`") && error.to_string().contains("List"), "{error}");
    }
}
