//! `kindred prepare`: the trainer makes the tables, this shows what they are.

use std::collections::BTreeSet;

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use spec::suggest::nearest;
use spec::{Preparation, TableName};

use crate::arguments::Prepare;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::show::{self, Rows};
use crate::workers::{self, Worker};
use crate::{interrupt, settings};

/// What the trainer's `prepare` reads on stdin.
#[derive(Debug, Serialize)]
struct Request<'a> {
    documents: &'a [Preparation],
    output: &'a str,
    tables: &'a [TableName],
}

/// What it prints on stdout.
#[derive(Debug, Serialize, Deserialize)]
struct Prepared {
    tables: Vec<MadeTable>,
}

#[derive(Debug, Serialize, Deserialize)]
struct MadeTable {
    document: String,
    table: String,
    rows: u64,
    columns: Vec<String>,
    url: String,
}

pub(super) async fn prepare(arguments: Prepare) -> Result<Ending, Failure> {
    let documents = settings::preparations(&arguments.files, &arguments.beside)?;
    check_tables(&documents, &arguments.table).map_err(Failure::Usage)?;
    let controlled = interrupt::listen()?;
    let request = Request { documents: &documents, output: &arguments.output, tables: &arguments.table };
    let prepared: Prepared =
        interrupt::or_interrupted(&controlled, workers::ask(Worker::Trainer, "prepare", &request)).await?;
    show::result(arguments.format, &prepared, || words(&prepared))?;
    Ok(Ending::Done)
}

/// Whether every table that is asked for is made, and no two go to one folder.
fn check_tables(documents: &[Preparation], wanted: &[TableName]) -> anyhow::Result<()> {
    let made = || documents.iter().flat_map(|one| one.spec.prepare.iter().map(move |step| (one, &step.name)));
    if made().next().is_none() {
        return Err(anyhow!("no document has a step under `prepare`, so there are no tables to make"));
    }
    for name in wanted {
        if !made().any(|(_, step)| step == name) {
            let hint = nearest(name.as_str(), made().map(|(_, step)| step.as_str()));
            let hint = hint.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
            return Err(anyhow!("no step makes a table `{name}`{hint}"));
        }
    }
    let mut folders = BTreeSet::new();
    for (document, table) in made().filter(|(_, step)| wanted.is_empty() || wanted.contains(step)) {
        let name = &document.metadata.name;
        if !folders.insert((name, table)) {
            return Err(anyhow!(
                "two documents named `{name}` make a table `{table}`: prepare one file after the other"
            ));
        }
    }
    Ok(())
}

fn words(prepared: &Prepared) -> String {
    let mut rows = Rows::new(&["document", "table", ">rows", ">columns", "folder"]);
    for MadeTable { document, table, rows: count, columns, url } in &prepared.tables {
        let columns = columns.len().to_string();
        rows.add([document.clone(), table.clone(), show::count(*count), columns, url.clone()]);
    }
    rows.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use spec::{Settings, SourceFile};

    use super::*;

    const TWO: &str = "apiVersion: kindred.dev/v1\nkind: Preparation\nmetadata: {name: NAME}\nspec:\n  tables: {t: {url: t.csv}}\n  \
                       prepare: [{name: first, sql: SELECT 1 AS a}, {name: second, sql: SELECT 2 AS b}]\n";

    fn told(names: &[&str], wanted: &[&str]) -> Option<String> {
        let files = names.iter().map(|name| SourceFile { name: "a.yaml".to_owned(), text: TWO.replace("NAME", name) });
        let settings = Settings { set: BTreeMap::new(), run_date: "2026-03-31".parse().unwrap() };
        let documents: Vec<_> = files.flat_map(|file| spec::preparations(&[file], &settings).unwrap()).collect();
        let wanted: Vec<TableName> = wanted.iter().map(|name| name.parse().unwrap()).collect();
        check_tables(&documents, &wanted).err().map(|error| error.to_string())
    }

    #[test]
    fn a_table_that_nobody_makes_and_two_that_meet_in_one_folder_are_refused() {
        assert_eq!(told(&["a", "b"], &[]), None);
        assert_eq!(told(&["a"], &["second"]), None);
        assert_eq!(told(&["a"], &["secnd"]).unwrap(), "no step makes a table `secnd` (did you mean `second`?)");
        let twice = told(&["a", "a"], &["first"]).unwrap();
        assert!(twice.starts_with("two documents named `a` make a table `first`"), "{twice}");
    }
}
