//! One feature's values dealt out anew among the rows, all others as they are.

use spec::FeatureName;

use super::{InputLayout, Inputs, Slot};

impl Inputs {
    /// Gives every row `r` the values of one feature that row `order[r]` of `from` has: `from` has the same layout and as many
    /// rows as `self`. Sequences that share their places are dealt out together: a step is whole or it is none.
    pub fn take_feature(&mut self, layout: &InputLayout, feature: &FeatureName, from: &Self, order: &[u32]) {
        self.take_numbers(layout, feature, from, order);
        let group = layout.attended.iter().find(|attended| attended.features.contains(feature));
        let is_taken =
            |slot: &Slot| slot.feature == *feature || group.is_some_and(|group| group.features.contains(&slot.feature));
        let mut bags_before = 0;
        for (index, table) in layout.tables.iter().enumerate() {
            let slots = table.single_slots();
            let first = layout.slots_before(index) * self.rows;
            for slot in (0..slots).filter(|&slot| &table.slots[slot].feature == feature) {
                for (row, &other) in order.iter().enumerate() {
                    self.ids[first + row * slots + slot] = from.ids[first + other as usize * slots + slot];
                }
            }
            for (bag, _) in table.bags().iter().enumerate().filter(|(_, slot)| is_taken(slot)) {
                let (to, from) = (&mut self.bags[bags_before + bag], &from.bags[bags_before + bag]);
                to.clear();
                order.iter().for_each(|&other| to.push_row(from, other as usize));
            }
            bags_before += table.bags().len();
        }
    }

    fn take_numbers(&mut self, layout: &InputLayout, feature: &FeatureName, from: &Self, order: &[u32]) {
        let width = layout.numeric_width();
        let mut first = 0;
        for slot in &layout.numeric {
            if &slot.feature == feature {
                for (row, &other) in order.iter().enumerate() {
                    let (to, from_row) = (row * width + first, other as usize * width + first);
                    self.numeric[to..to + slot.width].copy_from_slice(&from.numeric[from_row..from_row + slot.width]);
                }
            }
            first += slot.width;
        }
    }
}
