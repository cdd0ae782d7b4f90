//! A table as a feed reads it: open files, and which of their row groups.

use std::sync::Arc;

use artifacts::InputFile;
use artifacts::plan::ShardPart;
use artifacts::rows::{FileHandle, RowGroupRef, open_files};

use crate::error::FeedError;

/// Open files of one table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    files: Arc<[Arc<FileHandle>]>,
    row_groups: Arc<[RowGroup]>,
}

/// A row group that has rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowGroup {
    pub(crate) place: RowGroupRef,
    /// The position of its first row among all rows of the table's files.
    pub(crate) first_row: u64,
    pub(crate) rows: u64,
}

impl Table {
    /// Reads the footers of files; the table's rows are theirs, in order.
    ///
    /// # Errors
    ///
    /// A file that is not there, not Parquet, or damaged.
    pub async fn open(files: &[InputFile]) -> Result<Self, FeedError> {
        Ok(Self::of(open_files(files).await?))
    }

    /// A table of files that are open already.
    pub fn of(files: Vec<Arc<FileHandle>>) -> Self {
        let mut row_groups = Vec::new();
        let mut first_row = 0;
        for (file, handle) in files.iter().enumerate() {
            for (row_group, rows) in handle.row_group_rows().into_iter().enumerate() {
                if rows > 0 {
                    row_groups.push(RowGroup { place: RowGroupRef { file, row_group }, first_row, rows });
                }
                first_row += rows;
            }
        }
        Self { files: files.into(), row_groups: row_groups.into() }
    }

    /// The part of the table that a shard is; positions of rows stay those of the whole table.
    pub fn part(&self, parts: &[ShardPart]) -> Self {
        let is_inside = |place: RowGroupRef| {
            parts.iter().any(|part| part.file == place.file && part.row_groups.contains(&place.row_group))
        };
        let row_groups = self.row_groups.iter().filter(|row_group| is_inside(row_group.place)).copied();
        Self { files: self.files.clone(), row_groups: row_groups.collect() }
    }

    /// The table without some row groups; positions of the others stay.
    pub fn without(&self, left_out: &[RowGroupRef]) -> Self {
        let row_groups = self.row_groups.iter().filter(|row_group| !left_out.contains(&row_group.place)).copied();
        Self { files: self.files.clone(), row_groups: row_groups.collect() }
    }

    /// Its files.
    pub fn files(&self) -> &[Arc<FileHandle>] {
        &self.files
    }

    /// Its rows.
    pub fn rows(&self) -> u64 {
        self.row_groups.iter().map(|row_group| row_group.rows).sum()
    }

    /// Its row groups, in order.
    pub(crate) fn row_groups(&self) -> &[RowGroup] {
        &self.row_groups
    }

    /// The file of a row group.
    pub(crate) fn file_of(&self, row_group: &RowGroup) -> &Arc<FileHandle> {
        &self.files[row_group.place.file]
    }
}
