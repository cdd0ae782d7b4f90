//! `kindred audiences`

use artifacts::audience::{self, AudienceManifest, PublishedAudience};
use artifacts::{Workspace, layout};
use serde_json::{Value, json};
use spec::AudienceName;

use crate::arguments::{AudienceAction, Audiences, Format};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::show::{self, Rows};

pub(super) async fn audiences(workspace: &Workspace, arguments: Audiences) -> Result<Ending, Failure> {
    let format = arguments.shown.format;
    match arguments.action {
        None => list(workspace, format).await,
        Some(AudienceAction::Show { audience }) => show_one(workspace, format, &audience).await,
    }
}

async fn list(workspace: &Workspace, format: Format) -> Result<Ending, Failure> {
    let mut published = Vec::new();
    for name in audience::list_audiences(workspace).await? {
        published.extend(audience::latest(workspace, &name).await?);
    }
    let values: Vec<Value> = published.iter().map(|audience| brief(workspace, &audience.manifest)).collect();
    show::result(format, &json!({"audiences": values}), || {
        if values.is_empty() {
            return format!("no published audiences in {}", workspace.url());
        }
        let mut rows = Rows::new(&["audience", ">version", ">people", "published", "expires", "model"]);
        for value in &values {
            let fields = ["audience", "version", "size", "created", "expires_at", "model"];
            rows.add(fields.map(|field| value.get(field).map_or_else(String::new, show::text)));
        }
        rows.to_string()
    })?;
    Ok(Ending::Done)
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

async fn show_one(workspace: &Workspace, format: Format, name: &AudienceName) -> Result<Ending, Failure> {
    let Some(PublishedAudience { manifest, .. }) = audience::latest(workspace, name).await? else {
        let known = audience::list_audiences(workspace).await?;
        let known: Vec<&str> = known.iter().map(AudienceName::as_str).collect();
        let there_are = if known.is_empty() {
            "nothing is published yet".to_owned()
        } else {
            format!("there are: {}", known.join(", "))
        };
        return Err(Failure::Usage(anyhow::anyhow!("no version of audience `{name}` is published; {there_are}")));
    };
    let history = audience::history(workspace, name).await?;
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
    value["history"] = json!(history);
    show::result(format, &value, || shown(&value, &history))?;
    Ok(Ending::Done)
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
    published["published"] = json!(true);
    let current = show::publication(&json!({"audiences": [published]}));
    let mut rows = Rows::new(&[">version", "published", "run"]);
    for pointer in history {
        rows.add(["version", "published", "run"].map(|field| show::text(&pointer[field])));
    }
    let of = |field: &str| show::text(&value[field]);
    let facts = format!("model {}, created {}, expires {}", of("model"), of("created"), of("expires_at"));
    format!("{current}\n{facts}\n\nhistory\n{rows}")
}
