//! A uniform sample of bounded size of however many rows there are: all of them while they fit, and beyond that those
//! whose numbers are drawn. The same rows in the same order give the same sample.

/// The sample.
#[derive(Debug, Clone)]
pub(crate) struct Sample<T> {
    /// Each with what was drawn for it, in the order in which they came.
    rows: Vec<(u64, T)>,
    most: usize,
    seen: u64,
    /// A row is in with a chance of one in 2^`halvings`.
    halvings: u32,
}

impl<T> Sample<T> {
    /// One without rows, that will keep at most so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { rows: Vec::new(), most: most.max(1), seen: 0, halvings: 0 }
    }

    /// The next row.
    pub(crate) fn push(&mut self, row: T) {
        let drawn = mixed(self.seen);
        self.seen += 1;
        if !is_drawn(drawn, self.halvings) {
            return;
        }
        self.rows.push((drawn, row));
        while self.rows.len() > self.most {
            self.halvings += 1;
            let halvings = self.halvings;
            self.rows.retain(|(drawn, _)| is_drawn(*drawn, halvings));
        }
    }

    /// Rows that came, in the sample or not.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// The sample's rows, in the order in which they came.
    pub(crate) fn into_rows(self) -> Vec<T> {
        self.rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// Whether what was drawn is in with a chance of one in 2^`halvings`.
pub(super) fn is_drawn(drawn: u64, halvings: u32) -> bool {
    drawn.leading_zeros() >= halvings
}

/// SplitMix64 of a row's number.
pub(super) fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rows: u32, most: usize) -> Sample<u32> {
        let mut sample = Sample::new(most);
        (0..rows).for_each(|row| sample.push(row));
        sample
    }

    #[test]
    fn all_rows_are_kept_while_they_fit() {
        let whole = sample(500, 500);
        assert_eq!(whole.seen(), 500);
        assert_eq!(whole.into_rows(), (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn beyond_that_every_row_has_the_same_chance() {
        let rows = 100_000;
        let drawn = sample(rows, 4096);
        assert_eq!(drawn.seen(), u64::from(rows));
        let drawn = drawn.into_rows();
        assert!(drawn.len() <= 4096 && drawn.len() > 2500, "{}", drawn.len());
        assert!(drawn.is_sorted());
        let middle = drawn.iter().map(|row| f64::from(*row)).sum::<f64>() / drawn.len() as f64;
        // Five standard errors of the mean of uniform numbers.
        let tolerance = 5.0 * f64::from(rows) / (12.0 * drawn.len() as f64).sqrt();
        assert!((middle - 0.5 * f64::from(rows)).abs() < tolerance, "{middle}");
        assert_eq!(drawn, sample(rows, 4096).into_rows());
    }
}
