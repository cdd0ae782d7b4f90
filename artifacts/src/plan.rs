//! How a population is cut into shards: a pure function of its files' row groups, computed once a run and then frozen.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::layout::ShardId;
use crate::quarantine::LeftOut;
use crate::source::InputFile;

/// A frozen shard plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardPlan {
    /// Rows in all.
    pub rows: u64,
    /// Rows a shard was to have at the most, where row groups allow it.
    pub shard_rows: u64,
    /// The population's files, in order.
    pub files: Vec<PlannedFile>,
    /// The shards, in order. Together they have every row group once, in the order of the files.
    pub shards: Vec<Shard>,
    /// The digest of everything above: two plans with the same one are the same.
    pub digest: Digest,
    /// Files of the population that could not be read and are none of the above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// A file of the population as the plan counts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFile {
    /// The file.
    pub file: InputFile,
    /// Rows of each of its row groups.
    pub row_groups: Vec<u64>,
}

/// A unit of scoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Its number in the plan.
    pub id: ShardId,
    /// The position of its first row in the population.
    pub first_row: u64,
    /// Rows.
    pub rows: u64,
    /// Its row groups, in order.
    pub parts: Vec<ShardPart>,
}

/// Consecutive row groups of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardPart {
    /// The file's place in the plan's files.
    pub file: usize,
    /// Its row groups.
    pub row_groups: Range<usize>,
    /// Their rows.
    pub rows: u64,
}

/// Cuts files (each with the rows of its row groups) into shards of whole row groups. A shard is closed before the row
/// group that would take it over `shard_rows`, so none has more unless a single row group does. Row groups without rows
/// are skipped; a population without rows has no shards.
pub fn shard_plan(files: &[(InputFile, Vec<u64>)], shard_rows: u64) -> ShardPlan {
    let mut cutter = Cutter::default();
    for (file, (_, row_groups)) in files.iter().enumerate() {
        for (row_group, rows) in row_groups.iter().enumerate().filter(|(_, rows)| **rows > 0) {
            if cutter.shard_rows > 0 && cutter.shard_rows + rows > shard_rows {
                cutter.close();
            }
            cutter.add(file, row_group, *rows);
        }
    }
    cutter.close();
    let files =
        files.iter().map(|(file, row_groups)| PlannedFile { file: file.clone(), row_groups: row_groups.clone() });
    let mut plan = ShardPlan {
        rows: cutter.first_row,
        shard_rows,
        files: files.collect(),
        shards: cutter.shards,
        digest: Digest::of(b""),
        left_out: Vec::new(),
    };
    plan.digest = plan.content_digest();
    plan
}

impl ShardPlan {
    /// The same without files that could not be read.
    pub fn without(self, left_out: Vec<LeftOut>) -> Self {
        Self { left_out, ..self }
    }

    /// Rows of one of its files, or of one row group of it; none where the plan does not know them.
    pub fn rows_of(&self, url: &str, row_group: Option<usize>) -> Option<u64> {
        let planned = self.files.iter().find(|planned| planned.file.url == url)?;
        match row_group {
            Some(row_group) => planned.row_groups.get(row_group).copied(),
            None => Some(planned.row_groups.iter().sum()),
        }
    }

    /// A shard by its number.
    pub fn shard(&self, id: ShardId) -> Option<&Shard> {
        self.shards.get(usize::try_from(id.0).ok()?)
    }

    /// The digest of what the plan says, whatever `digest` says.
    pub fn content_digest(&self) -> Digest {
        let content = (self.rows, self.shard_rows, &self.files, &self.shards);
        Digest::of(&serde_json::to_vec(&content).expect("a plan holds numbers and text alone"))
    }
}

#[derive(Default)]
struct Cutter {
    shards: Vec<Shard>,
    parts: Vec<ShardPart>,
    shard_rows: u64,
    first_row: u64,
}

impl Cutter {
    fn add(&mut self, file: usize, row_group: usize, rows: u64) {
        self.shard_rows += rows;
        match self.parts.last_mut() {
            Some(part) if part.file == file && part.row_groups.end == row_group => {
                part.row_groups.end += 1;
                part.rows += rows;
            }
            _ => self.parts.push(ShardPart { file, row_groups: row_group..row_group + 1, rows }),
        }
    }

    fn close(&mut self) {
        if self.shard_rows == 0 {
            return;
        }
        let id = ShardId(self.shards.len() as u64);
        let rows = std::mem::take(&mut self.shard_rows);
        let parts = std::mem::take(&mut self.parts);
        self.shards.push(Shard { id, first_row: self.first_row, rows, parts });
        self.first_row += rows;
    }
}

#[cfg(test)]
mod tests;
