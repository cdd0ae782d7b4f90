//! The mistakes that a document can hold: of its form here, of its meaning in [`Contradiction`].

use crate::contradiction::Contradiction;
use crate::measure::{InvalidCondition, InvalidMeasure};
use crate::node::quoted;
use crate::schedule::InvalidSchedule;
use crate::search::SearchMistake;
use crate::suggest::nearest;

/// One mistake, without its place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Mistake {
    /// The file is not YAML; nothing after this place was read.
    #[error("not YAML: {0}")]
    NotYaml(SyntaxError),
    /// A character that a text file does not hold.
    #[error("the control character U+{0:04X} does not belong in a document")]
    ControlCharacter(u32),
    /// Lists and mappings in one another, too many to be meant.
    #[error("nested more than {0} levels deep")]
    TooDeep(usize),
    /// More values than any document needs.
    #[error("more than {0} values in one file")]
    TooMany(usize),
    /// A tag such as `!secret`.
    #[error("the tag {} means nothing here", quoted(.0))]
    Tag(String),
    /// An anchor used inside itself, or in another document.
    #[error("an alias means a value that is finished before it in the same document")]
    Alias,
    /// `<<` with something that is no mapping.
    #[error("`<<` takes a mapping or a list of mappings")]
    Merge,
    /// A list or mapping as the name of a field.
    #[error("the name of a field is a text")]
    NameNotText,
    /// The same field a second time.
    #[error("{} is given twice", quoted(.name))]
    Twice {
        /// The field.
        name: String,
        /// The line of the first one.
        first_line: usize,
    },
    /// A file without a document.
    #[error("there is no document in this file")]
    NoDocument,
    /// A document that makes tables alone, where documents are run.
    #[error("there is nothing to run in a Preparation document")]
    NothingToRun,
    /// Two documents of one kind with one name.
    #[error("there are two {kind} documents named {}", quoted(.name))]
    DocumentTwice {
        /// Training, Scoring or Preparation.
        kind: &'static str,
        /// Their name.
        name: String,
        /// Where the first one's name stands.
        first: String,
    },
    /// A field that nothing knows.
    #[error("unknown field {}", quoted(.name))]
    UnknownField {
        /// The field as written.
        name: String,
        /// The fields that there are.
        known: Vec<String>,
    },
    /// A field that must be there.
    #[error("`{name}` is missing")]
    Missing {
        /// The field.
        name: String,
        /// What it takes.
        expected: String,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What the field takes.
        expected: String,
        /// What stands there.
        found: String,
        /// How to write what was meant.
        hint: Option<String>,
    },
    /// A word that is none of those that the field takes.
    #[error("unknown {noun} {}", quoted(.word))]
    UnknownWord {
        /// What the word would be, such as `network kind`.
        noun: String,
        /// The word as written.
        word: String,
        /// The words that there are.
        known: Vec<String>,
    },
    /// A word of the design that this version does not have.
    #[error("{noun} `{word}` is not available; available: {}", .available.join(", "))]
    WordNotAvailable {
        /// What the word would be.
        noun: String,
        /// The word.
        word: String,
        /// The words that there are.
        available: Vec<String>,
    },
    /// Another name of something that is written in another way here.
    #[error("{noun} `{word}` is written {instead}")]
    WordElsewhere {
        /// What the word would be.
        noun: String,
        /// The word.
        word: String,
        /// How to write it.
        instead: &'static str,
    },
    /// A field of the design that this version does not have.
    #[error("`{name}` is not available")]
    FieldNotAvailable {
        /// The field.
        name: String,
    },
    /// Another name of a field.
    #[error("`{name}` is written {instead}")]
    FieldElsewhere {
        /// The field.
        name: String,
        /// How to write it.
        instead: &'static str,
    },
    /// A mapping that must have exactly one of several fields.
    #[error("expected exactly one of {}, found {}", .of.join(", "), if .found.is_empty() { "none".to_owned() } else { .found.join(", ") })]
    ExactlyOne {
        /// The fields to choose from.
        of: Vec<String>,
        /// Those that are there.
        found: Vec<String>,
    },
    /// A text that does not have the field's form.
    #[error("{} is not {noun}: {rule}", quoted(.text))]
    Malformed {
        /// The text as written.
        text: String,
        /// What it would be.
        noun: &'static str,
        /// What is wrong with it, or how to write it.
        rule: &'static str,
    },
    /// A text without anything in it.
    #[error("expected {noun}, found a blank text")]
    Blank {
        /// What it would be.
        noun: &'static str,
    },
    /// A number outside its range.
    #[error("{value} is out of range: expected {range}")]
    OutOfRange {
        /// The number as written.
        value: String,
        /// The range in words.
        range: String,
    },
    /// A list with too few or too many items, or a mapping with too few fields.
    #[error("expected {expected}, found {found}")]
    Length {
        /// How many in words.
        expected: String,
        /// How many there are.
        found: usize,
    },
    /// `${name}` without such a parameter.
    #[error("there is no parameter {}", quoted(.name))]
    UnknownParameter {
        /// The name as written.
        name: String,
        /// The parameters that there are.
        known: Vec<String>,
    },
    /// A parameter's value that uses one declared after it.
    #[error("the parameter `{name}` is used before it is declared")]
    ParameterTooEarly {
        /// The parameter that is used.
        name: String,
    },
    /// `${` that is no reference.
    #[error("{} is no parameter: write ${{name}}, or $${{ for the two characters themselves", quoted(.text))]
    Reference {
        /// The text from the `${` on.
        text: String,
    },
    /// A parameter's name that a reference cannot be written for.
    #[error("{} is not a parameter's name: use letters, digits, `_` and `-`, starting with a letter or `_`", quoted(.name))]
    ParameterName {
        /// The name as written.
        name: String,
    },
    /// A parameter that is a list, a mapping or nothing.
    #[error("a parameter is a text, a number, true or false; found {found}")]
    ParameterType {
        /// What stands there.
        found: String,
    },
    /// `--set` with a value of another type than the declared one.
    #[error("the parameter is {declared}, and --set gives {}", quoted(.value))]
    SettingType {
        /// The declared value's type in words.
        declared: &'static str,
        /// The text that was set.
        value: String,
    },
    /// A parameter whose value grew beyond all use.
    #[error("the text is longer than {0} bytes with its parameters put in")]
    TooLong(usize),
    /// `--set` for a name that no document declares.
    #[error("no document declares the parameter {}", quoted(.name))]
    UnknownSetting {
        /// The name as given.
        name: String,
        /// The parameters that documents declare.
        known: Vec<String>,
    },
    /// A reference in the name of a field.
    #[error("parameters are put into values, not into the names of fields")]
    ParameterInName,
    /// A measure that does not exist.
    #[error(transparent)]
    Measure(InvalidMeasure),
    /// A condition that is none.
    #[error(transparent)]
    Condition(InvalidCondition),
    /// A search that cannot be made.
    #[error(transparent)]
    Search(SearchMistake),
    /// A schedule that says no times.
    #[error(transparent)]
    Schedule(InvalidSchedule),
    /// Parts of the document that do not go together.
    #[error(transparent)]
    Contradiction(Contradiction),
    /// A mistake in what a preset fills: something that the user wrote does not go with it.
    #[error("in what the preset {preset} fills: {mistake}")]
    Filled {
        /// The preset's kind.
        preset: &'static str,
        /// What is wrong.
        mistake: Box<Mistake>,
    },
    /// The types refuse what the schema lets through.
    #[error("{message}")]
    Refused {
        /// What the types say.
        message: String,
    },
}

/// What a YAML scanner says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The scanner's words.
    pub message: String,
}

impl Mistake {
    /// What would be right, where that is known and the message does not say it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Twice { first_line, .. } => Some(format!("first on line {first_line}")),
            Self::DocumentTwice { first, .. } => Some(format!("the first is at {first}")),
            Self::NothingToRun => Some("`kindred prepare FILE --output URL` makes its tables".to_owned()),
            Self::Tag(_) => Some("leave it out".to_owned()),
            Self::Missing { expected, .. } => Some(format!("it takes {expected}")),
            Self::WrongType { hint, .. } => hint.clone(),
            Self::UnknownField { name, known } => Some(choice("fields here", name, known)),
            Self::UnknownWord { word, known, .. } => Some(choice("available", word, known)),
            Self::UnknownParameter { name, known } | Self::UnknownSetting { name, known } => {
                Some(choice("declared", name, known))
            }
            Self::Contradiction(contradiction) => contradiction.hint(),
            Self::Filled { mistake, .. } => mistake.hint(),
            Self::NotYaml(_)
            | Self::ControlCharacter(_)
            | Self::TooDeep(_)
            | Self::TooMany(_)
            | Self::Alias
            | Self::Merge
            | Self::NameNotText
            | Self::NoDocument
            | Self::WordNotAvailable { .. }
            | Self::WordElsewhere { .. }
            | Self::FieldNotAvailable { .. }
            | Self::FieldElsewhere { .. }
            | Self::ExactlyOne { .. }
            | Self::Malformed { .. }
            | Self::Blank { .. }
            | Self::OutOfRange { .. }
            | Self::Length { .. }
            | Self::ParameterTooEarly { .. }
            | Self::Reference { .. }
            | Self::ParameterName { .. }
            | Self::ParameterType { .. }
            | Self::SettingType { .. }
            | Self::TooLong(_)
            | Self::ParameterInName
            | Self::Measure(_)
            | Self::Condition(_)
            | Self::Search(_)
            | Self::Schedule(_)
            | Self::Refused { .. } => None,
        }
    }
}

/// The one that was probably meant, or all that there are.
pub(crate) fn choice(these: &str, written: &str, known: &[String]) -> String {
    match nearest(written, known.iter().map(String::as_str)) {
        Some(name) => format!("did you mean {}?", quoted(name)),
        None if known.is_empty() => format!("{these}: none"),
        None => format!("{these}: {}", listed(known)),
    }
}

/// Names in one line, the first thirty of them.
fn listed(names: &[String]) -> String {
    const MOST: usize = 30;
    let cut = if names.len() > MOST { ", …" } else { "" };
    names[..names.len().min(MOST)].join(", ") + cut
}
