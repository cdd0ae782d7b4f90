//! What a report says of a run: its document, its data, its features, in the report's own terms.

use chrono::Utc;
use model::measure::Part as MeasuredPart;
use spec::measure::Condition;
use spec::network::{Interaction, Network, Trunk};
use spec::training::{Fit, Split};
use spec::{Document, TrainingSpec, Version};

use crate::fitting::FittedModel;
use crate::report::numbers::plural;
use crate::report::{DataPart, InputLine, LabelRate, Report, Setting};
use crate::rows::{Part, Rows};
use crate::run::Run;

mod features;
mod tasks;

/// The report of a fitted model; `warned` is what was warned of before it was fitted.
pub(crate) fn describe(run: &Run, version: Version, fitted: &FittedModel, mut warned: Vec<String>) -> Report {
    warned.extend(warnings(fitted));
    let spec = run.spec();
    let document = Document::Training(run.training.clone());
    let document = serde_json::to_string_pretty(&document).unwrap_or_default();
    Report {
        model: run.training.metadata.name.to_string(),
        version: Some(version.0),
        run: run.id.to_string(),
        created: Utc::now(),
        program: format!("kindred {}", proto::PROGRAM_VERSION),
        network: network(&spec.network),
        weights: weight_count(&fitted.weights),
        document,
        settings: settings(spec, &fitted.rows),
        examples: spec.examples.to_string(),
        key: spec.key.to_string(),
        split: split(&spec.split),
        tasks: tasks::lines(spec),
        parts: parts(&fitted.rows),
        inputs: inputs(run),
        features: features::features(fitted.rows.encoders()),
        timeline: fitted.stored.timeline.clone(),
        metrics: fitted.stored.metrics.clone(),
        comparisons: fitted.stored.comparisons.clone(),
        search: fitted.stored.search.clone(),
        slices: fitted.stored.slices.clone(),
        importance: fitted.stored.importance.clone(),
        calibration: fitted.calibration.clone(),
        registration: registration(spec, version, fitted),
        seeds: fitted.stored.seeds.clone(),
        warnings: warned,
    }
}

/// Numbers in safetensors of f32: what follows the header, whose length is the first 8 bytes.
fn weight_count(safetensors: &[u8]) -> u64 {
    let header = safetensors.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    (safetensors.len() as u64).saturating_sub(8 + header) / 4
}

fn layers(widths: &[u32]) -> String {
    if widths.is_empty() {
        return "no hidden layer".to_owned();
    }
    widths.iter().map(u32::to_string).collect::<Vec<_>>().join("-")
}

fn network(network: &Network) -> String {
    match network {
        Network::Linear(_) => "linear".to_owned(),
        Network::SharedBottom(network) => {
            format!(
                "shared bottom of {}, towers of {}{}",
                layers(&network.bottom_layers),
                layers(&network.tower_layers),
                interaction(network.interaction.as_ref())
            )
        }
        Network::Mmoe(network) => format!(
            "mmoe, {} experts of {}, towers of {}{}",
            network.experts,
            layers(&network.expert_layers),
            layers(&network.tower_layers),
            interaction(network.interaction.as_ref())
        ),
        Network::Ple(network) => format!(
            "ple, {} of {} experts a task and {} shared ones of {}, towers of {}{}",
            plural(network.levels.into(), "level", "levels"),
            network.task_experts,
            network.shared_experts,
            layers(&network.expert_layers),
            layers(&network.tower_layers),
            interaction(network.interaction.as_ref())
        ),
        Network::Stem(network) => format!(
            "stem, {} experts a task and {} shared ones of {}, towers of {}",
            network.task_experts,
            network.shared_experts,
            layers(&network.expert_layers),
            layers(&network.tower_layers)
        ),
        Network::Esmm(esmm) => format!("esmm over {}", trunk(&esmm.over)),
        Network::Escm2(escm2) => format!("escm2 over {}", trunk(&escm2.over)),
        Network::Aitm(network) => {
            format!("aitm, towers of {}{}", layers(&network.tower_layers), interaction(network.interaction.as_ref()))
        }
        Network::SeedTower(network) => format!(
            "seed tower, bottom of {}, towers of {}, embeddings of {} drawn to prototypes by {} at {}{}",
            layers(&network.bottom_layers),
            layers(&network.tower_layers),
            network.embedding_width,
            network.prototype_weight,
            network.temperature,
            interaction(network.interaction.as_ref())
        ),
        Network::TwoTower(network) => format!(
            "two towers, users of {} and items of {}, embeddings of {}, items told apart by {} at {}",
            layers(&network.user_layers),
            layers(&network.item_layers),
            network.embedding_width,
            network.softmax_weight,
            network.temperature
        ),
        Network::Metaheac(network) => format!(
            "metaheac, {} of {} and {} of {}, campaign vectors of {}, inner steps of {}",
            plural(network.experts.into(), "expert", "experts"),
            layers(&network.expert_layers),
            plural(network.critics.into(), "critic", "critics"),
            layers(&network.critic_layers),
            network.embedding_width,
            network.inner_learning_rate
        ),
    }
}

fn trunk(trunk: &Trunk) -> String {
    network(&match trunk {
        Trunk::SharedBottom(trunk) => Network::SharedBottom(trunk.clone()),
        Trunk::Mmoe(trunk) => Network::Mmoe(trunk.clone()),
        Trunk::Ple(trunk) => Network::Ple(trunk.clone()),
    })
}

fn interaction(interaction: Option<&Interaction>) -> String {
    match interaction {
        None => String::new(),
        Some(Interaction::DcnV2(crosses)) => {
            format!(", over {} of rank {}", plural(crosses.layers.into(), "cross", "crosses"), crosses.rank)
        }
        Some(Interaction::Deepfm(machine)) => format!(", beside a factorization machine of rank {}", machine.rank),
    }
}

fn split(split: &Split) -> String {
    match split {
        Split::Key(shares) => {
            format!("by hash of the key: {} validation, {} test", percent(shares.validation), percent(shares.test))
        }
        Split::Random(shares) => {
            format!("at random: {} validation, {} test", percent(shares.validation), percent(shares.test))
        }
        Split::Column(split) => format!("by column {}", split.column),
        Split::Time(split) => {
            format!("by {}: validation from {}, test from {}", split.column, split.validation_from, split.test_from)
        }
    }
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

/// The fields of `training` as the document, its defaults and the number of rows have them.
fn settings(spec: &TrainingSpec, rows: &Rows) -> Vec<Setting> {
    let fit = Fit { batch_size: u32::try_from(rows.batch_rows()).ok(), ..spec.training.clone() };
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(fit) else { return Vec::new() };
    let mut settings: Vec<_> = fields.into_iter().map(|(name, value)| Setting { name, value: words(&value) }).collect();
    if let Ok(calibration) = serde_json::to_value(spec.calibration) {
        settings.push(Setting { name: "calibration".to_owned(), value: words(&calibration) });
    }
    settings
}

fn words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name} {}", words(value)));
            fields.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn parts(rows: &Rows) -> Vec<DataPart> {
    let parts = [
        (Part::Train, MeasuredPart::Train),
        (Part::Validation, MeasuredPart::Validation),
        (Part::Test, MeasuredPart::Test),
    ];
    let describe = |(part, measured)| {
        let counts = rows.counts(part);
        let labels = counts.tasks.iter().map(|labels| LabelRate {
            task: labels.task.clone(),
            observed: labels.observed,
            positives: labels.positives,
            mean: (labels.observed_weight > 0.0).then(|| labels.sum / labels.observed_weight),
        });
        DataPart { part: measured, rows: counts.rows, labels: labels.collect() }
    };
    parts.into_iter().map(describe).collect()
}

fn inputs(run: &Run) -> Vec<InputLine> {
    let tables = run.document.inputs.iter();
    let lines = tables.flat_map(|(table, files)| {
        files.iter().map(|file| InputLine {
            table: table.to_string(),
            url: file.url.clone(),
            bytes: file.size,
            etag: file.etag.clone(),
            last_modified: file.last_modified,
        })
    });
    lines.collect()
}

fn registration(spec: &TrainingSpec, version: Version, fitted: &FittedModel) -> Vec<String> {
    let mut lines: Vec<_> =
        spec.register.aliases.iter().map(|alias| format!("Alias {alias} points to version {version}.")).collect();
    if let Some(promote) = &spec.register.promote {
        let metrics = &fitted.stored.metrics;
        let measured = |task: &spec::TaskName, name: &str| metrics.measure(task, MeasuredPart::Test, name);
        let holds = promote.when.parse::<Condition>().is_ok_and(|condition| condition.holds(&measured));
        lines.push(if holds {
            format!("{} holds on the test rows: alias {} points to version {version}.", promote.when, promote.alias)
        } else {
            format!("{} does not hold on the test rows: alias {} stays where it was.", promote.when, promote.alias)
        });
    }
    lines
}

fn warnings(fitted: &FittedModel) -> Vec<String> {
    let mut warnings = Vec::new();
    for (task, calibration) in &fitted.calibration.tasks {
        if let Some(fallback) = &calibration.fallback {
            warnings.push(format!("Task {task} is not calibrated: {fallback}."));
        }
    }
    for (feature, error) in &fitted.rows.fitted().inexact_counts {
        warnings.push(format!(
            "Feature {feature} has more distinct values than are counted exactly; counts may be too low by up to {error}."
        ));
    }
    let counts = [("validation", Part::Validation), ("test", Part::Test)];
    for (name, part) in counts {
        if fitted.rows.counts(part).rows == 0 {
            warnings.push(format!("There are no {name} rows."));
        }
    }
    warnings
}
