//! `kindred check`: the trainer reads the tables, this shows what it found.

use anyhow::Context;
use artifacts::Workspace;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::Document;

use crate::arguments::{Documents, Format};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::schedules::{self, Upcoming};
use crate::show::{self, Rows};
use crate::workers::{self, Worker};
use crate::{interrupt, settings};

/// What the trainer's `check` reads on stdin.
#[derive(Debug, Serialize)]
struct Request<'a> {
    documents: &'a [Document],
    workspace: String,
}

/// What it prints on stdout.
#[derive(Debug, Serialize, Deserialize)]
struct Checked {
    findings: Vec<Finding>,
    #[serde(default)]
    tables: Vec<TableFound>,
    #[serde(default)]
    plan: Vec<String>,
    /// Added here: when documents come due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    schedules: Vec<Upcoming>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Finding {
    level: Level,
    #[serde(default)]
    document: Option<String>,
    #[serde(default)]
    path: Option<String>,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Error,
    Warning,
    Note,
}

#[derive(Debug, Serialize, Deserialize)]
struct TableFound {
    #[serde(default)]
    document: Option<String>,
    name: String,
    #[serde(default)]
    rows: Option<u64>,
    #[serde(default)]
    sampled_rows: Option<u64>,
    #[serde(default)]
    columns: Vec<ColumnFound>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ColumnFound {
    name: String,
    #[serde(rename = "type", alias = "data_type")]
    kind: String,
    #[serde(default)]
    null_rate: Option<f64>,
    #[serde(default)]
    non_finite: Option<u64>,
    #[serde(default)]
    distinct: Option<Value>,
    #[serde(default)]
    min: Option<String>,
    #[serde(default)]
    max: Option<String>,
    #[serde(default, alias = "is_constant")]
    constant: Option<bool>,
}

pub(super) async fn check(workspace: &str, arguments: Documents) -> Result<Ending, Failure> {
    let documents = settings::documents(&arguments.files, &arguments.beside)?;
    let workspace = Workspace::open(workspace).context("the workspace cannot be opened").map_err(Failure::Usage)?;
    let controlled = interrupt::listen()?;
    let request = Request { documents: &documents, workspace: workspace.url() };
    let mut checked: Checked =
        interrupt::or_interrupted(&controlled, workers::ask(Worker::Trainer, "check", &request)).await?;
    checked.schedules = schedules::upcoming(&documents, Utc::now());
    show::result(arguments.shown.format, &checked, || tables(&checked))?;
    let errors = checked.findings.iter().filter(|finding| finding.level == Level::Error).count();
    if errors == 0 {
        return Ok(Ending::Done);
    }
    show::tell(&format!("error: {errors} of {} findings are errors", checked.findings.len()));
    Ok(Ending::Usage)
}

/// Prints documents as what would be run.
pub(super) fn expand(arguments: &Documents) -> Result<Ending, Failure> {
    match arguments.shown.format {
        Format::Table | Format::Yaml => show::print(&settings::expanded(&arguments.files, &arguments.beside)?)?,
        Format::Json => {
            let documents = settings::documents(&arguments.files, &arguments.beside)?;
            let documents: Vec<Document> = documents.into_iter().map(Document::without_preset).collect();
            show::result(Format::Json, &documents, String::new)?;
        }
    }
    Ok(Ending::Done)
}

fn tables(checked: &Checked) -> String {
    let mut blocks = Vec::new();
    blocks.extend(checked.tables.iter().map(table));
    if !checked.plan.is_empty() {
        blocks.push(format!("plan\n  {}", checked.plan.join("\n  ")));
    }
    blocks.extend(checked.schedules.iter().map(Upcoming::block));
    blocks.push(findings(&checked.findings));
    blocks.join("\n\n")
}

fn table(table: &TableFound) -> String {
    let rows = table.rows.map_or_else(|| "rows not counted".to_owned(), |rows| format!("{} rows", show::count(rows)));
    let sampled = match table.sampled_rows {
        Some(sampled) if table.rows != Some(sampled) => format!(", figures of {} of them", show::count(sampled)),
        _ => String::new(),
    };
    let of = table.document.as_ref().map(|document| format!(" of {document}")).unwrap_or_default();
    let mut columns = Rows::new(&["column", "type", ">nulls", ">distinct", "smallest", "largest", ""]);
    for column in &table.columns {
        let odd = column.non_finite.filter(|count| *count > 0);
        let odd = odd.map(|count| format!("{} NaN or infinite", show::count(count)));
        let constant = (column.constant == Some(true)).then(|| "constant".to_owned());
        columns.add([
            column.name.clone(),
            column.kind.clone(),
            column.null_rate.map_or_else(String::new, |rate| format!("{:.1} %", rate * 100.0)),
            column.distinct.as_ref().map_or_else(String::new, show::text),
            shortened(column.min.as_deref()),
            shortened(column.max.as_deref()),
            constant.into_iter().chain(odd).collect::<Vec<_>>().join(", "),
        ]);
    }
    format!("table {}{of}: {rows}{sampled}\n{columns}", table.name)
}

/// Values may be of any length.
const LONGEST_VALUE: usize = 20;

fn shortened(value: Option<&str>) -> String {
    let value = value.unwrap_or_default();
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

fn findings(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "no findings: ready to run".to_owned();
    }
    let mut rows = Rows::new(&["level", "document", "path", "finding"]);
    for finding in findings {
        let level = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        };
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        rows.add([level.to_owned(), optional(&finding.document), optional(&finding.path), finding.message.clone()]);
    }
    rows.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_trainer_found_is_shown_whole() {
        let checked: Checked = serde_json::from_value(json!({
            "findings": [{"level": "error", "document": "repurchase", "path": "spec.features.age",
                          "message": "table `people` has no column `age`"}],
            "tables": [{"document": "repurchase", "name": "people", "rows": 23570, "sampled_rows": 1000, "columns": [
                {"name": "city", "data_type": "Utf8", "null_rate": 0.125, "distinct": 6, "is_constant": false,
                 "min": "a city whose name is far too long", "max": "Zug", "non_finite": 0},
                {"name": "country", "type": "Utf8", "null_rate": 0.0, "distinct": null, "constant": true}]}],
            "plan": ["train on 18856 rows"],
        }))
        .unwrap();
        let text = tables(&checked);
        for words in [
            "table people of repurchase: 23,570 rows, figures of 1,000 of them",
            "a city whose name is…",
            "12.5 %",
            "constant",
            "  train on 18856 rows",
            "spec.features.age",
        ] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
    }
}
