//! What a create writes: JSON with an id that no other entry has, and a seal over its bytes.
//!
//! The seal is the SHA-256 of the object's bytes with the seal's own digits as zeros, so that a torn or changed object
//! is found out whoever reads it.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::digest::Digest;

const ID: &str = "entry_id";
const SEAL: &str = "seal";
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The identity of one create: two writers never have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryId(Uuid);

impl EntryId {
    /// A new id.
    fn new() -> Self {
        Self(Uuid::new_v4())
    }

    /// A number that differs between writers.
    pub(crate) fn seed(self) -> u64 {
        self.0.as_u64_pair().1
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// The bytes of one create.
#[derive(Debug, Clone)]
pub struct Entry {
    id: EntryId,
    bytes: Bytes,
}

impl Entry {
    /// An entry that holds `body` (a struct or map) with a new id and a seal.
    pub fn new<T: Serialize>(body: &T) -> Result<Self, InvalidEntry> {
        let Value::Object(body) = serde_json::to_value(body)? else {
            return Err(InvalidEntry::NotAnObject);
        };
        if let Some(field) = [ID, SEAL].into_iter().find(|field| body.contains_key(*field)) {
            return Err(InvalidEntry::Reserved { field });
        }
        let id = EntryId::new();
        let mut object = Map::new();
        object.insert(SEAL.to_owned(), Value::from(BLANK));
        object.insert(ID.to_owned(), Value::from(id.to_string()));
        object.extend(body);
        let mut text = serde_json::to_string_pretty(&object)?;
        text.push('\n');
        let digest = Digest::of(text.as_bytes()).to_string();
        Ok(Self { id, bytes: Bytes::from(text.replacen(BLANK, &digest, 1)) })
    }

    /// The id.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The bytes to put.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// The body of an entry, its seal verified.
pub fn read_entry<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, InvalidEntry> {
    let mut object: Map<String, Value> = serde_json::from_slice(bytes)?;
    let seal = object.remove(SEAL).ok_or(InvalidEntry::NoSeal)?;
    object.remove(ID).ok_or(InvalidEntry::NoId)?;
    verify(bytes, seal.as_str().unwrap_or_default())?;
    Ok(serde_json::from_value(Value::Object(object))?)
}

/// The seal is the first field, so its digits are the first occurrence of themselves.
fn verify(bytes: &[u8], seal: &str) -> Result<(), InvalidEntry> {
    let broken = || InvalidEntry::BrokenSeal;
    let text = std::str::from_utf8(bytes).map_err(|_| broken())?;
    let expected: Digest = seal.parse().map_err(|_| broken())?;
    let unsealed = text.replacen(seal, BLANK, 1);
    if Digest::of(unsealed.as_bytes()) == expected { Ok(()) } else { Err(broken()) }
}

/// JSON that is no entry, or a value that makes none.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEntry {
    /// Not JSON, or not of this form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Not a JSON object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A field of this name belongs to the entry itself.
    #[error("its field `{field}` is reserved")]
    Reserved {
        /// The field.
        field: &'static str,
    },
    /// No seal.
    #[error("it has no seal")]
    NoSeal,
    /// No id.
    #[error("it has no entry id")]
    NoId,
    /// Bytes that are not those that were sealed.
    #[error("it was changed or cut off after it was written")]
    BrokenSeal,
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        run: String,
        share: f64,
    }

    fn body() -> Body {
        Body { run: "r-1".to_owned(), share: 0.1 }
    }

    #[test]
    fn an_entry_reads_back_and_no_two_are_alike() {
        let (first, second) = (Entry::new(&body()).unwrap(), Entry::new(&body()).unwrap());
        assert_eq!(read_entry::<Body>(first.bytes()).unwrap(), body());
        assert_ne!(first.bytes(), second.bytes());
        assert_ne!(first.id(), second.id());
    }

    #[test]
    fn every_changed_byte_is_found() {
        let bytes = Entry::new(&body()).unwrap().bytes().to_vec();
        for at in 0..bytes.len() {
            for flip in [1, 0x20, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                assert!(read_entry::<Body>(&changed).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn every_truncation_is_found() {
        let bytes = Entry::new(&body()).unwrap().bytes().to_vec();
        for length in 0..bytes.len() {
            assert!(read_entry::<Body>(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_body_cannot_stand_in_for_the_frame() {
        assert!(matches!(Entry::new(&3), Err(InvalidEntry::NotAnObject)));
        let seal = serde_json::json!({"seal": "x"});
        assert!(matches!(Entry::new(&seal), Err(InvalidEntry::Reserved { field: "seal" })));
    }

    #[test]
    fn a_digest_of_zeros_in_the_body_does_not_disturb_the_seal() {
        let body = serde_json::json!({"digest": BLANK});
        let entry = Entry::new(&body).unwrap();
        assert_eq!(read_entry::<Value>(entry.bytes()).unwrap(), body);
    }
}
