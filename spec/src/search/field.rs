//! The field that a path such as `features.city.width` means.

use serde_json::Value as Json;

use super::SearchMistake;
use crate::mistake::Mistake;
use crate::shape::{Record, Shape};

/// What a search may set.
const ROOTS: [&str; 3] = ["network", "training", "features"];

/// What stands below the roots and is not searched all the same.
const NOT_SEARCHED: [(&str, &str); 6] = [
    ("calibration", "it is fitted to the validation rows, which judge the trials"),
    ("training", "name its fields one by one, such as training.batch_size"),
    ("training.seed", "a seed that did well on the validation rows was lucky there"),
    ("training.members", "a trial trains one network; the best trial's document has all of them"),
    ("training.device", "it says where the run is, not how good the model is"),
    ("training.processes", "it says where the run is, not how good the model is"),
];

/// A field of a document.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) shape: &'a Shape,
    /// The names on the way to it; a name may hold dots.
    pub(super) steps: Vec<String>,
}

/// The field that a path means in a document's `spec`.
pub(super) fn find<'a>(record: &'a Record, spec: &Json, path: &str) -> Result<Field<'a>, Mistake> {
    if let Some((_, reason)) = NOT_SEARCHED.iter().find(|(name, _)| *name == path) {
        return Err(Mistake::Search(SearchMistake::NotSearched { path: path.to_owned(), reason }));
    }
    let (root, rest) = split_first(path);
    let Some(field) = record.fields.get(root).filter(|_| ROOTS.contains(&root)) else {
        let known = ROOTS.map(str::to_owned).to_vec();
        return Err(Mistake::UnknownField { name: root.to_owned(), known });
    };
    let walk = Walk { path, steps: vec![root.to_owned()] };
    walk.go_on(&field.shape, spec.get(root), rest)
}

struct Walk<'p> {
    path: &'p str,
    steps: Vec<String>,
}

impl Walk<'_> {
    fn go_on<'a>(mut self, shape: &'a Shape, here: Option<&Json>, rest: Option<&str>) -> Result<Field<'a>, Mistake> {
        let Some(rest) = rest else { return Ok(Field { shape, steps: self.steps }) };
        let (name, below, rest) = self.step(shape, here, rest)?;
        self.steps.push(name.to_owned());
        self.go_on(below, here.and_then(|here| here.get(name)), rest)
    }

    /// The next name, what stands under it, and what is left of the path.
    fn step<'a, 'r>(
        &self,
        shape: &'a Shape,
        here: Option<&Json>,
        rest: &'r str,
    ) -> Result<(&'r str, &'a Shape, Option<&'r str>), Mistake> {
        match shape {
            Shape::Optional(shape) => self.step(shape, here, rest),
            Shape::Record(record) => field_of(record, None, rest),
            Shape::Tagged { tag, variants, .. } => {
                let word = here.and_then(|here| here.get(tag)?.as_str());
                let variant = word.and_then(|word| variants.get(word));
                let variant = variant.ok_or_else(|| Mistake::Search(SearchMistake::Absent { of: self.so_far() }))?;
                if rest == tag {
                    let (path, of, tag) = (self.path.to_owned(), self.so_far(), tag.clone());
                    return Err(Mistake::Search(SearchMistake::Tag { path, of, tag }));
                }
                field_of(variant, Some(tag), rest)
            }
            Shape::Names { value, .. } => self.name_of(value, here, rest),
            Shape::Either { shapes } => {
                let names = shapes.iter().find(|shape| matches!(shape, Shape::Names { .. }));
                match names.filter(|_| here.is_some_and(Json::is_object)) {
                    Some(names) => self.step(names, here, rest),
                    None => Err(self.no_fields()),
                }
            }
            Shape::Any
            | Shape::Scalar
            | Shape::Boolean
            | Shape::Whole { .. }
            | Shape::Decimal { .. }
            | Shape::Text(_)
            | Shape::Words { .. }
            | Shape::List { .. }
            | Shape::OneField { .. } => Err(self.no_fields()),
        }
    }

    /// A name of the user's own: the longest that the path goes on with, because names may hold dots.
    fn name_of<'a, 'r>(
        &self,
        value: &'a Shape,
        here: Option<&Json>,
        rest: &'r str,
    ) -> Result<(&'r str, &'a Shape, Option<&'r str>), Mistake> {
        let known: Vec<&String> = here.and_then(Json::as_object).into_iter().flat_map(|map| map.keys()).collect();
        let after = |name: &str| match rest.strip_prefix(name) {
            Some("") => Some(None),
            Some(left) => left.strip_prefix('.').map(Some),
            None => None,
        };
        let fitting = known.iter().filter_map(|name| Some((name.len(), after(name)?)));
        match fitting.max_by_key(|(length, _)| *length) {
            Some((length, left)) => Ok((&rest[..length], value, left)),
            None => {
                let name = split_first(rest).0.to_owned();
                Err(Mistake::UnknownField { name, known: known.into_iter().cloned().collect() })
            }
        }
    }

    fn so_far(&self) -> String {
        self.steps.join(".")
    }

    fn no_fields(&self) -> Mistake {
        Mistake::Search(SearchMistake::NoFields { of: self.so_far() })
    }
}

fn field_of<'a, 'r>(
    record: &'a Record,
    tag: Option<&str>,
    rest: &'r str,
) -> Result<(&'r str, &'a Shape, Option<&'r str>), Mistake> {
    let (name, left) = split_first(rest);
    match record.fields.get(name).filter(|_| tag != Some(name)) {
        Some(field) => Ok((name, &field.shape, left)),
        None => Err(Mistake::UnknownField { name: name.to_owned(), known: record.fields.keys().cloned().collect() }),
    }
}

fn split_first(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)))
}
