//! Gradients of whole networks against finite differences of their forward pass.

use spec::TaskName;

use super::Graph;
use crate::architecture::Architecture;
use crate::attention::StepGradients;
use crate::cpu::{Activations, BLOCK, Gradients, Into, Weights};
use crate::embedding::{VECTOR, gather};
use crate::fixtures::{
    attending_layout, batch, class_counts, document, inputs, layout, networks, sharing_layout, targets,
};
use crate::input::{Bag, Batch, InputLayout, Pooling};
use crate::kernel::product::Write;
use crate::layers::{Dropout, INPUT};
use crate::loss::joint::JointRows;
use crate::loss::targets::TargetStatistics;
use crate::loss::{LossSums, Rows};

const ROWS: usize = 40;
const DROPOUT: Dropout = Dropout { seed: 3, step: 5, first_row: 0 };

fn architecture(network: serde_json::Value) -> Architecture {
    architecture_over(&layout(), network)
}

fn architecture_over(layout: &InputLayout, mut network: serde_json::Value) -> Architecture {
    if network["kind"] == "escm2" {
        // A difference would go through the propensity, which learns nothing from the rows that it weighs.
        network["least_propensity"] = serde_json::json!(1.0);
    }
    let spec = document(network, serde_json::json!({}));
    Architecture::for_training(&spec, layout, &TargetStatistics::default(), |_: &TaskName| None).unwrap()
}

/// Weights that training starts from, but for embeddings: from near zero no slope by what reads them would be seen.
fn weights(architecture: &Architecture, seed: u64) -> Weights {
    let mut weights = Weights::initial(architecture, seed);
    let numbers = weights.tables.iter_mut().flat_map(|table| table.numbers.iter_mut());
    numbers.for_each(|number| *number *= 30.0);
    // A direction bends the more the shorter its vector is, and what leads to it too.
    for named in &architecture.graph.parameters.named {
        let is_tower = ["user.", "item."].iter().any(|tower| named.name.starts_with(tower));
        let is_vector = named.name.contains("embedding") || named.name.starts_with("projection");
        let start = |number: f32| match (is_vector, is_tower && named.name.ends_with(".bias")) {
            (true, _) => number * 10.0,
            (false, true) => 2.0,
            (false, false) => number,
        };
        let numbers: Vec<f32> = named.read(&weights.dense).into_iter().map(start).collect();
        named.write(&mut weights.dense, &numbers);
    }
    weights
}

/// The sum of the tasks' losses of a batch, or the loss of one.
fn loss(architecture: &Architecture, weights: &Weights, batch: &Batch, only: Option<usize>) -> f64 {
    let mut activations = Activations::new(architecture);
    activations.forward(architecture, weights.unpacked(), &batch.inputs, 0..ROWS, Some(DROPOUT));
    let tasks = sums(architecture, &activations, batch);
    let values = tasks.iter().zip(&architecture.objectives).map(|(sums, objective)| sums.value(*objective));
    if let Some(task) = only {
        return values.collect::<Vec<f64>>()[task];
    }
    values.sum::<f64>() + add_joint(architecture, &activations, &mut Gradients::new(architecture), batch)
}

/// Adds the gradients of the joint losses, and gives their sum.
fn add_joint(architecture: &Architecture, activations: &Activations, to: &mut Gradients, batch: &Batch) -> f64 {
    let totals: Vec<f64> = architecture.graph.joints.iter().map(|joint| joint.total_weight(batch)).collect();
    to.add_joint(architecture, activations, &JointRows { batch, rows: 0..ROWS }, &totals).iter().sum()
}

fn sums(architecture: &Architecture, activations: &Activations, batch: &Batch) -> Vec<LossSums> {
    let of_task = |task| {
        let rows = Rows::new(&batch.targets, task, ROWS, 0..ROWS);
        rows.sums(architecture.objectives[task], &activations.head(architecture, task))
    };
    (0..architecture.tasks.len()).map(of_task).collect()
}

/// The gradients of [`loss`] by the dense weights and by `x`.
fn gradients(architecture: &Architecture, weights: &Weights, batch: &Batch) -> (Vec<f32>, Vec<f32>) {
    let mut activations = Activations::new(architecture);
    activations.forward(architecture, weights.unpacked(), &batch.inputs, 0..ROWS, Some(DROPOUT));
    let known = sums(architecture, &activations, batch);
    let mut gradients = Gradients::new(architecture);
    for (task, known) in known.iter().enumerate() {
        Rows::new(&batch.targets, task, ROWS, 0..ROWS).gradient(
            architecture.objectives[task],
            known,
            1.0,
            &activations.head(architecture, task),
            &mut gradients.head(architecture, task),
        );
    }
    add_joint(architecture, &activations, &mut gradients, batch);
    let mut dense = vec![f32::NAN; architecture.graph.parameters.len()];
    clear_padding(&architecture.graph, &mut dense);
    let mut input = vec![f32::NAN; BLOCK * architecture.graph.buffers[INPUT].stride + VECTOR];
    let into = Into { dense: &mut dense, write: Write::Over, input: &mut input };
    gradients.backward(architecture, &weights.dense, &activations, ROWS, into);
    let bag = |bag: &Bag| vec![f32::NAN; bag.ids.len() * 64];
    let mut steps: Vec<Vec<f32>> = batch.inputs.bags.iter().map(bag).collect();
    let mut bags: Vec<&mut [f32]> = steps.iter_mut().map(Vec::as_mut_slice).collect();
    let tables = &weights.tables[..];
    let mut steps = StepGradients { bags: &mut bags, first_row: 0, inputs: &batch.inputs, tables };
    let into = Into { dense: &mut dense, write: Write::Over, input: &mut input };
    gradients.attend(architecture, &weights.dense, &activations, into, &mut steps);
    (dense, input)
}

/// Padding is zero and never written; everything else must be.
fn clear_padding(graph: &Graph, dense: &mut [f32]) {
    let written: Vec<f32> = dense.to_vec();
    dense.fill(0.0);
    for named in &graph.parameters.named {
        named.write(dense, &named.read(&written));
    }
}

/// A slope found by the backward pass beside the differences of the loss to its two sides.
struct Slope {
    found: f64,
    sides: [f64; 2],
}

impl Slope {
    /// `at` gives the loss with the number moved by so much.
    fn new(found: f32, mut at: impl FnMut(f32) -> f64) -> Self {
        let step = 4e-3;
        let [below, here, above] = [-step, 0.0, step].map(&mut at);
        at(0.0);
        Self { found: f64::from(found), sides: [(here - below) / f64::from(step), (above - here) / f64::from(step)] }
    }

    /// Where the two sides differ a rectifier changes its mind in between, and there is nothing to compare with.
    fn is_smooth(&self) -> bool {
        self.bend() <= 0.02 * self.middle().abs() + 2e-3
    }

    fn bend(&self) -> f64 {
        (self.sides[0] - self.sides[1]).abs()
    }

    fn middle(&self) -> f64 {
        (self.sides[0] + self.sides[1]) / 2.0
    }
}

/// At least one slope of `least` is to be smooth. A difference of f32 losses over 8e-3 is good to a percent of itself and a few 1e-4. Two rectifiers that change their
/// minds on both sides bend nothing, so one slope in eight may be another one; the operators' gradients are compared
/// with the kernels' number by number elsewhere.
fn assert_slopes(name: &str, slopes: &[Slope], least: usize) {
    let smooth: Vec<&Slope> = slopes.iter().filter(|slope| slope.is_smooth()).collect();
    assert!(least * smooth.len() >= slopes.len(), "{name}: {} of {} slopes are smooth", smooth.len(), slopes.len());
    let tolerance = |slope: &Slope| 1e-2 * slope.middle().abs() + 4e-4 + slope.bend() / 2.0;
    let is_off = |slope: &&&Slope| (slope.found - slope.middle()).abs() > tolerance(slope);
    let off: Vec<_> = smooth.iter().filter(is_off).map(|slope| (slope.found, slope.middle())).collect();
    let bent_unseen = if smooth.len() < 4 { 0 } else { smooth.len().div_ceil(8) };
    assert!(off.len() <= bent_unseen, "{name}, found and expected: {off:?}");
    assert!(smooth.iter().any(|slope| slope.found.abs() > 2e-4), "{name}: every slope is zero");
}

/// The one task that a tensor learns from, though others read it.
fn only_teacher(name: &str) -> Option<usize> {
    let (task, part) = name.strip_prefix("tasks.")?.split_once('.')?;
    ["experts.", "attention."].iter().any(|own| part.starts_with(own)).then(|| task.parse().ok())?
}

#[test]
fn gradients_by_every_tensor_are_the_slopes_of_the_loss() {
    let batch = batch(ROWS, 11);
    for network in networks(0.2) {
        let architecture = architecture(network);
        let weights = weights(&architecture, 5);
        check_slopes(&architecture, weights, &batch, (|_: &str| true, 2));
    }
}

/// A network of one kind of embeddings, one that needs equal widths, and one of several kinds.
#[test]
fn gradients_by_attentions_tensors_are_the_slopes_of_the_loss() {
    let layout = attending_layout();
    let batch = Batch { inputs: inputs(&layout, ROWS, 11), targets: targets(ROWS, 11) };
    let architecture = architecture_over(&layout, networks(0.2).remove(4));
    let mut weights = weights(&architecture, 5);
    // What is attended to tells steps apart that are far from one another.
    let numbers = weights.tables.iter_mut().flat_map(|table| table.numbers.iter_mut());
    numbers.for_each(|number| *number *= 6.0);
    // Shares bend between such steps, those of a group most: its gradients are compared with the operators' alone.
    let is_checked = |name: &str| name.contains("attention.") && !name.contains(".paid.");
    check_slopes(&architecture, weights, &batch, (is_checked, 6));
}

fn check_slopes(
    architecture: &Architecture,
    mut weights: Weights,
    batch: &Batch,
    (is_checked, least): (impl Fn(&str) -> bool, usize),
) {
    let (gradient, _) = gradients(architecture, &weights, batch);
    for named in architecture.graph.parameters.named.iter().filter(|named| is_checked(&named.name)) {
        let by_tensor = named.read(&gradient);
        let start = named.read(&weights.dense);
        let slope = |index: usize| {
            Slope::new(by_tensor[index], |moved| {
                let mut numbers = start.clone();
                numbers[index] += moved;
                named.write(&mut weights.dense, &numbers);
                loss(architecture, &weights, batch, only_teacher(&named.name))
            })
        };
        let slopes: Vec<_> = (0..start.len()).step_by(start.len().div_ceil(60)).map(slope).collect();
        assert_slopes(&named.name, &slopes, least);
    }
}

/// Of ids with several embeddings those after the first are each a task's own.
#[test]
fn the_gradient_by_the_input_is_the_slope_by_an_embedding() {
    let mut batch = batch(ROWS, 12);
    // Row 0 alone has city 0, and weighs much.
    let cities = layout().slots_before(1) * ROWS;
    for row in 1..ROWS {
        batch.inputs.ids[cities + row * 2] = batch.inputs.ids[cities + row * 2].max(1);
    }
    batch.inputs.ids[cities] = 0;
    (0..3).for_each(|task| batch.targets.observed[task * ROWS] = 1.0);
    batch.targets.weights = Some((0..ROWS).map(|row| if row == 0 { 30.0 } else { 1.0 }).collect());
    for network in networks(0.0) {
        let architecture = architecture(network);
        let layout = &architecture.layout;
        let column = layout.numeric_width() + layout.tables[0].output_width();
        let mut weights = Weights::initial(&architecture, 6);
        let (_, by_input) = gradients(&architecture, &weights, &batch);
        let slope = |index: usize| {
            let before = weights.tables[1].numbers[index];
            Slope::new(by_input[column + index], |moved| {
                weights.tables[1].numbers[index] = before + moved;
                loss(&architecture, &weights, &batch, if index < 8 { None } else { Some(index / 8 - 1) })
            })
        };
        let slopes: Vec<_> = (0..architecture.layout.tables[1].width).map(slope).collect();
        slopes.chunks(8).for_each(|slopes| assert_slopes("x", slopes, 2));
    }
}

/// The values of `kind` that a definition of the documents' schema knows.
fn kinds(definition: &str) -> Vec<String> {
    let variants = spec::schema()["$defs"][definition]["oneOf"].as_array().unwrap().clone();
    variants.iter().map(|variant| variant["properties"]["kind"]["const"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_network_of_the_schema_is_built_tested_documented_and_shown() {
    let clone = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = |name: &str| std::fs::read_to_string(clone.join("docs").join(name)).unwrap();
    let (documents, package) = (page("documents.md"), page("model-package.md"));
    let tested: Vec<serde_json::Value> = networks(0.0);
    for kind in kinds("Network") {
        assert!(tested.iter().any(|network| network["kind"] == kind.as_str()), "{kind} in fixtures::networks");
        assert!(documents.contains(&format!("\n| `{kind}` | ")), "{kind} in docs/documents.md");
        assert!(package.contains(&format!("**`{kind}`**")), "{kind} in docs/model-package.md");
        assert!(clone.join(format!("examples/networks/{kind}.yaml")).exists(), "{kind} in examples/networks");
    }
    for kind in kinds("Interaction") {
        let shown = |network: &serde_json::Value| network["interaction"]["kind"] == kind.as_str();
        assert!(tested.iter().any(shown), "{kind} in fixtures::networks");
        assert!(package.contains(&format!("**`interaction: {{kind: {kind}}}`**")), "{kind} in docs/model-package.md");
        assert!(clone.join(format!("examples/networks/{kind}.yaml")).exists(), "{kind} in examples/networks");
    }
}

#[test]
fn gathering_fills_x_in_the_documented_order() {
    for layout in [layout(), sharing_layout()] {
        check_gathering(&layout);
    }
}

fn check_gathering(layout: &InputLayout) {
    let batch = Batch { inputs: inputs(layout, 9, 3), targets: targets(9, 3) };
    let spec = document(networks(0.0).remove(0), serde_json::json!({}));
    let architecture = Architecture::for_scoring(&spec, layout, &class_counts()).unwrap();
    let weights = Weights::initial(&architecture, 1);
    let stride = architecture.graph.buffers[INPUT].stride;
    let mut x = vec![f32::NAN; 9 * stride + VECTOR];
    gather::gather(layout, &weights.tables, &batch.inputs, 2..9, &mut x, stride);
    for row in 2..9 {
        let mut expected = batch.inputs.numeric[row * 5..row * 5 + 5].to_vec();
        let mut bags = batch.inputs.bags.iter();
        for (index, table) in layout.tables.iter().enumerate() {
            let numbers = &weights.tables[index];
            for &id in batch.inputs.table_ids(layout, index, row..row + 1) {
                expected.extend(numbers.read(id as usize, 1));
            }
            for slot in table.bags() {
                let bag = bags.next().unwrap();
                let ids = bag.row(row);
                let scale = if slot.pool == Some(Pooling::Mean) { 1.0 / ids.len().max(1) as f32 } else { 1.0 };
                let weight = |at: usize| bag.row_weights(row).get(at).copied().unwrap_or(1.0);
                let number =
                    |column: usize| move |(at, &id): (usize, &i32)| weight(at) * numbers.read(id as usize, 1)[column];
                let sum = |column| ids.iter().enumerate().map(number(column)).sum::<f32>() * scale;
                expected.extend((0..table.width).map(sum));
            }
        }
        assert_eq!(x[(row - 2) * stride..][..layout.width()], expected, "row {row}");
    }
}
