//! The version in production on the rows that judge the new one.

use std::sync::Arc;

use artifacts::registry::{self, ModelPackage};
use artifacts::{ArtifactsError, Workspace};
use indexmap::IndexMap;
use model::encode::{Classes, Encoders};
use model::input::Batch;
use model::measure::{ComparedModel, Comparison, TaskKind};
use model::outputs::Outputs;
use model::predictor::Predictor;
use spec::ids::Selector;
use spec::training::Split;
use spec::{ModelName, ModelReference, TaskName, TrainingSpec, Version};

use crate::comparison::{Arena, SharedTask};
use crate::error::{Result, TrainerError};
use crate::rows::Part;

/// The alias that says which version is in production.
const ALIAS: &str = "production";

/// The version in production when training began.
pub(crate) struct Production {
    version: Version,
    package: Result<ModelPackage, ArtifactsError>,
}

impl Production {
    /// The version that `production` points to; none where the model has no such alias. One that cannot be loaded is
    /// no failure of the training: its comparison says why it is missing.
    ///
    /// # Errors
    ///
    /// Storage that does not answer.
    pub(crate) async fn find(workspace: &Workspace, model: &ModelName) -> Result<Option<Self>> {
        let aliases = registry::aliases(workspace, model).await?;
        let Some(version) = aliases.iter().find_map(|(alias, version)| (alias.as_str() == ALIAS).then_some(*version))
        else {
            return Ok(None);
        };
        let reference = ModelReference { model: model.clone(), selector: Selector::Version(version) };
        let package = registry::load_model(workspace, &reference).await;
        Ok(Some(Self { version, package }))
    }

    /// The new model beside this version.
    ///
    /// # Errors
    ///
    /// [`TrainerError::Cancelled`]; why else there is no comparison is said in it.
    pub(crate) fn compare(self, arena: &Arena<'_>) -> Result<Comparison> {
        let with = ComparedModel::Production { version: self.version };
        let measured = match self.package {
            Ok(package) => compare(&package, with.clone(), arena),
            Err(error) => Err(error.into()),
        };
        match measured {
            Err(TrainerError::Cancelled) => Err(TrainerError::Cancelled),
            Err(error) => Ok(arena.without(with, &error)),
            Ok(comparison) => Ok(comparison),
        }
    }
}

fn compare(package: &ModelPackage, with: ComparedModel, arena: &Arena<'_>) -> Result<Comparison> {
    let old = &package.manifest.document.spec;
    let encoders: Encoders = serde_json::from_slice(package.file("encoders.json")?)
        .map_err(|source| TrainerError::PackageFile { file: "encoders.json", source })?;
    let new = arena.desk.rows.encoders();
    let (shared, mut notes) = shared_tasks((old, encoders.classes()), (arena.spec, new.classes()));
    if shared.is_empty() {
        return Err(TrainerError::NothingToCompare);
    }
    if !is_unseen(old, arena.spec, arena.part) {
        notes.push("it may have learned from some of these rows, which would flatter it".to_owned());
    }
    let (weights, calibration) = (package.file("weights.safetensors")?, package.file("calibration.json")?);
    let device = arena.spec.training.device;
    let predictor = Predictor::load(old, &encoders, weights, calibration, device)?;
    let threads = arena.desk.rows.threads();
    let mut batches = arena.desk.rows.encoded_by(Arc::new(encoders), arena.part)?;
    let predict = |batch: &Batch, outputs: &mut Outputs| {
        let theirs = batches.next().ok_or(TrainerError::RowsDiffer)??;
        if theirs.inputs.rows != batch.inputs.rows {
            return Err(TrainerError::RowsDiffer);
        }
        Ok(predictor.predict_by(threads, &theirs.inputs, outputs)?)
    };
    let tasks = arena.measure(&shared, "compare with production", predict)?;
    Ok(Comparison { with, part: arena.measured_part(), tasks, missing: None, notes })
}

/// The tasks that both documents have, and a note for each that the old one learned otherwise.
fn shared_tasks(
    (old, old_classes): (&TrainingSpec, &TaskClasses),
    (new, new_classes): (&TrainingSpec, &TaskClasses),
) -> (Vec<SharedTask>, Vec<String>) {
    let (mut shared, mut notes) = (Vec::new(), Vec::new());
    for (index, (name, task)) in new.tasks.iter().enumerate() {
        let Some((of_other, _, other)) = old.tasks.get_full(name) else {
            notes.push(format!("it has no task {name}"));
            continue;
        };
        if TaskKind::from(other) == TaskKind::from(task) && other.label() == task.label() {
            let classes = match (old_classes.get(name), new_classes.get(name)) {
                (Some(old), Some(new)) => places(old, new),
                _ => Vec::new(),
            };
            if classes.contains(&None) {
                notes.push(format!(
                    "its classes of {name} are others, and rows of a class that one of them lacks are left out"
                ));
            }
            shared.push(SharedTask { name: name.clone(), index, of_other, classes });
        } else {
            notes.push(format!("its task {name} is of another kind or label, and is not compared"));
        }
    }
    (shared, notes)
}

/// The classes of the multiclass tasks.
type TaskClasses = IndexMap<TaskName, Classes>;

/// The place of each new class among the old ones, where it is there; of all others together too where both have the
/// same classes.
fn places(old: &Classes, new: &Classes) -> Vec<Option<usize>> {
    let old = old.names();
    let mut places: Vec<_> = new.names().iter().map(|name| old.iter().position(|other| other == name)).collect();
    let are_same = places.len() == old.len() && places.iter().all(Option::is_some);
    places.push(are_same.then_some(old.len()));
    places
}

/// Whether an old document certainly did not learn from the rows of a part of a new one's split: test rows that were
/// test rows then as well, or were not there yet.
fn is_unseen(old: &TrainingSpec, new: &TrainingSpec, part: Part) -> bool {
    let was_test = match (&old.split, &new.split) {
        (Split::Key(then), Split::Key(now)) => old.key == new.key && now.test <= then.test,
        (Split::Column(then), Split::Column(now)) => then.column == now.column,
        (Split::Time(then), Split::Time(now)) => then.column == now.column && then.test_from <= now.test_from,
        (Split::Key(_) | Split::Random(_) | Split::Column(_) | Split::Time(_), _) => false,
    };
    was_test && part == Part::Test
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(split: Value, tasks: Value) -> TrainingSpec {
        serde_json::from_value(json!({
            "tables": {"t": {"url": "t.parquet"}}, "examples": "t", "key": "id", "split": split,
            "features": {"a": {"kind": "numeric"}}, "tasks": tasks, "network": {"kind": "linear"},
        }))
        .unwrap()
    }

    fn split(split: Value) -> TrainingSpec {
        spec(split, json!({"buy": {"kind": "binary", "label": "b"}}))
    }

    #[test]
    fn test_rows_are_unseen_where_they_were_test_rows_before_or_are_later() {
        let key = |test: f64| split(json!({"by": "key", "test": test}));
        let time = |day: &str| {
            split(json!({"by": "time", "column": "day", "validation_from": "2026-01-01", "test_from": day}))
        };
        let cases = [
            (key(0.2), key(0.1), true),
            (key(0.1), key(0.2), false),
            (time("2026-02-01"), time("2026-03-01"), true),
            (time("2026-03-01"), time("2026-02-01"), false),
            (key(0.1), time("2026-02-01"), false),
            (split(json!({"by": "random"})), split(json!({"by": "random"})), false),
            (split(json!({"by": "column", "column": "part"})), split(json!({"by": "column", "column": "part"})), true),
        ];
        for (old, new, expected) in cases {
            assert_eq!(is_unseen(&old, &new, Part::Test), expected, "{:?} {:?}", old.split, new.split);
            assert!(!is_unseen(&old, &new, Part::Validation), "calibration has seen them");
        }
        let other_key = TrainingSpec { key: "other".parse().unwrap(), ..key(0.1) };
        assert!(!is_unseen(&other_key, &key(0.1), Part::Test));
    }

    #[test]
    fn tasks_are_shared_by_name_kind_and_label() {
        let by_key = json!({"by": "key"});
        let old = spec(
            by_key.clone(),
            json!({
                "spend": {"kind": "value", "label": "s"},
                "churn": {"kind": "binary", "label": "left_in_30_days"},
                "buy": {"kind": "binary", "label": "b"},
            }),
        );
        let new = spec(
            by_key,
            json!({
                "buy": {"kind": "binary", "label": "b", "positive_weight": 2.0},
                "churn": {"kind": "binary", "label": "left_in_90_days"},
                "spend": {"kind": "value", "label": "s"},
                "return": {"kind": "binary", "label": "r"},
            }),
        );
        let none = TaskClasses::new();
        let (shared, notes) = shared_tasks((&old, &none), (&new, &none));
        let found: Vec<_> = shared.iter().map(|task| (task.name.as_str(), task.index, task.of_other)).collect();
        assert_eq!(found, [("buy", 0, 2), ("spend", 2, 0)]);
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("churn") && notes[1].contains("no task return"), "{notes:?}");
    }

    #[test]
    fn classes_are_shared_by_name_and_the_rest_only_between_the_same_ones() {
        let of = |names: &[&str]| -> Classes {
            let rows = vec![1; names.len() + 1];
            serde_json::from_value(json!({"values": {"texts": names}, "rows": rows})).unwrap()
        };
        let old = of(&["tea", "milk", "salt"]);
        assert_eq!(places(&old, &of(&["milk", "salt", "tea"])), [Some(1), Some(2), Some(0), Some(3)]);
        assert_eq!(places(&old, &of(&["milk", "bread", "tea"])), [Some(1), None, Some(0), None]);
        assert_eq!(places(&old, &of(&["milk", "tea"])), [Some(1), Some(0), None]);
        let task = json!({"next": {"kind": "multiclass", "label": "n"}});
        let spec = spec(json!({"by": "key"}), task);
        let classes = |classes: Classes| TaskClasses::from([("next".parse().unwrap(), classes)]);
        let (shared, notes) = shared_tasks((&spec, &classes(old)), (&spec, &classes(of(&["milk", "tea"]))));
        assert_eq!(shared[0].classes, [Some(1), Some(0), None]);
        assert!(notes[0].contains("classes of next are others"), "{notes:?}");
    }
}
