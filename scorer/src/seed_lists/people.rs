//! Whom lists are learned from: their seeds and a sample of the population, met in one pass over it.

use std::collections::HashMap;

use artifacts::keys::{hash_nullable_keys, seed_of, unit_interval};
use feed::FeedBatch;
use model::measure::BinaryMeasures;
use query::KeySet;
use spec::ColumnName;

use super::SeedList;
use crate::error::{Result, ScorerError};
use crate::run::Run;

/// Seeds of a list that are learned from at the most: those whose hash is lowest.
const LEARNED_SEEDS: usize = 5000;

/// Every so manieth person is kept apart to judge a list.
const HELD_OUT: usize = 5;

/// Who is learned from, by place: the how-manieth of all who are.
pub(super) struct People<'a> {
    key: &'a ColumnName,
    /// Who is wanted as a seed, ascending.
    seeds: Vec<u128>,
    /// The share of the population that is sampled.
    rate: f64,
    count: usize,
    /// Hash and place of each seed, in the population's order, each once.
    found: HashMap<u128, usize>,
    /// The same of the sampled people.
    sample: Vec<(u128, usize)>,
}

impl<'a> People<'a> {
    pub(super) fn new(run: &'a Run, lists: &[SeedList], rows: u64) -> Self {
        let mut seeds: Vec<u128> = lists.iter().flat_map(|list| learned(&list.found)).copied().collect();
        seeds.sort_unstable();
        seeds.dedup();
        let sample = run.spec().seed_lists.values().map(|lists| lists.sample).max().unwrap_or_default();
        let rate = f64::from(sample) / rows.max(1) as f64;
        Self { key: &run.spec().key, seeds, rate, count: 0, found: HashMap::new(), sample: Vec::new() }
    }

    /// The rows of a batch's people who are wanted; they get the next places.
    pub(super) fn pick(&mut self, batch: &FeedBatch) -> Result<Vec<u32>> {
        let keys = batch.carry.as_ref().and_then(|carried| carried.column_by_name(self.key.as_str()));
        let keys = keys.ok_or(ScorerError::Broken)?;
        let is_no_key = |source| ScorerError::Key { column: self.key.clone(), source };
        let hashes = hash_nullable_keys(keys, KeySet::SEED).map_err(is_no_key)?;
        let draws = hash_nullable_keys(keys, seed_of("seed_lists", "")).map_err(is_no_key)?;
        let mut wanted = Vec::new();
        for ((row, hash), draw) in (0u32..).zip(&hashes).zip(&draws) {
            let Some(hash) = *hash else { continue };
            let is_sampled = draw.is_some_and(|draw| unit_interval(draw) < self.rate);
            let is_seed = self.seeds.binary_search(&hash).is_ok() && !self.found.contains_key(&hash);
            if !is_sampled && !is_seed {
                continue;
            }
            let place = self.count + wanted.len();
            if is_seed {
                self.found.insert(hash, place);
            }
            if is_sampled {
                self.sample.push((hash, place));
            }
            wanted.push(row);
        }
        self.count += wanted.len();
        Ok(wanted)
    }

    /// The places of all who were sampled.
    pub(super) fn sample(&self) -> impl Iterator<Item = usize> {
        self.sample.iter().map(|(_, person)| *person)
    }

    /// Learns a list from its seeds and the sampled others, and says how well it does on a fifth of the people when it has learned
    /// from the others.
    ///
    /// # Errors
    ///
    /// A list that everybody is on; what learning and scoring fail with.
    pub(super) fn learn<Learned>(
        &self,
        list: &SeedList,
        fit: impl Fn(&[usize], &[usize]) -> Result<Learned>,
        scores: impl Fn(&Learned, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<(Learned, String)> {
        let seeds: Vec<usize> = learned(&list.found).iter().filter_map(|hash| self.found.get(hash).copied()).collect();
        let others = self.sample.iter().filter(|(hash, _)| !list.keys.contains(*hash));
        let others: Vec<usize> = others.map(|(_, person)| *person).collect();
        if others.is_empty() {
            return Err(ScorerError::OnlySeeds { name: list.name.clone() });
        }
        let probe = fit(&apart(&seeds, false), &apart(&others, false))?;
        let mut measures = BinaryMeasures::default();
        for (people, label) in [(&seeds, 1.0), (&others, 0.0)] {
            for score in scores(&probe, &apart(people, true))? {
                measures.push(score, label, 1.0).map_err(|_| ScorerError::Broken)?;
            }
        }
        let note = note(list, seeds.len(), &measures);
        Ok((fit(&seeds, &others)?, note))
    }
}

/// Those who are held out, or the others.
fn apart(people: &[usize], is_held_out: bool) -> Vec<usize> {
    let numbered = people.iter().enumerate().filter(|(number, _)| (number % HELD_OUT == 0) == is_held_out);
    numbered.map(|(_, person)| *person).collect()
}

fn learned(found: &[u128]) -> &[u128] {
    &found[..found.len().min(LEARNED_SEEDS)]
}

fn note(list: &SeedList, learned: usize, measures: &BinaryMeasures) -> String {
    let metrics = measures.metrics();
    let auc = match (metrics.auc, metrics.auc_interval) {
        (Some(auc), Some(interval)) if interval.low <= 0.5 => {
            format!("AUC {auc:.3} ({:.2} to {:.2}) on a fifth held out: no signal shown", interval.low, interval.high)
        }
        (Some(auc), Some(interval)) => {
            format!("AUC {auc:.3} ({:.2} to {:.2}) on a fifth held out", interval.low, interval.high)
        }
        (Some(_), None) | (None, _) => "too few to be judged".to_owned(),
    };
    let (size, found) = (list.keys.len(), list.found.len());
    format!("{}: {size} seeds, {found} of them in the population, {learned} learned from; {auc}", list.name)
}
