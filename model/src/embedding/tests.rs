use std::collections::BTreeMap;

use spec::training::EmbeddingOptimizerKind::{Adagrad, RowwiseAdagrad, RowwiseAdam};
use spec::training::{EmbeddingOptimizer, EmbeddingOptimizerKind};

use super::rule::{Row, Rule};
use super::update::{InputGradient, TableOptimizer};
use super::{Table, VECTOR};
use crate::error::Error;
use crate::fixtures::{Dice, inputs, layout, sharing_layout};
use crate::input::{InputLayout, Inputs, Pooling};
use crate::optimize::dense::Step;

const KINDS: [EmbeddingOptimizerKind; 3] = [RowwiseAdagrad, Adagrad, RowwiseAdam];

/// A row of a table and what its optimizer knows.
struct Learned {
    numbers: Vec<f64>,
    squares: Vec<f64>,
    first: Vec<f64>,
    reads: u32,
}

impl Learned {
    fn new(numbers: Vec<f64>) -> Self {
        let zeros = vec![0.0; numbers.len()];
        Self { squares: zeros.clone(), first: zeros, numbers, reads: 0 }
    }

    /// A number at a time; what rows have one of, here each of their numbers has.
    fn descend(&mut self, kind: EmbeddingOptimizerKind, gradient: &[f64], rate: f64, t: i32) {
        let mean = gradient.iter().map(|g| g * g).sum::<f64>() / gradient.len() as f64;
        for (i, g) in gradient.iter().enumerate() {
            let (square, first) = (&mut self.squares[i], &mut self.first[i]);
            self.numbers[i] -= match kind {
                RowwiseAdagrad => {
                    *square += mean;
                    rate * g / (square.sqrt() + 1e-8)
                }
                Adagrad => {
                    *square += g * g;
                    rate * g / (square.sqrt() + 1e-10)
                }
                RowwiseAdam => {
                    *first = 0.9 * *first + 0.1 * g;
                    *square = 0.999 * *square + 0.001 * mean;
                    let (first, square) = (*first / (1.0 - 0.9f64.powi(t)), *square / (1.0 - 0.999f64.powi(t)));
                    rate * first / (square.sqrt() + 1e-8)
                }
            };
        }
    }
}

fn optimizer(kind: EmbeddingOptimizerKind, rate: f64, rare_decay: f64) -> EmbeddingOptimizer {
    EmbeddingOptimizer { kind, learning_rate: Some(rate), rare_decay }
}

fn step(index: u64) -> Step {
    Step { index, rate_factor: 1.0, gradient_scale: 1.0 }
}

/// A step over one table, an occurrence at a time in f64.
fn reference(
    layout: &InputLayout,
    index: usize,
    inputs: &Inputs,
    (gradient, stride): (&[f32], usize),
    learned: &mut BTreeMap<usize, Learned>,
    (optimizer, t): (&EmbeddingOptimizer, i32),
) {
    let (rate, decay) = (optimizer.top_rate(), optimizer.rare_decay);
    let table = &layout.tables[index];
    let first_column = layout.numeric_width() + layout.tables[..index].iter().map(|t| t.output_width()).sum::<usize>();
    let first_bag = layout.tables[..index].iter().map(|t| t.bags().len()).sum::<usize>();
    let mut sums: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let mut add = |id: i32, row: usize, slot: usize, scale: f64| {
        let sum = sums.entry(id as usize).or_insert_with(|| vec![0.0; table.width]);
        for (column, sum) in sum.iter_mut().enumerate() {
            *sum += scale * f64::from(gradient[row * stride + first_column + slot * table.width + column]);
        }
    };
    for row in 0..inputs.rows {
        for (slot, &id) in inputs.table_ids(layout, index, row..row + 1).iter().enumerate() {
            add(id, row, slot, 1.0);
        }
        for (place, slot) in table.bags().iter().enumerate() {
            let bag = &inputs.bags[first_bag + place];
            let ids = bag.row(row);
            for (at, &id) in ids.iter().enumerate() {
                let scale = match slot.pool {
                    Some(Pooling::Mean) => 1.0 / ids.len() as f64,
                    Some(Pooling::Weighted) => f64::from(bag.row_weights(row)[at]),
                    Some(Pooling::Sum | Pooling::Attention) | None => 1.0,
                };
                add(id, row, table.single_slots() + place, scale);
            }
        }
    }
    for (id, sum) in sums {
        let row = learned.get_mut(&id).unwrap();
        row.reads += 1;
        let kept = 1.0 - (rate * decay / f64::from(row.reads)).min(1.0);
        row.numbers.iter_mut().for_each(|weight| *weight *= kept);
        row.descend(optimizer.kind, &sum, rate, t);
    }
}

#[test]
fn each_named_row_is_updated_once_by_the_sum_of_its_gradients_and_no_other_row_is() {
    for kind in KINDS {
        for layout in [layout(), sharing_layout()] {
            check_updates(&layout, kind, 0.0);
        }
    }
}

/// numpy's figures of the formulas in f64, Adagrad's being that of `torch.optim.Adagrad` with its defaults: a row that is read in steps 1, 2
/// and 5.
#[test]
fn rules_give_the_figures_of_their_formulas() {
    let read = [(1, [0.2, -0.1, 0.0]), (2, [0.05, 0.4, -0.3]), (5, [-0.1, 0.02, 0.6])];
    let expected = [
        (RowwiseAdagrad, [0.350_449_483_545_869_7, -0.302_730_610_834_612_67, 0.092_787_167_634_996_31]),
        (Adagrad, [0.419_390_015_586_282_2, -0.251_859_265_920_945_15, 0.135_557_280_880_008_4]),
        (RowwiseAdam, [0.278_850_159_123_674_06, -0.279_639_864_719_223_25, 0.157_289_631_570_146_97]),
    ];
    for (kind, expected) in expected {
        let (mut weights, mut squares, mut first) = ([0.5, -0.25, 0.125, 0.0], vec![0.0; 4], [0.0; 4]);
        squares.truncate(if kind.has_squares_of_rows() { 1 } else { 4 });
        for (t, gradient) in read {
            let gradient = [&gradient[..], &[0.0]].concat();
            let row = Row { weights: &mut weights, squares: &mut squares, first: &mut first, width: 3 };
            Rule::at(&optimizer(kind, 0.1, 0.0), step(t - 1)).descend(row, &gradient);
        }
        for (found, expected) in weights.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{kind:?}: {found} is not {expected}");
        }
        assert_eq!(weights[3], 0.0);
    }
}

#[test]
fn rows_that_are_read_seldom_are_held_back() {
    for kind in KINDS {
        check_updates(&sharing_layout(), kind, 6.0);
        // The share of a row that the k-th step takes away is never more than all of it.
        check_updates(&sharing_layout(), kind, 90.0);
    }
}

fn check_updates(layout: &InputLayout, kind: EmbeddingOptimizerKind, decay: f64) {
    let mut tables = Table::initial(layout, 3);
    let settings = optimizer(kind, 0.05, decay);
    let mut optimizer = TableOptimizer::new(layout, &settings);
    let mut expected: Vec<BTreeMap<usize, Learned>> = (layout.tables.iter().zip(&tables))
        .map(|(layout, table)| {
            let numbers = |row| table.read(row, 1).into_iter().map(f64::from).collect();
            let row = |row| (row, Learned::new(numbers(row)));
            (0..layout.rows).map(row).collect()
        })
        .collect();
    for index in 0..3 {
        let inputs = inputs(layout, 150, index);
        let stride = layout.width() + 3;
        let mut dice = Dice::new(index + 50);
        let gradient: Vec<f32> = (0..150 * stride + VECTOR).map(|_| dice.number() * 1e-3).collect();
        let by = InputGradient { numbers: &gradient, stride, steps: &[] };
        optimizer.step(layout, &mut tables, &inputs, by, step(index));
        for (table, expected) in expected.iter_mut().enumerate() {
            reference(layout, table, &inputs, (&gradient, stride), expected, (&settings, index as i32 + 1));
        }
    }
    for ((layout, table), expected) in layout.tables.iter().zip(&tables).zip(&expected) {
        for row in 0..layout.rows {
            for (found, expected) in table.read(row, 1).iter().zip(&expected[&row].numbers) {
                // Sums of up to a few hundred f32 gradients.
                assert!((f64::from(*found) - expected).abs() < 2e-5, "row {row}: {found} is not {expected}");
            }
        }
        let padding = table.numbers.chunks(table.stride).flat_map(|row| &row[table.width..]);
        assert!(padding.into_iter().all(|&number| number == 0.0));
    }
}

#[test]
fn an_update_is_the_same_on_any_number_of_threads() {
    let layout = sharing_layout();
    let run = |kind, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut tables = Table::initial(&layout, 3);
        let mut optimizer = TableOptimizer::new(&layout, &optimizer(kind, 0.1, 20.0));
        let inputs = inputs(&layout, 700, 1);
        let mut dice = Dice::new(9);
        let numbers: Vec<f32> = (0..700 * layout.width() + VECTOR).map(|_| dice.number()).collect();
        let gradient = InputGradient { numbers: &numbers, stride: layout.width(), steps: &[] };
        pool.install(|| optimizer.step(&layout, &mut tables, &inputs, gradient, step(0)));
        tables.iter().map(|table| table.numbers.to_vec()).collect::<Vec<_>>()
    };
    for kind in KINDS {
        let one = run(kind, 1);
        assert_eq!(one, run(kind, 2));
        assert_eq!(one, run(kind, 3));
    }
}

#[test]
fn an_id_outside_its_features_rows_is_refused_by_name_and_row() {
    let layout = layout();
    // Row 4 of `product` (table 1, second slot) holds an id of `city`.
    let mut wrong = inputs(&layout, 6, 1);
    wrong.ids[layout.slots_before(1) * 6 + 4 * 2 + 1] = 39;
    match super::gather::check_ids(&layout, &wrong, 0..6) {
        Err(Error::Id { feature, row: 4, id: 39, first: 40, end: 3040 }) => assert_eq!(feature.as_str(), "product"),
        other => panic!("{other:?}"),
    }
    assert!(super::gather::check_ids(&layout, &wrong, 0..4).is_ok());
    let mut wrong = inputs(&layout, 6, 1);
    wrong.bags[1].push(&[-1]);
    wrong.bags[1].offsets.remove(1);
    assert!(matches!(super::gather::check_ids(&layout, &wrong, 0..6), Err(Error::Id { id: -1, row: 5, .. })));
}

#[test]
fn a_batch_of_another_shape_is_refused() {
    let layout = layout();
    let good = inputs(&layout, 6, 1);
    let broken: [fn(&mut Inputs); 6] = [
        |inputs| inputs.numeric.truncate(3),
        |inputs| inputs.ids.push(0),
        |inputs| inputs.bags.truncate(1),
        |inputs| inputs.bags[0].offsets.truncate(3),
        |inputs| inputs.bags[0].ids.push(0),
        |inputs| inputs.bags[0].weights.push(1.0),
    ];
    assert!(super::gather::check_shape(&layout, &good).is_ok());
    for change in broken {
        let mut inputs = good.clone();
        change(&mut inputs);
        assert!(matches!(super::gather::check_shape(&layout, &inputs), Err(Error::BatchShape { rows: 6, .. })));
    }
}
