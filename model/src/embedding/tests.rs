use std::collections::BTreeMap;

use super::update::{EPSILON, InputGradient, RowwiseAdagrad};
use super::{Table, VECTOR};
use crate::error::Error;
use crate::fixtures::{Dice, inputs, layout, sharing_layout};
use crate::input::{InputLayout, Inputs, Pooling};

/// A row of a table and what its optimizer knows.
struct Learned {
    numbers: Vec<f64>,
    sum: f64,
    reads: u32,
}

/// Row-wise Adagrad over one table, an occurrence at a time in f64.
fn reference(
    layout: &InputLayout,
    index: usize,
    inputs: &Inputs,
    (gradient, stride): (&[f32], usize),
    learned: &mut BTreeMap<usize, Learned>,
    [rate, decay]: [f64; 2],
) {
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
        row.sum += sum.iter().map(|g| g * g).sum::<f64>() / table.width as f64;
        row.reads += 1;
        let kept = 1.0 - (rate * decay / f64::from(row.reads)).min(1.0);
        let factor = rate / (row.sum.sqrt() + f64::from(EPSILON));
        row.numbers.iter_mut().zip(&sum).for_each(|(weight, g)| *weight = *weight * kept - factor * g);
    }
}

#[test]
fn each_named_row_is_updated_once_by_the_sum_of_its_gradients_and_no_other_row_is() {
    for layout in [layout(), sharing_layout()] {
        check_updates(&layout, 0.0);
    }
}

#[test]
fn rows_that_are_read_seldom_are_held_back() {
    check_updates(&sharing_layout(), 6.0);
    // The share of a row that the k-th step takes away is never more than all of it.
    check_updates(&sharing_layout(), 90.0);
}

fn check_updates(layout: &InputLayout, decay: f64) {
    let mut tables = Table::initial(layout, 3);
    let mut optimizer = RowwiseAdagrad::new(layout, decay);
    let mut expected: Vec<BTreeMap<usize, Learned>> = (layout.tables.iter().zip(&tables))
        .map(|(layout, table)| {
            let numbers = |row| table.read(row, 1).into_iter().map(f64::from).collect();
            let row = |row| (row, Learned { numbers: numbers(row), sum: 0.0, reads: 0 });
            (0..layout.rows).map(row).collect()
        })
        .collect();
    for step in 0..3 {
        let inputs = inputs(layout, 150, step);
        let stride = layout.width() + 3;
        let mut dice = Dice::new(step + 50);
        let gradient: Vec<f32> = (0..150 * stride + VECTOR).map(|_| dice.number() * 1e-3).collect();
        optimizer.step(layout, &mut tables, &inputs, InputGradient { numbers: &gradient, stride, steps: &[] }, 0.05);
        for (index, expected) in expected.iter_mut().enumerate() {
            reference(layout, index, &inputs, (&gradient, stride), expected, [0.05, decay]);
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
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut tables = Table::initial(&layout, 3);
        let mut optimizer = RowwiseAdagrad::new(&layout, 20.0);
        let inputs = inputs(&layout, 700, 1);
        let mut dice = Dice::new(9);
        let numbers: Vec<f32> = (0..700 * layout.width() + VECTOR).map(|_| dice.number()).collect();
        let gradient = InputGradient { numbers: &numbers, stride: layout.width(), steps: &[] };
        pool.install(|| optimizer.step(&layout, &mut tables, &inputs, gradient, 0.1));
        tables.iter().map(|table| table.numbers.to_vec()).collect::<Vec<_>>()
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
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
