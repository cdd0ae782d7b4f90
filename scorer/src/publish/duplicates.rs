//! Looks for keys that are on more than one row of the score table.

use std::sync::Arc;

use artifacts::keys::{hash_nullable_keys, seed_of};
use artifacts::rows::Columns;
use spec::ids::ColumnName;
use tokio::task::spawn_blocking;

use super::table::{RowGroup, ScoreTable};
use crate::error::{Result, ScorerError};
use crate::select::duplicates::{Count, HashRange, KEYS_PER_PASS, MOST_REPEATED, Seen, short};
use crate::select::guards::Duplicates;

/// What these passes are called.
const PHASE: &str = "check keys";

/// Counts the keys that several rows have, in passes that hold `KEYS_PER_PASS` of them. Null is no key.
///
/// # Errors
///
/// A table that cannot be read.
pub(crate) async fn find_duplicates(table: &ScoreTable, key: &ColumnName) -> Result<Duplicates> {
    let columns = Columns::new([key.as_str()]);
    let mut repeated: Vec<u64> = Vec::new();
    let mut stopped_early = false;
    for range in HashRange::of_rows(table.rows(), KEYS_PER_PASS) {
        let key = key.clone();
        let short_hashes = move |group: RowGroup| {
            let hashes = hashes_of(group, &key)?;
            Ok(hashes.into_iter().map(short).filter(|hash| range.contains(*hash)).collect::<Vec<_>>())
        };
        let seen = Seen::new(KEYS_PER_PASS);
        let seen = table.fold(PHASE, &columns, seen, short_hashes, |seen, hashes| seen.extend(&hashes)).await?;
        repeated.extend(spawn_blocking(move || seen.into_repeated()).await.map_err(ScorerError::Thread)?);
        if repeated.len() > MOST_REPEATED {
            stopped_early = true;
            break;
        }
    }
    if repeated.is_empty() {
        return Ok(Duplicates::default());
    }
    count(table, key, &repeated, stopped_early).await
}

async fn count(table: &ScoreTable, key: &ColumnName, repeated: &[u64], at_least: bool) -> Result<Duplicates> {
    let columns = Columns::new([key.as_str()]);
    let count = Count::new(repeated, at_least);
    let suspected = Arc::new(count.suspected().clone());
    let key = key.clone();
    let suspects = move |group: RowGroup| {
        let hashes = hashes_of(group, &key)?;
        Ok(hashes.into_iter().filter(|hash| suspected.contains(&short(*hash))).collect::<Vec<_>>())
    };
    let count = table.fold(PHASE, &columns, count, suspects, |count, hashes| count.extend(&hashes)).await?;
    Ok(count.finish())
}

fn hashes_of(group: RowGroup, key: &ColumnName) -> Result<Vec<u128>> {
    let seed = seed_of("duplicates", "");
    let mut all = Vec::new();
    for batch in group.batches()? {
        let (_, batch) = batch?;
        let hashes = hash_nullable_keys(batch.column(0), seed);
        all.extend(hashes.map_err(|source| ScorerError::Key { column: key.clone(), source })?.into_iter().flatten());
    }
    Ok(all)
}
