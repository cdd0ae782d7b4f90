//! The tables that decide who is in the running for an audience, in the order in which they do.

use std::fmt;

use super::{Audience, ContactCap};
use crate::table::KeyTable;

/// One table's part in it: a step of the waterfall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyStep<'a> {
    /// Leaves out whoever is not in the table.
    Include(&'a KeyTable),
    /// Leaves out whoever is.
    Exclude(&'a KeyTable),
    /// Leaves out whoever was contacted too often.
    Cap(&'a ContactCap),
}

impl Audience {
    /// The tables that leave people out: `include`, then `exclude`, then `caps`, each in the document's order.
    pub fn key_steps(&self) -> impl Iterator<Item = KeyStep<'_>> {
        let included = self.include.iter().map(KeyStep::Include);
        included.chain(self.exclude.iter().map(KeyStep::Exclude)).chain(self.caps.iter().map(KeyStep::Cap))
    }
}

/// As a waterfall names it.
impl fmt::Display for KeyStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Include(table) => write!(f, "include {}", table.table),
            Self::Exclude(table) => write!(f, "exclude {}", table.table),
            Self::Cap(cap) => write!(f, "cap {}: {} in {}", cap.table, cap.most, cap.within),
        }
    }
}
