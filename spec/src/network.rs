//! Networks: how encoded rows become one logit (or value head) per task.

mod campaigns;
mod towers;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use campaigns::MetaheacNetwork;
pub use towers::{SeedTowerNetwork, TwoTowerNetwork};

/// The network's shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Network {
    /// A linear model on the same inputs: the honest baseline.
    Linear(LinearNetwork),
    /// One trunk for all tasks, a tower each (Caruana 1997).
    SharedBottom(SharedBottomNetwork),
    /// Experts mixed by a softmax gate per task (Ma, KDD 2018).
    Mmoe(MmoeNetwork),
    /// Experts of each task and shared ones, level upon level (Tang, RecSys 2020).
    Ple(PleNetwork),
    /// Embeddings of all tasks and of each, and experts over them (Su, AAAI 2024).
    Stem(StemNetwork),
    /// Funnel steps multiplied, learned on all rows (Ma, SIGIR 2018).
    Esmm(EsmmNetwork),
    /// The same, its steps also learned as if all had done the step before (Wang, SIGIR 2022).
    Escm2(Escm2Network),
    /// Funnel steps that hand over what they know to the next one (Xi, KDD 2021).
    Aitm(AitmNetwork),
    /// Seeds drawn to their list's prototype, beside the tasks (Snell, NeurIPS 2017; Khosla, NeurIPS 2020).
    SeedTower(SeedTowerNetwork),
    /// A tower for the user and one for the item of a row (Yi, RecSys 2019).
    TwoTower(TwoTowerNetwork),
    /// Experts and critics mixed by each campaign's vector, trained to be fine-tuned to new ones (Zhu, KDD 2021).
    Metaheac(MetaheacNetwork),
}

impl Network {
    /// The word after `kind:`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::SharedBottom(_) => "shared_bottom",
            Self::Mmoe(_) => "mmoe",
            Self::Ple(_) => "ple",
            Self::Stem(_) => "stem",
            Self::Esmm(_) => "esmm",
            Self::Escm2(_) => "escm2",
            Self::Aitm(_) => "aitm",
            Self::SeedTower(_) => "seed_tower",
            Self::TwoTower(_) => "two_tower",
            Self::Metaheac(_) => "metaheac",
        }
    }

    /// Whether it reads the tasks' `after`.
    pub fn has_funnel(&self) -> bool {
        match self {
            Self::Esmm(_) | Self::Escm2(_) | Self::Aitm(_) => true,
            Self::Linear(_)
            | Self::SharedBottom(_)
            | Self::Mmoe(_)
            | Self::Ple(_)
            | Self::Stem(_)
            | Self::SeedTower(_)
            | Self::TwoTower(_)
            | Self::Metaheac(_) => false,
        }
    }
}

/// What is computed of the inputs explicitly: before the network's first layer, or beside the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Interaction {
    /// Crosses of bounded degree, explicitly (Wang, WWW 2021).
    DcnV2(DcnV2Interaction),
    /// A factorization machine beside the network, over the same embeddings (Guo, IJCAI 2017).
    Deepfm(DeepfmInteraction),
}

/// x_{l+1} = x_0 ⊙ (U_l V_l x_l + b_l) + x_l.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DcnV2Interaction {
    /// How many crosses follow each other: one less than the highest degree.
    #[schemars(range(min = 1, max = 16))]
    pub layers: u32,
    /// Columns of U and rows of V.
    #[schemars(range(min = 1, max = 16_384))]
    pub rank: u32,
}

impl Default for DcnV2Interaction {
    fn default() -> Self {
        Self { layers: 2, rank: 64 }
    }
}

/// head_k = the network's head + x·a_k + (½[(Σ_i v_i)² - Σ_i v_i²])·h_k over the features' vectors v_i.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeepfmInteraction {
    /// Numbers of each feature's vector: embeddings of this width are taken as they are, others through a learned matrix.
    #[schemars(range(min = 1, max = 512))]
    pub rank: u32,
}

impl Default for DeepfmInteraction {
    fn default() -> Self {
        Self { rank: 16 }
    }
}

/// No fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearNetwork {}

/// y_k = tower_k(trunk(x)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SharedBottomNetwork {
    /// Widths of the trunk's hidden layers; none: every tower reads the inputs.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub bottom_layers: Vec<u32>,
    /// Widths of each tower's hidden layers.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub tower_layers: Vec<u32>,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
    /// What is computed of the inputs explicitly; nothing when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Interaction>,
}

impl Default for SharedBottomNetwork {
    fn default() -> Self {
        Self { bottom_layers: vec![256, 128], tower_layers: vec![32], dropout: 0.1, interaction: None }
    }
}

/// z_k = Σ_e softmax(W_k x)_e · expert_e(x); y_k = tower_k(z_k).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MmoeNetwork {
    /// How many experts.
    #[schemars(range(min = 1, max = 256))]
    pub experts: u32,
    /// Widths of each expert's layers.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 16_384)))]
    pub expert_layers: Vec<u32>,
    /// Widths of each tower's hidden layers.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub tower_layers: Vec<u32>,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
    /// What is computed of the inputs explicitly; nothing when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Interaction>,
}

impl Default for MmoeNetwork {
    fn default() -> Self {
        Self { experts: 4, expert_layers: vec![128, 64], tower_layers: vec![32], dropout: 0.1, interaction: None }
    }
}

/// z_k = Σ_e softmax(W_k z_k)_e · f_e over the task's own and the shared experts, level upon level; y_k = tower_k(z_k).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PleNetwork {
    /// How many levels of experts; one is the customized gate control (CGC).
    #[schemars(range(min = 1, max = 8))]
    pub levels: u32,
    /// Experts that each task has to itself, at every level.
    #[schemars(range(min = 1, max = 64))]
    pub task_experts: u32,
    /// Experts that all tasks share, at every level.
    #[schemars(range(min = 1, max = 64))]
    pub shared_experts: u32,
    /// Widths of each expert's layers.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 16_384)))]
    pub expert_layers: Vec<u32>,
    /// Widths of each tower's hidden layers.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub tower_layers: Vec<u32>,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
    /// What is computed of the inputs explicitly; nothing when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Interaction>,
}

impl Default for PleNetwork {
    fn default() -> Self {
        Self {
            levels: 2,
            task_experts: 2,
            shared_experts: 2,
            expert_layers: vec![64],
            tower_layers: vec![32],
            dropout: 0.1,
            interaction: None,
        }
    }
}

/// z_k = Σ_e softmax(W_k (x_k + x_s))_e · f_e over all experts, of which the task teaches its own and the shared ones;
/// y_k = tower_k(z_k).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StemNetwork {
    /// Experts of each task, over embeddings of its own.
    #[schemars(range(min = 1, max = 64))]
    pub task_experts: u32,
    /// Experts over the embeddings that all tasks share.
    #[schemars(range(min = 1, max = 64))]
    pub shared_experts: u32,
    /// Widths of each expert's layers.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 16_384)))]
    pub expert_layers: Vec<u32>,
    /// Widths of each tower's hidden layers.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub tower_layers: Vec<u32>,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
}

impl Default for StemNetwork {
    fn default() -> Self {
        Self { task_experts: 1, shared_experts: 1, expert_layers: vec![128, 64], tower_layers: vec![32], dropout: 0.1 }
    }
}

/// p(step) = p(the step before) · p(step | the step before), the conditional part being a head of `over`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EsmmNetwork {
    /// The network whose heads are multiplied.
    pub over: Trunk,
}

/// Esmm, with λ·mean o·ℓ / max(p(the step before), c) over the steps given the step before that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Escm2Network {
    /// The network whose heads are multiplied.
    pub over: Trunk,
    /// What the counterfactual risk counts in the loss, 0 or more (λ).
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub counterfactual_weight: f64,
    /// The propensity below which rows count no more than at it, above 0 and up to 1 (c).
    #[schemars(schema_with = "crate::share::some")]
    pub least_propensity: f64,
}

impl Default for Escm2Network {
    fn default() -> Self {
        Self { over: Trunk::default(), counterfactual_weight: 0.5, least_propensity: 0.01 }
    }
}

/// z_k = attention over what the step before hands over and the task's own tower; y_k = head_k(z_k).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AitmNetwork {
    /// Widths of each tower's hidden layers; the last is that of what steps hand over.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 16_384)))]
    pub tower_layers: Vec<u32>,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
    /// What the loss counts of a step's probability beyond that of the step before, 0 or more (α).
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub calibrator_weight: f64,
    /// What is computed of the inputs explicitly; nothing when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Interaction>,
}

impl Default for AitmNetwork {
    /// As in the paper.
    fn default() -> Self {
        Self { tower_layers: vec![128, 64, 32], dropout: 0.1, calibrator_weight: 0.6, interaction: None }
    }
}

/// A network under heads of another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trunk {
    /// One trunk for all tasks, a tower each (Caruana 1997).
    SharedBottom(SharedBottomNetwork),
    /// Experts mixed by a softmax gate per task (Ma, KDD 2018).
    Mmoe(MmoeNetwork),
    /// Experts of each task and shared ones, level upon level (Tang, RecSys 2020).
    Ple(PleNetwork),
}

impl Default for Trunk {
    /// As in the paper: shared embeddings and a tower a task, nothing else in common.
    fn default() -> Self {
        let (bottom_layers, tower_layers) = (Vec::new(), vec![128, 64]);
        Self::SharedBottom(SharedBottomNetwork { bottom_layers, tower_layers, ..SharedBottomNetwork::default() })
    }
}
