//! Parameters: `${name}` in values, from `spec.parameters`, `--set` and the run's date.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::mistake::Mistake;
use crate::node::{Entry, Node, Path, Value};
use crate::problem::{Place, Problem};
use crate::text::{DATE, parse_date};
use crate::yaml::resolve_scalar;

#[cfg(test)]
mod tests;

/// The parameter that is always there: the day that a run is for.
pub const RUN_DATE: &str = "run_date";

/// A text with its parameters put in is not longer than this.
const LONGEST_BYTES: usize = 1 << 20;

/// What is said beside the documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `--set name=value`: values of declared parameters, and of `run_date`.
    pub set: BTreeMap<String, String>,
    /// `${run_date}`, unless a document or `--set` says otherwise.
    pub run_date: NaiveDate,
}

/// Puts parameters into a document. Gives the names that it declares, which `--set` may name.
///
/// `spec.parameters` holds the values that were used when it returns, the run's date among them where the document
/// uses it or always, as `keeps_run_date` says.
pub(crate) fn put_in(document: &mut Node, settings: &Settings, problems: &mut Vec<Problem>) -> Vec<String> {
    let keeps_run_date = document.get("kind").and_then(Node::text) == Some("Scoring");
    let mut values = Values { known: Vec::new(), later: Vec::new(), uses_run_date: keeps_run_date, problems };
    let place = document.place.clone();
    let declared = take_declared(document);
    let names: Vec<String> = declared.iter().map(|entry| entry.name.clone()).collect();
    values.later = names.clone();
    values.declare_run_date(&declared, settings, &place);
    for entry in declared.into_iter().filter(|entry| entry.name != RUN_DATE) {
        values.declare(entry, settings);
    }
    values.later.clear();
    values.put_into(document, &Path::default());
    values.give_back(document);
    names
}

/// The entries of `spec.parameters`, taken out, so that what is left is what parameters are put into.
fn take_declared(document: &mut Node) -> Vec<Entry> {
    let parameters = document.get_mut("spec").and_then(|spec| spec.get_mut("parameters"));
    match parameters.map(|parameters| &mut parameters.value) {
        Some(Value::Map(entries)) => std::mem::take(entries),
        _ => Vec::new(),
    }
}

/// The values of parameters, as far as they are known.
struct Values<'a> {
    known: Vec<Entry>,
    later: Vec<String>,
    uses_run_date: bool,
    problems: &'a mut Vec<Problem>,
}

impl Values<'_> {
    fn report(&mut self, place: &Place, path: &Path, mistake: Mistake) {
        self.problems.push(Problem { place: Some(place.clone()), path: path.to_string(), mistake });
    }

    fn declare_run_date(&mut self, declared: &[Entry], settings: &Settings, place: &Place) {
        let written = declared.iter().find(|entry| entry.name == RUN_DATE);
        self.uses_run_date |= written.is_some();
        let path = path_of(RUN_DATE);
        let (place, text) = match (settings.set.get(RUN_DATE), written) {
            (Some(text), Some(entry)) => (&entry.place, text.clone()),
            (Some(text), None) => (place, text.clone()),
            (None, Some(Entry { node: Node { place, value: Value::Text(text) }, .. })) => (place, text.clone()),
            (None, Some(entry)) => (&entry.place, entry.node.value.describe()),
            (None, None) => (place, settings.run_date.to_string()),
        };
        let date = parse_date(&text);
        if date.is_none() {
            self.report(place, &path, Mistake::Malformed { text, noun: DATE.noun, rule: DATE.rule });
        }
        let value = Value::Text(date.unwrap_or(settings.run_date).to_string());
        let node = Node { place: place.clone(), value };
        self.known.push(Entry { name: RUN_DATE.to_owned(), place: place.clone(), node });
    }

    fn declare(&mut self, mut entry: Entry, settings: &Settings) {
        let path = path_of(&entry.name);
        if !is_name(&entry.name) {
            self.report(&entry.place, &path, Mistake::ParameterName { name: entry.name.clone() });
        }
        self.put_into(&mut entry.node, &path);
        self.later.retain(|name| *name != entry.name);
        if let Value::Parameter(value, _) = entry.node.value {
            entry.node.value = *value;
        }
        if matches!(entry.node.value, Value::Null | Value::List(_) | Value::Map(_)) {
            let found = entry.node.value.describe();
            self.report(&entry.place, &path, Mistake::ParameterType { found });
            entry.node.value = Value::Unknown;
        } else if let Some(text) = settings.set.get(&entry.name) {
            match set(&entry.node.value, text) {
                Ok(value) => entry.node.value = value,
                Err(mistake) => self.report(&entry.place, &path, mistake),
            }
        }
        self.known.push(entry);
    }

    /// Replaces every reference at and below a node.
    fn put_into(&mut self, node: &mut Node, path: &Path) {
        match &mut node.value {
            Value::Text(text) => {
                if text.contains("${") {
                    let text = std::mem::take(text);
                    node.value = self.replaced(&text, &node.place, path);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.put_into(item, &path.item(index));
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.put_into(&mut entry.node, &path.name(&entry.name));
                }
            }
            Value::Null | Value::Unknown | Value::Boolean(_) | Value::Number(..) | Value::Parameter(..) => {}
        }
    }

    fn replaced(&mut self, text: &str, place: &Place, path: &Path) -> Value {
        let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = whole.filter(|name| is_name(name)) {
            return self.value_of(name, place, path);
        }
        let mut is_known = true;
        let mut replaced = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + "${".len()..]);
            replaced.push_str(before);
            if before.ends_with('$') {
                replaced.push('{');
                rest = after;
                continue;
            }
            match after.split_once('}').filter(|(name, _)| is_name(name)) {
                Some((name, left)) => {
                    let value = self.value_of(name, place, path);
                    is_known &= value != Value::Unknown;
                    replaced.push_str(&text_of(&value));
                    rest = left;
                }
                None => {
                    is_known = false;
                    self.report(place, path, Mistake::Reference { text: rest[at..].to_owned() });
                    rest = after;
                }
            }
        }
        replaced.push_str(rest);
        if replaced.len() > LONGEST_BYTES {
            is_known = false;
            self.report(place, path, Mistake::TooLong(LONGEST_BYTES));
        }
        if is_known { Value::Text(replaced) } else { Value::Unknown }
    }

    /// A parameter's value; one that is not known is reported and stands for nothing.
    fn value_of(&mut self, name: &str, place: &Place, path: &Path) -> Value {
        self.uses_run_date |= name == RUN_DATE;
        if let Some(entry) = self.known.iter().find(|entry| entry.name == name) {
            return match &entry.node.value {
                Value::Boolean(value) => Value::Parameter(Box::new(Value::Boolean(*value)), value.to_string()),
                Value::Number(number, text) => {
                    Value::Parameter(Box::new(Value::Number(*number, text.clone())), text.clone())
                }
                value => value.clone(),
            };
        }
        let mistake = if self.later.iter().any(|later| later == name) {
            Mistake::ParameterTooEarly { name: name.to_owned() }
        } else {
            let known = self.known.iter().map(|entry| entry.name.clone()).collect();
            Mistake::UnknownParameter { name: name.to_owned(), known }
        };
        self.report(place, path, mistake);
        Value::Unknown
    }

    /// Writes the values to `spec.parameters`, where workers read them.
    fn give_back(self, document: &mut Node) {
        let uses_run_date = self.uses_run_date;
        let is_given = |entry: &Entry| (uses_run_date || entry.name != RUN_DATE) && entry.node.value != Value::Unknown;
        let given: Vec<Entry> = self.known.into_iter().filter(is_given).collect();
        let Some(spec) = document.get_mut("spec") else { return };
        if let Some(parameters) = spec.get_mut("parameters") {
            if let Value::Map(entries) = &mut parameters.value {
                *entries = given;
            }
        } else if let (Value::Map(entries), false) = (&mut spec.value, given.is_empty()) {
            let place = spec.place.clone();
            let node = Node { place: place.clone(), value: Value::Map(given) };
            entries.push(Entry { name: "parameters".to_owned(), place, node });
        }
    }
}

fn path_of(parameter: &str) -> Path {
    Path::default().name("spec").name("parameters").name(parameter)
}

/// Names that a reference can be written for.
fn is_name(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit() || c == '-')
}

/// What `--set` makes of a declared value: the same type, another value.
fn set(declared: &Value, text: &str) -> Result<Value, Mistake> {
    let refused = |declared| Err(Mistake::SettingType { declared, value: text.to_owned() });
    match (declared, resolve_scalar(text.to_owned())) {
        (Value::Number(..), value @ Value::Number(..)) | (Value::Boolean(_), value @ Value::Boolean(_)) => Ok(value),
        (Value::Number(..), _) => refused("a number"),
        (Value::Boolean(_), _) => refused("true or false"),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

/// A value as part of a text.
fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Number(_, text) | Value::Parameter(_, text) => text.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::Null | Value::Unknown | Value::List(_) | Value::Map(_) => String::new(),
    }
}
