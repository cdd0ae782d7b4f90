//! What an object is, told from its key: the way back from a listing.

use spec::ids::NeighboursName;
use spec::{AudienceName, RunId, Version};

use super::{Attempt, Key, ShardId, number_of};

/// What an object under `audiences` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudiencePlace {
    /// `pointers/<n>.json`
    Pointer(u64),
    /// `versions/<version>/claim.json`
    Claim(Version),
    /// `versions/<version>/manifest.json`
    Manifest(Version),
    /// `versions/<version>/_SUCCESS`
    Success(Version),
    /// Any other object of a version.
    File(Version),
    /// `latest.json`, and what this version of the program does not know.
    Other,
}

/// What an object under `runs` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunPlace {
    /// `scores.json`: names files of shards.
    Scores,
    /// A file of one attempt at a shard.
    Shard(ShardId, Attempt),
    /// A file of one attempt at a prepared table; the table's name as keys have it.
    Table(String, Attempt),
    /// A file of one attempt at the people whose neighbours are looked for.
    Queries(NeighboursName, Attempt),
    /// A file of a checkpoint.
    Checkpoint,
    /// The document, the log, commits, results, and what this version of the program does not know.
    Other,
}

/// The audience that an object under `audiences` belongs to, and what it is there.
pub fn audience_place(key: &Key) -> Option<(AudienceName, AudiencePlace)> {
    let segments: Vec<&str> = key.as_str().split('/').collect();
    let ["audiences", name, rest @ ..] = segments.as_slice() else { return None };
    let place = match rest {
        ["pointers", file] => number_of(file).map(AudiencePlace::Pointer),
        ["versions", version, file @ ..] => number_of(version).map(Version).map(|version| match file {
            ["claim.json"] => AudiencePlace::Claim(version),
            ["manifest.json"] => AudiencePlace::Manifest(version),
            ["_SUCCESS"] => AudiencePlace::Success(version),
            _ => AudiencePlace::File(version),
        }),
        _ => None,
    };
    Some((name.parse().ok()?, place.unwrap_or(AudiencePlace::Other)))
}

/// The run that an object under `runs` belongs to, and what it is there.
pub fn run_place(key: &Key) -> Option<(RunId, RunPlace)> {
    let segments: Vec<&str> = key.as_str().split('/').collect();
    let ["runs", run, rest @ ..] = segments.as_slice() else { return None };
    let place = match rest {
        ["scores.json"] => Some(RunPlace::Scores),
        ["data", shard, attempt, _] => {
            number_of(shard).zip(attempt.parse().ok()).map(|(shard, attempt)| RunPlace::Shard(ShardId(shard), attempt))
        }
        ["tables", table, attempt, _] => {
            attempt.parse().ok().map(|attempt| RunPlace::Table((*table).to_owned(), attempt))
        }
        ["neighbours", name, attempt, "queries.parquet"] => {
            name.parse().ok().zip(attempt.parse().ok()).map(|(name, attempt)| RunPlace::Queries(name, attempt))
        }
        ["checkpoints", _, _, ..] => Some(RunPlace::Checkpoint),
        _ => None,
    };
    Some((run.parse().ok()?, place.unwrap_or(RunPlace::Other)))
}

#[cfg(test)]
mod tests {
    use crate::layout;

    use super::*;

    #[test]
    fn a_key_that_the_layout_makes_is_read_back() {
        let (audience, version): (AudienceName, _) = ("buyers".parse().unwrap(), Version(7));
        let tier = "high".parse().unwrap();
        let cases = [
            (layout::audience_pointer(&audience, 3), AudiencePlace::Pointer(3)),
            (layout::audience_claim(&audience, version), AudiencePlace::Claim(version)),
            (layout::audience_manifest(&audience, version), AudiencePlace::Manifest(version)),
            (layout::audience_success(&audience, version), AudiencePlace::Success(version)),
            (layout::audience_part(&audience, version, &tier, 0, "parquet").unwrap(), AudiencePlace::File(version)),
            (layout::holdout_part(&audience, version, &tier, 0, "csv").unwrap(), AudiencePlace::File(version)),
            (layout::audience_latest(&audience), AudiencePlace::Other),
        ];
        for (key, place) in cases {
            assert_eq!(audience_place(&key), Some((audience.clone(), place)), "{key}");
        }
    }

    #[test]
    fn a_run_s_rows_are_told_from_what_it_keeps() {
        let (run, attempt): (RunId, Attempt) = ("nightly-1".parse().unwrap(), "a1".parse().unwrap());
        let (shard, table, name) = (ShardId(4), "buyers_May".parse().unwrap(), "like".parse().unwrap());
        let table_key = RunPlace::Table(layout::escape("buyers_May"), attempt.clone());
        let cases = [
            (layout::shard_part(&run, shard, &attempt), RunPlace::Shard(shard, attempt.clone())),
            (layout::shard_neighbours(&run, shard, &attempt, &name), RunPlace::Shard(shard, attempt.clone())),
            (layout::prepared_part(&run, &table, &attempt, 0), table_key),
            (layout::neighbour_queries(&run, &name, &attempt), RunPlace::Queries(name.clone(), attempt.clone())),
            (layout::run_scores(&run), RunPlace::Scores),
            (layout::prepared_commit(&run, &table), RunPlace::Other),
            (layout::neighbour_queries_commit(&run, &name), RunPlace::Other),
            (layout::neighbours_table(&run, &name), RunPlace::Other),
            (layout::shard_commit(&run, shard), RunPlace::Other),
            (layout::run_log_entry(&run, 0), RunPlace::Other),
            (layout::run_document(&run), RunPlace::Other),
            (layout::run_items_table(&run), RunPlace::Other),
        ];
        for (key, place) in cases {
            assert_eq!(run_place(&key), Some((run.clone(), place)), "{key}");
        }
    }
}
