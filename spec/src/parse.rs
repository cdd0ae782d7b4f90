//! Text to valid documents, or every mistake of all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::document::Document;
use crate::mistake::Mistake;
use crate::node::{Node, Path};
use crate::parameters::{self, RUN_DATE, Settings};
use crate::preparation::{Preparation, Written};
use crate::preset::{self, Merged, PresetKind};
use crate::problem::{Place, Problem, Problems};
use crate::shape::{Record, Shape};
use crate::structure::{self, Checked};
use crate::{schema, search, validate, yaml};

#[cfg(test)]
mod tests;

/// The text of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// What messages call it.
    pub name: String,
    /// All of it.
    pub text: String,
}

static SHAPE: LazyLock<Shape> =
    LazyLock::new(|| Shape::of_schema(&schema::of_documents()).expect("a test compiles the schema of our own types"));

/// The shape of a Training document's `spec`.
pub(crate) fn training_shape() -> Option<&'static Record> {
    let Shape::Tagged { variants, .. } = &*SHAPE else { return None };
    match &variants.get("Training")?.fields.get("spec")?.shape {
        Shape::Record(record) => Some(record),
        _ => None,
    }
}

/// The documents of all files in order, valid and with their parameters put in.
///
/// # Errors
/// Every mistake of every document, each with its place; a Preparation document, of which nothing can be run.
pub fn parse(files: &[SourceFile], settings: &Settings) -> Result<Vec<Document>, Problems> {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for Read { tree, document, .. } in read(files, settings)? {
        match document.into_document() {
            Some(document) => documents.push(document),
            None => problems.push(nothing_to_run(&tree)),
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(Problems::in_order(problems, &names_of(files))) }
}

/// The tables and steps of the documents of all files in order, of whatever kind they are.
///
/// # Errors
/// Every mistake of every document, each with its place.
pub fn preparations(files: &[SourceFile], settings: &Settings) -> Result<Vec<Preparation>, Problems> {
    Ok(read(files, settings)?.into_iter().map(|read| read.document.into_preparation()).collect())
}

fn nothing_to_run(tree: &Node) -> Problem {
    let path = Path::default().name("kind");
    Problem { place: Some(tree.nearest(&path).place.clone()), path: path.to_string(), mistake: Mistake::NothingToRun }
}

fn names_of(files: &[SourceFile]) -> Vec<Arc<str>> {
    files.iter().map(|file| Arc::from(file.name.as_str())).collect()
}

/// The documents of all files as YAML: their parameters put in, what presets fill written out, the presets left out.
/// Read again they are the same documents.
///
/// # Errors
/// As [`parse`].
pub fn expand(files: &[SourceFile], settings: &Settings) -> Result<String, Problems> {
    let documents = read(files, settings)?.into_iter().map(|read| yaml::write(&read.without_preset()));
    Ok(documents.collect::<Vec<_>>().join("---\n"))
}

/// A valid document.
struct Read {
    tree: Node,
    /// What is written or filled, without defaults.
    json: Json,
    document: Written,
}

impl Read {
    /// What is written or filled, the preset left out, in the order in which documents are written.
    fn without_preset(self) -> Json {
        let Self { mut json, document, .. } = self;
        let whole = serde_json::to_value(&document).unwrap_or_default();
        let fields = whole["spec"].as_object().into_iter().flat_map(|spec| spec.keys());
        let place: BTreeMap<&str, usize> = fields.enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        if let Some(Json::Object(spec)) = json.get_mut("spec") {
            let mut entries: Vec<_> = std::mem::take(spec).into_iter().filter(|(name, _)| name != "preset").collect();
            entries.sort_by_key(|(name, _)| place.get(name.as_str()).copied());
            *spec = entries.into_iter().collect();
        }
        if let Json::Object(fields) = &mut json
            && let Some(version) = fields.shift_remove("apiVersion")
        {
            fields.shift_insert(0, "apiVersion".to_owned(), version);
        }
        json
    }
}

fn read(files: &[SourceFile], settings: &Settings) -> Result<Vec<Read>, Problems> {
    let mut parser = Parser { settings, problems: Vec::new(), declared: Vec::new(), documents: Vec::new() };
    let names = names_of(files);
    for (name, file) in names.iter().zip(files) {
        parser.read(name, &file.text);
    }
    parser.check_settings();
    parser.check_names();
    if parser.problems.is_empty() { Ok(parser.documents) } else { Err(Problems::in_order(parser.problems, &names)) }
}

struct Parser<'a> {
    settings: &'a Settings,
    problems: Vec<Problem>,
    /// The parameters that documents declare.
    declared: Vec<String>,
    documents: Vec<Read>,
}

impl Parser<'_> {
    fn read(&mut self, file: &Arc<str>, text: &str) {
        let (trees, problems) = yaml::read(file, text);
        if trees.is_empty() && problems.is_empty() {
            let place = Some(yaml::start_of(file));
            self.problems.push(Problem { place, path: String::new(), mistake: Mistake::NoDocument });
        }
        self.problems.extend(problems);
        for tree in trees {
            self.document(tree);
        }
    }

    fn document(&mut self, mut tree: Node) {
        self.declared.extend(parameters::put_in(&mut tree, self.settings, &mut self.problems));
        let before = self.problems.len();
        match preset::merge(&mut tree, &mut self.problems) {
            Merged::None => self.filled(tree),
            Merged::Filled(kind, place) => {
                self.filled(tree);
                for problem in &mut self.problems[before..] {
                    say_who_filled(problem, kind, &place);
                }
            }
            Merged::Unknown => {}
        }
    }

    /// A document to which nothing more is added.
    fn filled(&mut self, tree: Node) {
        let before = self.problems.len();
        let Checked { json: Some(mut json), mut damage } = structure::check(&SHAPE, &tree, &mut self.problems) else {
            return;
        };
        search::check(&tree, &mut json, &mut damage, &mut self.problems);
        match serde_json::from_value::<Written>(json.clone()) {
            Ok(document) => {
                validate::validate(&document, &tree, &damage, &mut self.problems);
                if self.problems.len() == before {
                    validate::validate_trials(&document, &tree, &mut self.problems);
                }
                self.documents.push(Read { tree, json, document });
            }
            Err(error) if self.problems.len() == before => {
                let mistake = Mistake::Refused { message: error.to_string() };
                self.problems.push(Problem { place: Some(tree.place), path: String::new(), mistake });
            }
            Err(_) => {}
        }
    }

    fn check_settings(&mut self) {
        self.declared.sort();
        self.declared.dedup();
        for name in self.settings.set.keys() {
            if name != RUN_DATE && self.declared.binary_search(name).is_err() {
                let mistake = Mistake::UnknownSetting { name: name.clone(), known: self.declared.clone() };
                self.problems.push(Problem { place: None, path: "--set".to_owned(), mistake });
            }
        }
    }

    /// Documents of one kind have different names: what they make is told apart by them.
    fn check_names(&mut self) {
        let path = Path::default().name("metadata").name("name");
        let mut first: BTreeMap<(&str, String), &Node> = BTreeMap::new();
        for Read { tree, document, .. } in &self.documents {
            let (kind, name) = (document.kind(), document.name().to_owned());
            let place = &tree.nearest(&path).place;
            match first.get(&(kind, name.clone())) {
                Some(other) => {
                    let first = other.nearest(&path).place.to_string();
                    let mistake = Mistake::DocumentTwice { kind, name, first };
                    self.problems.push(Problem { place: Some(place.clone()), path: path.to_string(), mistake });
                }
                None => drop(first.insert((kind, name), tree)),
            }
        }
    }
}

/// What a preset fills stands where the preset does.
fn say_who_filled(problem: &mut Problem, kind: PresetKind, place: &Place) {
    if problem.place.as_ref() == Some(place) && !problem.path.starts_with("spec.preset") {
        let mistake = std::mem::replace(&mut problem.mistake, Mistake::NoDocument);
        problem.mistake = Mistake::Filled { preset: kind.name(), mistake: Box::new(mistake) };
    }
}
