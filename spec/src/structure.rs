//! A tree against the shape of documents: every unknown, missing or mistyped part is reported, and what is good is
//! kept, so that mistakes of meaning elsewhere are found in the same pass.

use serde_json::{Map, Value as Json};

use crate::mistake::Mistake;
use crate::node::{Entry, Node, Path, Value};
use crate::planned;
use crate::problem::{Place, Problem};
use crate::shape::{Record, Shape};
use crate::share::parse_percentage;
use crate::suggest::nearest;
pub(crate) use describe::describe;
use describe::noun;
use scalars::{as_f64, malformed};

mod describe;
mod placeholder;
mod scalars;
#[cfg(test)]
mod tests;

/// A document as JSON in the form that our types read.
pub(crate) struct Checked {
    /// The document; absent where nothing of it can be told.
    pub(crate) json: Option<Json>,
    /// The places whose values are not the document's own: they were wrong or missing, and are reported.
    pub(crate) damage: Vec<Path>,
}

/// Checks one document.
pub(crate) fn check(shape: &Shape, document: &Node, problems: &mut Vec<Problem>) -> Checked {
    check_at(shape, document, Path::default(), problems)
}

/// Checks a part of a document, which stands at a path of it.
pub(crate) fn check_at(shape: &Shape, part: &Node, path: Path, problems: &mut Vec<Problem>) -> Checked {
    let mut walk = Walk { problems, damage: Vec::new(), path };
    let json = walk.value(shape, part);
    Checked { json, damage: walk.damage }
}

/// Checks one value by itself, which stands at a path of the document; nothing where it is wrong, which is reported.
pub(crate) fn check_value(shape: &Shape, node: &Node, path: Path, problems: &mut Vec<Problem>) -> Option<Json> {
    let before = problems.len();
    let mut walk = Walk { problems, damage: Vec::new(), path };
    let json = walk.value(shape, node);
    json.filter(|_| problems.len() == before)
}

struct Walk<'a> {
    problems: &'a mut Vec<Problem>,
    damage: Vec<Path>,
    path: Path,
}

impl Walk<'_> {
    fn report(&mut self, place: &Place, path: &Path, mistake: Mistake) {
        self.problems.push(Problem { place: Some(place.clone()), path: path.to_string(), mistake });
    }

    /// Reports a mistake of the value that the walk is at.
    fn wrong(&mut self, node: &Node, mistake: Mistake) -> Option<Json> {
        let path = self.path.clone();
        self.report(&node.place, &path, mistake);
        None
    }

    fn wrong_type(&mut self, shape: &Shape, node: &Node) -> Option<Json> {
        let mistake = Mistake::WrongType {
            expected: describe(shape),
            found: describe::found(shape, &node.value),
            hint: describe::rewrite(shape, &node.value),
        };
        self.wrong(node, mistake)
    }

    /// The value as JSON; nothing where it is wrong, which is reported.
    fn value(&mut self, shape: &Shape, node: &Node) -> Option<Json> {
        match (shape, &node.value) {
            (_, Value::Unknown) => None,
            (Shape::Any, _) => scalars::plain_json(node),
            (Shape::Optional(_), Value::Null) => Some(Json::Null),
            (Shape::Optional(shape), _) => self.value(shape, node),
            (_, Value::Parameter(value, text)) => {
                let value = if takes_text(shape) { Value::Text(text.clone()) } else { (**value).clone() };
                self.value(shape, &Node { place: node.place.clone(), value })
            }
            (_, Value::List(items)) => match shape {
                Shape::List { item, least, most } => self.list(node, item, items, *least, *most),
                _ => self.wrong_type(shape, node),
            },
            (_, Value::Map(entries)) => self.mapping(shape, node, entries),
            (_, Value::Null | Value::Boolean(_) | Value::Number(..) | Value::Text(_)) => self.plain(shape, node),
        }
    }

    fn plain(&mut self, shape: &Shape, node: &Node) -> Option<Json> {
        match (shape, &node.value) {
            (Shape::Scalar, _) => self.scalar(shape, node),
            (Shape::Boolean, Value::Boolean(value)) => Some(Json::Bool(*value)),
            (Shape::Whole { least, most }, Value::Number(number, text)) => {
                self.whole(shape, node, *number, text, *least, *most)
            }
            (Shape::Decimal { .. }, Value::Number(number, text)) => self.decimal(shape, node, as_f64(*number), text),
            (Shape::Decimal { is_share: true, .. }, Value::Text(text)) => match parse_percentage(text) {
                Some(share) => self.decimal(shape, node, share, text),
                None => self.wrong_type(shape, node),
            },
            (Shape::Text(form), Value::Text(text)) => match form.and_then(|form| malformed(form, text)) {
                Some(mistake) => self.wrong(node, mistake),
                None => Some(Json::String(text.clone())),
            },
            (Shape::Words { definition, words }, Value::Text(word)) => {
                self.word(node, &noun(definition, None), definition, words, word)
            }
            (Shape::Either { shapes }, _) => self.either(shape, shapes, node),
            _ => self.wrong_type(shape, node),
        }
    }

    fn mapping(&mut self, shape: &Shape, node: &Node, entries: &[Entry]) -> Option<Json> {
        match shape {
            Shape::Names { form, value, least } => {
                let mistake_of = |name: &str| form.and_then(|form| malformed(form, name));
                self.names(node, value, entries, *least, &mistake_of)
            }
            Shape::Record(record) => Some(self.record(node, record, entries, None)),
            Shape::Tagged { definition, tag, variants } => {
                let words: Vec<String> = variants.keys().cloned().collect();
                let word = self.tag(node, definition, tag, &words)?;
                let record = variants.get(&word)?;
                Some(self.record(node, record, entries, Some((tag, word))))
            }
            Shape::OneField { definition, variants } => self.one_field(node, definition, variants, entries),
            Shape::Either { shapes } => self.either(shape, shapes, node),
            _ => self.wrong_type(shape, node),
        }
    }

    fn list(&mut self, node: &Node, item: &Shape, items: &[Node], least: usize, most: usize) -> Option<Json> {
        if !(least..=most).contains(&items.len()) {
            let expected = describe::length(least, most, "item");
            return self.wrong(node, Mistake::Length { expected, found: items.len() });
        }
        let mut list = Vec::with_capacity(items.len());
        for (index, node) in items.iter().enumerate() {
            let here = self.path.item(index);
            list.push(self.below(here, item, node).unwrap_or_else(|| placeholder::of(item)));
        }
        Some(Json::Array(list))
    }

    /// The value at a path below, or nothing, and then the path is damaged.
    fn below(&mut self, path: Path, shape: &Shape, node: &Node) -> Option<Json> {
        let above = std::mem::replace(&mut self.path, path);
        let value = self.value(shape, node);
        let path = std::mem::replace(&mut self.path, above);
        if value.is_none() {
            self.damage.push(path);
        }
        value
    }

    fn names(
        &mut self,
        node: &Node,
        shape: &Shape,
        entries: &[Entry],
        least: usize,
        mistake_of: &dyn Fn(&str) -> Option<Mistake>,
    ) -> Option<Json> {
        if entries.len() < least {
            let expected = describe::length(least, usize::MAX, "entry");
            return self.wrong(node, Mistake::Length { expected, found: entries.len() });
        }
        let mut map = Map::new();
        for entry in entries {
            let here = self.path.name(&entry.name);
            let value = self.below(here.clone(), shape, &entry.node).unwrap_or_else(|| placeholder::of(shape));
            match mistake_of(&entry.name) {
                Some(mistake) => {
                    self.report(&entry.place, &here, mistake);
                    self.damage.push(here);
                }
                None => {
                    map.insert(entry.name.clone(), value);
                }
            }
        }
        Some(Json::Object(map))
    }

    fn record(&mut self, node: &Node, record: &Record, entries: &[Entry], tag: Option<(&str, String)>) -> Json {
        let mut map = Map::new();
        let tag_name = tag.as_ref().map(|(name, _)| *name);
        if let Some((name, word)) = tag {
            map.insert(name.to_owned(), Json::String(word));
        }
        for entry in entries.iter().filter(|entry| Some(entry.name.as_str()) != tag_name) {
            let here = self.path.name(&entry.name);
            let Some(field) = record.fields.get(&entry.name) else {
                let known = tag_name.into_iter().map(str::to_owned).chain(record.fields.keys().cloned()).collect();
                self.report(&entry.place, &here, unknown_field(&record.definition, &entry.name, known));
                continue;
            };
            if entry.node.value == Value::Null && field.has_default() {
                let (expected, found) = (describe(&field.shape), entry.node.value.describe());
                let hint = Some("leave the field out for its default".to_owned());
                self.report(&entry.node.place, &here, Mistake::WrongType { expected, found, hint });
                self.damage.push(here);
                continue;
            }
            let value = self.below(here, &field.shape, &entry.node);
            if let Some(value) = value.or_else(|| field.is_required.then(|| placeholder::of(&field.shape))) {
                map.insert(entry.name.clone(), value);
            }
        }
        for (name, field) in record.fields.iter().filter(|(_, field)| field.is_required) {
            if entries.iter().all(|entry| entry.name != *name) {
                let mistake = Mistake::Missing { name: name.clone(), expected: describe(&field.shape) };
                let here = self.path.clone();
                self.report(&node.place, &here, mistake);
                self.damage.push(here.name(name));
                map.insert(name.clone(), placeholder::of(&field.shape));
            }
        }
        Json::Object(map)
    }

    /// The word that says which variant a mapping is; for a wrong one that which was probably meant, so that the rest
    /// of the mapping is checked too.
    fn tag(&mut self, node: &Node, definition: &str, tag: &str, words: &[String]) -> Option<String> {
        let Some(entry) = node.entry(tag) else {
            let expected = describe::words(words);
            return self.wrong(node, Mistake::Missing { name: tag.to_owned(), expected }).and(None);
        };
        let above = self.path.clone();
        self.path = above.name(tag);
        let word = match &entry.node.value {
            Value::Text(word) => self.word(&entry.node, &noun(definition, Some(tag)), definition, words, word),
            _ => {
                self.wrong_type(&Shape::Words { definition: definition.to_owned(), words: words.to_vec() }, &entry.node)
            }
        };
        let here = std::mem::replace(&mut self.path, above);
        match (word, &entry.node.value) {
            (Some(Json::String(word)), _) => Some(word),
            (_, Value::Text(written)) if !planned::is_known(definition, written) => {
                self.damage.push(here);
                nearest(written, words.iter().map(String::as_str)).map(str::to_owned)
            }
            _ => None,
        }
    }

    fn one_field(
        &mut self,
        node: &Node,
        definition: &str,
        variants: &indexmap::IndexMap<String, Shape>,
        entries: &[Entry],
    ) -> Option<Json> {
        let of: Vec<String> = variants.keys().cloned().collect();
        let (known, unknown): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| variants.contains_key(&entry.name));
        for entry in &unknown {
            let here = self.path.name(&entry.name);
            self.report(&entry.place, &here, unknown_field(definition, &entry.name, of.clone()));
        }
        match (known[..].as_ref(), unknown.is_empty()) {
            ([entry], _) => {
                let here = self.path.name(&entry.name);
                let value = self.below(here, &variants[&entry.name], &entry.node)?;
                Some(Json::Object(Map::from_iter([(entry.name.clone(), value)])))
            }
            ([], false) => None,
            (found, _) => {
                let found = found.iter().map(|entry| entry.name.clone()).collect();
                self.wrong(node, Mistake::ExactlyOne { of, found })
            }
        }
    }

    fn either(&mut self, whole: &Shape, shapes: &[Shape], node: &Node) -> Option<Json> {
        let takes_numbers = shapes.iter().any(|shape| matches!(shape, Shape::Decimal { .. } | Shape::Whole { .. }));
        let fitting = shapes.iter().find(|shape| match (shape, &node.value) {
            (Shape::Decimal { .. } | Shape::Whole { .. }, Value::Number(..)) => true,
            (Shape::Names { .. } | Shape::Record(_) | Shape::OneField { .. }, Value::Map(_)) => true,
            (Shape::Decimal { is_share, .. }, Value::Text(text)) => *is_share && parse_percentage(text).is_some(),
            (Shape::Words { words, .. }, Value::Text(text)) => !takes_numbers || words.contains(text),
            _ => false,
        });
        match fitting {
            Some(shape) => self.value(shape, node),
            None => self.wrong_type(whole, node),
        }
    }
}

fn unknown_field(definition: &str, name: &str, known: Vec<String>) -> Mistake {
    let name = name.to_owned();
    if let Some(instead) = planned::field_instead(definition, &name) {
        Mistake::FieldElsewhere { name, instead }
    } else if planned::is_field(definition, &name) {
        Mistake::FieldNotAvailable { name }
    } else {
        Mistake::UnknownField { name, known }
    }
}

/// Whether a parameter's number is wanted as its text.
fn takes_text(shape: &Shape) -> bool {
    match shape {
        Shape::Text(_) | Shape::Words { .. } => true,
        Shape::Optional(shape) => takes_text(shape),
        _ => false,
    }
}
