//! Tables of seed lists: from a task that stands for many lists to one task for each.
//!
//! A task `campaign` whose seeds have a `campaign` column becomes `campaign_8`, `campaign_13`, … The whole table is still meant
//! where a document says `campaign.auc` or weighs `campaign`: the mean over its lists, and the weight of each.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::ids::{InvalidName, TaskName};
use crate::measure::{Condition, InvalidCondition, InvalidMeasure, StoppingMeasure};
use crate::task::{SeedTable, Task};
use crate::training::{TaskWeights, TrainingSpec};

/// Why the lists of a table cannot become tasks.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// A campaign whose name makes no task's name.
    #[error(
        "campaign {value:?} of task `{task}` makes no task name; give it a shorter or plainer name in a `prepare` step"
    )]
    Name {
        /// The task that stands for the table.
        task: TaskName,
        /// The campaign.
        value: String,
        /// What is wrong with the name.
        source: InvalidName,
    },
    /// Two campaigns of one name.
    #[error("campaigns {first:?} and {second:?} would both be task `{name}`; rename one in a `prepare` step")]
    SameName {
        /// The task that both would be.
        name: TaskName,
        /// A campaign.
        first: String,
        /// Another one.
        second: String,
    },
    /// A campaign that something else is said of, and that is not there.
    #[error("{place} names `{name}`, and there is no such seed list; lists are {}", known.join(", "))]
    Unknown {
        /// Where it is named.
        place: &'static str,
        /// The name.
        name: TaskName,
        /// The tasks that there are.
        known: Vec<String>,
    },
    /// A measure that is none.
    #[error("spec.training.early_stopping.measure is no measure")]
    Measure(#[from] InvalidMeasure),
    /// A condition that is none.
    #[error("spec.register.promote.when is no condition")]
    Condition(#[from] InvalidCondition),
}

/// The name of a campaign's task: the table's task, `_`, and the campaign in lower case with `_` for what names cannot have.
///
/// # Errors
///
/// A name that is too long.
pub fn name_of(task: &TaskName, value: &str) -> Result<TaskName, ListError> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let plain: String = value.chars().map(|c| c.to_ascii_lowercase()).map(|c| if legal(c) { c } else { '_' }).collect();
    let name = format!("{task}_{plain}").parse();
    name.map_err(|source| ListError::Name { task: task.clone(), value: value.to_owned(), source })
}

impl TrainingSpec {
    /// The document with one task for each list: `lists` has the campaigns of each task that stands for a table, in the order
    /// that their tasks get. Without such tasks it is the document itself.
    ///
    /// # Errors
    ///
    /// Campaigns that make no names, or the same; a campaign that is named elsewhere and not there.
    pub fn with_lists(&self, lists: &BTreeMap<TaskName, Vec<String>>) -> Result<Self, ListError> {
        let mut expanded = self.clone();
        expanded.tasks = IndexMap::new();
        for (name, task) in &self.tasks {
            match (lists.get(name), task) {
                (Some(values), Task::Lookalike(task)) => {
                    for value in values {
                        let seeds = SeedTable { value: Some(value.clone()), max_lists: None, ..task.seeds.clone() };
                        let task = Task::Lookalike(crate::task::LookalikeTask { seeds, ..task.clone() });
                        add(&mut expanded.tasks, name_of(name, value)?, task, value)?;
                    }
                }
                _ => add(&mut expanded.tasks, name.clone(), task.clone(), name.as_str())?,
            }
        }
        expanded.spread_weights(lists)?;
        expanded.check_names()?;
        Ok(expanded)
    }

    /// The task of a name; where the name stands for a table of seed lists, or for one of them, the task that all have in common.
    pub fn task_named(&self, name: &TaskName) -> Option<&Task> {
        self.tasks.get(name).or_else(|| {
            let stands_for = |(known, task): &(&TaskName, &Task)| match task.seeds() {
                Some(seeds) if seeds.lists().is_some() => name.is_list_of(known),
                Some(seeds) => seeds.campaign.is_some() && known.is_list_of(name),
                None => false,
            };
            self.tasks.iter().find(stands_for).map(|(_, task)| task)
        })
    }

    fn spread_weights(&mut self, lists: &BTreeMap<TaskName, Vec<String>>) -> Result<(), ListError> {
        let TaskWeights::Fixed(weights) = &mut self.training.task_weights else { return Ok(()) };
        for (table, values) in lists {
            let Some(weight) = weights.remove(table) else { continue };
            for value in values {
                weights.entry(name_of(table, value)?).or_insert(weight);
            }
        }
        Ok(())
    }

    /// Fails where something is said of a task that is not there.
    fn check_names(&self) -> Result<(), ListError> {
        let mut named = Vec::new();
        if let Some(measure) = &self.training.early_stopping.measure
            && let StoppingMeasure::Task(measure) = measure.parse()?
        {
            named.push(("spec.training.early_stopping.measure", measure.task));
        }
        if let Some(promote) = &self.register.promote {
            let condition: Condition = promote.when.parse()?;
            let tasks = condition.comparisons().iter().map(|comparison| comparison.measure.task.clone());
            named.extend(tasks.map(|task| ("spec.register.promote.when", task)));
        }
        if let TaskWeights::Fixed(weights) = &self.training.task_weights {
            named.extend(weights.keys().map(|task| ("spec.training.task_weights", task.clone())));
        }
        match named.into_iter().find(|(_, task)| self.task_named(task).is_none()) {
            Some((place, name)) => {
                Err(ListError::Unknown { place, name, known: self.tasks.keys().map(ToString::to_string).collect() })
            }
            None => Ok(()),
        }
    }
}

fn add(tasks: &mut IndexMap<TaskName, Task>, name: TaskName, task: Task, value: &str) -> Result<(), ListError> {
    match tasks.entry(name) {
        Entry::Vacant(free) => {
            free.insert(task);
            Ok(())
        }
        Entry::Occupied(taken) => {
            let name = taken.key().clone();
            let first = taken.get().seeds().and_then(|seeds| seeds.value.clone());
            let first = first.unwrap_or_else(|| name.to_string());
            Err(ListError::SameName { name, first, second: value.to_owned() })
        }
    }
}

impl Task {
    /// The seeds of a lookalike task.
    pub fn seeds(&self) -> Option<&SeedTable> {
        match self {
            Self::Lookalike(task) => Some(&task.seeds),
            Self::Binary(_) | Self::Value(_) | Self::Regression(_) | Self::Multiclass(_) => None,
        }
    }
}

impl TaskName {
    /// Whether this is what a seed list of the table that `table` stands for would be named.
    pub fn is_list_of(&self, table: &TaskName) -> bool {
        self.as_str().strip_prefix(table.as_str()).is_some_and(|rest| rest.len() > 1 && rest.starts_with('_'))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(training: Value, register: Value) -> TrainingSpec {
        serde_json::from_value(json!({
            "tables": {"t": {"url": "t.parquet"}, "c": {"url": "c.parquet"}}, "examples": "t", "key": "id",
            "features": {"a": {"kind": "numeric"}},
            "tasks": {
                "buy": {"kind": "binary", "label": "b"},
                "campaign": {"kind": "lookalike", "seeds": {"table": "c", "campaign": "name", "min_size": 5}},
            },
            "network": {"kind": "linear"}, "training": training, "register": register,
        }))
        .unwrap()
    }

    fn lists(values: &[&str]) -> BTreeMap<TaskName, Vec<String>> {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        BTreeMap::from([("campaign".parse().unwrap(), values)])
    }

    #[test]
    fn each_list_becomes_a_task_of_its_own() {
        let expanded = spec(json!({}), json!({})).with_lists(&lists(&["8", "Spring Sale!"])).unwrap();
        let names: Vec<_> = expanded.tasks.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["buy", "campaign_8", "campaign_spring_sale_"]);
        let seeds = expanded.tasks[2].seeds().unwrap();
        assert_eq!((seeds.value.as_deref(), seeds.min_size, seeds.lists()), (Some("Spring Sale!"), Some(5), None));
    }

    #[test]
    fn what_is_said_of_the_table_is_said_of_its_lists() {
        let training = json!({
            "task_weights": {"buy": 1, "campaign": 0.5, "campaign_8": 2},
            "early_stopping": {"measure": "campaign.auc"},
        });
        let expanded = spec(training, json!({})).with_lists(&lists(&["8", "13"])).unwrap();
        let expected = [("buy", 1.0), ("campaign_8", 2.0), ("campaign_13", 0.5)];
        let expected = expected.into_iter().map(|(task, weight)| (task.parse().unwrap(), weight)).collect();
        assert_eq!(expanded.training.task_weights, TaskWeights::Fixed(expected));
        assert!(expanded.task_named(&"campaign".parse().unwrap()).is_some());
        assert!(expanded.task_named(&"camp".parse().unwrap()).is_none());
    }

    #[test]
    fn lists_of_one_name_and_names_of_no_list_are_refused() {
        let error = |spec: TrainingSpec, values: &[&str]| spec.with_lists(&lists(values)).unwrap_err().to_string();
        assert_eq!(
            error(spec(json!({}), json!({})), &["a b", "A_B"]),
            "campaigns \"a b\" and \"A_B\" would both be task `campaign_a_b`; rename one in a `prepare` step"
        );
        let long = "x".repeat(60);
        assert!(error(spec(json!({}), json!({})), &[&long]).contains("makes no task name"));
        let promote = json!({"promote": {"alias": "production", "when": "campaign_9.auc > 0.6"}});
        assert_eq!(
            error(spec(json!({}), promote), &["8"]),
            "spec.register.promote.when names `campaign_9`, and there is no such seed list; lists are buy, campaign_8"
        );
    }

    #[test]
    fn negatives_are_so_many_a_seed_or_all() {
        let negatives = crate::task::Negatives { ratio: 5.0 };
        assert_eq!(negatives.rate(10, 1000), 0.05);
        assert_eq!(negatives.rate(10, 20), 1.0);
        assert_eq!(negatives.rate(10, 0), 1.0);
    }
}
