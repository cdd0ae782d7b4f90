//! `kindred audiences release`

use anyhow::anyhow;
use artifacts::Workspace;
use artifacts::audience::{self, HeldBackVersion};
use artifacts::runs::read_document;
use serde::Serialize;
use serde_json::{Value, json};
use spec::{AudienceName, Document, RunId};

use crate::arguments::{Format, Release};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::workers::{self, Worker};
use crate::{interrupt, show};

/// What the scorer's `release` reads on stdin.
#[derive(Debug, Serialize)]
struct Request<'a> {
    workspace: String,
    run: &'a RunId,
    audience: &'a AudienceName,
    by: &'a str,
    reason: &'a str,
}

pub(super) async fn release(workspace: &Workspace, format: Format, arguments: Release) -> Result<Ending, Failure> {
    let controlled = interrupt::listen()?;
    let mut wanted: Vec<HeldBackVersion> = Vec::new();
    for name in &arguments.names {
        wanted.extend(find(workspace, name).await?);
    }
    let mut released: Vec<Value> = Vec::new();
    for held in &wanted {
        let request = Request {
            workspace: workspace.url(),
            run: &held.run,
            audience: &held.audience,
            by: &arguments.by,
            reason: &arguments.reason,
        };
        released.push(interrupt::or_interrupted(&controlled, workers::ask(Worker::Scorer, "release", &request)).await?);
    }
    show::result(format, &json!({"audiences": released}), || words(&released))?;
    Ok(Ending::Done)
}

/// The held-back versions that a name means: the last one of an audience, or all of a run.
async fn find(workspace: &Workspace, name: &str) -> Result<Vec<HeldBackVersion>, Failure> {
    if let Ok(audience) = name.parse::<AudienceName>() {
        let held = audience::list_held_back(workspace, &audience, None).await?;
        if let Some(last) = held.into_iter().next_back() {
            return Ok(vec![last]);
        }
    }
    let nothing = || Failure::Usage(anyhow!("`{name}` is no audience and no run of which a version was held back"));
    let run: RunId = name.parse().map_err(|_| nothing())?;
    let Some(document) = read_document(workspace, &run).await? else { return Err(nothing()) };
    let Document::Scoring(scoring) = document.document else { return Err(nothing()) };
    let mut found = Vec::new();
    for audience in scoring.spec.audiences.keys() {
        found.extend(audience::held_back_by(workspace, audience, &run).await?);
    }
    if found.is_empty() { Err(nothing()) } else { Ok(found) }
}

fn words(released: &[Value]) -> String {
    let already = released.iter().filter(|one| one["already"] == json!(true));
    let already = already.map(|one| format!("audience {} had been published before", show::text(&one["name"])));
    let notes: Vec<String> = already.collect();
    [vec![show::publication(&json!({"audiences": released}))], notes].concat().join("\n")
}
