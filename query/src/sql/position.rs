//! Places in SQL text.

use std::fmt;

use datafusion::common::Span;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

/// A line and a column of SQL text, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Position {
    /// Where a span starts; empty spans start nowhere.
    pub(crate) fn of_span(span: Span) -> Option<Self> {
        Self::of(span.start.line, span.start.column)
    }

    pub(crate) fn of_location(location: Location) -> Option<Self> {
        Self::of(location.line, location.column)
    }

    fn of(line: u64, column: u64) -> Option<Self> {
        (line > 0 && column > 0).then_some(Self { line, column })
    }

    /// Splits a parser's message into its words and the place that it ends with.
    pub(crate) fn split_from(message: &str) -> (String, Option<Self>) {
        const MARK: &str = " at Line: ";
        let parsed = message.rfind(MARK).and_then(|start| {
            let (line, column) = message[start + MARK.len()..].split_once(", Column: ")?;
            let column: String = column.chars().take_while(char::is_ascii_digit).collect();
            Some((start, Self::of(line.trim().parse().ok()?, column.parse().ok()?)?))
        });
        match parsed {
            Some((start, position)) => (message[..start].to_owned(), Some(position)),
            None => (message.to_owned(), None),
        }
    }
}

/// Where `sql` first says `word`, in any case: an identifier, quoted or not, or a keyword.
pub(crate) fn position_of(sql: &str, word: &str) -> Option<Position> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().ok()?;
    let says = |exact: bool| {
        tokens.iter().find(|token| match &token.token {
            Token::Word(found) if exact => found.value == word,
            Token::Word(found) => found.value.eq_ignore_ascii_case(word),
            _ => false,
        })
    };
    Position::of_location(says(true).or_else(|| says(false))?.span.start)
}

/// The first word of `sql`, in capitals.
pub(crate) fn first_word(sql: &str) -> Option<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().ok()?;
    tokens.into_iter().find_map(|token| match token {
        Token::Word(word) => Some(word.value.to_uppercase()),
        _ => None,
    })
}
