//! The ids of one feature that has one a row.

use spec::FeatureName;

use super::{InputLayout, Inputs};

/// Where a feature's id stands in [`Inputs::ids`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SingleSlot {
    /// Ids of a row that stand before those of its table.
    before: usize,
    /// Ids of a row in its table.
    slots: usize,
    /// Its place among them.
    place: usize,
    /// The row of the merged table that its id 0 is.
    first_row: i32,
    /// How many ids it has.
    pub(crate) ids: usize,
}

impl InputLayout {
    /// Where a feature's id stands; none where it has none, or a list.
    pub(crate) fn single(&self, feature: &FeatureName) -> Option<SingleSlot> {
        self.tables.iter().enumerate().find_map(|(table, layout)| {
            let place = layout.singles().iter().position(|slot| slot.feature == *feature)?;
            let slot = &layout.slots[place];
            let (before, slots) = (self.slots_before(table), layout.single_slots());
            Some(SingleSlot { before, slots, place, first_row: slot.first_row as i32, ids: slot.rows as usize })
        })
    }
}

impl SingleSlot {
    /// The feature's own id of a row.
    pub(crate) fn id(&self, inputs: &Inputs, row: usize) -> usize {
        (inputs.ids[self.before * inputs.rows + row * self.slots + self.place] - self.first_row) as usize
    }
}

#[cfg(test)]
mod tests {
    use crate::fixtures::{inputs, layout};

    #[test]
    fn the_id_of_a_row_is_the_features_own() {
        let (layout, rows) = (layout(), 9);
        let inputs = inputs(&layout, rows, 5);
        let product = layout.single(&"product".parse().unwrap()).unwrap();
        assert_eq!(product.ids, 3000);
        for row in 0..rows {
            let of_table = layout.slots_before(1) * rows + row * 2;
            assert_eq!(product.id(&inputs, row) as i32, inputs.ids[of_table + 1] - 40);
        }
        assert!(layout.single(&"seen".parse().unwrap()).is_none() && layout.single(&"age".parse().unwrap()).is_none());
    }
}
