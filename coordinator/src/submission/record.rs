//! `submissions/<id>/submission.json`: what was sent.

use artifacts::Digest;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use spec::{Document, SubmissionId};
use uuid::Uuid;

use crate::house::{NewSubmission, Origin};
use crate::names::{ClientToken, Owner, Priority};
use crate::run::Kind;

/// What was sent, and by whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmissionRecord {
    pub(crate) owner: Owner,
    pub(crate) priority: Priority,
    pub(crate) origin: Origin,
    pub(crate) run_date: NaiveDate,
    pub(crate) documents: Vec<Document>,
    /// When, by the coordinator's clock.
    pub(crate) at: DateTime<Utc>,
}

/// What is worth remembering of a submission whose documents are not needed any more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Brief {
    pub(crate) owner: Owner,
    pub(crate) priority: Priority,
    pub(crate) origin: Origin,
    pub(crate) run_date: NaiveDate,
    pub(crate) documents: Vec<Heading>,
    pub(crate) at: DateTime<Utc>,
}

/// What names a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

impl SubmissionRecord {
    /// The record without its documents, and those.
    pub(crate) fn apart(self) -> (Brief, Vec<Document>) {
        let Self { owner, priority, origin, run_date, documents, at } = self;
        let heading = |document: &Document| Heading { name: document.name().to_owned(), kind: Kind::of(document) };
        let headings = documents.iter().map(heading).collect();
        (Brief { owner, priority, origin, run_date, documents: headings, at }, documents)
    }

    /// What a submit becomes, and under which id.
    pub(crate) fn of(new: NewSubmission, at: DateTime<Utc>) -> (SubmissionId, Self) {
        let NewSubmission { client_token, owner, priority, documents, run_date, origin } = new;
        let id = id_of(&owner, client_token.as_ref());
        (id, Self { owner, priority, origin, run_date, documents, at })
    }

    /// Whether the same was asked: priority, day and time may differ, as they do when a submit is repeated.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        (&self.owner, &self.documents, &self.origin) == (&other.owner, &other.documents, &other.origin)
    }
}

/// Hex digits of an id.
const DIGITS: usize = 32;

/// The same for the same token of the same owner, else one that no other submission has.
pub(crate) fn id_of(owner: &Owner, token: Option<&ClientToken>) -> SubmissionId {
    let text = match token {
        Some(token) => {
            let named = serde_json::to_vec(&(owner, token)).expect("two texts have a JSON form");
            Digest::of(&named).short(DIGITS)
        }
        None => Uuid::now_v7().simple().to_string(),
    };
    text.parse().expect("hex digits are a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_one_submission_of_one_owner() {
        let (ana, ben): (Owner, Owner) = ("ana".parse().unwrap(), "ben".parse().unwrap());
        let (first, second): (ClientToken, ClientToken) = ("t-1".parse().unwrap(), "t-2".parse().unwrap());
        let id = id_of(&ana, Some(&first));
        assert_eq!(id_of(&ana, Some(&first)), id);
        assert_ne!(id_of(&ben, Some(&first)), id);
        assert_ne!(id_of(&ana, Some(&second)), id);
        assert_ne!(id_of(&ana, None), id_of(&ana, None));
    }
}
