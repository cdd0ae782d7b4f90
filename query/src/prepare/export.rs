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
