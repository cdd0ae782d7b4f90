//! What is wrong with documents, and where.

use std::fmt;
use std::sync::Arc;

use crate::mistake::Mistake;

/// Where something stands in a file; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where; absent where it stands in no file, as for `--set`.
    pub place: Option<Place>,
    /// The way to it through the document, such as `spec.features.city.hash`; empty for a document as a whole.
    pub path: String,
    /// What is wrong and what would be right.
    pub mistake: Mistake,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.mistake)?;
        match self.mistake.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Every mistake of all the documents, a line each, in the order of the files.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems in the order of their places; `files` says which file comes first.
    pub(crate) fn in_order(mut problems: Vec<Problem>, files: &[Arc<str>]) -> Self {
        let file_of = |place: &Place| files.iter().position(|file| *file == place.file);
        let place_of = |problem: &Problem| {
            problem.place.as_ref().map(|place| (file_of(place), place.line, place.column)).unwrap_or_default()
        };
        problems.sort_by_key(place_of);
        let mut once: Vec<Problem> = Vec::with_capacity(problems.len());
        for problem in problems {
            let mut same_place = once.iter().rev().take_while(|other| other.place == problem.place);
            if same_place.all(|other| *other != problem) {
                once.push(problem);
            }
        }
        Self(once)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many there are; never none.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
