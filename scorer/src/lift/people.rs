//! Who is in a package: the ids of its files, each in its tier, addressed or held out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use artifacts::audience::{AudienceFile, AudienceManifest};
use artifacts::{ArtifactsError, Workspace};
use futures::TryStreamExt;
use spec::TableName;
use spec::audience::FileKind;
use spec::table::ColumnType;

use super::error::LiftError;
use super::identity::Identity;
use super::outcomes::{Outcomes, quoted, source};
use super::{session, url_of};

/// A tier, and whether it is the part of it that is held out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The tier's place, from the top down.
    pub(crate) tier: usize,
    /// Whether it is the control group.
    pub(crate) holdout: bool,
}

impl Cell {
    /// Its place among all cells.
    pub(crate) fn index(self) -> usize {
        2 * self.tier + usize::from(self.holdout)
    }
}

/// People of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Headcount {
    /// Those who have an id that tells them from the other group.
    pub(crate) people: u64,
    /// Those who have none, of whom nothing can be known.
    pub(crate) without_id: u64,
}

/// How many people there are in each cell.
#[derive(Debug)]
pub(super) struct Arms {
    cells: Vec<Headcount>,
    shared: u64,
}

/// Somebody of the control group.
struct Held {
    cell: Cell,
    is_in_both: bool,
}

impl Arms {
    /// Reads a package's ids, and tells the outcomes whom they are of. The control group is kept in memory, 32 bytes a
    /// person or so, to find out who is in both.
    pub(super) async fn read(
        workspace: &Workspace,
        manifest: &AudienceManifest,
        identity: &Identity,
        outcomes: &mut Outcomes,
    ) -> Result<Self, LiftError> {
        let mut arms = Self { cells: vec![Headcount::default(); 2 * manifest.tiers.len()], shared: 0 };
        let mut held: HashMap<u128, Held> = HashMap::new();
        for file in manifest.files.iter().filter(|file| file.holdout) {
            arms.each(workspace, manifest, identity, file, |arms, id, cell| {
                arms.cells[cell.index()].people += 1;
                if let Entry::Vacant(vacant) = held.entry(id) {
                    vacant.insert(Held { cell, is_in_both: false });
                }
                outcomes.meet(id, cell);
            })
            .await?;
        }
        for file in manifest.files.iter().filter(|file| !file.holdout) {
            arms.each(workspace, manifest, identity, file, |arms, id, cell| match held.get_mut(&id) {
                None => {
                    arms.cells[cell.index()].people += 1;
                    outcomes.meet(id, cell);
                }
                Some(held) => {
                    arms.shared += 1;
                    if !std::mem::replace(&mut held.is_in_both, true) {
                        arms.cells[held.cell.index()].people -= 1;
                        outcomes.meet_in_both(id);
                    }
                }
            })
            .await?;
        }
        if identity.is_key && arms.shared > 0 {
            let (audience, version) = (manifest.audience.clone(), manifest.version);
            return Err(LiftError::BothArms { audience, version, people: arms.shared });
        }
        Ok(arms)
    }

    /// People of each cell, by its index.
    pub(super) fn cells(&self) -> &[Headcount] {
        &self.cells
    }

    /// People left out because somebody of the other group has the same id.
    pub(super) fn shared(&self) -> u64 {
        self.shared
    }

    /// Calls back with every id of a file.
    async fn each(
        &mut self,
        workspace: &Workspace,
        manifest: &AudienceManifest,
        identity: &Identity,
        file: &AudienceFile,
        mut met: impl FnMut(&mut Self, u128, Cell),
    ) -> Result<(), LiftError> {
        let tier = manifest.tiers.get_index_of(&file.tier).unwrap_or_default();
        let cell = Cell { tier, holdout: file.holdout };
        let (mut session, _folder) = session()?;
        let name: TableName = "package".parse().expect("a name");
        let mut table = source(&url_of(workspace, manifest, &file.path)?);
        if manifest.definition.format.kind != FileKind::Parquet
            && let Ok(column) = identity.published().parse()
        {
            table.types.insert(column, ColumnType::String);
        }
        session.add_table(&name, &table).await?;
        let sql = format!("SELECT {} FROM {name}", quoted(identity.published()));
        let (mut rows, mut found) = (session.stream(&sql).await?, 0);
        while let Some(batch) = rows.try_next().await? {
            found += batch.num_rows() as u64;
            for id in identity.hashes(batch.column(0))? {
                match id {
                    Some(id) => met(self, id, cell),
                    None => self.cells[cell.index()].without_id += 1,
                }
            }
        }
        if found == file.rows {
            return Ok(());
        }
        Err(ArtifactsError::RowsDiffer { what: table.url, found, expected: file.rows }.into())
    }
}
