//! `kindred gc`: what retention lets go.

use anyhow::Context;
use artifacts::Workspace;
use artifacts::retention::{
    DeletionKind, Left, LeftReason, Plan, StagingFile, Standing, Terms, delete_staging, find_staging, plan, survey,
    sweep,
};
use chrono::Utc;
use coordinator::log::Replay;
use coordinator::run::State;
use serde_json::{Value, json};
use spec::RunId;

use crate::arguments::Gc;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::show::{self, Rows};

pub(super) async fn gc(workspace: &Workspace, arguments: &Gc) -> Result<Ending, Failure> {
    let terms =
        Terms { runs_older_than: arguments.runs_older_than, leftovers_older_than: arguments.leftovers_older_than };
    let now = Utc::now();
    let found = survey(workspace, now, async |run: &RunId| standing(workspace, run).await).await?;
    let plan = plan(&found, &terms);
    let older_than = terms.leftovers_older_than;
    let staging = match workspace.local_path() {
        Some(root) => on_disk(move || find_staging(&root, older_than, now.into())).await?,
        None => Vec::new(),
    };
    if !arguments.dry_run {
        sweep(workspace, &plan).await?;
        let files = staging.clone();
        on_disk(move || delete_staging(&files)).await?;
    }
    let value = result(&plan, &staging, arguments.dry_run);
    show::result(arguments.shown.format, &value, || table(&value))?;
    Ok(Ending::Done)
}

/// Work on the local disk, where it blocks no runtime thread.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await.context("a thread stopped").map_err(Failure::Failed)?;
    done.context("cannot take away what killed writers left in the workspace").map_err(Failure::Failed)
}

/// How far a run is, as its log says.
async fn standing(workspace: &Workspace, run: &RunId) -> Result<Standing, Failure> {
    let replay = Replay::read(workspace, run).await?;
    let since = replay.changed().unwrap_or_default();
    Ok(match replay.state() {
        State::Absent => Standing::Unknown,
        State::Ready(_) | State::Active(_) | State::Stopping(..) => Standing::AtWork,
        State::Interrupted(_) | State::Cancelled(..) | State::Failed(..) => Standing::Resumable { since },
        State::Succeeded(_) | State::HeldBack(..) => Standing::Finished { since },
    })
}

fn result(plan: &Plan, staging: &[StagingFile], is_dry: bool) -> Value {
    let mut deleted: Vec<Value> = plan
        .deletions
        .iter()
        .map(|deletion| {
            json!({"kind": deletion.kind, "subject": deletion.subject, "objects": deletion.keys().count(),
                   "bytes": deletion.bytes})
        })
        .collect();
    let staging_bytes: u64 = staging.iter().map(|file| file.bytes).sum();
    if !staging.is_empty() {
        deleted.push(json!({"kind": "staging_files", "subject": "killed writers", "objects": staging.len(),
                            "bytes": staging_bytes}));
    }
    json!({
        "dry_run": is_dry,
        "deleted": deleted,
        "objects": plan.objects() + staging.len() as u64,
        "bytes": plan.bytes() + staging_bytes,
        "left": plan.left,
    })
}

fn table(value: &Value) -> String {
    let mut deleted = Rows::new(&["what", "of", ">objects", ">bytes"]);
    for row in value["deleted"].as_array().into_iter().flatten() {
        let kind = serde_json::from_value(row["kind"].clone()).map_or("staging files", kind_words);
        deleted.add([
            kind.to_owned(),
            show::text(&row["subject"]),
            show::text(&row["objects"]),
            show::text(&row["bytes"]),
        ]);
    }
    let (objects, bytes) = (show::text(&value["objects"]), show::text(&value["bytes"]));
    let words = if value["dry_run"] == true { "would be deleted" } else { "deleted" };
    let mut blocks = Vec::new();
    if !deleted.is_empty() {
        blocks.push(deleted.to_string());
    }
    blocks.push(format!("{words}: {objects} objects, {bytes} bytes"));
    let mut left = Rows::new(&["left alone", "because", ">bytes"]);
    for row in value["left"].as_array().into_iter().flatten() {
        if let Ok(row) = serde_json::from_value::<Left>(row.clone()) {
            left.add([row.subject, reason_words(row.reason).to_owned(), show::count(row.bytes)]);
        }
    }
    if !left.is_empty() {
        blocks.push(left.to_string());
    }
    blocks.join("\n\n")
}

fn kind_words(kind: DeletionKind) -> &'static str {
    match kind {
        DeletionKind::OldVersion => "old version",
        DeletionKind::UnpublishedVersion => "version that was never published",
        DeletionKind::RunRows => "rows of a finished run",
        DeletionKind::LostAttempts => "attempts that lost",
    }
}

fn reason_words(reason: LeftReason) -> &'static str {
    match reason {
        LeftReason::NoRetention => "its older versions: the audience has no `retain`",
        LeftReason::CurrentUnreadable => "its older versions: the current one cannot be read",
        LeftReason::MayBePublished => "a version that may still be published",
        LeftReason::MayGoOn => "it has not finished and can go on from its rows",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_and_what_stays_is_said_with_its_bytes() {
        let left = vec![Left { subject: "buyers".to_owned(), reason: LeftReason::NoRetention, bytes: 1500 }];
        let staging = [StagingFile { path: "a#1".into(), bytes: 2500 }];
        let value = result(&Plan { deletions: Vec::new(), left }, &staging, true);
        assert_eq!((value["objects"].as_u64(), value["bytes"].as_u64()), (Some(1), Some(2500)));
        let text = table(&value);
        for words in
            ["staging files", "would be deleted: 1 objects, 2,500 bytes", "the audience has no `retain`", "1,500"]
        {
            assert!(text.contains(words), "{words} in\n{text}");
        }
    }
}
