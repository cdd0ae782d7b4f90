//! What a model is made of, apart from its numbers: inputs, network, tasks. The same for training and scoring, on a
//! CPU and on a GPU.

use spec::{Task, TaskName, TrainingSpec};

use crate::error::Error;
use crate::input::InputLayout;
use crate::loss::targets::TargetStatistics;
use crate::loss::{Objective, units};
use crate::network::{Graph, Head, embedded, graph};

/// A model without its numbers.
#[derive(Debug)]
pub(crate) struct Architecture {
    pub(crate) layout: InputLayout,
    pub(crate) tasks: Vec<(TaskName, Task)>,
    pub(crate) objectives: Vec<Objective>,
    pub(crate) graph: Graph,
}

impl Architecture {
    /// For training: with the heads' first biases and the priors that nnPU needs.
    ///
    /// # Errors
    ///
    /// A network that cannot be built, a prior that is missing.
    pub(crate) fn for_training(
        spec: &TrainingSpec,
        layout: &InputLayout,
        statistics: &TargetStatistics,
        prior: impl Fn(&TaskName) -> Option<f64>,
    ) -> Result<Self, Error> {
        let objective = |(index, (name, task)): (usize, (&TaskName, &Task))| {
            let objective = Objective::of(task, prior(name), Some(statistics.moments(index)));
            objective.ok_or_else(|| Error::PriorMissing { task: name.clone() })
        };
        let objectives = spec.tasks.iter().enumerate().map(objective).collect::<Result<Vec<_>, _>>()?;
        let heads = spec.tasks.iter().zip(&objectives).enumerate().map(|(index, ((name, task), objective))| Head {
            name: format!("heads.{name}"),
            units: units(task),
            bias: statistics.bias(index, task, objective.prior()),
            after: after(spec, task),
            objective: *objective,
        });
        Self::new(spec, layout, objectives.clone(), &heads.collect::<Vec<_>>())
    }

    /// For predictions alone.
    ///
    /// # Errors
    ///
    /// A network that cannot be built.
    pub(crate) fn for_scoring(spec: &TrainingSpec, layout: &InputLayout) -> Result<Self, Error> {
        // A prediction does not depend on the prior.
        let objective = |task| Objective::of(task, Some(0.0), None).unwrap_or(Objective::Value);
        let objectives: Vec<Objective> = spec.tasks.values().map(objective).collect();
        let head = |((name, task), objective): ((&TaskName, &Task), &Objective)| Head {
            name: format!("heads.{name}"),
            units: units(task),
            bias: vec![0.0; units(task)],
            after: after(spec, task),
            objective: *objective,
        };
        let heads: Vec<Head> = spec.tasks.iter().zip(&objectives).map(head).collect();
        Self::new(spec, layout, objectives, &heads)
    }

    fn new(
        spec: &TrainingSpec,
        layout: &InputLayout,
        objectives: Vec<Objective>,
        heads: &[Head],
    ) -> Result<Self, Error> {
        let layout = embedded(&spec.network, layout, heads.len());
        let graph = graph(&spec.network, &layout, heads)?;
        let tasks = spec.tasks.iter().map(|(name, task)| (name.clone(), task.clone())).collect();
        Ok(Self { layout, tasks, objectives, graph })
    }
}

/// The place of the task that comes before one in a funnel.
fn after(spec: &TrainingSpec, task: &Task) -> Option<usize> {
    spec.tasks.get_index_of(task.after()?)
}
