//! YAML text to trees of nodes: anchors and merge keys resolved, repeated names reported, every value with its place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::mistake::{Mistake, SyntaxError};
use crate::node::{Entry, Node, Path, Value};
use crate::problem::{Place, Problem};
use references::Shield;

mod merge;
mod references;
mod scalar;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use scalar::resolve as resolve_scalar;
pub(crate) use write::write;

/// Deeper nesting than this is a mistake, and so every walk over a tree may recurse.
const DEEPEST: usize = 64;

/// More values than this in one file are a mistake, however few anchors they are written with.
const MOST_NODES: usize = 200_000;

/// The documents of one file that could be read, and what was wrong.
pub(crate) fn read(file: &Arc<str>, text: &str) -> (Vec<Node>, Vec<Problem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(problem) = control_character(file, text) {
        return (Vec::new(), vec![problem]);
    }
    let (shield, text) = Shield::over(text);
    let mut reader = Reader::new(file.clone(), shield);
    for event in Parser::new_from_str(&text) {
        let read = match event {
            Ok((event, span)) => reader.take(event, span.start),
            Err(error) => {
                let message = reader.shield.lift(error.info()).into_owned();
                Err((*error.marker(), Mistake::NotYaml(SyntaxError { message })))
            }
        };
        if let Err((marker, mistake)) = read {
            reader.report(reader.place(marker), mistake);
            break;
        }
    }
    (reader.documents, reader.problems)
}

/// The place of a file as a whole.
pub(crate) fn start_of(file: &Arc<str>) -> Place {
    Place { file: file.clone(), line: 1, column: 1 }
}

/// The parser takes a NUL for the end of the file, and other control characters as they come.
fn control_character(file: &Arc<str>, text: &str) -> Option<Problem> {
    let is_foreign = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let (at, found) = text.char_indices().find(|(_, c)| is_foreign(*c))?;
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
    let place = Place { file: file.clone(), line, column };
    Some(Problem { place: Some(place), path: String::new(), mistake: Mistake::ControlCharacter(found.into()) })
}

type Stop = (Marker, Mistake);

/// Builds trees from events, without recursion.
struct Reader {
    file: Arc<str>,
    shield: Shield,
    open: Vec<Collection>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    documents: Vec<Node>,
    problems: Vec<Problem>,
}

/// A list or mapping that is not closed yet.
struct Collection {
    anchor: usize,
    place: Place,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, lines: BTreeMap<String, usize>, merged: Vec<Node>, name: Option<Name> },
}

/// A name that waits for its value.
enum Name {
    Field(String, Place),
    Merge,
    /// It was no name, which is reported; its value is dropped.
    Invalid,
}

impl Reader {
    fn new(file: Arc<str>, shield: Shield) -> Self {
        Self {
            file,
            shield,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            documents: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn place(&self, marker: Marker) -> Place {
        Place { file: self.file.clone(), line: marker.line(), column: marker.col() + 1 }
    }

    fn report(&mut self, place: Place, mistake: Mistake) {
        let path = self.path().to_string();
        self.problems.push(Problem { place: Some(place), path, mistake });
    }

    /// The path of the value that is being read.
    fn path(&self) -> Path {
        self.open.iter().fold(Path::default(), |path, collection| match &collection.content {
            Content::List(items) => path.item(items.len()),
            Content::Map { name: Some(Name::Field(name, _)), .. } => path.name(name),
            Content::Map { .. } => path,
        })
    }

    fn take(&mut self, event: Event<'_>, marker: Marker) -> Result<(), Stop> {
        let place = self.place(marker);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(merge::size_of_text(&text), marker)?;
                self.scalar(&text, style, anchor, tag, place);
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.count(merge::size(&node), marker)?;
                    self.check_depth(self.open.len() + merge::depth(&node), marker)?;
                    self.attach(node, false);
                }
                None => {
                    self.report(place.clone(), Mistake::Alias);
                    self.attach(Node { place, value: Value::Unknown }, false);
                }
            },
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag, "seq", &place);
                self.begin(Content::List(Vec::new()), anchor, place, marker)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag, "map", &place);
                let content =
                    Content::Map { entries: Vec::new(), lines: BTreeMap::new(), merged: Vec::new(), name: None };
                self.begin(content, anchor, place, marker)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, marker: Marker) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES { Err((marker, Mistake::TooMany(MOST_NODES))) } else { Ok(()) }
    }

    fn check_depth(&self, depth: usize, marker: Marker) -> Result<(), Stop> {
        if depth > DEEPEST { Err((marker, Mistake::TooDeep(DEEPEST))) } else { Ok(()) }
    }

    fn begin(&mut self, content: Content, anchor: usize, place: Place, marker: Marker) -> Result<(), Stop> {
        self.count(1, marker)?;
        self.check_depth(self.open.len() + 1, marker)?;
        self.open.push(Collection { anchor, place, content });
        Ok(())
    }

    fn end(&mut self) {
        let Some(Collection { anchor, place, content }) = self.open.pop() else { return };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, merged, .. } => Value::Map(merge::merge(entries, merged)),
        };
        self.keep(anchor, Node { place, value });
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<Cow<'_, Tag>>, place: Place) {
        let text = self.shield.lift(text).into_owned();
        let is_text = style != ScalarStyle::Plain || tag.as_ref().is_some_and(|tag| is_core(tag, "str"));
        self.refuse_tag(tag, "str", &place);
        let value = if is_text { Value::Text(text) } else { resolve_scalar(text) };
        self.keep(anchor, Node { place, value });
    }

    fn refuse_tag(&mut self, tag: Option<Cow<'_, Tag>>, own: &str, place: &Place) {
        if let Some(tag) = tag.filter(|tag| !is_core(tag, own)) {
            self.report(place.clone(), Mistake::Tag(tag.to_string()));
        }
    }

    fn keep(&mut self, anchor: usize, node: Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.attach(node, true);
    }

    /// Puts a finished node where it belongs: as an item, a name, a value or a document.
    fn attach(&mut self, node: Node, is_own: bool) {
        let Some(parent) = self.open.last_mut() else {
            if node.value != Value::Null {
                self.documents.push(node);
            }
            return;
        };
        let reported = match &mut parent.content {
            Content::List(items) => {
                items.push(node);
                None
            }
            Content::Map { entries, lines, merged, name } => match name.take() {
                None => {
                    let (taken, mistake) = name_of(&node);
                    *name = Some(taken);
                    mistake.map(|mistake| (node.place, mistake))
                }
                Some(Name::Invalid) => None,
                Some(Name::Merge) => merge::collect(node, merged),
                Some(Name::Field(field, place)) => match lines.get(&field) {
                    Some(line) => Some((place, Mistake::Twice { name: field, first_line: *line })),
                    None => {
                        lines.insert(field.clone(), place.line);
                        entries.push(entry(field, place, node, is_own));
                        None
                    }
                },
            },
        };
        if let Some((place, mistake)) = reported {
            self.report(place, mistake);
        }
    }
}

fn is_core(tag: &Tag, suffix: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == suffix
}

fn name_of(node: &Node) -> (Name, Option<Mistake>) {
    let name = match &node.value {
        Value::Text(text) if text == "<<" => return (Name::Merge, None),
        Value::Text(text) | Value::Number(_, text) => text.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::Null | Value::Unknown | Value::Parameter(..) | Value::List(_) | Value::Map(_) => {
            return (Name::Invalid, Some(Mistake::NameNotText));
        }
    };
    let mistake = name.contains("${").then_some(Mistake::ParameterInName);
    (Name::Field(name, node.place.clone()), mistake)
}

fn entry(name: String, place: Place, mut node: Node, is_own: bool) -> Entry {
    if is_own && matches!(node.value, Value::List(_) | Value::Map(_) | Value::Null) {
        node.place = place.clone();
    }
    Entry { name, place, node }
}
