//! The tree of a document as it is written: every value with its place.

use std::fmt;

use crate::problem::Place;

/// A value and where it stands. A list or mapping under a name stands where the name does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    /// What could not be told, which is reported already.
    Unknown,
    Boolean(bool),
    /// A number and its text as written.
    Number(Number, String),
    Text(String),
    /// A number or boolean that a parameter put in, with its text: good wherever either is asked for.
    Parameter(Box<Value>, String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A number as precisely as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Whole(i128),
    Decimal(f64),
}

/// A named value of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// The value under a name of a mapping.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.node)
    }

    /// The value under a name of a mapping, to be changed.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Map(entries) => entries.iter_mut().find(|entry| entry.name == name).map(|entry| &mut entry.node),
            _ => None,
        }
    }

    /// The entry with a name of a mapping.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.name == name),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The node at a path, if it is written.
    pub(crate) fn at(&self, path: &Path) -> Option<&Node> {
        path.0.iter().try_fold(self, Self::below)
    }

    /// The node at a path, or the nearest one above it that is written.
    pub(crate) fn nearest(&self, path: &Path) -> &Node {
        let mut node = self;
        for step in &path.0 {
            match node.below(step) {
                Some(below) => node = below,
                None => break,
            }
        }
        node
    }
}

impl Node {
    fn below(&self, step: &Step) -> Option<&Node> {
        match (step, &self.value) {
            (Step::Name(name), _) => self.get(name),
            (Step::Item(index), Value::List(items)) => items.get(*index),
            (Step::Item(_), _) => None,
        }
    }
}

impl Value {
    /// What it is, for messages: `the number 5`, `a list`.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null | Self::Unknown => "nothing".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(_, text) => format!("the number {}", shown(text)),
            Self::Text(text) => format!("the text {}", quoted(text)),
            Self::Parameter(value, _) => value.describe(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// A text as a message shows it: in backquotes, on one line, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let cut = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    let escape = |c: char| if is_unprintable(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().take(LONGEST).map(escape).collect::<String>() + cut
}

/// Control characters, and those that turn the direction of a line.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The way from a document's top to a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path(pub(crate) Vec<Step>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Name(String),
    Item(usize),
}

impl Path {
    /// The path one name further.
    pub(crate) fn name(&self, name: impl AsRef<str>) -> Self {
        self.then(Step::Name(name.as_ref().to_owned()))
    }

    /// The path one list item further; items count from 0.
    pub(crate) fn item(&self, index: usize) -> Self {
        self.then(Step::Item(index))
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether the other path is this one or begins with it.
    pub(crate) fn leads_to(&self, other: &Path) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Item(item) => write!(f, "[{item}]")?,
                Step::Name(name) => {
                    let joint = if index == 0 { "" } else { "." };
                    let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                    if !name.is_empty() && name.chars().all(is_plain) {
                        write!(f, "{joint}{name}")?;
                    } else {
                        write!(f, "{joint}{:?}", shown(name))?;
                    }
                }
            }
        }
        Ok(())
    }
}
