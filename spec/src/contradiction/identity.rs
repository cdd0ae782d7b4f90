//! Ids and identities whose parts do not go together.

use crate::mistake::choice;
use crate::node::quoted;

/// Parts of an id column, or of a step that joins ids, that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IdentityContradiction {
    /// A country for something else than telephone numbers.
    #[error("`country` belongs to telephone numbers: `normalize: e164` or `e164_digits`")]
    CountryOfNoPhone,
    /// An HMAC without a key.
    #[error("`hmac_sha256` needs a secret key: add `key: {{env: NAME}}` or `key: {{file: PATH}}`")]
    NoKey,
    /// A key without an HMAC.
    #[error("`key` belongs to `hash: hmac_sha256`")]
    KeyOfAnotherHash,
    /// Two columns that would each give a row for every id.
    #[error("another column of the audience has `explode` already: a row is one id of one column")]
    ExplodedTwice,
    /// A kind of ids that is not declared.
    #[error("there is no kind {} of ids", quoted(.name))]
    UnknownKind {
        /// The name as written.
        name: String,
        /// The kinds that there are.
        known: Vec<String>,
    },
    /// A kind of ids that no table has.
    #[error("no table has ids of the kind {}", quoted(.name))]
    UnusedKind {
        /// The kind.
        name: String,
    },
}

impl IdentityContradiction {
    /// What was probably meant.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKind { name, known } => Some(choice("kinds", name, known)),
            Self::CountryOfNoPhone
            | Self::NoKey
            | Self::KeyOfAnotherHash
            | Self::ExplodedTwice
            | Self::UnusedKind { .. } => None,
        }
    }
}
