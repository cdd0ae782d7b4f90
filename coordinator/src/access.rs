//! Who may do what: bearer tokens with roles, and the role that each method of the API needs.
//!
//! Tokens are known by their SHA-256 alone. A coordinator without tokens lets everybody do everything, and listens on
//! the loopback interface only. Workers are not known here: each run has a secret of its own.

mod file;
mod methods;
mod role;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::names::Owner;

pub use file::{FileWatch, TokensFile};
pub(crate) use methods::{Method, method_of};
pub use role::{Role, UnknownRole};
pub use tokens::{InvalidTokens, NewToken, NoDigest, TokenDigest, TokenEntry, Tokens, TokensError};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's name.
    pub name: Owner,
    /// What the token allows.
    pub role: Role,
}

impl Caller {
    /// Whether what `owner` has may be changed: one's own, and an admin everybody's.
    pub fn may_act_for(&self, owner: &Owner) -> bool {
        self.role == Role::Admin || self.name == *owner
    }
}

/// Why somebody is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token was sent.
    #[error("this needs an `authorization: Bearer …` header: ask whoever runs the coordinator for a token")]
    NoToken,
    /// The token is none of ours.
    #[error("the token is not known here")]
    UnknownToken,
    /// The token's role is too low.
    #[error("{method} needs the role {needed}, and the token of {name} has the role {role}")]
    Role {
        /// What was asked for.
        method: &'static str,
        /// The role that it needs.
        needed: Role,
        /// Who asked.
        name: Owner,
        /// The role that the token has.
        role: Role,
    },
    /// It belongs to somebody else.
    #[error("this is {owner}'s: it needs the role admin, and the token of {name} has the role {role}")]
    Other {
        /// Whose it is.
        owner: Owner,
        /// Who asked.
        name: Owner,
        /// The role that the token has.
        role: Role,
    },
}

/// Who is let in.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everybody, as an admin: for the loopback interface.
    Open,
    /// Who has one of these tokens.
    Tokens(Arc<Tokens>),
    /// Who has one of the tokens that are in a file now.
    File(TokensFile),
}

impl Access {
    /// Who a request is from, by its `authorization` header.
    pub fn caller(&self, authorization: Option<&[u8]>) -> Result<Caller, Denied> {
        let tokens = match self {
            Self::Open => return Ok(Caller { name: Owner::local(), role: Role::Admin }),
            Self::Tokens(tokens) => Arc::clone(tokens),
            Self::File(file) => file.tokens(),
        };
        let sent = authorization.and_then(bearer).ok_or(Denied::NoToken)?;
        tokens.find(sent).ok_or(Denied::UnknownToken)
    }

    /// Whether it is safe to listen there: without tokens only where no other machine can reach.
    pub fn allows(&self, address: SocketAddr) -> bool {
        match self {
            Self::Open => address.ip().is_loopback(),
            Self::Tokens(_) | Self::File(_) => true,
        }
    }
}

/// The token in a header; the scheme's name is not case-sensitive.
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(token: &str) -> Vec<u8> {
        format!("Bearer {token}").into_bytes()
    }

    #[test]
    fn a_token_says_who_asks_and_what_they_may() {
        let (ana, root) = (
            NewToken::make("ana".parse().unwrap(), Role::Viewer),
            NewToken::make("root".parse().unwrap(), Role::Admin),
        );
        let tokens = Tokens::of(vec![ana.entry.clone(), root.entry.clone()]).unwrap();
        let access = Access::Tokens(Arc::new(tokens));
        let found = access.caller(Some(&header(&ana.secret))).unwrap();
        assert_eq!(found, Caller { name: "ana".parse().unwrap(), role: Role::Viewer });
        assert_eq!(access.caller(Some(&header(&root.secret))).unwrap().role, Role::Admin);
        assert_eq!(access.caller(Some(format!("bearer {}", ana.secret).as_bytes())).unwrap(), found);
    }

    #[test]
    fn what_is_no_known_token_is_turned_away() {
        let ana = NewToken::make("ana".parse().unwrap(), Role::Viewer);
        let access = Access::Tokens(Arc::new(Tokens::of(vec![ana.entry]).unwrap()));
        assert_eq!(access.caller(None), Err(Denied::NoToken));
        for other in ["Basic YW5hOmFuYQ==", "Bearer", "", "\u{fffd}"] {
            assert_eq!(access.caller(Some(other.as_bytes())), Err(Denied::NoToken), "{other:?}");
        }
        let shorter = &ana.secret[..ana.secret.len() - 1];
        for wrong in [shorter, &format!("{}0", ana.secret), &ana.secret.to_uppercase(), "", " "] {
            assert_eq!(access.caller(Some(&header(wrong))), Err(Denied::UnknownToken), "{wrong:?}");
        }
    }

    #[test]
    fn without_tokens_only_the_loopback_interface_is_listened_on() {
        let ana = NewToken::make("ana".parse().unwrap(), Role::Viewer);
        let closed = Access::Tokens(Arc::new(Tokens::of(vec![ana.entry]).unwrap()));
        for (address, is_safe) in [
            ("127.0.0.1:0", true),
            ("127.9.9.9:1", true),
            ("[::1]:0", true),
            ("0.0.0.0:0", false),
            ("192.0.2.1:1", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(Access::Open.allows(address), is_safe, "{address}");
            assert!(closed.allows(address));
        }
        assert_eq!(Access::Open.caller(None).unwrap().role, Role::Admin);
    }

    #[test]
    fn only_an_admin_acts_for_others() {
        let ana: Owner = "ana".parse().unwrap();
        let caller = |name: &str, role| Caller { name: name.parse().unwrap(), role };
        assert!(caller("ana", Role::Submitter).may_act_for(&ana));
        assert!(!caller("bob", Role::Submitter).may_act_for(&ana));
        assert!(caller("bob", Role::Admin).may_act_for(&ana));
    }
}
