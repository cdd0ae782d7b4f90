//! What people are known by outside: published id columns, and how their values are normalized and hashed.
//!
//! Normalizing is pure and lives here, so that what is published and what identities are joined by agree. Hashing and
//! the keys of HMACs are others'.

mod device;
mod email;
mod phone;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ColumnName;
pub use phone::{Country, NumberPlan};

/// One id column of the published files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdColumn {
    /// The population's column; a list holds several ids of one person.
    pub column: ColumnName,
    /// How its text is normalized before hashing.
    #[serde(default)]
    pub normalize: IdNormalization,
    /// `e164`, `e164_digits`: the country of numbers that are written without one, by its ISO 3166 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// How it is hashed; `none` publishes it as it is.
    #[serde(default)]
    pub hash: IdHash,
    /// `hmac_sha256`: where its secret key is read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretSource>,
    /// Of a list: a row for each id, with everything else repeated; one column of an audience at the most.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explode: bool,
    /// The published column's name; `<hash>_<column>` when absent, or the column's own name without a hash.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub name: Option<ColumnName>,
}

impl IdColumn {
    /// The published column's name.
    pub fn published_name(&self) -> String {
        match (&self.name, self.hash) {
            (Some(name), _) => name.to_string(),
            (None, IdHash::None) => self.column.to_string(),
            (None, hash) => format!("{}_{}", hash.name(), self.column),
        }
    }

    /// How its values are normalized.
    pub fn normalizer(&self) -> Normalizer {
        Normalizer { rule: self.normalize, country: self.country }
    }
}

/// Normalization of an id before hashing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdNormalization {
    /// As it is.
    #[default]
    None,
    /// Blanks around it removed.
    Trim,
    /// Blanks around it removed, lower case.
    Lower,
    /// An email address: blanks around it removed, lower case.
    Email,
    /// An email address as Google asks for it: also without the dots before `@gmail.com` and `@googlemail.com`.
    GoogleEmail,
    /// A telephone number in E.164, such as `+4930123456`.
    E164,
    /// A telephone number in E.164 without the plus sign, as Meta asks for it.
    E164Digits,
    /// An advertising id of a device: a UUID in lower case.
    DeviceId,
    /// An advertising id of a device: a UUID in upper case.
    DeviceIdUpper,
}

impl IdNormalization {
    /// The word for it in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Trim => "trim",
            Self::Lower => "lower",
            Self::Email => "email",
            Self::GoogleEmail => "google_email",
            Self::E164 => "e164",
            Self::E164Digits => "e164_digits",
            Self::DeviceId => "device_id",
            Self::DeviceIdUpper => "device_id_upper",
        }
    }

    /// Whether it reads telephone numbers, and a country says something to it.
    pub fn is_of_phones(self) -> bool {
        matches!(self, Self::E164 | Self::E164Digits)
    }
}

/// Hashing of an id, as lower-case hex of its UTF-8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdHash {
    /// SHA-256.
    #[default]
    Sha256,
    /// HMAC with SHA-256 (RFC 2104) and a secret key, which nobody can undo by trying all numbers or addresses.
    HmacSha256,
    /// MD5, where a channel insists on it.
    Md5,
    /// The raw value.
    None,
}

impl IdHash {
    /// The word for it in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::HmacSha256 => "hmac_sha256",
            Self::Md5 => "md5",
            Self::None => "none",
        }
    }
}

/// Where a secret is read from on the machine that needs it; documents, logs and manifests never hold the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable, by its name.
    Env(#[schemars(schema_with = "crate::text::variable")] String),
    /// A file, by its path; a line end behind the secret is no part of it.
    File(#[schemars(schema_with = "crate::text::address")] String),
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{path}`"),
        }
    }
}

/// What a value is once it is normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normalized<'a> {
    /// An id.
    Id(Cow<'a, str>),
    /// Nothing: blank, or the zeros that a device gives where its owner does not want to be known.
    Missing,
    /// Something that is no id of this kind.
    Invalid,
}

/// How values are normalized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Normalizer {
    /// The rule.
    pub rule: IdNormalization,
    /// The country of telephone numbers that do not say theirs.
    pub country: Option<Country>,
}

impl Normalizer {
    /// Leaves values as they are.
    pub const NONE: Self = Self { rule: IdNormalization::None, country: None };

    /// One value, normalized.
    pub fn normalize<'a>(&self, text: &'a str) -> Normalized<'a> {
        match self.rule {
            IdNormalization::None => some(Cow::Borrowed(text)),
            IdNormalization::Trim => some(Cow::Borrowed(text.trim())),
            IdNormalization::Lower | IdNormalization::Email => some(lower(text.trim())),
            IdNormalization::GoogleEmail => email::google(text),
            IdNormalization::E164 => phone::e164(text, self.country, "+"),
            IdNormalization::E164Digits => phone::e164(text, self.country, ""),
            IdNormalization::DeviceId => device::uuid(text, device::Case::Lower),
            IdNormalization::DeviceIdUpper => device::uuid(text, device::Case::Upper),
        }
    }

    /// Whether there are values that it finds invalid.
    pub fn can_refuse(&self) -> bool {
        match self.rule {
            IdNormalization::None | IdNormalization::Trim | IdNormalization::Lower | IdNormalization::Email => false,
            IdNormalization::GoogleEmail
            | IdNormalization::E164
            | IdNormalization::E164Digits
            | IdNormalization::DeviceId
            | IdNormalization::DeviceIdUpper => true,
        }
    }
}

impl std::fmt::Display for Normalizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rule.name())?;
        match self.country {
            Some(country) => write!(f, "({})", country.code()),
            None => Ok(()),
        }
    }
}

fn some(text: Cow<'_, str>) -> Normalized<'_> {
    if text.is_empty() { Normalized::Missing } else { Normalized::Id(text) }
}

/// Lower case; allocates only for text that has upper-case letters or is not ASCII.
fn lower(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

#[cfg(test)]
mod tests;
