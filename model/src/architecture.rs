//! What a model is made of, apart from its numbers: inputs, network, tasks. The same for training and scoring, on a
//! CPU and on a GPU.

use spec::{Task, TaskName, TrainingSpec};

use crate::error::Error;
use crate::input::{InputLayout, Targets};
use crate::kernel::memory::Aligned;
use crate::loss::targets::{self, TargetStatistics};
use crate::loss::{Known, Objective};
use crate::network::meta::Meta;
use crate::network::{Graph, Head, embedded, graph};
use crate::outputs::ClassCounts;

/// A model without its numbers.
#[derive(Debug)]
pub(crate) struct Architecture {
    pub(crate) layout: InputLayout,
    pub(crate) tasks: Vec<(TaskName, Task)>,
    pub(crate) objectives: Vec<Objective>,
    pub(crate) graph: Graph,
    /// The network of one campaign, where tasks are meta-trained campaigns.
    pub(crate) campaign: Option<Box<Campaign>>,
}

/// A campaign's network: the weights that all share and its own, of which it goes through those alone.
#[derive(Debug)]
pub(crate) struct Campaign {
    pub(crate) network: Architecture,
    pub(crate) meta: Meta,
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
            let (labels, classes) = (Some(statistics.moments(index)), statistics.classes(name));
            Objective::of(task, Known { prior: prior(name), labels, classes }).ok_or_else(|| missing(name, task))
        };
        let objectives = spec.tasks.iter().enumerate().map(objective).collect::<Result<Vec<_>, _>>()?;
        let heads = spec.tasks.iter().zip(&objectives).enumerate().map(|(index, ((name, task), objective))| Head {
            name: format!("heads.{name}"),
            units: objective.units(),
            bias: statistics.bias(index, name, task, objective.prior()),
            after: after(spec, task),
            objective: *objective,
            is_seed_list: task.seeds().is_some(),
        });
        Self::new(spec, layout, objectives.clone(), (&heads.collect::<Vec<_>>(), statistics.items()))
    }

    /// For predictions alone.
    ///
    /// # Errors
    ///
    /// A network that cannot be built.
    pub(crate) fn for_scoring(spec: &TrainingSpec, layout: &InputLayout, classes: &ClassCounts) -> Result<Self, Error> {
        let objective = |(name, task): (&TaskName, &Task)| {
            // A prediction does not depend on the prior.
            let known = Known { prior: Some(0.0), labels: None, classes: classes.get(name).map(Vec::len) };
            Objective::of(task, known).ok_or_else(|| missing(name, task))
        };
        let objectives = spec.tasks.iter().map(objective).collect::<Result<Vec<_>, _>>()?;
        let head = |((name, task), objective): ((&TaskName, &Task), &Objective)| Head {
            name: format!("heads.{name}"),
            units: objective.units(),
            bias: vec![0.0; objective.units()],
            after: after(spec, task),
            objective: *objective,
            is_seed_list: task.seeds().is_some(),
        };
        let heads: Vec<_> = spec.tasks.iter().zip(&objectives).map(head).collect();
        Self::new(spec, layout, objectives, (&heads, &[]))
    }

    /// Checks shapes and values of a batch's targets.
    pub(crate) fn check(&self, targets: &Targets, rows: usize) -> Result<(), Error> {
        targets::check(&self.tasks, targets, rows)?;
        targets::check_classes(&self.objectives, targets, rows)
    }

    /// Numbers a row of each task's predictions.
    pub(crate) fn output_widths(&self) -> impl ExactSizeIterator<Item = usize> {
        self.objectives.iter().map(|objective| objective.width())
    }

    fn new(
        spec: &TrainingSpec,
        layout: &InputLayout,
        objectives: Vec<Objective>,
        (heads, items): (&[Head], &[u64]),
    ) -> Result<Self, Error> {
        let layout = embedded(&spec.network, layout, heads.len());
        let graph = graph(&spec.network, &layout, heads, items)?;
        let tasks: Vec<_> = spec.tasks.iter().map(|(name, task)| (name.clone(), task.clone())).collect();
        let mut whole = Self { layout, tasks, objectives, graph, campaign: None };
        if let Some(meta) = whole.graph.meta {
            let graph = self::graph(&spec.network, &whole.layout, &heads[..1], items)?;
            let (layout, tasks, objectives) =
                (whole.layout.clone(), whole.tasks[..1].to_vec(), whole.objectives[..1].to_vec());
            let network = Self { layout, tasks, objectives, graph, campaign: None };
            whole.campaign = Some(Box::new(Campaign { network, meta }));
        }
        Ok(whole)
    }
}

impl Campaign {
    /// Room for its weights.
    pub(crate) fn zeros(&self) -> Aligned {
        Aligned::zeros(self.network.graph.parameters.len())
    }

    /// A task's network out of the flat weights of all.
    pub(crate) fn take(&self, all: &Architecture, weights: &[f32], task: usize) -> Aligned {
        self.meta.take([&all.graph.parameters, &self.network.graph.parameters], weights, task)
    }

    /// The network of a campaign that nobody has seen.
    pub(crate) fn unseen(&self, all: &Architecture, weights: &[f32]) -> Aligned {
        self.meta.unseen([&all.graph.parameters, &self.network.graph.parameters], weights)
    }

    /// Adds the gradient by a task's network to that by all weights.
    pub(crate) fn add(&self, all: &Architecture, by_own: &[f32], task: usize, sum: &mut [f32]) {
        self.meta.add([&all.graph.parameters, &self.network.graph.parameters], by_own, task, sum);
    }

    /// A step of the campaign's own: `φ - α·g`.
    pub(crate) fn step(&self, own: &mut [f32], by_own: &[f32]) {
        let rate = self.meta.rate as f32;
        own.iter_mut().zip(by_own).for_each(|(weight, by)| *weight -= rate * by);
    }
}

/// What a task's objective lacks.
fn missing(name: &TaskName, task: &Task) -> Error {
    match task {
        Task::Multiclass(_) => Error::ClassesMissing { task: name.clone() },
        Task::Binary(_) | Task::Value(_) | Task::Regression(_) | Task::Lookalike(_) => {
            Error::PriorMissing { task: name.clone() }
        }
    }
}

/// The place of the task that comes before one in a funnel.
fn after(spec: &TrainingSpec, task: &Task) -> Option<usize> {
    spec.tasks.get_index_of(task.after()?)
}
