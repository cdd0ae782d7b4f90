//! Secret keys: read where a document says, used for HMACs (RFC 2104, FIPS 198-1), and never shown.
//!
//! A key is named by its [`SecretKey::id`], which says nothing of it, so that a change of keys is seen wherever ids that
//! were made with it are.

use std::fmt;

use sha2::{Digest as _, Sha256};
use spec::SecretSource;

use crate::digest::Digest;

/// The fewest bytes of a key: with less, trying all keys is less work than a key is for.
pub const LEAST_BYTES: usize = 16;
/// Hex digits of a key's id.
const ID_DIGITS: usize = 8;
/// What a key's id is made of.
const ID_MESSAGE: &[u8] = b"kindred key id";
/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A variable that is not set.
    #[error("{from} is not set: set it where workers are started, to a key of at least {LEAST_BYTES} bytes")]
    Unset {
        /// Where the secret should be.
        from: SecretSource,
    },
    /// A file that cannot be read.
    #[error("{from} cannot be read: it should hold a key of at least {LEAST_BYTES} bytes")]
    Unreadable {
        /// Where the secret should be.
        from: SecretSource,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A secret that is too short to keep anything.
    #[error(
        "{from} holds a key of fewer than {LEAST_BYTES} bytes: make one of 32 random bytes, such as with `openssl rand -hex 32`"
    )]
    Short {
        /// Where the secret is.
        from: SecretSource,
    },
}

/// A secret key for HMACs. Neither its `Debug` form nor anything else shows it.
#[derive(Clone)]
pub struct SecretKey {
    /// The hash after the key's inner block, and after its outer one: a message costs no more than its own blocks and one.
    inner: Sha256,
    outer: Sha256,
    id: String,
}

impl SecretKey {
    /// Reads the key from its source on this machine. The bytes are taken as they are, but for a line end behind those of
    /// a file.
    ///
    /// # Errors
    ///
    /// A source that is not there, or holds fewer than [`LEAST_BYTES`].
    pub fn read(from: &SecretSource) -> Result<Self, SecretError> {
        let bytes = match from {
            SecretSource::Env(name) => match std::env::var_os(name) {
                Some(value) => value.into_encoded_bytes(),
                None => return Err(SecretError::Unset { from: from.clone() }),
            },
            SecretSource::File(path) => {
                let unreadable = |source| SecretError::Unreadable { from: from.clone(), source };
                let bytes = std::fs::read(path).map_err(unreadable)?;
                let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                line.strip_suffix(b"\r").unwrap_or(line).to_vec()
            }
        };
        if bytes.len() < LEAST_BYTES {
            return Err(SecretError::Short { from: from.clone() });
        }
        Ok(Self::new(&bytes))
    }

    /// A key of these bytes.
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if key.len() > BLOCK {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let keyed = |pad: u8| Sha256::new_with_prefix(block.map(|byte| byte ^ pad));
        let key = Self { inner: keyed(0x36), outer: keyed(0x5c), id: String::new() };
        let id = Digest::of(&key.hmac(ID_MESSAGE)).short(ID_DIGITS);
        Self { id, ..key }
    }

    /// What a key is called: 8 hex digits of the SHA-256 of an HMAC with it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The HMAC-SHA-256 of a message.
    pub fn hmac(&self, message: &[u8]) -> [u8; 32] {
        let inner = self.inner.clone().chain_update(message).finalize();
        self.outer.clone().chain_update(inner).finalize().into()
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hmac_hex(key: &[u8], message: &[u8]) -> String {
        hex::encode(SecretKey::new(key).hmac(message))
    }

    // RFC 4231, 4.2 to 4.8 (4.6 is of a truncated output).
    #[test]
    fn hmacs_are_those_of_rfc_4231() {
        let long = [0xaa; 131];
        let counting: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], &[u8], &str); 6] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &long,
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, message, expected) in cases {
            assert_eq!(hmac_hex(key, message), expected);
        }
    }

    #[test]
    fn a_file_is_read_without_its_line_end_and_keys_are_told_apart_by_their_ids() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            SecretSource::File(path.to_str().unwrap().to_owned())
        };
        let plain = SecretKey::read(&file("a", "0123456789abcdef")).unwrap();
        for text in ["0123456789abcdef\n", "0123456789abcdef\r\n"] {
            assert_eq!(SecretKey::read(&file("b", text)).unwrap().hmac(b"x"), plain.hmac(b"x"));
        }
        let other = SecretKey::read(&file("c", "0123456789abcdeF")).unwrap();
        assert_ne!(plain, other);
        assert_eq!((plain.id().len(), plain.id()), (8, SecretKey::new(b"0123456789abcdef").id()));
        assert_eq!(format!("{plain:?}"), format!("SecretKey({})", plain.id()));
    }

    #[test]
    fn a_key_that_is_missing_or_short_says_where_it_should_be_and_nothing_of_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short");
        std::fs::write(&path, "hunter2").unwrap();
        let short = SecretKey::read(&SecretSource::File(path.to_str().unwrap().to_owned())).unwrap_err().to_string();
        assert!(short.contains("short` holds a key of fewer than 16 bytes") && !short.contains("hunter2"), "{short}");
        let unset = SecretKey::read(&SecretSource::Env("KINDRED_NO_SUCH_KEY".to_owned())).unwrap_err().to_string();
        assert!(unset.starts_with("the environment variable `KINDRED_NO_SUCH_KEY` is not set"), "{unset}");
        let absent = SecretSource::File(folder.path().join("absent").to_str().unwrap().to_owned());
        assert!(SecretKey::read(&absent).unwrap_err().to_string().contains("absent` cannot be read"));
        // Cargo sets this one, and it is long enough.
        assert!(SecretKey::read(&SecretSource::Env("CARGO_MANIFEST_DIR".to_owned())).is_ok());
    }
}
