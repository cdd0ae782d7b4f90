//! Numbers for hashes, in the order in which they come.

/// No number.
const EMPTY: u32 = u32::MAX;
const FIRST_SLOTS: usize = 1 << 10;

/// Distinct 128-bit hashes: 16 bytes each, and 5 to 11 bytes of a table in which three quarters of the slots are taken
/// at the most (open addressing, one slot behind the other).
#[derive(Debug, Default)]
pub(super) struct Interner {
    hashes: Vec<u128>,
    slots: Vec<u32>,
}

impl Interner {
    /// A hash's number, and whether it is new.
    pub(super) fn insert(&mut self, hash: u128) -> (u32, bool) {
        if (self.hashes.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.slot_of(hash);
        if self.slots[slot] != EMPTY {
            return (self.slots[slot], false);
        }
        let number = self.hashes.len() as u32;
        self.hashes.push(hash);
        self.slots[slot] = number;
        (number, true)
    }

    /// The number of a hash that was inserted.
    pub(super) fn find(&self, hash: u128) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        Some(self.slots[self.slot_of(hash)]).filter(|number| *number != EMPTY)
    }

    /// The hashes, by number.
    pub(super) fn hashes(&self) -> &[u128] {
        &self.hashes
    }

    /// Memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.hashes.capacity() * 16 + self.slots.capacity() * 4
    }

    /// Where a hash is, or would be. Hashes are even already: their lowest bits are as good as any.
    fn slot_of(&self, hash: u128) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = hash as usize & last;
        while self.slots[slot] != EMPTY && self.hashes[self.slots[slot] as usize] != hash {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(FIRST_SLOTS);
        self.slots = vec![EMPTY; slots];
        for number in 0..self.hashes.len() {
            let slot = self.slot_of(self.hashes[number]);
            self.slots[slot] = number as u32;
        }
    }
}
