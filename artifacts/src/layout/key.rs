//! Keys, folders and the ids that only keys have. Their texts are made in the layout alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An object's key, relative to the workspace's root: segments of `a-z A-Z 0-9 - _ . =`, none of them `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// The part of a key before its last segments: what a listing asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Folder(String);

/// A unit of scoring: 0, 1, … in the order of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(pub u64);

/// One try at a piece of work; its data goes to keys that no other try uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Attempt(String);

/// Text that is not what it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not a key of a workspace.
    #[error(
        "{text:?} is not a key: segments of letters, digits and -_.= joined by `/` are expected, none of them `.` or `..`"
    )]
    Key {
        /// The text.
        text: String,
    },
    /// Not an attempt.
    #[error("{text:?} is not an attempt: 1 to 63 lower-case letters, digits and `-` are expected")]
    Attempt {
        /// The text.
        text: String,
    },
    /// Not the name of a file in a package.
    #[error("{text:?} is not a file name: letters, digits and -_.= are expected, not starting with `.` or `_`")]
    FileName {
        /// The text.
        text: String,
    },
}

impl Key {
    pub(super) fn root(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl Folder {
    pub(super) fn root(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The folder as text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self, name: impl fmt::Display) -> Key {
        Key(format!("{}/{name}", self.0))
    }

    pub(super) fn folder(&self, name: impl fmt::Display) -> Folder {
        Folder(format!("{}/{name}", self.0))
    }

    pub(super) fn numbered(&self, number: u64) -> Key {
        self.key(format_args!("{}.json", super::padded(number)))
    }

    /// A file of a package that is named by its manifest, such as `weights.safetensors`.
    pub fn file(&self, name: &str) -> Result<Key, InvalidKey> {
        let is_hidden = name.starts_with(['.', '_']);
        if is_hidden || !is_segment(name) {
            return Err(InvalidKey::FileName { text: name.to_owned() });
        }
        Ok(self.key(name))
    }

    /// A key below this folder, given relative to it, such as `tier=high/part-00000000000000000000.parquet`.
    pub fn below(&self, relative: &str) -> Result<Key, InvalidKey> {
        Key::from_str(&format!("{}/{relative}", self.0)).map_err(|_| InvalidKey::Key { text: relative.to_owned() })
    }
}

impl Attempt {
    /// A new attempt, unlike every other; later ones sort behind earlier ones.
    pub fn new() -> Self {
        Self(Uuid::now_v7().simple().to_string())
    }

    /// The attempt as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Attempt {
    fn default() -> Self {
        Self::new()
    }
}

fn is_segment(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(legal)
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let is_key = text.len() <= 1024 && text.split('/').all(is_segment);
        if is_key { Ok(Self(text.to_owned())) } else { Err(InvalidKey::Key { text: text.to_owned() }) }
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.0
    }
}

impl FromStr for Attempt {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_attempt = !text.is_empty() && text.len() <= 63 && text.bytes().all(legal);
        if is_attempt { Ok(Self(text.to_owned())) } else { Err(InvalidKey::Attempt { text: text.to_owned() }) }
    }
}

impl TryFrom<String> for Attempt {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<Attempt> for String {
    fn from(attempt: Attempt) -> String {
        attempt.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
