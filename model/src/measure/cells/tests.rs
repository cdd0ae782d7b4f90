use super::{Cells, EXACT_ROWS, MOST_CELLS, float_of, ordered_bits};

#[test]
fn ordered_bits_order_as_numbers_do() {
    let numbers = [f32::MIN, -1.5, -f32::MIN_POSITIVE, 0.0, f32::MIN_POSITIVE, 0.25, 1.0, 7e9, f32::MAX];
    for pair in numbers.windows(2) {
        assert!(ordered_bits(pair[0]) < ordered_bits(pair[1]), "{pair:?}");
    }
    assert_eq!(ordered_bits(-0.0), ordered_bits(0.0));
    numbers.iter().for_each(|number| assert_eq!(float_of(ordered_bits(*number)), *number));
}

fn push_rows(cells: &mut Cells, rows: impl Iterator<Item = usize>) {
    for row in rows {
        let x = (row as f64 * 0.618_033_988_75).fract() as f32;
        cells.push(x, (row % 5) as f32, 1.0 + (row % 3) as f32);
    }
}

#[test]
fn memory_is_bounded_and_sums_are_kept() {
    let mut cells = Cells::default();
    let rows = 2 * EXACT_ROWS + 17;
    push_rows(&mut cells, 0..rows);
    assert!(cells.rows.len() <= EXACT_ROWS && cells.cells.len() <= MOST_CELLS);
    let (cells, is_exact) = cells.finish();
    assert!(!is_exact && cells.len() <= MOST_CELLS && cells.len() > MOST_CELLS / 4);
    let weight: f64 = cells.iter().map(|cell| cell.weight).sum();
    assert_eq!(weight, (0..rows).map(|row| 1.0 + (row % 3) as f64).sum::<f64>());
    assert!(cells.is_sorted_by_key(|cell| (cell.x_key(), cell.y_key())));
}

#[test]
fn what_is_dropped_depends_on_the_rows_alone() {
    let rows = EXACT_ROWS + EXACT_ROWS / 8;
    let mut whole = Cells::default();
    push_rows(&mut whole, 0..rows);
    let [mut first, mut second, mut third] = [Cells::default(), Cells::default(), Cells::default()];
    push_rows(&mut first, (0..rows).rev().filter(|row| row % 3 == 0));
    push_rows(&mut second, (0..rows).filter(|row| row % 3 == 1));
    push_rows(&mut third, (0..rows).filter(|row| row % 3 == 2));
    second.merge(third);
    first.merge(second);
    let (whole, _) = whole.finish();
    let (merged, _) = first.finish();
    assert_eq!(whole.len(), merged.len());
    for (a, b) in whole.iter().zip(&merged) {
        assert_eq!((a.key, a.weight, a.x_span(), a.y_span()), (b.key, b.weight, b.x_span(), b.y_span()));
    }
}
