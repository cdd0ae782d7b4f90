//! Networks: assemblies of layers from the input `x` to each task's head.
//!
//! To add one: a file beside these with its [`Assembly`] (formula, shapes, source in its documentation) and its line
//! in [`assembly`].

mod aitm;
mod branch;
mod builder;
mod escm2;
mod esmm;
mod field;
mod funnel;
mod graph;
mod interaction;
mod linear;
pub(crate) mod meta;
mod metaheac;
mod mmoe;
pub(crate) mod parameters;
mod ple;
mod seed_tower;
mod shared_bottom;
mod stem;
mod two_tower;

use spec::network::Network;

use branch::{Branch, Hidden, Stack};
pub(crate) use builder::Builder;
pub(crate) use graph::Graph;
pub(crate) use parameters::Parameters;

use crate::error::{Error, NetworkProblem};
use crate::input::InputLayout;
use crate::layers::View;
use crate::loss::Objective;

/// The head of a task, as an assembly needs to know it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    /// `heads.<task>`
    pub(crate) name: String,
    /// Numbers that the task's loss reads: 1 logit, 3 for values, a logit for each class.
    pub(crate) units: usize,
    /// Where its bias starts, so that an untrained model predicts the training rows' averages; `[units]`.
    pub(crate) bias: Vec<f32>,
    /// The task of the funnel's step before this one, by its place among the heads.
    pub(crate) after: Option<usize>,
    /// What its task learns by.
    pub(crate) objective: Objective,
    /// Whether its task is membership of a seed list.
    pub(crate) is_seed_list: bool,
}

impl Head {
    /// Its linear layer.
    fn branch(&self) -> Branch<'_> {
        Branch { bias: Some(self.bias.clone()), ..Branch::linear(&self.name, self.units) }
    }
}

/// How a kind of network is put together.
pub(crate) trait Assembly {
    /// What makes the document's network impossible to build.
    fn problem(&self) -> Option<NetworkProblem>;

    /// What the features or tasks lack that the network needs.
    fn misfit(&self, _builder: &Builder, _heads: &[Head]) -> Option<NetworkProblem> {
        None
    }

    /// How many embeddings each id has, side by side, for a network of so many tasks.
    fn embeddings(&self, _tasks: usize) -> usize {
        1
    }

    /// Adds the network's layers and gives each head's view, `[rows, head.units]`, in the heads' order.
    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View>;
}

/// The registry: a line for each kind of network.
fn assembly(network: &Network) -> &dyn Assembly {
    match network {
        Network::Linear(network) => network,
        Network::SharedBottom(network) => network,
        Network::Mmoe(network) => network,
        Network::Ple(network) => network,
        Network::Stem(network) => network,
        Network::Esmm(network) => network,
        Network::Escm2(network) => network,
        Network::Aitm(network) => network,
        Network::SeedTower(network) => network,
        Network::TwoTower(network) => network,
        Network::Metaheac(network) => network,
    }
}

/// A layout of encoded rows with the embeddings that a document's network has for each id.
pub(crate) fn embedded(network: &Network, layout: &InputLayout, tasks: usize) -> InputLayout {
    let count = assembly(network).embeddings(tasks);
    let mut layout = layout.clone();
    layout.tables.iter_mut().for_each(|table| table.width *= count);
    layout
}

/// The graph of a document's network over inputs of a layout.
///
/// `items` are how many training rows have each id of the feature that says which item a row is of, where there is one.
///
/// # Errors
///
/// A network that has no inputs, tasks, units or experts, or lacks features or tasks that it needs.
pub(crate) fn graph(network: &Network, layout: &InputLayout, heads: &[Head], items: &[u64]) -> Result<Graph, Error> {
    let mut builder = Builder::new(layout, items, assembly(network).embeddings(heads.len()));
    let problem = match (layout.width(), heads.len()) {
        (0, _) => Some(NetworkProblem::NoInputs),
        (_, 0) => Some(NetworkProblem::NoTasks),
        _ => assembly(network).problem().or_else(|| assembly(network).misfit(&builder, heads)),
    };
    if let Some(problem) = problem {
        return Err(Error::Network { problem });
    }
    let views = assembly(network).assemble(&mut builder, heads);
    Ok(builder.finish(views))
}

/// A layer without units, or a dropout that is none.
fn hidden_problem(layers: &[(&'static str, &[u32])], dropout: f64) -> Option<NetworkProblem> {
    let empty = layers.iter().find(|(_, widths)| widths.contains(&0));
    let empty = empty.map(|&(name, _)| NetworkProblem::NoUnits(name));
    empty.or_else(|| (!(0.0..1.0).contains(&dropout)).then_some(NetworkProblem::Dropout(dropout)))
}

#[cfg(test)]
mod tests;
