//! The tokens file: names, roles and SHA-256 of tokens; never a token itself.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Caller, Role};
use crate::names::Owner;

/// A token as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEntry {
    /// Whose it is; owns what is submitted with it. A name may have several tokens.
    pub name: Owner,
    /// What it allows.
    pub role: Role,
    /// The SHA-256 of the token's text.
    pub sha256: TokenDigest,
}

/// The SHA-256 of a token; 64 hex digits as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Equality in a time that does not tell where they differ.
    fn is(self, other: Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |difference, (left, right)| difference | (left ^ right)) == 0
    }
}

impl TryFrom<String> for TokenDigest {
    type Error = NoDigest;

    fn try_from(text: String) -> Result<Self, NoDigest> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| NoDigest)?;
        Ok(Self(bytes))
    }
}

impl From<TokenDigest> for String {
    fn from(digest: TokenDigest) -> Self {
        hex::encode(digest.0)
    }
}

/// Text that is no SHA-256. It is not repeated: somebody may have put a token there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no SHA-256: write the 64 hex digits that `kindred coordinator token` prints")]
pub struct NoDigest;

/// Why a tokens file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// It cannot be read.
    #[error("the tokens file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not of the form of a tokens file.
    #[error("the tokens file {} is wrong", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// Its entries make no sense.
    #[error("the tokens file {} is wrong", path.display())]
    Entries {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: InvalidTokens,
    },
}

/// Entries that make no sense together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTokens {
    /// There are none.
    #[error("it has no tokens: nobody could do anything; make one with `kindred coordinator token NAME ROLE`")]
    None,
    /// One token has two entries.
    #[error("the token of {name} is there twice")]
    Twice {
        /// The second one's name.
        name: Owner,
    },
}

/// The file's form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tokens: Vec<TokenEntry>,
}

/// The tokens that are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    entries: Vec<TokenEntry>,
}

impl Tokens {
    /// Reads a tokens file: YAML or JSON, `tokens: [{name, role, sha256}, …]`.
    ///
    /// # Errors
    /// When it cannot be read, is of another form, has no entry or one token twice.
    pub fn read(path: &Path) -> Result<Self, TokensError> {
        let named = || path.to_owned();
        let text = std::fs::read_to_string(path).map_err(|source| TokensError::Read { path: named(), source })?;
        let File { tokens } = serde_saphyr::from_str(&text)
            .map_err(|source| TokensError::Form { path: named(), source: Box::new(source) })?;
        Self::of(tokens).map_err(|source| TokensError::Entries { path: named(), source })
    }

    /// These tokens.
    ///
    /// # Errors
    /// When there are none, or one token twice.
    pub fn of(entries: Vec<TokenEntry>) -> Result<Self, InvalidTokens> {
        if entries.is_empty() {
            return Err(InvalidTokens::None);
        }
        let mut seen = BTreeSet::new();
        match entries.iter().find(|entry| !seen.insert(entry.sha256)) {
            Some(entry) => Err(InvalidTokens::Twice { name: entry.name.clone() }),
            None => Ok(Self { entries }),
        }
    }

    /// Whose a token is. Every entry is looked at, whichever it is.
    pub(super) fn find(&self, token: &[u8]) -> Option<Caller> {
        let sent = TokenDigest::of(token);
        let choose = |found, entry: &TokenEntry| if entry.sha256.is(sent) { Some(entry.clone()) } else { found };
        let found: Option<TokenEntry> = self.entries.iter().fold(None, choose);
        found.map(|TokenEntry { name, role, .. }| Caller { name, role })
    }
}

/// A token that has just been made: the only time that its text is there.
pub struct NewToken {
    /// Its text.
    pub secret: String,
    /// Its entry for the tokens file.
    pub entry: TokenEntry,
}

impl NewToken {
    /// Makes a token with 244 random bits.
    pub fn make(name: Owner, role: Role) -> Self {
        let secret = format!("kindred_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let sha256 = TokenDigest::of(secret.as_bytes());
        Self { secret, entry: TokenEntry { name, role, sha256 } }
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("entry", &self.entry).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tokens, TokensError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Tokens::read(file.path())
    }

    fn causes(error: &TokensError) -> String {
        let source = std::error::Error::source(error).unwrap();
        format!("{error}: {source}")
    }

    /// The SHA-256 of `kindred`, from sha256sum.
    const KINDRED: &str = "340512100e958ea7e07e940a1c9ec729c91b143c0398cbbb25072afec17a4e59";

    #[test]
    fn a_file_in_yaml_or_json_says_who_is_let_in() {
        let made = NewToken::make("ana".parse().unwrap(), Role::Submitter);
        let digest = String::from(made.entry.sha256);
        let yaml = format!("# who may do what\ntokens:\n  - {{name: ana, role: submitter, sha256: {digest}}}\n");
        let json = format!(r#"{{"tokens": [{{"name": "ana", "role": "submitter", "sha256": "{digest}"}}]}}"#);
        for text in [yaml, json] {
            let tokens = read(&text).unwrap();
            assert_eq!(tokens.find(made.secret.as_bytes()).unwrap().role, Role::Submitter);
            assert_eq!(tokens.find(b"another"), None);
        }
    }

    #[test]
    fn an_entry_is_the_sha256_of_the_token_s_text() {
        let tokens = read(&format!("tokens: [{{name: ana, role: admin, sha256: {KINDRED}}}]")).unwrap();
        assert!(tokens.find(b"kindred").is_some() && tokens.find(b"Kindred").is_none());
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_mistake() {
        let entry = format!("{{name: ana, role: admin, sha256: {KINDRED}}}");
        for (text, words) in [
            (format!("tokens: [{entry}, {entry}]"), "twice"),
            ("tokens: []".to_owned(), "no tokens"),
            (format!("tokens: [{}]", entry.replace("admin", "root")), "root"),
            (format!("tokens: [{}]", entry.replace("name: ana", "name: ''")), "owner"),
            (format!("tokens: [{}]", entry.replace("sha256", "token")), "token"),
        ] {
            let error = causes(&read(&text).unwrap_err());
            assert!(error.contains(words), "{words} in {error}");
        }
        assert!(matches!(Tokens::read(Path::new("/nowhere/tokens.yaml")), Err(TokensError::Read { .. })));
    }

    #[test]
    fn a_token_that_stands_where_its_digest_belongs_is_not_repeated() {
        let error = causes(&read("tokens: [{name: ana, role: admin, sha256: my-secret-token}]").unwrap_err());
        assert!(error.contains("no SHA-256"), "{error}");
    }

    #[test]
    fn tokens_are_long_unlike_and_kept_out_of_debug_output() {
        let (one, other) = (
            NewToken::make("ana".parse().unwrap(), Role::Viewer),
            NewToken::make("ana".parse().unwrap(), Role::Viewer),
        );
        assert_ne!(one.secret, other.secret);
        assert_eq!(one.secret.len(), 72);
        assert!(proto::Token::parse(&one.secret).is_some(), "clients can send it");
        assert!(!format!("{one:?}").contains(&one.secret));
    }
}
