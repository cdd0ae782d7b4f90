//! Every YAML that we show to anybody is a document, or a part of one.

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use serde_json::Value as Json;

use super::{file, settings};
use crate::preparations;
use crate::schema::of_documents;
use crate::testing::{SCORING, TRAINING};

/// A block of YAML, with its line in the file.
struct Block {
    line: usize,
    text: String,
}

fn root() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files under a folder, sorted, without what is built or downloaded.
fn files_under(folder: &FilePath) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

fn has_extension(path: &FilePath, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|found| extensions.contains(&found))
}

/// The blocks of a Markdown text fenced with ```yaml.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in markdown.lines().enumerate() {
        match &mut open {
            Some(_) if line.trim_end() == "```" => blocks.extend(open.take()),
            Some(block) => block.text += &format!("{line}\n"),
            None if line.trim_end() == "```yaml" => open = Some(Block { line: index + 1, text: String::new() }),
            None => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The fields of a part of the schema.
fn fields_of(schema: &Json, definition: &str) -> Vec<String> {
    schema["$defs"][definition]["properties"].as_object().unwrap().keys().cloned().collect()
}

/// A whole document around a block that shows a part of one: fields of a spec, or of an audience.
fn completed(block: &str) -> String {
    let first = block.lines().find(|line| !line.starts_with(['#', ' ']) && !line.is_empty()).unwrap_or_default();
    let field = first.split(':').next().unwrap_or_default();
    let schema = of_documents();
    let has = |definition: &str| fields_of(&schema, definition).iter().any(|known| known == field);
    if has("Audience") {
        let lines: String = block.lines().map(|line| format!("      {line}\n")).collect();
        let base = without(SCORING, "audiences", 2);
        let rank = if block.contains("rank_by:") { "" } else { "      rank_by: repurchase\n" };
        let size = if block.contains("size:") { "" } else { "      size: {top: 10}\n" };
        return format!("{base}  audiences:\n    shown:\n{rank}{size}{lines}");
    }
    let base = if has("TrainingSpec") { TRAINING } else { SCORING };
    let shown = block.lines().filter(|line| !line.starts_with(['#', ' ']));
    let base = shown.fold(base.to_owned(), |base, line| without(&base, line.split(':').next().unwrap_or_default(), 2));
    base + &block.lines().map(|line| format!("  {line}\n")).collect::<String>()
}

/// A text without a field at an indentation and what stands under it.
fn without(text: &str, field: &str, indentation: usize) -> String {
    let head = format!("{}{field}:", " ".repeat(indentation));
    let mut is_inside = false;
    let keeps = |line: &&str| {
        let is_deeper = line.len() - line.trim_start().len() > indentation;
        is_inside = line.starts_with(&head) || (is_inside && is_deeper);
        !is_inside
    };
    text.lines().filter(keeps).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_yaml_in_the_docs_examples_and_benches_is_valid() {
    let mut checked = 0;
    let folders = ["docs", "examples", "benches"].map(|folder| root().join(folder));
    let mut paths: Vec<PathBuf> = folders.iter().flat_map(|folder| files_under(folder)).collect();
    paths.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    for path in paths.into_iter().filter(|path| path.exists()) {
        let name = path.display().to_string();
        if has_extension(&path, &["yaml", "yml"]) {
            check(&name, &fs::read_to_string(&path).unwrap());
            checked += 1;
        } else if has_extension(&path, &["md"]) {
            for block in blocks(&fs::read_to_string(&path).unwrap()) {
                let is_whole = block.text.contains("apiVersion:");
                let text = if is_whole { block.text } else { completed(&block.text) };
                check(&format!("{name}:{}", block.line), &text);
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "docs/documents.md at least shows documents");
}

fn check(name: &str, text: &str) {
    if let Err(problems) = preparations(&[file(name, text)], &settings(&[])) {
        panic!("{name}:\n{problems}\nin:\n{text}");
    }
}
