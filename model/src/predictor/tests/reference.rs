//! The documented formulas over a package's tensors, written down a second time in plain f64.

mod attention;

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use spec::FeatureName;

use crate::fixtures::layout;
use crate::input::{InputLayout, Inputs, Pooling, Slot};

/// A tensor of a package, as an outside reader has it.
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Vec<f64>,
}

pub(super) type Package = BTreeMap<String, Tensor>;

pub(super) fn read(bytes: &[u8]) -> Package {
    let tensor = |view: safetensors::tensor::TensorView<'_>| Tensor {
        shape: view.shape().to_vec(),
        numbers: view.data().chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect(),
    };
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    tensors.tensors().into_iter().map(|(name, view)| (name, tensor(view))).collect()
}

/// `h·W[group] + b[group]`
pub(super) fn linear(package: &Package, name: &str, group: usize, h: &[f64]) -> Vec<f64> {
    let (weight, bias) = (&package[&format!("{name}.weight")], &package[&format!("{name}.bias")]);
    let units = *weight.shape.last().unwrap();
    assert_eq!(weight.shape[weight.shape.len() - 2], h.len(), "{name}");
    let cell = |unit: usize| {
        let column = |(i, number): (usize, &f64)| number * weight.numbers[(group * h.len() + i) * units + unit];
        h.iter().enumerate().map(column).sum::<f64>() + bias.numbers[group * units + unit]
    };
    (0..units).map(cell).collect()
}

/// `h·W`
fn product(package: &Package, name: &str, h: &[f64]) -> Vec<f64> {
    let weight = &package[&format!("{name}.weight")];
    let units = weight.shape[1];
    assert_eq!(weight.shape[0], h.len(), "{name}");
    let cell = |unit: usize| h.iter().enumerate().map(|(i, number)| number * weight.numbers[i * units + unit]).sum();
    (0..units).map(cell).collect()
}

/// Hidden layers `<name>.0`, `<name>.1`, … of one group.
fn hidden(package: &Package, name: &str, group: usize, mut h: Vec<f64>) -> Vec<f64> {
    for layer in 0.. {
        let layer = format!("{name}.{layer}");
        if !package.contains_key(&format!("{layer}.weight")) {
            break;
        }
        h = linear(package, &layer, group, &h).into_iter().map(|z| z.max(0.0)).collect();
    }
    h
}

/// The input with the embeddings of one of some kinds.
pub(super) fn x(
    layout: &InputLayout,
    package: &Package,
    inputs: &Inputs,
    row: usize,
    [kind, kinds]: [usize; 2],
) -> Vec<f64> {
    let mut x: Vec<f64> = inputs.numeric[row * 5..row * 5 + 5].iter().map(|&n| f64::from(n)).collect();
    let (mut bags, mut fields) = (inputs.bags.iter(), BTreeMap::new());
    for (index, table) in layout.tables.iter().enumerate() {
        let embedding = |slot: &Slot, id: i32| {
            let shared = slot.table.as_ref().map(|table| format!("tables.{table}"));
            let tensor = &package[&shared.unwrap_or(format!("embeddings.{}", slot.feature))];
            let local = id as usize - slot.first_row as usize;
            assert_eq!(tensor.shape, [slot.rows as usize, kinds * table.width]);
            tensor.numbers[(local * kinds + kind) * table.width..][..table.width].to_vec()
        };
        let ids = inputs.table_ids(layout, index, row..row + 1);
        for (slot, &id) in table.singles().iter().zip(ids) {
            fields.insert(&slot.feature, Field { column: x.len(), embeddings: vec![embedding(slot, id)] });
            x.extend(embedding(slot, id));
        }
        for slot in table.bags() {
            let bag = bags.next().unwrap();
            let ids = bag.row(row);
            let embeddings = ids.iter().map(|id| embedding(slot, *id)).collect();
            fields.insert(&slot.feature, Field { column: x.len(), embeddings });
            let mut pooled = vec![0.0; table.width];
            for (at, &id) in ids.iter().enumerate() {
                let weight = match slot.pool {
                    Some(Pooling::Weighted) => f64::from(bag.row_weights(row)[at]),
                    Some(Pooling::Mean) => 1.0 / ids.len() as f64,
                    Some(Pooling::Attention) => 0.0,
                    Some(Pooling::Sum) | None => 1.0,
                };
                pooled.iter_mut().zip(embedding(slot, id)).for_each(|(sum, number)| *sum += weight * number);
            }
            x.extend(pooled);
        }
    }
    attention::pool(layout, package, kind, &fields, &mut x);
    x
}

/// A feature's first column of x, and the embeddings of a row's ids.
pub(super) struct Field {
    pub(super) column: usize,
    pub(super) embeddings: Vec<Vec<f64>>,
}

pub(super) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn prediction(task: usize, head: &[f64]) -> f64 {
    if task == 1 && head.len() == 1 {
        head[0].min(30.0).exp()
    } else if task == 1 {
        let deviation = (1.0 + head[2].exp()).ln();
        sigmoid(head[0]) * (head[1] + deviation * deviation / 2.0).exp()
    } else {
        sigmoid(head[0])
    }
}

pub(super) fn reference(
    layout: &InputLayout,
    package: &Package,
    network: &serde_json::Value,
    inputs: &Inputs,
    row: usize,
) -> Vec<f64> {
    let is_entire_space = ["esmm", "escm2"].contains(&network["kind"].as_str().unwrap());
    let trunk = if is_entire_space { &network["over"] } else { network };
    let kinds = if network["kind"] == "stem" { 4 } else { 1 };
    let x: Vec<Vec<f64>> = (0..kinds).map(|kind| x(layout, package, inputs, row, [kind, kinds])).collect();
    let seen = match kinds {
        1 => seen(package, trunk, crossed(package, x[0].clone())),
        _ => of_all_and_own(package, network, &x),
    };
    let head = |(task, name): (usize, &str)| {
        let own = match network["kind"].as_str() {
            Some("metaheac") => vec![seen[task][0] + package[&format!("heads.{name}.bias")].numbers[0]],
            _ => linear(package, &format!("heads.{name}"), 0, &seen[task]),
        };
        let beside = machine(layout, package, &trunk["interaction"], name, &x[0]);
        let near = nearness(package, name, &x[0]);
        prediction(task, &own.iter().zip(beside).map(|(own, beside)| own + beside + near).collect::<Vec<_>>())
    };
    let mut predictions: Vec<f64> = ["buy", "spend", "like"].into_iter().enumerate().map(head).collect();
    if is_entire_space {
        predictions[2] *= predictions[0];
    }
    predictions
}

/// What the head of each task reads.
pub(super) fn seen(package: &Package, network: &serde_json::Value, x: Vec<f64>) -> Vec<Vec<f64>> {
    let count = |field: &str| network[field].as_u64().unwrap() as usize;
    match network["kind"].as_str().unwrap() {
        "linear" => vec![x; 3],
        "shared_bottom" | "seed_tower" => {
            let bottom = hidden(package, "bottom", 0, x);
            (0..3).map(|task| hidden(package, "towers", task, bottom.clone())).collect()
        }
        "mmoe" => {
            let experts = |expert| hidden(package, "experts", expert, x.clone());
            let experts: Vec<_> = (0..count("experts")).map(experts).collect();
            let mixed = |task| mixture(&linear(package, "gates", task, &x), &experts);
            (0..3).map(|task| hidden(package, "towers", task, mixed(task))).collect()
        }
        "ple" => {
            let (mixed, _) = extracted(package, count("levels"), [count("task_experts"), count("shared_experts")], x);
            (0..3).map(|task| hidden(package, "towers", task, mixed[task].clone())).collect()
        }
        "aitm" => handed_over(package, x),
        "metaheac" => {
            (0..3).map(|task| vec![judged(package, [count("experts"), count("critics")], task, &x)]).collect()
        }
        "two_tower" => {
            let [users, items] = [users(package, &x), items(package, &x)];
            users.iter().zip(&items).map(|(user, item)| vec![inner(user, item)]).collect()
        }
        other => panic!("{other}"),
    }
}

/// What the tasks share at last.
pub(super) fn embedding(package: &Package, network: &serde_json::Value, inputs: &Inputs, row: usize) -> Vec<f64> {
    let count = |field: &str| network[field].as_u64().unwrap() as usize;
    let kinds = if network["kind"] == "stem" { 4 } else { 1 };
    let x = crossed(package, x(&layout(), package, inputs, row, [0, kinds]));
    let side_by_side = |name: &str, experts: &str| {
        (0..count(experts)).flat_map(|expert| hidden(package, name, expert, x.clone())).collect()
    };
    match network["kind"].as_str().unwrap() {
        "esmm" | "escm2" => embedding(package, &network["over"], inputs, row),
        "linear" | "aitm" => x,
        "shared_bottom" => hidden(package, "bottom", 0, x),
        "seed_tower" => seed_embedding(package, &x),
        "two_tower" => users(package, &x).concat(),
        "mmoe" | "metaheac" => side_by_side("experts", "experts"),
        "stem" => side_by_side("shared.experts", "shared_experts"),
        "ple" => extracted(package, count("levels"), [count("task_experts"), count("shared_experts")], x).1,
        other => panic!("{other}"),
    }
}

/// What a campaign's critics say together of what its experts do.
fn judged(package: &Package, [experts, critics]: [usize; 2], task: usize, x: &[f64]) -> f64 {
    let vectors = &package["campaigns.weight"];
    let vector = vectors.numbers.chunks(vectors.shape[1]).nth(task).unwrap();
    let experts: Vec<Vec<f64>> = (0..experts).map(|expert| hidden(package, "experts", expert, x.to_vec())).collect();
    let mixed = mixture(&linear(package, "gates.experts", 0, vector), &experts);
    let score =
        |critic: usize| linear(package, "critics.score", critic, &hidden(package, "critics", critic, mixed.clone()));
    mixture(&linear(package, "gates.critics", 0, vector), &(0..critics).map(score).collect::<Vec<_>>())[0]
}

/// What the tasks' towers see of inputs for all and for each.
fn of_all_and_own(package: &Package, network: &serde_json::Value, x: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let experts = |name: &str, count: &str, input: &Vec<f64>| -> Vec<Vec<f64>> {
        (0..network[count].as_u64().unwrap() as usize).map(|e| hidden(package, name, e, input.clone())).collect()
    };
    let own = (0..3).flat_map(|task| experts(&format!("tasks.{task}.experts"), "task_experts", &x[1 + task]));
    let all: Vec<Vec<f64>> = own.chain(experts("shared.experts", "shared_experts", &x[0])).collect();
    let mixed = |task: usize| {
        let read: Vec<f64> = x[0].iter().zip(&x[1 + task]).map(|(shared, own)| shared + own).collect();
        mixture(&linear(package, &format!("tasks.{task}.gate"), 0, &read), &all)
    };
    (0..3).map(|task| hidden(package, "towers", task, mixed(task))).collect()
}

/// What the tasks' towers see once the first has handed over what it knows to the third.
fn handed_over(package: &Package, x: Vec<f64>) -> Vec<Vec<f64>> {
    let mut states: Vec<_> = (0..3).map(|task| hidden(package, "towers", task, x.clone())).collect();
    let handed = linear(package, "transfers.2", 0, &states[0]).into_iter().map(|z| z.max(0.0)).collect();
    let sources = [handed, states[2].clone()];
    let projected = |part: &str| sources.each_ref().map(|u| product(package, &format!("attention.{part}"), u));
    let [values, keys, queries] = ["value", "key", "query"].map(projected);
    let score = |u: usize| {
        let product: f64 = keys[u].iter().zip(&queries[u]).map(|(key, query)| key * query).sum();
        product / (keys[u].len() as f64).sqrt()
    };
    states[2] = mixture(&[score(0), score(1)], &values);
    states
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A vector made as long as 1.
fn direction(vector: &[f64]) -> Vec<f64> {
    let length = inner(vector, vector).sqrt();
    vector.iter().map(|number| number / length).collect()
}

/// A person on the sphere.
fn seed_embedding(package: &Package, x: &[f64]) -> Vec<f64> {
    direction(&linear(package, "projection", 0, &hidden(package, "bottom", 0, x.to_vec())))
}

/// What nearness to a list's prototype adds to its head; 0 for other tasks.
fn nearness(package: &Package, task: &str, x: &[f64]) -> f64 {
    let Some(slope) = package.get(&format!("heads.{task}.nearness.weight")) else { return 0.0 };
    let prototypes = &package["prototypes.weight"];
    let place = ["buy", "like"].iter().position(|list| *list == task).unwrap();
    let prototype = prototypes.numbers.chunks(prototypes.shape[1]).nth(place).unwrap();
    slope.numbers[0] * inner(&seed_embedding(package, x), &direction(prototype))
}

/// Of each task, from the columns of x that are none of the items': recency is 2..5, tags are 8..11, products 19..27.
fn users(package: &Package, x: &[f64]) -> Vec<Vec<f64>> {
    tower(package, "user", [&x[..2], &x[5..8], &x[11..19], &x[27..]].concat())
}

fn items(package: &Package, x: &[f64]) -> Vec<Vec<f64>> {
    tower(package, "item", [&x[2..5], &x[8..11], &x[19..27]].concat())
}

fn tower(package: &Package, name: &str, x: Vec<f64>) -> Vec<Vec<f64>> {
    let last = hidden(package, name, 0, x);
    (0..3).map(|task| direction(&linear(package, &format!("{name}.embedding"), task, &last))).collect()
}

/// Σ_e softmax(logits)_e · f_e
fn mixture(logits: &[f64], experts: &[Vec<f64>]) -> Vec<f64> {
    assert_eq!(logits.len(), experts.len());
    let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
    let unit = |unit: usize| logits.iter().zip(experts).map(|(logit, expert)| logit.exp() / sum * expert[unit]).sum();
    (0..experts[0].len()).map(unit).collect()
}

/// The tasks' mixtures after the last level, and its shared experts side by side.
fn extracted(package: &Package, levels: usize, [own, shared]: [usize; 2], x: Vec<f64>) -> (Vec<Vec<f64>>, Vec<f64>) {
    let (mut states, mut shared_experts) = (vec![x; 4], Vec::new());
    for level in 0..levels {
        let name = |task: usize| match task {
            3 => format!("levels.{level}.shared"),
            task => format!("levels.{level}.tasks.{task}"),
        };
        let experts = |task: usize| {
            let count = if task == 3 { shared } else { own };
            let expert = |expert| hidden(package, &format!("{}.experts", name(task)), expert, states[task].clone());
            (0..count).map(expert).collect::<Vec<_>>()
        };
        let experts: Vec<_> = (0..4).map(experts).collect();
        shared_experts = experts[3].concat();
        let next = |task: usize| {
            let gate = format!("{}.gate", name(task));
            if task == 3 && level + 1 == levels {
                assert!(!package.contains_key(&format!("{gate}.weight")));
                return Vec::new();
            }
            let read = if task == 3 { experts.concat() } else { [&experts[task][..], &experts[3]].concat() };
            mixture(&linear(package, &gate, 0, &states[task]), &read)
        };
        states = (0..4).map(next).collect();
    }
    (states, shared_experts)
}

/// x after the crosses of the package, if it has any.
fn crossed(package: &Package, start: Vec<f64>) -> Vec<f64> {
    let mut state = start.clone();
    for layer in (0..).take_while(|layer| package.contains_key(&format!("interaction.{layer}.down.weight"))) {
        let low = product(package, &format!("interaction.{layer}.down"), &state);
        let factor = linear(package, &format!("interaction.{layer}.up"), 0, &low);
        state = start.iter().zip(factor).zip(&state).map(|((start, factor), state)| start * factor + state).collect();
    }
    state
}

/// What a factorization machine adds to a head: its first-order term, and the products of all pairs of vectors.
fn machine(
    layout: &InputLayout,
    package: &Package,
    interaction: &serde_json::Value,
    task: &str,
    x: &[f64],
) -> Vec<f64> {
    if interaction["kind"] != "deepfm" {
        return vec![0.0; 3];
    }
    let rank = interaction["rank"].as_u64().unwrap() as usize;
    let numbers = layout.numeric.iter().map(|slot| (&slot.feature, slot.width, false));
    let tables = layout.tables.iter().flat_map(|table| table.slots.iter().map(|slot| (slot, table.width)));
    let fields = numbers.chain(tables.map(|(slot, width)| (&slot.feature, width, true)));
    let mut rest = x;
    let of_field = |(feature, width, is_embedding): (&FeatureName, usize, bool)| {
        let (own, others) = rest.split_at(width);
        rest = others;
        let is_taken_as_it_is = width == rank && is_embedding;
        if is_taken_as_it_is { own.to_vec() } else { product(package, &format!("interaction.factors.{feature}"), own) }
    };
    let vectors: Vec<Vec<f64>> = fields.map(of_field).collect();
    let count = vectors.len();
    let pairs = (0..rank).map(|number| {
        let pairs = (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j)));
        pairs.map(|(i, j)| vectors[i][number] * vectors[j][number]).sum()
    });
    let pairs = product(package, &format!("heads.{task}.pairs"), &pairs.collect::<Vec<f64>>());
    let linear = product(package, &format!("heads.{task}.linear"), x);
    linear.iter().zip(pairs).map(|(linear, pairs)| linear + pairs).collect()
}
