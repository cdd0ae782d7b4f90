//! `kindred models`

use artifacts::registry::{self, ModelSummary};
use artifacts::{Workspace, layout};
use serde::Serialize;
use serde_json::{Value, json};
use spec::{AliasName, ModelName, ModelReference, Version};

use super::export;
use crate::arguments::{Format, ModelAction, ModelFormat, Models};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::show::{self, Rows};

/// One version as `kindred models show` prints it.
#[derive(Debug, Serialize)]
struct VersionShown {
    version: Version,
    aliases: Vec<AliasName>,
    created: String,
    run: String,
    program: String,
    url: String,
    report_url: String,
    measures: Value,
}

pub(super) async fn models(workspace: &Workspace, arguments: Models) -> Result<Ending, Failure> {
    let format = arguments.shown();
    match arguments.action {
        None => list(workspace, format).await,
        Some(ModelAction::Show { model, .. }) => show_one(workspace, format, &model).await,
        Some(ModelAction::Promote { model, alias, .. }) => promote(workspace, format, &model, &alias).await,
        Some(ModelAction::Export { model, format: ModelFormat::Torchscript, output }) => {
            export::torchscript(workspace, format, &model, &output).await
        }
    }
}

async fn list(workspace: &Workspace, format: Format) -> Result<Ending, Failure> {
    let models = registry::list_models(workspace).await?;
    show::result(format, &json!({"models": models}), || {
        if models.is_empty() {
            return format!("no models in {}", workspace.url());
        }
        let mut rows = Rows::new(&["model", ">versions", ">latest", "aliases"]);
        for model in &models {
            let latest = model.versions.last().map(Version::to_string).unwrap_or_default();
            rows.add([model.model.to_string(), model.versions.len().to_string(), latest, aliases_of(model)]);
        }
        rows.to_string()
    })?;
    Ok(Ending::Done)
}

fn aliases_of(model: &ModelSummary) -> String {
    let aliases = model.aliases.iter().map(|(alias, version)| format!("{alias} → {version}"));
    aliases.collect::<Vec<_>>().join(", ")
}

async fn show_one(workspace: &Workspace, format: Format, model: &ModelName) -> Result<Ending, Failure> {
    let aliases = registry::aliases(workspace, model).await?;
    let visible = registry::visible_versions(workspace, model).await?;
    if visible.is_empty() {
        // Says which models there are.
        registry::read_manifest(workspace, model, Version(1)).await?;
    }
    let mut versions = Vec::with_capacity(visible.len());
    for version in visible {
        let manifest = registry::read_manifest(workspace, model, version).await?.body;
        let pointing = aliases.iter().filter(|(_, pointed)| **pointed == version).map(|(alias, _)| alias.clone());
        let folder = workspace.url_of_folder(&layout::model_version(model, version));
        versions.push(VersionShown {
            version,
            aliases: pointing.collect(),
            created: manifest.created.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            run: manifest.run.to_string(),
            program: manifest.program,
            report_url: format!("{folder}/report.html"),
            url: folder,
            measures: manifest.metrics,
        });
    }
    let value = json!({"model": model, "versions": versions});
    show::result(format, &value, || versions_shown(model, &versions))?;
    Ok(Ending::Done)
}

fn versions_shown(model: &ModelName, versions: &[VersionShown]) -> String {
    let mut rows = Rows::new(&[">version", "aliases", "created", "run"]);
    for version in versions {
        let aliases: Vec<&str> = version.aliases.iter().map(AliasName::as_str).collect();
        rows.add([version.version.to_string(), aliases.join(", "), version.created.clone(), version.run.clone()]);
    }
    let latest = versions.last().map(|latest| {
        let outcome = json!({
            "model": model,
            "version": latest.version,
            "aliases": latest.aliases,
            "measures": latest.measures,
            "report_url": latest.report_url,
        });
        format!("\n\n{}", show::training(&outcome))
    });
    format!("model {model}\n{rows}{}", latest.unwrap_or_default())
}

async fn promote(
    workspace: &Workspace,
    format: Format,
    reference: &ModelReference,
    alias: &AliasName,
) -> Result<Ending, Failure> {
    let version = registry::resolve(workspace, reference).await?;
    registry::set_alias(workspace, &reference.model, alias, version, None).await?;
    let value = json!({"model": reference.model, "alias": alias, "version": version});
    show::result(format, &value, || format!("{}@{alias} is version {version} now", reference.model))?;
    Ok(Ending::Done)
}
