//! A vocabulary's texts, looked up many at a time.

use xxhash_rust::xxh3::xxh3_64;

use super::hash::{MAX_TEXT_BYTES, vocabulary_text};
use super::ids::Vocabulary;
use super::values::TEXTS;
use crate::kernel::memory::prefetch;

/// An open-addressing table, at most half full: a slot holds the upper 32 bits of a text's hash and its number, counted
/// from 1; an empty one is 0.
#[derive(Debug)]
pub(super) struct TextTable {
    slots: Vec<u64>,
    /// Where text i lies in `bytes`: from end i to end i + 1.
    ends: Vec<usize>,
    bytes: Vec<u8>,
    unknown: i32,
}

/// How far a search has come.
#[derive(Debug, Clone, Copy, Default)]
struct Search {
    hash: u64,
    slot: usize,
    /// The first text whose hash agrees; 0 for none.
    number: usize,
}

impl TextTable {
    /// The unknown id follows `first`, and the texts' ids that.
    pub(super) fn new(vocabulary: &Vocabulary, first: i32) -> Self {
        let entries = vocabulary.len();
        let slots = vec![0; (entries * 2).next_power_of_two().max(2)];
        let mut table = Self { slots, ends: vec![0], bytes: Vec::new(), unknown: first + 1 };
        vocabulary.each_text(|text| table.insert(text.as_bytes()));
        table
    }

    fn insert(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        let hash = xxh3_64(text);
        let mut slot = self.home(hash);
        while self.slots[slot] != 0 {
            slot = self.after(slot);
        }
        self.slots[slot] = hash >> 32 << 32 | (self.ends.len() - 1) as u64;
    }

    /// The id of one text.
    pub(super) fn find(&self, text: &[u8]) -> i32 {
        let hash = xxh3_64(text);
        self.settle(self.candidate(hash, self.home(hash)), text)
    }

    /// The ids of at most [`TEXTS`] texts. Each step is taken for all of them before the next one, because each waits for
    /// memory that the one before has asked for.
    pub(super) fn find_all(&self, texts: &[&[u8]], ids: &mut [i32]) {
        let mut searches = [Search::default(); TEXTS];
        for (search, text) in searches.iter_mut().zip(texts) {
            search.hash = xxh3_64(text);
            search.slot = self.home(search.hash);
            prefetch(&self.slots, search.slot);
        }
        for search in &mut searches[..texts.len()] {
            *search = self.candidate(search.hash, search.slot);
            prefetch(&self.ends, search.number.saturating_sub(1));
        }
        for search in &searches[..texts.len()] {
            prefetch(&self.bytes, self.ends[search.number.saturating_sub(1)]);
        }
        for ((search, text), id) in searches.into_iter().zip(texts).zip(ids) {
            *id = match text.len() {
                ..=MAX_TEXT_BYTES => self.settle(search, text),
                _ => self.find(&vocabulary_text(text)),
            };
        }
    }

    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// The first text from `slot` on whose hash agrees.
    fn candidate(&self, hash: u64, mut slot: usize) -> Search {
        loop {
            let found = self.slots[slot];
            if found == 0 || found >> 32 == hash >> 32 {
                return Search { hash, slot, number: found as u32 as usize };
            }
            slot = self.after(slot);
        }
    }

    fn settle(&self, mut search: Search, text: &[u8]) -> i32 {
        while search.number != 0 {
            if &self.bytes[self.ends[search.number - 1]..self.ends[search.number]] == text {
                return self.unknown + search.number as i32;
            }
            search = self.candidate(search.hash, self.after(search.slot));
        }
        self.unknown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(texts: &[String]) -> TextTable {
        TextTable::new(&Vocabulary::Texts(texts.to_vec()), 10)
    }

    proptest! {
        #[test]
        fn texts_have_their_ids_one_by_one_and_together(
            known in proptest::collection::hash_set("[a-c]{0,4}", 0..60),
            asked in proptest::collection::vec("[a-d]{0,4}", 0..TEXTS),
        ) {
            let known: Vec<String> = known.into_iter().collect();
            let (table, mut ids) = (table(&known), vec![0; asked.len()]);
            let texts: Vec<&[u8]> = asked.iter().map(String::as_bytes).collect();
            table.find_all(&texts, &mut ids);
            for (text, id) in asked.iter().zip(ids) {
                let place = known.iter().position(|known| known == text);
                prop_assert_eq!(id, place.map_or(11, |place| 12 + place as i32));
                prop_assert_eq!(id, table.find(text.as_bytes()));
            }
        }
    }

    #[test]
    fn texts_of_equal_hash_bits_are_told_apart() {
        let texts = ["one".to_owned(), "two".to_owned()];
        let mut table = table(&texts);
        let asked = xxh3_64(b"three");
        // The slot where "three" is looked for says "one" with the hash of "three".
        table.slots.fill(0);
        let home = table.home(asked);
        table.slots[home] = asked >> 32 << 32 | 1;
        assert_eq!(table.find(b"three"), 11);
    }

    #[test]
    fn long_texts_are_found_by_their_digest() {
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        let digest = String::from_utf8(vocabulary_text(long.as_bytes()).into_owned()).expect("ASCII");
        let (table, mut ids) = (table(&[digest]), [0; 2]);
        table.find_all(&[long.as_bytes(), b"y"], &mut ids);
        assert_eq!(ids, [12, 11]);
    }
}
