//! What names who and what in a submission: owners, client tokens, priorities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Text that cannot be used where it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// An owner.
    #[error(
        "{text:?} is not an owner: use 1 to 128 characters without blanks at the ends and without control characters"
    )]
    Owner {
        /// As given.
        text: String,
    },
    /// A client token.
    #[error("{text:?} is not a client token: use 1 to 128 printable ASCII characters without blanks")]
    ClientToken {
        /// As given.
        text: String,
    },
    /// A priority.
    #[error("{priority} is not a priority: use 0 to 9, 9 goes first")]
    Priority {
        /// As given.
        priority: u32,
    },
    /// A page token.
    #[error("{text:?} is not a page token: use the `next` of the page before, or none for the first page")]
    PageToken {
        /// As given.
        text: String,
    },
}

const LONGEST: usize = 128;

/// Whose a submission is, such as a person or a service; limits and fairness count by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

/// Names a submit: the same token from the same owner again is the same submission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientToken(String);

macro_rules! text {
    ($name:ident, $check:expr) => {
        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                let is_legal: fn(&str) -> bool = $check;
                let is_of_length = (1..=LONGEST).contains(&text.chars().count());
                if is_of_length && is_legal(&text) { Ok(Self(text)) } else { Err(InvalidText::$name { text }) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(Owner, |text| text.trim() == text && !text.chars().any(char::is_control));
text!(ClientToken, |text| text.bytes().all(|byte| byte.is_ascii_graphic()));

impl Owner {
    /// Whose a submission is where nobody says who asks.
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

/// How urgent a submission is: 0 to 9, 9 goes first. Waiting raises it, so that nobody waits for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Priority(u8);

impl Priority {
    /// The most urgent.
    pub const HIGHEST: Self = Self(9);

    /// As a number from 0 to 9.
    pub fn number(self) -> u32 {
        self.0.into()
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl TryFrom<u32> for Priority {
    type Error = InvalidText;

    fn try_from(priority: u32) -> Result<Self, InvalidText> {
        let number = u8::try_from(priority).ok().filter(|number| *number <= Self::HIGHEST.0);
        number.map(Self).ok_or(InvalidText::Priority { priority })
    }
}

impl From<Priority> for u32 {
    fn from(priority: Priority) -> u32 {
        priority.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_tokens_are_short_printable_text() {
        for good in ["ana", "ana@example.org", "Ana Ü", &"x".repeat(128)] {
            assert_eq!(good.parse::<Owner>().unwrap().as_str(), good);
        }
        for bad in ["", " ana", "ana\n", "a\u{7}b", &"x".repeat(129)] {
            assert!(bad.parse::<Owner>().is_err(), "{bad:?}");
        }
        assert!("0b9d-42/nightly".parse::<ClientToken>().is_ok());
        for bad in ["", "two words", "ü", &"x".repeat(129)] {
            assert!(bad.parse::<ClientToken>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_priority_is_a_digit() {
        assert_eq!(Priority::try_from(9), Ok(Priority::HIGHEST));
        assert_eq!(Priority::try_from(10), Err(InvalidText::Priority { priority: 10 }));
        assert!(Priority::HIGHEST > Priority::default());
    }
}
