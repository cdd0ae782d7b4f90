//! Ids and the rows that link them; and then people, the connected components.

use artifacts::keys::hash_text;

use super::interner::Interner;

/// Records that are joined between two chances for other tasks of the thread.
const RECORDS_AT_ONCE: usize = 1 << 16;

/// Ids and records as they are read. A *record* is a set of two or more ids that stand in a row; however many rows have
/// the same set, it is one record.
#[derive(Debug, Default)]
pub(super) struct Groups {
    ids: Interner,
    /// The kind of each id.
    kinds: Vec<u16>,
    /// In how many records each id is.
    records: Vec<u32>,
    /// The records that there are, by the hash of their ids' numbers.
    signatures: Interner,
    /// The ids of all records, one behind the other, and where each record ends.
    members: Vec<u32>,
    ends: Vec<u64>,
}

impl Groups {
    /// The number of an id.
    pub(super) fn id(&mut self, hash: u128, kind: usize) -> u32 {
        let (number, is_new) = self.ids.insert(hash);
        if is_new {
            self.kinds.push(kind as u16);
            self.records.push(0);
        }
        number
    }

    /// Adds the ids of a row, which are left sorted, each once.
    pub(super) fn add_record(&mut self, ids: &mut Vec<u32>) {
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < 2 {
            return;
        }
        let numbers: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        let (_, is_new) = self.signatures.insert(hash_text(&numbers, 0));
        if is_new {
            ids.iter().for_each(|id| self.records[*id as usize] += 1);
            self.members.extend_from_slice(ids);
            self.ends.push(self.members.len() as u64);
        }
    }

    /// Different ids.
    pub(super) fn ids(&self) -> usize {
        self.kinds.len()
    }

    /// Memory taken, and to be taken by [`Groups::resolve`].
    pub(super) fn bytes(&self) -> usize {
        let vectors = 2 * self.kinds.capacity() + 4 * self.records.capacity();
        let records = self.signatures.bytes() + 4 * self.members.capacity() + 8 * self.ends.capacity();
        let to_come = self.ids() * (4 + 1 + 1 + 4);
        self.ids.bytes() + vectors + records + to_come
    }

    /// Joins the ids of every record, but for those that are in more records than their kind may be.
    pub(super) async fn resolve(self, most_records: &[u32]) -> People {
        let Self { ids, kinds, records, signatures, members, ends } = self;
        drop(signatures);
        let is_shared = |id: usize| records[id] > most_records[usize::from(kinds[id])];
        let shared: Vec<bool> = (0..kinds.len()).map(is_shared).collect();
        let mut people = People { parents: (0..kinds.len() as u32).collect(), shared, met: Vec::new(), ids, kinds };
        let mut start = 0;
        for (record, end) in ends.iter().map(|end| *end as usize).enumerate() {
            let mut first = None;
            for id in &members[start..end] {
                match first {
                    _ if people.shared[*id as usize] => {}
                    None => first = Some(*id),
                    Some(first) => people.join(first, *id),
                }
            }
            start = end;
            if record % RECORDS_AT_ONCE == RECORDS_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
        }
        people
    }
}

/// Who is who: disjoint sets of ids (Tarjan 1975), each under its smallest id.
#[derive(Debug)]
pub(super) struct People {
    ids: Interner,
    kinds: Vec<u16>,
    /// For each id another one of the same person, nearer to the smallest; the smallest itself for that.
    parents: Vec<u32>,
    /// Ids of nobody.
    shared: Vec<bool>,
    /// Ids that [`People::meet`] has met.
    met: Vec<bool>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) ids: u64,
    pub(super) people: u64,
    pub(super) most_ids: u64,
}

impl People {
    /// The key of an id's person, the first time that the id is met; `None` for ids of nobody, and every time after.
    pub(super) fn meet(&mut self, hash: u128) -> Option<u128> {
        let id = self.ids.find(hash)?;
        self.met.resize(self.parents.len(), false);
        let is_new = !std::mem::replace(&mut self.met[id as usize], true);
        if !is_new || self.shared[id as usize] {
            return None;
        }
        let root = self.root(id);
        Some(self.ids.hashes()[root as usize])
    }

    /// How many ids and people there are.
    pub(super) fn sizes(&self) -> Sizes {
        let mut ids_of = vec![0u32; self.parents.len()];
        for id in (0..self.parents.len() as u32).filter(|id| !self.shared[*id as usize]) {
            ids_of[self.find(id) as usize] += 1;
        }
        Sizes {
            ids: ids_of.iter().map(|ids| u64::from(*ids)).sum(),
            people: ids_of.iter().filter(|ids| **ids > 0).count() as u64,
            most_ids: ids_of.iter().copied().max().unwrap_or(0).into(),
        }
    }

    /// Ids of nobody, by kind.
    pub(super) fn shared(&self, kinds: usize) -> Vec<u64> {
        let mut shared = vec![0; kinds];
        for (kind, _) in self.kinds.iter().zip(&self.shared).filter(|(_, is_shared)| **is_shared) {
            shared[usize::from(*kind)] += 1;
        }
        shared
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        let (smaller, larger) = if self.order(one) <= self.order(other) { (one, other) } else { (other, one) };
        self.parents[larger as usize] = smaller;
    }

    /// The smallest id of a person, with every way to it halved.
    fn root(&mut self, mut id: u32) -> u32 {
        while self.parents[id as usize] != id {
            let above = self.parents[self.parents[id as usize] as usize];
            self.parents[id as usize] = above;
            id = above;
        }
        id
    }

    fn find(&self, mut id: u32) -> u32 {
        while self.parents[id as usize] != id {
            id = self.parents[id as usize];
        }
        id
    }

    fn order(&self, id: u32) -> (u16, u128) {
        (self.kinds[id as usize], self.ids.hashes()[id as usize])
    }
}
