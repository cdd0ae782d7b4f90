//! DeepFM (Guo, DeepFM: A Factorization-Machine based Neural Network for CTR Prediction, IJCAI 2017): beside the network
//! a factorization machine over the same embeddings, added to the heads.
//!
//! `head_k = network_k + x·a_k + b·h_k` with `b = Σ_{i<j} v_i ⊙ v_j = ½[(Σ_i v_i)² - Σ_i v_i²]`
//!
//! Every feature i has a vector `v_i` of `rank` numbers: its embedding `e_i`, or `e_i·P_i` where that has another width; its
//! numbers `n_i·P_i`, which is the paper's vector for each number times the number. The paper adds up `b`, which is `h = 1`:
//! there every task starts, and then weighs the numbers of `b` by itself. The first-order term reads `x` as the linear
//! network does.
//!
//! | tensor | shape |
//! |---|---|
//! | `interaction.factors.<feature>.weight` (P) | `[columns of x, rank]`; none for an embedding of width `rank` |
//! | `heads.<task>.linear.weight` (a) | `[width of x, units]` |
//! | `heads.<task>.pairs.weight` (h) | `[rank, units]` |

use spec::network::DeepfmInteraction;

use super::{Branch, Builder, Head};
use crate::embedding::INITIAL_BOUND;
use crate::layers::View;
use crate::network::field::Field;
use crate::network::parameters::Init;

/// For each head the first-order term and the pairs'.
pub(super) fn factorize(machine: &DeepfmInteraction, builder: &mut Builder, heads: &[Head]) -> Vec<Vec<View>> {
    let rank = machine.rank as usize;
    let vectors = vectors(builder, rank);
    let pairs = builder.pairs(vectors, rank);
    let ones = |head: &Head| Some(Init::Values(vec![1.0; rank * head.units]));
    let of_pairs = terms(builder, pairs, heads, "pairs", ones);
    // Last, since it reads the whole input: gradients are put together from the whole to its parts.
    let of_input = terms(builder, builder.input(), heads, "linear", |_| None);
    of_input.into_iter().zip(of_pairs).map(|(linear, pairs)| vec![linear, pairs]).collect()
}

/// The features' vectors, those of neighbours of one width as one product.
fn vectors(builder: &mut Builder, rank: usize) -> Vec<View> {
    let fields = builder.fields().to_vec();
    let are_alike = |a: &Field, b: &Field| (a.view.width, a.is_embedding) == (b.view.width, b.is_embedding);
    let vectors = |run: &[Field]| {
        let view = View { width: run.iter().map(|field| field.view.width).sum(), ..run[0].view };
        if run[0].is_embedding && run[0].view.width == rank {
            return view;
        }
        let names: Vec<String> = run.iter().map(|field| format!("interaction.factors.{}", field.feature)).collect();
        // The vectors of numbers start as embeddings do.
        let start = (!run[0].is_embedding).then_some(Init::Uniform(INITIAL_BOUND));
        let branch = |name| Branch { start: start.clone(), ..Branch::linear(name, rank) };
        let branches: Vec<Branch<'_>> = names.iter().map(|name| branch(name)).collect();
        builder.grouped_products(view, &branches)
    };
    fields.chunk_by(are_alike).map(vectors).collect()
}

/// A linear term of each head, `heads.<task>.<part>`.
fn terms(
    builder: &mut Builder,
    input: View,
    heads: &[Head],
    part: &str,
    start: impl Fn(&Head) -> Option<Init>,
) -> Vec<View> {
    let names: Vec<String> = heads.iter().map(|head| format!("{}.{part}", head.name)).collect();
    let branch = |(name, head)| Branch { start: start(head), ..Branch::linear(name, head.units) };
    let branches: Vec<Branch<'_>> = names.iter().map(String::as_str).zip(heads).map(branch).collect();
    builder.products(input, &branches)
}
