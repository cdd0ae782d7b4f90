//! Small layouts, batches and documents for this crate's tests.

use spec::TrainingSpec;

use crate::input::{
    Attended, AttentionKind, Batch, InputLayout, Inputs, NumericSlot, Pooling, Slot, TableLayout, Targets,
};
use crate::outputs::ClassCounts;

/// A reproducible stream of whole numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// -1..1
    pub(crate) fn number(&mut self) -> f32 {
        self.below(1 << 20) as f32 / (1 << 19) as f32 - 1.0
    }
}

/// A table of the given width with slots of (name, rows, pooling).
pub(crate) fn table(width: usize, slots: &[(&str, u32, Option<Pooling>)]) -> TableLayout {
    let mut first_row = 0;
    let slot = |&(name, rows, pool): &(&str, u32, Option<Pooling>)| {
        let slot = Slot { feature: name.parse().unwrap(), table: None, first_row, rows, pool };
        first_row += rows;
        slot
    };
    let slots = slots.iter().map(slot).collect();
    TableLayout { width, rows: first_row as usize, slots }
}

/// Five numbers, three categories and two bags in tables of widths 3, 8 and 12.
pub(crate) fn layout() -> InputLayout {
    let numeric = |name: &str, width| NumericSlot { feature: name.parse().unwrap(), width };
    InputLayout {
        numeric: vec![numeric("age", 2), numeric("recency", 3)],
        tables: vec![
            table(3, &[("channel", 7, None), ("tags", 9, Some(Pooling::Mean))]),
            table(8, &[("city", 40, None), ("product", 3000, None)]),
            table(12, &[("seen", 20, Some(Pooling::Sum))]),
        ],
        attended: Vec::new(),
    }
}

/// [`layout`] with one table more: `last`, `seen` (mean) and `bought` (weighted) share the table `item` in a merged table of
/// width 8, and `liked` is weighted too.
pub(crate) fn sharing_layout() -> InputLayout {
    let mut layout = layout();
    let merged = &mut layout.tables[1];
    merged.slots.push(Slot { feature: "last".parse().unwrap(), ..merged.slots[0].clone() });
    for (name, pool) in [("seen_items", Pooling::Mean), ("bought_items", Pooling::Weighted)] {
        merged.slots.push(Slot { feature: name.parse().unwrap(), pool: Some(pool), ..merged.slots[0].clone() });
    }
    for slot in merged.slots.iter_mut().skip(2) {
        (slot.table, slot.first_row, slot.rows) = (Some("item".parse().unwrap()), 3040, 25);
    }
    merged.rows += 25;
    layout.tables[2].slots.push(Slot {
        feature: "liked".parse().unwrap(),
        table: None,
        first_row: 20,
        rows: 15,
        pool: Some(Pooling::Weighted),
    });
    layout.tables[2].rows += 15;
    layout
}

/// [`sharing_layout`] with sequences that attention pools: `bought` for `last`, whose table it shares, `viewed` for `city`,
/// which is of another width, `read` by itself, `clicked` with two heads, and `paid` and `shops`, of two widths, as one.
pub(crate) fn attending_layout() -> InputLayout {
    let mut layout = sharing_layout();
    let item = layout.tables[1].slots[2].clone();
    let attention = Some(Pooling::Attention);
    layout.tables[1].slots.push(Slot { feature: "bought".parse().unwrap(), pool: attention, ..item });
    for (table, name) in [(2, "viewed"), (1, "read"), (0, "clicked"), (0, "paid"), (2, "shops")] {
        let merged = &mut layout.tables[table];
        let (feature, first_row) = (name.parse().unwrap(), merged.rows as u32);
        merged.slots.push(Slot { feature, table: None, first_row, rows: 11, pool: attention });
        merged.rows += 11;
    }
    let unit = |target: Option<&str>| AttentionKind::Unit { target: target.map(|name| name.parse().unwrap()) };
    let among = || AttentionKind::Among { heads: 2 };
    let attended = |names: &[&str], kind| {
        let features = names.iter().map(|name| name.parse().unwrap()).collect();
        Attended { features, kind, max_length: 6 }
    };
    layout.attended = vec![
        attended(&["bought"], unit(Some("last"))),
        attended(&["viewed"], unit(Some("city"))),
        attended(&["read"], unit(None)),
        attended(&["clicked"], among()),
        attended(&["paid", "shops"], among()),
    ];
    layout
}

/// Random rows of a layout.
pub(crate) fn inputs(layout: &InputLayout, rows: usize, seed: u64) -> Inputs {
    let mut dice = Dice::new(seed);
    let mut inputs = Inputs::default();
    inputs.reset(layout, rows);
    inputs.numeric.iter_mut().for_each(|number| *number = dice.number());
    let mut at = 0;
    for table in &layout.tables {
        for _ in 0..rows {
            for slot in table.singles() {
                inputs.ids[at] = (slot.first_row + dice.below(u64::from(slot.rows)) as u32) as i32;
                at += 1;
            }
        }
    }
    let bags = layout.tables.iter().flat_map(|table| table.bags());
    for (bag, slot) in inputs.bags.iter_mut().zip(bags) {
        for row in 0..rows {
            // Lists that attention pools are equally long in a row.
            let is_attended = slot.pool == Some(Pooling::Attention);
            let len = if is_attended { Dice::new(seed << 20 | row as u64).below(7) } else { dice.below(4) };
            let ids: Vec<i32> =
                (0..len).map(|_| (slot.first_row + dice.below(u64::from(slot.rows)) as u32) as i32).collect();
            if slot.pool == Some(Pooling::Weighted) {
                bag.weights.extend(ids.iter().map(|_| dice.below(8) as f32 / 8.0));
            }
            bag.push(&ids);
        }
    }
    inputs
}

/// Targets of the tasks of [`document`]: binary, value, lookalike; some labels missing; rows weighted.
pub(crate) fn targets(rows: usize, seed: u64) -> Targets {
    let mut dice = Dice::new(seed ^ 0xfeed);
    let mut targets = Targets::default();
    for task in 0..3 {
        for _ in 0..rows {
            let label = match task {
                1 if dice.below(3) > 0 => (1 + dice.below(500)) as f32 / 7.0,
                1 => 0.0,
                _ => (dice.below(4) == 0) as u8 as f32,
            };
            let observed = (dice.below(5) > 0) as u8 as f32;
            targets.labels.push(label * observed);
            targets.observed.push(observed);
        }
    }
    targets.weights = Some((0..rows).map(|_| (1 + dice.below(4)) as f32 / 2.0).collect());
    targets
}

/// A batch of [`layout`] for [`document`].
pub(crate) fn batch(rows: usize, seed: u64) -> Batch {
    Batch { inputs: inputs(&layout(), rows, seed), targets: targets(rows, seed) }
}

/// A document with a network, three tasks (`buy` binary, `spend` value, `like` nnPU) and changes to `training`. Under a funnel
/// network `like` is binary and after `buy`, under towers binary; under a seed tower `buy` is a seed list too; where heads are one
/// number `spend` is a rate.
pub(crate) fn document(network: serde_json::Value, training: serde_json::Value) -> TrainingSpec {
    let like = match network["kind"].as_str() {
        Some("esmm" | "escm2" | "aitm") => serde_json::json!({"kind": "binary", "label": "liked", "after": "buy"}),
        Some("two_tower") => serde_json::json!({"kind": "binary", "label": "liked"}),
        _ => serde_json::json!({"kind": "lookalike", "seeds": {"table": "best"}, "loss": "nnpu", "prior": 0.3}),
    };
    let buy = match network["kind"].as_str() {
        Some("seed_tower") => serde_json::json!({"kind": "lookalike", "seeds": {"table": "buyers"}}),
        _ => serde_json::json!({"kind": "binary", "label": "bought", "positive_weight": 2.0}),
    };
    let spend = match network["kind"].as_str() {
        Some("metaheac") => serde_json::json!({"kind": "regression", "label": "spent", "loss": {"kind": "poisson"}}),
        _ => serde_json::json!({"kind": "value", "label": "spent"}),
    };
    let document = serde_json::json!({
        "tables": {"rows": {"url": "rows.parquet"}},
        "examples": "rows",
        "key": "id",
        "features": {"age": {"kind": "numeric"}},
        "tasks": {
            "buy": buy,
            "spend": spend,
            "like": like,
        },
        "network": network,
        "training": training,
    });
    serde_json::from_value(document).unwrap()
}

/// The same document, but `spend` tells four classes and the rest.
pub(crate) fn of_classes(mut document: TrainingSpec) -> TrainingSpec {
    let task = serde_json::json!({"kind": "multiclass", "label": "spent"});
    document.tasks.insert("spend".parse().unwrap(), serde_json::from_value(task).unwrap());
    document
}

/// Training rows of its classes.
pub(crate) fn class_counts() -> ClassCounts {
    ClassCounts::from([("spend".parse().unwrap(), vec![40, 30, 20, 10, 5])])
}

/// A batch of [`layout`] for [`of_classes`].
pub(crate) fn class_batch(rows: usize, seed: u64) -> Batch {
    let mut batch = batch(rows, seed);
    let labels = &mut batch.targets.labels[rows..2 * rows];
    labels.iter_mut().for_each(|label| *label = (*label * 7.0).round() % 5.0);
    batch
}

/// One small network of each kind.
pub(crate) fn networks(dropout: f64) -> Vec<serde_json::Value> {
    vec![
        serde_json::json!({"kind": "linear"}),
        serde_json::json!({"kind": "shared_bottom", "bottom_layers": [24, 20], "tower_layers": [9, 6], "dropout": dropout}),
        serde_json::json!({"kind": "shared_bottom", "bottom_layers": [16], "tower_layers": [], "dropout": dropout}),
        serde_json::json!({"kind": "shared_bottom", "bottom_layers": [], "tower_layers": [10], "dropout": dropout}),
        serde_json::json!({"kind": "mmoe", "experts": 3, "expert_layers": [22, 10], "tower_layers": [7], "dropout": dropout}),
        serde_json::json!({"kind": "mmoe", "experts": 2, "expert_layers": [18], "tower_layers": [], "dropout": dropout}),
        serde_json::json!({
            "kind": "mmoe", "experts": 2, "expert_layers": [18], "tower_layers": [5], "dropout": dropout,
            "interaction": {"kind": "dcn_v2", "layers": 2, "rank": 6},
        }),
        serde_json::json!({
            "kind": "ple", "levels": 1, "task_experts": 1, "shared_experts": 3, "expert_layers": [14, 9],
            "tower_layers": [], "dropout": dropout, "interaction": {"kind": "dcn_v2", "layers": 1, "rank": 3},
        }),
        serde_json::json!({
            "kind": "ple", "levels": 2, "task_experts": 2, "shared_experts": 1, "expert_layers": [12, 10],
            "tower_layers": [7], "dropout": dropout,
        }),
        serde_json::json!({
            "kind": "esmm",
            "over": {"kind": "shared_bottom", "bottom_layers": [], "tower_layers": [12, 8], "dropout": dropout},
        }),
        serde_json::json!({
            "kind": "esmm",
            "over": {"kind": "mmoe", "experts": 2, "expert_layers": [16], "tower_layers": [6], "dropout": dropout},
        }),
        serde_json::json!({
            "kind": "shared_bottom", "bottom_layers": [14], "tower_layers": [], "dropout": dropout,
            "interaction": {"kind": "deepfm", "rank": 8},
        }),
        serde_json::json!({
            "kind": "esmm",
            "over": {
                "kind": "ple", "levels": 1, "task_experts": 1, "shared_experts": 1, "expert_layers": [11],
                "tower_layers": [5], "dropout": dropout, "interaction": {"kind": "deepfm", "rank": 12},
            },
        }),
        serde_json::json!({
            "kind": "stem", "task_experts": 2, "shared_experts": 1, "expert_layers": [11, 9], "tower_layers": [6],
            "dropout": dropout,
        }),
        serde_json::json!({
            "kind": "stem", "task_experts": 1, "shared_experts": 2, "expert_layers": [13], "tower_layers": [],
            "dropout": dropout,
        }),
        serde_json::json!({
            "kind": "escm2", "counterfactual_weight": 2.0, "least_propensity": 0.3,
            "over": {"kind": "shared_bottom", "bottom_layers": [12], "tower_layers": [8], "dropout": dropout},
        }),
        serde_json::json!({"kind": "aitm", "tower_layers": [20, 14], "dropout": dropout, "calibrator_weight": 0.2}),
        serde_json::json!({
            "kind": "seed_tower", "bottom_layers": [14], "tower_layers": [6], "embedding_width": 5, "temperature": 0.5,
            "dropout": dropout,
        }),
        serde_json::json!({
            "kind": "seed_tower", "bottom_layers": [13], "tower_layers": [], "embedding_width": 9, "temperature": 0.4,
            "prototype_weight": 0.0, "dropout": dropout, "interaction": {"kind": "deepfm", "rank": 8},
        }),
        serde_json::json!({
            "kind": "two_tower", "item_features": ["product", "tags", "recency"], "item": "product", "user_layers": [14, 9],
            "item_layers": [11], "embedding_width": 6, "temperature": 0.8, "dropout": dropout,
        }),
        serde_json::json!({
            "kind": "metaheac", "experts": 3, "critics": 2, "expert_layers": [14, 9], "critic_layers": [7], "embedding_width": 5,
            "inner_learning_rate": 0.02, "dropout": dropout,
        }),
        serde_json::json!({
            "kind": "metaheac", "experts": 2, "critics": 3, "expert_layers": [12], "critic_layers": [], "embedding_width": 4,
            "inner_learning_rate": 0.01, "dropout": dropout,
        }),
    ]
}
