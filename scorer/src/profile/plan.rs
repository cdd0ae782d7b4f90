//! What a run is going to tell of its audiences' people, decided when it is planned: columns, seeds, and what the model's tasks are.

use arrow::datatypes::{DataType, Schema};
use indexmap::IndexMap;
use model::encode::Encoders;
use model::outputs::TaskOutput;
use serde::{Deserialize, Serialize};
use spec::ids::{AudienceName, ColumnName, TaskName};
use spec::{Audience, Feature, KeyTable, ScoringSpec, Task, TrainingSpec};

use crate::error::{Result, ScorerError};
use crate::score::layout::{find, rank_columns};
use crate::segments::{can_describe, is_number};

/// What a run tells, as it is frozen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunProfiles {
    /// The model's tasks whose output is one number, in its order.
    pub tasks: IndexMap<TaskName, OutputKind>,
    /// By audience, in the document's order.
    pub audiences: IndexMap<AudienceName, ProfilePlan>,
}

/// What the sum of a task's outputs over people is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Probabilities: people of whom it is expected.
    Probability,
    /// Amounts: the expected amount.
    Amount,
    /// Likenesses to seeds: people who are expected to be like them.
    Likeness,
}

/// What is told of an audience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfilePlan {
    /// The columns whose values are compared.
    pub columns: Vec<ProfiledColumn>,
    /// Columns of the model's features that cannot be, because of their type.
    pub left_out: Vec<ColumnName>,
    /// Who the audience is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<KeyTable>,
}

/// A column and how its values are told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfiledColumn {
    /// The column.
    pub column: ColumnName,
    /// How.
    pub values: ColumnValues,
}

/// How a column's values are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnValues {
    /// As numbers, by bins where there are many.
    Numbers,
    /// One by one.
    Texts,
    /// By day.
    Days,
}

/// Decides it; none for a run without audiences.
///
/// # Errors
///
/// Columns that a document names and that are missing, or of a type whose values cannot be told apart.
pub(crate) fn plan_profiles(
    spec: &ScoringSpec,
    population: &Schema,
    (training, encoders, outputs): (&TrainingSpec, &Encoders, &[TaskOutput]),
) -> Result<Option<RunProfiles>> {
    if spec.audiences.is_empty() {
        return Ok(None);
    }
    let planning = Planning { spec, population, training, encoders, outputs };
    let audiences =
        spec.audiences.iter().map(|(name, audience)| Ok((name.clone(), planning.audience(name, audience)?)));
    let is_number = |task: &TaskName| outputs.iter().any(|output| output.task == *task && output.classes.is_none());
    let tasks = training.tasks.iter().filter(|(name, _)| is_number(name));
    let tasks = tasks.filter_map(|(name, task)| Some((name.clone(), kind_of(task)?)));
    Ok(Some(RunProfiles { tasks: tasks.collect(), audiences: audiences.collect::<Result<_>>()? }))
}

fn kind_of(task: &Task) -> Option<OutputKind> {
    match task {
        Task::Binary(_) => Some(OutputKind::Probability),
        Task::Value(_) | Task::Regression(_) => Some(OutputKind::Amount),
        Task::Lookalike(_) => Some(OutputKind::Likeness),
        Task::Multiclass(_) => None,
    }
}

/// The tables of seeds that audiences are compared with, as far as documents name them there.
pub(crate) fn seed_tables(spec: &ScoringSpec) -> Vec<KeyTable> {
    let of_audiences = spec.audiences.values().filter_map(|audience| audience.described().seeds);
    let of_lists =
        spec.seed_lists.values().filter(|lists| lists.seeds.campaign.is_none() && !spec.audiences.is_empty());
    of_audiences.chain(of_lists.map(|lists| lists.seeds.keys())).collect()
}

struct Planning<'a> {
    spec: &'a ScoringSpec,
    population: &'a Schema,
    training: &'a TrainingSpec,
    encoders: &'a Encoders,
    outputs: &'a [TaskOutput],
}

impl Planning<'_> {
    fn audience(&self, name: &AudienceName, audience: &Audience) -> Result<ProfilePlan> {
        let described = audience.described();
        let seeds = match described.seeds {
            Some(seeds) => Some(seeds),
            None => self.ranked_seeds(name, audience)?,
        };
        let Some(named) = described.columns else {
            let columns: Vec<ColumnName> = self.encoders.columns().into_iter().cloned().collect();
            let there = columns.into_iter().filter(|column| self.population.field_with_name(column.as_str()).is_ok());
            let (fit, left_out): (Vec<_>, Vec<_>) = there.partition(|column| self.values(column).is_some());
            return Ok(ProfilePlan { columns: self.profiled(fit), left_out, seeds });
        };
        for column in &named {
            let found = find(self.spec, self.population, column, "`profile`")?.data_type();
            if self.values(column).is_none() {
                let (audience, column, found) = (name.clone(), column.clone(), found.clone());
                return Err(ScorerError::ProfileColumn { audience, column, found });
            }
        }
        Ok(ProfilePlan { columns: self.profiled(named), left_out: Vec::new(), seeds })
    }

    fn profiled(&self, columns: Vec<ColumnName>) -> Vec<ProfiledColumn> {
        let mut profiled: Vec<ProfiledColumn> = Vec::with_capacity(columns.len());
        for column in columns {
            let is_new = !profiled.iter().any(|other| other.column == column);
            if let Some(values) = self.values(&column).filter(|_| is_new) {
                profiled.push(ProfiledColumn { column, values });
            }
        }
        profiled
    }

    fn values(&self, column: &ColumnName) -> Option<ColumnValues> {
        let field = self.population.field_with_name(column.as_str()).ok()?;
        let data_type = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        match data_type {
            DataType::Timestamp(_, _) => Some(ColumnValues::Days),
            number if number.is_integer() && self.is_id(column) => Some(ColumnValues::Texts),
            number if is_number(number) => Some(ColumnValues::Numbers),
            other => can_describe(other).then_some(ColumnValues::Texts),
        }
    }

    /// Whether the model takes the column's numbers for ids.
    fn is_id(&self, column: &ColumnName) -> bool {
        self.training.features.iter().any(|(name, feature)| match feature {
            Feature::Categorical(_) => feature.columns(name).contains(&column.as_str()),
            Feature::Numeric(_)
            | Feature::Bag(_)
            | Feature::Sequence(_)
            | Feature::Vector(_)
            | Feature::Timestamp(_)
            | Feature::Cross(_) => false,
        })
    }

    /// The first list of seeds that the audience's rank reads, unless it is one of a table of campaigns.
    fn ranked_seeds(&self, name: &AudienceName, audience: &Audience) -> Result<Option<KeyTable>> {
        if self.spec.seed_lists.is_empty() {
            return Ok(None);
        }
        let read = rank_columns(self.spec, self.population, self.outputs, (name, audience))?;
        let ranked = self.spec.seed_lists.iter().find(|(list, _)| read.iter().any(|column| column == list.as_str()));
        let lists = ranked.map(|(_, lists)| lists).filter(|lists| lists.seeds.campaign.is_none());
        Ok(lists.map(|lists| lists.seeds.keys()))
    }
}
