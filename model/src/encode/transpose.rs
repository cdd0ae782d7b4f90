//! Columns to rows.

/// Rows and columns of a block that is turned at once: its lines stay in the first-level cache.
const BLOCK: usize = 8;

/// Writes columns, each `stride` apart in `columns` and `rows` long, as rows.
pub(super) fn transpose<T: Copy>(columns: &[T], stride: usize, rows: usize, out: &mut [T]) {
    let width = columns.len() / stride;
    if width == 1 {
        out.copy_from_slice(&columns[..rows]);
        return;
    }
    let (whole_rows, whole_columns) = (rows / BLOCK * BLOCK, width / BLOCK * BLOCK);
    for row in (0..whole_rows).step_by(BLOCK) {
        for column in (0..whole_columns).step_by(BLOCK) {
            turn_block(columns, stride, width, row, column, out);
        }
    }
    turn(columns, stride, width, 0..whole_rows, whole_columns..width, out);
    turn(columns, stride, width, whole_rows..rows, 0..width, out);
}

fn turn_block<T: Copy>(columns: &[T], stride: usize, width: usize, row: usize, column: usize, out: &mut [T]) {
    let sources: [&[T]; BLOCK] = std::array::from_fn(|c| &columns[(column + c) * stride + row..][..BLOCK]);
    for r in 0..BLOCK {
        let to = &mut out[(row + r) * width + column..][..BLOCK];
        for c in 0..BLOCK {
            to[c] = sources[c][r];
        }
    }
}

fn turn<T: Copy>(
    from: &[T],
    stride: usize,
    width: usize,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    out: &mut [T],
) {
    for row in rows {
        for column in columns.clone() {
            out[row * width + column] = from[column * stride + row];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_value_arrives_in_its_row(width in 1usize..40, rows in 0usize..50, spare in 0usize..9) {
            let stride = rows + spare + 1;
            let columns: Vec<usize> = (0..width * stride).collect();
            let mut out = vec![usize::MAX; rows * width];
            transpose(&columns, stride, rows, &mut out);
            for row in 0..rows {
                for column in 0..width {
                    prop_assert_eq!(out[row * width + column], column * stride + row);
                }
            }
        }
    }
}
