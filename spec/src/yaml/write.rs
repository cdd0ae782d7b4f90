//! Documents as YAML again: what is read back is the same document.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

use super::resolve_scalar;
use crate::node::Value;

/// A list or mapping stands on one line where that is no longer than this, its margin left aside.
const LONGEST_LINE: usize = 110;

/// Fields of a document and of its spec begin lines of their own.
const BLOCK_DEPTH: usize = 2;

/// One document, a line end after each line.
pub(crate) fn write(document: &Json) -> String {
    let mut yaml = String::new();
    match document {
        Json::Object(fields) => write_fields(&mut yaml, fields, 0),
        other => yaml = flow(other).unwrap_or_default() + "\n",
    }
    yaml
}

fn write_fields(yaml: &mut String, fields: &Map<String, Json>, depth: usize) {
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 || !yaml.ends_with("- ") {
            yaml.push_str(&"  ".repeat(depth));
        }
        yaml.push_str(&scalar(name));
        yaml.push(':');
        write_value(yaml, value, depth + 1);
    }
}

/// What comes after a field's colon, line end included.
fn write_value(yaml: &mut String, value: &Json, depth: usize) {
    let one_line = flow(value).filter(|line| match value {
        Json::Object(fields) => fields.is_empty() || (depth >= BLOCK_DEPTH && line.chars().count() <= LONGEST_LINE),
        Json::Array(_) => line.chars().count() <= LONGEST_LINE,
        _ => true,
    });
    match (one_line, value) {
        (Some(line), _) => {
            // Writing to a String does not fail.
            let _ = writeln!(yaml, " {line}");
        }
        (None, Json::Object(fields)) => {
            yaml.push('\n');
            write_fields(yaml, fields, depth);
        }
        (None, Json::Array(items)) => {
            yaml.push('\n');
            write_items(yaml, items, depth);
        }
        (None, Json::String(text)) => write_lines(yaml, &escaped_references(text), depth),
        (None, Json::Null | Json::Bool(_) | Json::Number(_)) => {}
    }
}

fn write_items(yaml: &mut String, items: &[Json], depth: usize) {
    for item in items {
        yaml.push_str(&"  ".repeat(depth));
        match (flow(item).filter(|line| line.chars().count() <= LONGEST_LINE), item) {
            (None, Json::Object(fields)) => {
                yaml.push_str("- ");
                write_fields(yaml, fields, depth + 1);
            }
            _ => {
                yaml.push('-');
                write_value(yaml, item, depth + 1);
            }
        }
    }
}

/// Text of several lines as they are.
fn write_lines(yaml: &mut String, text: &str, depth: usize) {
    yaml.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
    for line in text.lines() {
        if !line.is_empty() {
            yaml.push_str(&"  ".repeat(depth));
            yaml.push_str(line);
        }
        yaml.push('\n');
    }
}

/// A value on one line; nothing where a text in it is written in lines of its own.
fn flow(value: &Json) -> Option<String> {
    match value {
        Json::Null => Some("~".to_owned()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) if is_block(text) => None,
        Json::String(text) => Some(scalar(&escaped_references(text))),
        Json::Array(items) => {
            let items = items.iter().map(flow).collect::<Option<Vec<_>>>()?;
            Some(format!("[{}]", items.join(", ")))
        }
        Json::Object(fields) => {
            let field = |(name, value): (&String, &Json)| Some(format!("{}: {}", scalar(name), flow(value)?));
            let fields = fields.iter().map(field).collect::<Option<Vec<_>>>()?;
            Some(format!("{{{}}}", fields.join(", ")))
        }
    }
}

/// Whether a text can stand in lines of its own and be read back as it is.
fn is_block(text: &str) -> bool {
    let is_strange = |c: char| (c.is_control() && c != '\n') || !is_kept(c);
    text.contains('\n')
        && !text.starts_with([' ', '\n', '#'])
        && !text.ends_with("\n\n")
        && text.lines().all(|line| line.is_empty() || !line.trim().is_empty())
        && !text.contains(is_strange)
}

/// Characters that YAML keeps as they are.
fn is_kept(c: char) -> bool {
    !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A text that no parameter is put into when it is read.
fn escaped_references(text: &str) -> String {
    text.replace("${", "$${")
}

/// A text as it is where it cannot be taken for anything else, and in quotes otherwise.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@');
    let starts_plain = text.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '/');
    if starts_plain && text.chars().all(is_plain) && matches!(resolve_scalar(text.to_owned()), Value::Text(_)) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() || !is_kept(c) => {
                // Writing to a String does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::node::{Node, Number};
    use crate::yaml;

    fn json_of(node: &Node) -> Json {
        match &node.value {
            Value::Null | Value::Unknown => Json::Null,
            Value::Boolean(value) => json!(value),
            Value::Number(Number::Whole(whole), _) => json!(i64::try_from(*whole).unwrap()),
            Value::Number(Number::Decimal(decimal), _) => json!(decimal),
            Value::Text(text) => json!(text.replace("$${", "${")),
            Value::Parameter(value, _) => panic!("no parameter is put in: {value:?}"),
            Value::List(items) => items.iter().map(json_of).collect(),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.name.clone(), json_of(&entry.node))).collect())
            }
        }
    }

    fn read_back(document: &Json) -> Json {
        let text = write(document);
        let (trees, problems) = yaml::read(&Arc::from("a.yaml"), &text);
        assert!(problems.is_empty() && trees.len() == 1, "{problems:?} in\n{text}");
        json_of(&trees[0])
    }

    #[test]
    fn a_document_is_written_as_people_write_it() {
        let document = json!({
            "kind": "Training", "metadata": {"name": "x"},
            "spec": {
                "prepare": [{"name": "a", "sql": "SELECT 1\nFROM b"}],
                "key": "customer id", "features": {"age": {"kind": "numeric"}, "5": {"kind": "bag", "width": 8}},
                "keep": ["true", "1e5", "a b"], "rate": 0.1,
            }
        });
        let yaml = "kind: Training\nmetadata:\n  name: x\nspec:\n  prepare:\n    - name: a\n      sql: |-\n        \
                    SELECT 1\n        FROM b\n  key: \"customer id\"\n  features: {age: {kind: numeric}, \"5\": {kind: bag, \
                    width: 8}}\n  keep: [\"true\", \"1e5\", \"a b\"]\n  rate: 0.1\n";
        assert_eq!(write(&document), yaml);
        assert_eq!(read_back(&document), document);
    }

    fn text() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "a", "B9", " ", "\n", "\t", ": ", "#", " #", "\"", "'", "\\", "${", "$${", "}", "$", "[", "]", "{", ",",
            "-", "- ", "---", "...", "|", ">", "&", "*", "!", "%", "@", "`", "?", "~", "null", "true", "1", "0x1",
            "1e5", ".inf", "é", "漢", "\u{7f}", "\u{85}", "\u{2028}", "\u{feff}", "\r", "<<",
        ]);
        prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_document_is_read_back_as_it_was(
            texts in prop::collection::vec(text(), 1..8), name in "[a-z <&#:\"']{1,6}", number in any::<i32>(),
            decimal in -1e9..1e9f64,
        ) {
            let document = json!({
                "a": texts, "b": {"c": {"d": texts[0], "e": [{"f": texts, "g": {}}, [], number]}},
                "h": {(name): decimal + 0.5, "i": null, "j": true},
            });
            prop_assume!(document["h"].get("<<").is_none());
            prop_assert_eq!(read_back(&document), document);
        }
    }
}
