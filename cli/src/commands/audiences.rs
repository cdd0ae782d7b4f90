//! `kindred audiences`

use artifacts::audience::{self, AudienceManifest, DescriptionKind};
use artifacts::{Workspace, layout};
use serde_json::{Value, json};
use spec::{AudienceName, Version};

use super::release;
use crate::arguments::{AudienceAction, Audiences, Format};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::show::{self, Rows};

pub(super) async fn audiences(workspace: &Workspace, arguments: Audiences) -> Result<Ending, Failure> {
    let format = arguments.shown.format;
    match arguments.action {
        None => list(workspace, format).await,
        Some(AudienceAction::Show { audience, version }) => {
            show_one(workspace, format, &audience, version.map(Version)).await
        }
        Some(AudienceAction::Release(wanted)) => release::release(workspace, format, wanted).await,
    }
}

async fn list(workspace: &Workspace, format: Format) -> Result<Ending, Failure> {
    let (mut published, mut waiting) = (Vec::new(), Vec::new());
    for name in audience::list_audiences_with_versions(workspace).await? {
        let last = audience::latest(workspace, &name).await?;
        let current = last.as_ref().map(|last| last.manifest.version);
        let held = audience::list_held_back(workspace, &name, current).await?;
        waiting.extend(held.into_iter().map(|held| {
            json!({"audience": held.audience, "version": held.version, "run": held.run, "at": time(held.at),
                   "size": held.size, "reasons": held.reasons})
        }));
        published.extend(last);
    }
    let values: Vec<Value> = published.iter().map(|audience| brief(workspace, &audience.manifest)).collect();
    let mut listed = json!({"audiences": values});
    if !waiting.is_empty() {
        listed["held_back"] = json!(waiting);
    }
    show::result(format, &listed, || match (values.is_empty(), waiting.is_empty()) {
        (true, true) => format!("no published audiences in {}", workspace.url()),
        (true, false) => held_back_table(&waiting),
        (false, true) => published_table(&values),
        (false, false) => format!("{}\n\n{}", published_table(&values), held_back_table(&waiting)),
    })?;
    Ok(Ending::Done)
}

fn published_table(values: &[Value]) -> String {
    let mut rows = Rows::new(&["audience", ">version", ">people", "published", "expires", "model"]);
    for value in values {
        let fields = ["audience", "version", "size", "created", "expires_at", "model"];
        rows.add(fields.map(|field| value.get(field).map_or_else(String::new, show::text)));
    }
    rows.to_string()
}

/// Versions that wait for somebody to look, each with its reasons.
fn held_back_table(held: &[Value]) -> String {
    let lines = held.iter().map(|held| {
        let of = |field: &str| show::text(&held[field]);
        let reasons = held["reasons"].as_array().into_iter().flatten();
        let reasons: String = reasons.map(|reason| format!("\n  {}", show::text(reason))).collect();
        format!(
            "{} version {}, {} people, run {}, {}{reasons}",
            of("audience"),
            of("version"),
            of("size"),
            of("run"),
            of("at")
        )
    });
    let lines: Vec<String> = lines.collect();
    format!("held back; `kindred audiences release NAME --reason TEXT` publishes the last one\n{}", lines.join("\n"))
}

fn time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A published version in a few fields.
fn brief(workspace: &Workspace, manifest: &AudienceManifest) -> Value {
    json!({
        "audience": manifest.audience,
        "version": manifest.version,
        "size": manifest.selected,
        "created": time(manifest.created),
        "expires_at": manifest.expires_at.map(time),
        "model": format!("{}@{}", manifest.model.model, manifest.model.version),
        "run": manifest.run,
        "manifest_url": workspace.url_of(&layout::audience_manifest(&manifest.audience, manifest.version)),
    })
}

async fn show_one(
    workspace: &Workspace,
    format: Format,
    name: &AudienceName,
    version: Option<Version>,
) -> Result<Ending, Failure> {
    let history = audience::history(workspace, name).await?;
    let published = |version: Version| history.iter().any(|pointer| pointer.version == version);
    let held = audience::list_held_back(workspace, name, None).await?.into_iter().map(|held| {
        json!({"audience": held.audience, "version": held.version, "run": held.run, "at": time(held.at), "size": held.size,
               "reasons": held.reasons, "released": published(held.version)})
    });
    let held: Vec<Value> = held.collect();
    let manifest = match version {
        None => audience::latest(workspace, name).await?.map(|last| last.manifest),
        Some(version) => audience::read_published(workspace, name, version).await?.map(|stored| stored.body),
    };
    let is_meant = |held: &&Value| version.is_none_or(|version| held["version"] == json!(version));
    let Some(manifest) = manifest else {
        let meant: Vec<Value> = held.iter().filter(is_meant).cloned().collect();
        if meant.is_empty() {
            return Err(unknown(workspace, name, version).await?);
        }
        show::result(format, &json!({"audience": name, "held_back": meant}), || held_back_table(&meant))?;
        return Ok(Ending::Done);
    };
    let is_current = published(manifest.version);
    let history: Vec<Value> = history
        .iter()
        .map(|pointer| json!({"version": pointer.version, "published": time(pointer.at), "run": pointer.run}))
        .collect();
    let mut value = brief(workspace, &manifest);
    let tiers = manifest.tiers.iter().map(|(tier, summary)| {
        json!({"name": tier, "rows": summary.people, "holdout_rows": summary.holdout,
               "highest": summary.highest, "lowest": summary.lowest})
    });
    value["population"] = json!(manifest.population);
    value["eligible"] = json!(manifest.eligible);
    value["tiers"] = tiers.collect();
    value["waterfall"] = waterfall(&manifest).collect();
    value["files"] = json!(manifest.files);
    value["descriptions"] = json!(manifest.descriptions);
    if let Some(report) = audience::description_url(workspace, &manifest, DescriptionKind::Report) {
        value["report_url"] = json!(report);
    }
    value["history"] = json!(history);
    value["published"] = json!(is_current);
    if !held.is_empty() {
        value["held_back"] = json!(held);
    }
    if let Some(released) = &manifest.released {
        value["released"] = json!(released);
    }
    if !manifest.quarantined.is_empty() {
        value["quarantined"] = json!(manifest.quarantined);
    }
    show::result(format, &value, || shown(&value, &history))?;
    Ok(Ending::Done)
}

/// That there is no such version, and what there is.
async fn unknown(workspace: &Workspace, name: &AudienceName, version: Option<Version>) -> Result<Failure, Failure> {
    if let Some(version) = version {
        return Ok(Failure::Usage(anyhow::anyhow!("there is no version {version} of audience `{name}`")));
    }
    let known = audience::list_audiences(workspace).await?;
    let known: Vec<&str> = known.iter().map(AudienceName::as_str).collect();
    let there_are = if known.is_empty() {
        "nothing is published yet".to_owned()
    } else {
        format!("there are: {}", known.join(", "))
    };
    Ok(Failure::Usage(anyhow::anyhow!("no version of audience `{name}` is published; {there_are}")))
}

/// From the whole population down to the selected people.
fn waterfall(manifest: &AudienceManifest) -> impl Iterator<Item = Value> {
    let step =
        |step: &str, left_out: u64, remaining: u64| json!({"step": step, "left_out": left_out, "remaining": remaining});
    let first = step("population", 0, manifest.population);
    let last = step("below the cut", manifest.eligible.saturating_sub(manifest.selected), manifest.selected);
    let between: Vec<Value> =
        manifest.waterfall.iter().map(|between| step(&between.step, between.removed, between.left)).collect();
    std::iter::once(first).chain(between).chain(std::iter::once(last))
}

fn shown(value: &Value, history: &[Value]) -> String {
    let mut published = value.clone();
    published["name"] = value["audience"].clone();
    published["held_back"] = json!([]);
    let current = show::publication(&json!({"audiences": [published]}));
    let mut rows = Rows::new(&[">version", "published", "run"]);
    for pointer in history {
        rows.add(["version", "published", "run"].map(|field| show::text(&pointer[field])));
    }
    let of = |field: &str| show::text(&value[field]);
    let facts = format!("model {}, created {}, expires {}", of("model"), of("created"), of("expires_at"));
    let released = value.get("released").map(|released| {
        let of = |field: &str| show::text(&released[field]);
        format!("\nreleased by {} at {}: {}", of("by"), of("at"), of("reason"))
    });
    let left_out = value.get("quarantined").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let left_out: String = left_out.iter().map(|item| format!("\nleft out: {}", show::text(&item["reason"]))).collect();
    let waiting: Vec<Value> = value.get("held_back").and_then(Value::as_array).cloned().unwrap_or_default();
    let waiting: Vec<Value> = waiting.into_iter().filter(|held| held["released"] == json!(false)).collect();
    let waiting = if waiting.is_empty() { String::new() } else { format!("\n\n{}", held_back_table(&waiting)) };
    format!("{current}\n{facts}{}{left_out}\n\nhistory\n{rows}{waiting}", released.unwrap_or_default())
}
