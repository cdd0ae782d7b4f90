//! The keys of every object in a workspace. Nothing else formats a key.
//!
//! A [`Key`] is relative to the workspace's root. Numbers are zero-padded to 20 digits, so that a listing is in order.
//! Names that are no key names already ([`TableName`]s may hold anything printable) are escaped by [`escape`].

mod key;
mod place;

use spec::ids::NeighboursName;
use spec::{
    AliasName, AudienceName, ModelName, PreparationName, RunId, ScheduleName, SegmentationName, SubmissionId,
    TableName, TierName, Version,
};

use crate::digest::Digest;
pub use key::{Attempt, Folder, InvalidKey, Key, ShardId};
pub use place::{AudiencePlace, RunPlace, audience_place, run_place};

/// A number as keys hold it: 20 digits.
pub fn padded(number: u64) -> String {
    format!("{number:020}")
}

/// The number that a segment or file name starts with: 20 digits, then nothing or `.json`.
pub fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json").unwrap_or(name);
    let is_padded = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_padded { digits.parse().ok() } else { None }
}

/// Any text as one segment of a key: letters, digits, `-` and (not in front) `_` stay, every other byte becomes `=XX`.
/// Text that would be longer than 120 bytes is cut and gets 16 hex digits of its digest, so that it fits a file name.
pub fn escape(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut escaped = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || (byte == b'_' && at > 0) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("={byte:02X}"));
        }
    }
    if escaped.len() > LONGEST {
        escaped.truncate(LONGEST - 18);
        escaped.push_str("==");
        escaped.push_str(&Digest::of(text.as_bytes()).short(16));
    }
    escaped
}

/// `coordinators`: who leads the workspace, the last one counts.
pub fn coordinators() -> Folder {
    Folder::root("coordinators")
}

/// The n-th coordinator of the workspace; created once.
pub fn coordinator(number: u64) -> Key {
    coordinators().numbered(number)
}

/// `submissions`
pub fn submissions() -> Folder {
    Folder::root("submissions")
}

/// `submissions/<submission>`
pub fn submission(submission: &SubmissionId) -> Folder {
    submissions().folder(submission)
}

/// What was submitted; created once.
pub fn submission_record(submission: &SubmissionId) -> Key {
    self::submission(submission).key("submission.json")
}

/// An entry of a submission's log; created once.
pub fn submission_log_entry(submission: &SubmissionId, number: u64) -> Key {
    self::submission(submission).folder("log").numbered(number)
}

/// `schedules`
pub fn schedules() -> Folder {
    Folder::root("schedules")
}

/// `schedules/<schedule>/log`: the only truth about a schedule, in blocks of entries.
pub fn schedule_log(schedule: &ScheduleName) -> Folder {
    schedules().folder(schedule).folder("log")
}

/// Entries of one block: a listing of a block and of all blocks is short however long the log is.
const SCHEDULE_LOG_BLOCK: u64 = 1000;

/// A block of a schedule's log, which holds the entries from 1000 times its number on.
pub fn schedule_log_block(schedule: &ScheduleName, block: u64) -> Folder {
    schedule_log(schedule).folder(padded(block))
}

/// An entry of a schedule's log; created once.
pub fn schedule_log_entry(schedule: &ScheduleName, number: u64) -> Key {
    schedule_log_block(schedule, number / SCHEDULE_LOG_BLOCK).numbered(number)
}

/// `models`
pub fn models() -> Folder {
    Folder::root("models")
}

/// `models/<model>`
pub fn model(model: &ModelName) -> Folder {
    models().folder(model)
}

/// `models/<model>/versions`
pub fn model_versions(model: &ModelName) -> Folder {
    self::model(model).folder("versions")
}

/// `models/<model>/versions/<version>`: a model package.
pub fn model_version(model: &ModelName, version: Version) -> Folder {
    model_versions(model).folder(padded(version.0))
}

/// Which run a model's version belongs to; created once.
pub fn model_claim(model: &ModelName, version: Version) -> Key {
    model_version(model, version).key("claim.json")
}

/// The manifest that makes a model's version visible; created once, written last.
pub fn model_manifest(model: &ModelName, version: Version) -> Key {
    model_version(model, version).key("manifest.json")
}

/// A file of a model package.
pub fn model_file(model: &ModelName, version: Version, name: &str) -> Result<Key, InvalidKey> {
    model_version(model, version).file(name)
}

/// `models/<model>/aliases`
pub fn model_aliases(model: &ModelName) -> Folder {
    self::model(model).folder("aliases")
}

/// `models/<model>/aliases/<alias>`: the alias's values, the last one counts.
pub fn model_alias(model: &ModelName, alias: &AliasName) -> Folder {
    model_aliases(model).folder(alias)
}

/// The n-th value of an alias; created once.
pub fn model_alias_value(model: &ModelName, alias: &AliasName, number: u64) -> Key {
    model_alias(model, alias).numbered(number)
}

/// `runs`
pub fn runs() -> Folder {
    Folder::root("runs")
}

/// `runs/<run>`
pub fn run(run: &RunId) -> Folder {
    runs().folder(run)
}

/// `runs/<run>/log`: the only truth about a run.
pub fn run_log(run: &RunId) -> Folder {
    self::run(run).folder("log")
}

/// An entry of a run's log; created once.
pub fn run_log_entry(run: &RunId, number: u64) -> Key {
    run_log(run).numbered(number)
}

/// `runs/<run>/epochs`
pub fn run_epochs(run: &RunId) -> Folder {
    self::run(run).folder("epochs")
}

/// Which coordinator may write the log; created once.
pub fn run_epoch(run: &RunId, number: u64) -> Key {
    run_epochs(run).numbered(number)
}

/// What a run was asked to do, and on which input files; created once.
pub fn run_document(run: &RunId) -> Key {
    self::run(run).key("document.json")
}

/// `runs/<run>/logs`: what its processes printed, where they ran on the machine of the workspace.
pub fn run_logs(run: &RunId) -> Folder {
    self::run(run).folder("logs")
}

/// A run's frozen shard plan; created once.
pub fn run_plan(run: &RunId) -> Key {
    self::run(run).key("plan.json")
}

/// What a run has learned of the seed lists that it scores people for; created once, before the plan.
pub fn run_seed_lists(run: &RunId) -> Key {
    self::run(run).key("seed_lists.json")
}

/// The ids of the secret keys that a run makes ids with; created once, before the plan.
pub fn run_secret_keys(run: &RunId) -> Key {
    self::run(run).key("secret_keys.json")
}

/// The segments that a run puts people into; created once, before the plan.
pub fn run_segments(run: &RunId) -> Key {
    self::run(run).key("segments.json")
}

/// What a run tells of its audiences' people: which columns, compared with whom; created once, before the plan.
pub fn run_profiles(run: &RunId) -> Key {
    self::run(run).key("profiles.json")
}

/// Who is in the segments of one name; created once, when all shards are committed.
pub fn run_segment_profile(run: &RunId, name: &SegmentationName) -> Key {
    self::run(run).folder("segments").key(format_args!("{name}.json"))
}

/// The same as a page for people to read.
pub fn run_segment_page(run: &RunId, name: &SegmentationName) -> Key {
    self::run(run).folder("segments").key(format_args!("{name}.html"))
}

/// `runs/<run>/neighbours/<name>`
pub fn run_neighbours(run: &RunId, name: &NeighboursName) -> Folder {
    self::run(run).folder("neighbours").folder(name)
}

/// The people whose neighbours a run looks for, as one attempt found them.
pub fn neighbour_queries(run: &RunId, name: &NeighboursName, attempt: &Attempt) -> Key {
    run_neighbours(run, name).folder(attempt).key("queries.parquet")
}

/// Which attempt's people count; created once, before the plan.
pub fn neighbour_queries_commit(run: &RunId, name: &NeighboursName) -> Key {
    run_neighbours(run, name).key("queries.json")
}

/// The table of neighbours.
pub fn neighbours_table(run: &RunId, name: &NeighboursName) -> Key {
    run_neighbours(run, name).key("nearest.parquet")
}

/// What the table is; created once, when it is complete.
pub fn neighbours_manifest(run: &RunId, name: &NeighboursName) -> Key {
    run_neighbours(run, name).key("manifest.json")
}

/// The embeddings of a run's items.
pub fn run_items_table(run: &RunId) -> Key {
    self::run(run).folder("items").key("embeddings.parquet")
}

/// What that table is; created once, when it is complete.
pub fn run_items_manifest(run: &RunId) -> Key {
    self::run(run).folder("items").key("manifest.json")
}

/// Which files a run's score table has; created once, when all shards are committed.
pub fn run_scores(run: &RunId) -> Key {
    self::run(run).key("scores.json")
}

/// `runs/<run>/checkpoints/<step>`
pub fn run_checkpoint(run: &RunId, step: u64) -> Folder {
    self::run(run).folder("checkpoints").folder(padded(step))
}

/// `runs/<run>/tables/<table>`: what the attempts at a prepared table wrote.
pub fn prepared_table(run: &RunId, table: &TableName) -> Folder {
    self::run(run).folder("tables").folder(escape(table.as_str()))
}

/// A file of one attempt at a prepared table.
pub fn prepared_part(run: &RunId, table: &TableName, attempt: &Attempt, number: u64) -> Key {
    prepared_table(run, table).folder(attempt).key(format_args!("part-{}.parquet", padded(number)))
}

/// Which attempt made a prepared table; created once.
pub fn prepared_commit(run: &RunId, table: &TableName) -> Key {
    self::run(run).folder("tables").key(format_args!("{}.json", escape(table.as_str())))
}

/// `runs/<run>/data/<shard>`
pub fn shard_data(run: &RunId, shard: ShardId) -> Folder {
    self::run(run).folder("data").folder(padded(shard.0))
}

/// The scores that one attempt at a shard wrote.
pub fn shard_part(run: &RunId, shard: ShardId, attempt: &Attempt) -> Key {
    shard_data(run, shard).folder(attempt).key("part.parquet")
}

/// The neighbours that one attempt at a shard found.
pub fn shard_neighbours(run: &RunId, shard: ShardId, attempt: &Attempt, name: &NeighboursName) -> Key {
    shard_data(run, shard).folder(attempt).key(format_args!("neighbours-{name}.parquet"))
}

/// `runs/<run>/commit`
pub fn shard_commits(run: &RunId) -> Folder {
    self::run(run).folder("commit")
}

/// Who won a shard; created once.
pub fn shard_commit(run: &RunId, shard: ShardId) -> Key {
    shard_commits(run).numbered(shard.0)
}

/// `runs/<run>/search`
pub fn search_trainings(run: &RunId) -> Folder {
    self::run(run).folder("search")
}

/// What came of a training of the run's search; created once.
pub fn search_training(run: &RunId, training: u64) -> Key {
    search_trainings(run).numbered(training)
}

/// `<document>/<table>`: a prepared table in a folder of somebody's choice.
pub fn exported_table(document: &PreparationName, table: &TableName) -> Folder {
    Folder::root(document.as_str()).folder(escape(table.as_str()))
}

/// A file of a prepared table in a folder of somebody's choice.
pub fn exported_part(document: &PreparationName, table: &TableName, number: u64) -> Key {
    exported_table(document, table).key(format_args!("part-{}.parquet", padded(number)))
}

/// `part-<n>.parquet`: a file of scores in a folder of somebody's choice.
pub fn output_part(number: u64) -> Key {
    Key::root(&format!("part-{}.parquet", padded(number)))
}

/// `audiences`
pub fn audiences() -> Folder {
    Folder::root("audiences")
}

/// `audiences/<audience>`
pub fn audience(audience: &AudienceName) -> Folder {
    audiences().folder(audience)
}

/// `audiences/<audience>/versions`
pub fn audience_versions(audience: &AudienceName) -> Folder {
    self::audience(audience).folder("versions")
}

/// `audiences/<audience>/versions/<version>`: an audience package.
pub fn audience_version(audience: &AudienceName, version: Version) -> Folder {
    audience_versions(audience).folder(padded(version.0))
}

/// Which run an audience's version belongs to; created once.
pub fn audience_claim(audience: &AudienceName, version: Version) -> Key {
    audience_version(audience, version).key("claim.json")
}

/// That a version of an audience was held back, and why; created once.
pub fn audience_held_back(audience: &AudienceName, version: Version) -> Key {
    audience_version(audience, version).key("held_back.json")
}

/// What the population looked like that a version was chosen from; created once, before the manifest.
pub fn audience_distributions(audience: &AudienceName, version: Version) -> Key {
    audience_version(audience, version).key("distributions.json")
}

/// How old the inputs of a run are; created once.
pub fn run_freshness(run: &RunId) -> Key {
    self::run(run).key("freshness.json")
}

/// What a version of an audience holds; created once, after all its files.
pub fn audience_manifest(audience: &AudienceName, version: Version) -> Key {
    audience_version(audience, version).key("manifest.json")
}

/// Holds the SHA-256 of the manifest; a folder without it is no package.
pub fn audience_success(audience: &AudienceName, version: Version) -> Key {
    audience_version(audience, version).key("_SUCCESS")
}

/// A file of an audience package that is no part of a tier, such as `profile.json`.
pub fn audience_file(audience: &AudienceName, version: Version, name: &str) -> Result<Key, InvalidKey> {
    audience_version(audience, version).file(name)
}

/// `tier=<tier>/part-<n>.<extension>` of an audience package; the extension is such as `parquet` or `csv.gz`.
pub fn audience_part(
    audience: &AudienceName,
    version: Version,
    tier: &TierName,
    number: u64,
    extension: &str,
) -> Result<Key, InvalidKey> {
    audience_version(audience, version).below(&format!("tier={tier}/part-{}.{extension}", padded(number)))
}

/// `holdout/tier=<tier>/part-<n>.<extension>` of an audience package: the control group.
pub fn holdout_part(
    audience: &AudienceName,
    version: Version,
    tier: &TierName,
    number: u64,
    extension: &str,
) -> Result<Key, InvalidKey> {
    audience_version(audience, version).below(&format!("holdout/tier={tier}/part-{}.{extension}", padded(number)))
}

/// `audiences/<audience>/pointers`: published versions, the last one counts.
pub fn audience_pointers(audience: &AudienceName) -> Folder {
    self::audience(audience).folder("pointers")
}

/// The n-th published version of an audience; created once.
pub fn audience_pointer(audience: &AudienceName, number: u64) -> Key {
    audience_pointers(audience).numbered(number)
}

/// A copy of the last pointer, for readers that cannot list.
pub fn audience_latest(audience: &AudienceName) -> Key {
    self::audience(audience).key("latest.json")
}

#[cfg(test)]
mod tests;
