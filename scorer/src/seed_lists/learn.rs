//! Learning the lists: their people's embeddings and a sample's from one pass over the population, then a head for each list.

use std::collections::HashMap;

use artifacts::keys::{hash_nullable_keys, seed_of, unit_interval};
use feed::FeedBatch;
use model::measure::BinaryMeasures;
use model::seed_head::{Embeddings, HeadOptions, SeedHead, SeedHeads, Standard};
use query::KeySet;
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use spec::ColumnName;
use spec::scoring::SeedLists;
use tokio::runtime::Handle;

use super::SeedList;
use crate::error::{Result, ScorerError};
use crate::reading::Reading;
use crate::run::Run;

/// Seeds of a list that are learned from at the most: those whose hash is lowest.
const LEARNED_SEEDS: usize = 5000;

/// Every so manieth person is kept apart to judge a list.
const HELD_OUT: usize = 5;

/// Learns lists over the population. Blocking, on a thread of its own.
///
/// # Errors
///
/// A population that cannot be read or encoded; a list that everybody is on.
pub(crate) fn learn(run: &Run, lists: &[SeedList], reading: &Reading, runtime: &Handle) -> Result<SeedHeads> {
    let mut people = People::new(run, lists, reading.population.rows(), reading.predictor.embedding_width());
    let carry = vec![run.spec().key.clone()];
    reading.each_batch("learn seed lists", carry, runtime, |batch| people.add(batch, reading))?;
    let standard = Standard::of(people.of(people.sample.iter().map(|(_, person)| *person)).as_slice());
    let head = |list: &SeedList| people.head(list, &run.spec().seed_lists[&list.declared], &standard);
    let pool = ThreadPoolBuilder::new().num_threads(run.threads()).build().map_err(ScorerError::Threads)?;
    let learned: Vec<(SeedHead, String)> = pool.install(|| lists.par_iter().map(head).collect::<Result<_>>())?;
    let (heads, notes): (Vec<SeedHead>, Vec<String>) = learned.into_iter().unzip();
    notes.into_iter().for_each(|note| reading.progress.note(note));
    Ok(SeedHeads { standard, heads })
}

/// The embeddings of all who are learned from.
struct People<'a> {
    key: &'a ColumnName,
    /// Whose embeddings are wanted, ascending.
    seeds: Vec<u128>,
    /// The share of the population that is sampled.
    rate: f64,
    width: usize,
    numbers: Vec<f32>,
    /// Hash and place among `numbers` of each seed, in the population's order, each once.
    found: HashMap<u128, usize>,
    /// The same of the sampled people.
    sample: Vec<(u128, usize)>,
}

impl<'a> People<'a> {
    fn new(run: &'a Run, lists: &[SeedList], rows: u64, width: usize) -> Self {
        let mut seeds: Vec<u128> = lists.iter().flat_map(|list| learned(&list.found)).copied().collect();
        seeds.sort_unstable();
        seeds.dedup();
        let sample = run.spec().seed_lists.values().map(|lists| lists.sample).max().unwrap_or_default();
        let rate = f64::from(sample) / rows.max(1) as f64;
        Self {
            key: &run.spec().key,
            seeds,
            rate,
            width,
            numbers: Vec::new(),
            found: HashMap::new(),
            sample: Vec::new(),
        }
    }

    /// Adds a batch's people who are wanted.
    fn add(&mut self, batch: &FeedBatch, reading: &Reading) -> Result<()> {
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
            let place = self.numbers.len() / self.width + wanted.len();
            if is_seed {
                self.found.insert(hash, place);
            }
            if is_sampled {
                self.sample.push((hash, place));
            }
            wanted.push(row);
        }
        reading.embed(batch, &wanted, &mut self.numbers)
    }

    /// Some people's embeddings.
    fn of(&self, people: impl Iterator<Item = usize>) -> Gathered {
        let numbers = people.flat_map(|person| &self.numbers[person * self.width..(person + 1) * self.width]);
        Gathered { numbers: numbers.copied().collect(), width: self.width }
    }

    /// Learns a list, and says how well it does on a fifth of the people when it has learned from the others.
    fn head(&self, list: &SeedList, how: &SeedLists, standard: &Standard) -> Result<(SeedHead, String)> {
        let seeds: Vec<usize> = learned(&list.found).iter().filter_map(|hash| self.found.get(hash).copied()).collect();
        let others = self.sample.iter().filter(|(hash, _)| !list.keys.contains(*hash));
        let others: Vec<usize> = others.map(|(_, person)| *person).collect();
        if others.is_empty() {
            return Err(ScorerError::OnlySeeds { name: list.name.clone() });
        }
        let options = HeadOptions { similarity: how.similarity, centres: how.centres as usize };
        let fit = |seeds: &Gathered, others: &Gathered| {
            SeedHead::fit(list.name.clone(), standard, (seeds.as_slice(), others.as_slice()), options)
        };
        let apart = |people: &[usize], is_held_out: bool| {
            let numbered = people.iter().enumerate().filter(|(number, _)| (number % HELD_OUT == 0) == is_held_out);
            self.of(numbered.map(|(_, person)| *person))
        };
        let probe = fit(&apart(&seeds, false), &apart(&others, false));
        let probe = SeedHeads { standard: standard.clone(), heads: vec![probe] };
        let mut measures = BinaryMeasures::default();
        for (people, label) in [(&seeds, 1.0), (&others, 0.0)] {
            for score in probe.scores(apart(people, true).as_slice()).concat() {
                measures.push(score, label, 1.0).map_err(|_| ScorerError::Broken)?;
            }
        }
        let note = note(list, seeds.len(), &measures);
        Ok((fit(&self.of(seeds.into_iter()), &self.of(others.into_iter())), note))
    }
}

/// Embeddings that were put together.
struct Gathered {
    numbers: Vec<f32>,
    width: usize,
}

impl Gathered {
    fn as_slice(&self) -> Embeddings<'_> {
        Embeddings { numbers: &self.numbers, width: self.width }
    }
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
