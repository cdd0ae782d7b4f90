//! SQL text of a document: what of it is accepted, and errors that name its place in the document and in the text.
//!
//! Names in SQL are exact, as everywhere in a document: `Recency` is the column `Recency` and nothing else, quoted or
//! not. Names with other characters than letters, digits and `_` need double quotes. Functions are in any case.

mod expression;
mod failure;
mod position;
mod query;

#[cfg(test)]
mod tests;

use std::fmt;

use spec::PrepareStep;

pub(crate) use expression::{parse_expression, refuse_in_expression};
pub(crate) use failure::planning_failed;
pub use position::Position;
pub(crate) use position::position_of;
pub(crate) use query::{parse_query, refuse_unstable};

/// SQL that is not accepted, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}{}: {problem}", at(position))]
pub struct SqlError {
    /// Whose SQL it is.
    pub origin: Origin,
    /// Where in its text, if that is known.
    pub position: Option<Position>,
    /// What is wrong.
    pub problem: SqlProblem,
}

fn at(position: &Option<Position>) -> String {
    position.map_or_else(String::new, |position| format!(", {position}"))
}

/// Whose SQL it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A step under `prepare`.
    Step {
        /// Its index.
        index: usize,
        /// The table that it makes.
        table: String,
    },
    /// A step under `prepare` that joins ids.
    Identity {
        /// Its index.
        index: usize,
        /// The table that it makes.
        table: String,
    },
    /// A declared table.
    Table(String),
    /// The reading of a table's rows.
    Reading(String),
    /// An expression or predicate, by the name that the caller gave it, such as `spec.audiences.likely.rank_by`.
    Expression(String),
    /// A query of the program itself.
    Query,
}

impl Origin {
    /// The step at `index` under `prepare`.
    pub(crate) fn of_step(index: usize, step: &PrepareStep) -> Self {
        let table = step.name.as_str().to_owned();
        match step.identity {
            Some(_) => Self::Identity { index, table },
            None => Self::Step { index, table },
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { index, table } => write!(f, "spec.prepare[{index}].sql (table `{table}`)"),
            Self::Identity { index, table } => write!(f, "spec.prepare[{index}].identity (table `{table}`)"),
            Self::Table(name) => write!(f, "spec.tables.{name}"),
            Self::Reading(name) => write!(f, "reading table `{name}`"),
            Self::Expression(name) => f.write_str(name),
            Self::Query => f.write_str("query"),
        }
    }
}

/// What is wrong with SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlProblem {
    /// It cannot be parsed.
    #[error("{message}")]
    Syntax {
        /// The parser's words.
        message: String,
    },
    /// It is empty.
    #[error("there is no SQL here")]
    Empty,
    /// It holds several statements.
    #[error("one query is expected, not several: give each its own step")]
    Several,
    /// It is no query.
    #[error("only queries (SELECT …, WITH … SELECT …) are allowed here, not {found}")]
    NotAQuery {
        /// The statement's first word.
        found: String,
    },
    /// A table that is not there.
    #[error("there is no table `{name}`{hint}")]
    NoTable {
        /// The name.
        name: String,
        /// What may be meant.
        hint: String,
    },
    /// A column that is not there.
    #[error("there is no column `{name}`{hint}")]
    NoColumn {
        /// The name.
        name: String,
        /// What may be meant.
        hint: String,
    },
    /// A field that a struct column, such as the classes of a task, does not have.
    #[error("`{column}` has no `{name}`{hint}")]
    NoField {
        /// The column.
        column: String,
        /// The name.
        name: String,
        /// What may be meant.
        hint: String,
    },
    /// A function that is not there.
    #[error("there is no function `{name}`{hint}")]
    NoFunction {
        /// The name.
        name: String,
        /// What may be meant.
        hint: String,
    },
    /// A function whose value is another one each time.
    #[error(
        "`{function}` gives another value in every run, and the same run must give the same rows: use a parameter such as '${{run_date}}'"
    )]
    Unstable {
        /// The function.
        function: String,
    },
    /// A query inside an expression.
    #[error(
        "a query inside the expression is not allowed: it is computed row by row; join what it needs in a prepare step"
    )]
    Subquery,
    /// An aggregate inside an expression.
    #[error("`{function}` is over many rows, and the expression is computed row by row: compute it in a prepare step")]
    OverRows {
        /// The aggregate or window function.
        function: String,
    },
    /// A placeholder.
    #[error("`{name}` is a placeholder, and nothing fills it: parameters are written ${{name}}")]
    Placeholder {
        /// The placeholder.
        name: String,
    },
    /// An expression that is no number.
    #[error("a number is expected, and this is {found}")]
    NotANumber {
        /// Its type.
        found: String,
    },
    /// A predicate that is neither true nor false.
    #[error("a condition is expected, and this is {found}")]
    NotACondition {
        /// Its type.
        found: String,
    },
    /// The engine cannot make a plan of it.
    #[error("{message}")]
    Plan {
        /// The engine's words.
        message: String,
    },
}

impl SqlError {
    /// A problem of `sql` at the first place where it says `word`.
    pub(crate) fn at_word(origin: &Origin, sql: &str, word: &str, problem: SqlProblem) -> Self {
        Self { origin: origin.clone(), position: position_of(sql, word), problem }
    }

    /// A problem of all of the SQL.
    pub(crate) fn whole(origin: &Origin, problem: SqlProblem) -> Self {
        Self { origin: origin.clone(), position: None, problem }
    }
}
