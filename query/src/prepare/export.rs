//! A step's table in a folder of somebody's choice, for other programs to read.

use artifacts::{FileRecord, Workspace, layout};
use spec::ids::PreparationName;
use spec::{PrepareStep, TableName};

use super::{Destination, PreparedTable};
use crate::error::{QueryError, Result};
use crate::session::Session;
use crate::sql::Origin;

/// Where exported tables go.
#[derive(Debug, Clone, Copy)]
pub struct ExportTarget<'a> {
    /// The folder; the table is `<document>/<table>` in it.
    pub folder: &'a Workspace,
    /// The document whose steps make them.
    pub document: &'a PreparationName,
}

impl Session {
    /// Makes the table of the step at `index` under `prepare` and adds it to the session. Its files replace those of the
    /// same names; after an error there are none.
    pub async fn export(
        &mut self,
        index: usize,
        step: &PrepareStep,
        target: &ExportTarget<'_>,
    ) -> Result<PreparedTable> {
        let name: &TableName = &step.name;
        if self.table(name).is_ok() {
            return Err(QueryError::TableTwice { table: name.clone() });
        }
        let origin = Origin::of_step(index, step);
        let destination = Destination {
            workspace: target.folder,
            key: &|number| layout::exported_part(target.document, name, number),
            progress: &|_| {},
        };
        let written: Vec<FileRecord> = match &step.identity {
            Some(identity) => self.write_people(&origin, identity, destination).await?.0,
            None => self.write(&origin, self.plan(&origin, &step.sql).await?, destination).await?,
        };
        let files: Vec<_> = written.iter().map(|file| file.input_file(target.folder)).collect();
        self.add_parquet(name, &files).await?;
        Ok(PreparedTable { files, rows: written.iter().map(|file| file.rows).sum(), schema: self.schema(name)? })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::sandbox::{Sandbox, files_below, lines, name, source, step};

    async fn with_purchases(sandbox: &Sandbox) -> Session {
        sandbox.write("t.csv", "customer,amount\na,1.5\nb,2.5\na,3\n");
        let mut session = sandbox.session();
        let declared = source(serde_json::json!({"url": sandbox.url("t.csv")}));
        session.add_table(&name("t"), &declared).await.unwrap();
        session
    }

    #[tokio::test]
    async fn an_exported_table_is_the_prepared_one_in_a_folder_of_its_own() {
        let sandbox = Sandbox::new();
        let folder = Workspace::open(&sandbox.url("out")).unwrap();
        let document: PreparationName = "rfm".parse().unwrap();
        let target = ExportTarget { folder: &folder, document: &document };
        let sums = step("sums", "SELECT customer, sum(amount) AS total FROM t GROUP BY customer ORDER BY customer");
        let mut session = with_purchases(&sandbox).await;
        let exported = session.export(0, &sums, &target).await.unwrap();
        assert_eq!(exported.rows, 2);
        assert_eq!(lines(&session, "SELECT * FROM sums").await, ["a|4.5", "b|2.5"]);
        let path = sandbox.path("out/rfm/sums/part-00000000000000000000.parquet");
        let prepared = with_purchases(&sandbox).await.prepare(0, &sums, &sandbox.target()).await.unwrap();
        let of_run = prepared.files[0].url.strip_prefix("file://").unwrap();
        assert!(std::fs::read(path).unwrap() == std::fs::read(of_run).unwrap());

        let failing = step("numbers", "SELECT CAST(customer AS INT) AS n FROM t");
        session.export(1, &failing, &target).await.unwrap_err();
        assert_eq!(files_below(&sandbox.path("out/rfm/numbers")), Vec::<PathBuf>::new());
    }
}
