//! Learning the lists from one pass over the population: a head for each over its people's embeddings, or, where the model was
//! trained for that, networks that are fine-tuned to it.

use feed::FeedBatch;
use model::fine_tuning::{FineTuner, TunedList, TunedLists};
use model::input::{InputLayout, Inputs};
use model::seed_head::{Embeddings, HeadOptions, SeedHead, SeedHeads, Standard};
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use tokio::runtime::Handle;

use super::people::People;
use super::{LearnedLists, SeedList};
use crate::error::{Result, ScorerError};
use crate::reading::Reading;
use crate::run::Run;

/// Numbers that a run's lists may have as networks of their own, 64 MiB.
const MOST_NUMBERS: usize = 1 << 24;

/// Learns lists over the population. Blocking, on a thread of its own.
///
/// # Errors
///
/// A population that cannot be read or encoded; a list that everybody is on; more lists than there is room for.
pub(crate) fn learn(run: &Run, lists: &[SeedList], reading: &Reading, runtime: &Handle) -> Result<LearnedLists> {
    let of = Lists { run, lists, reading, runtime };
    match reading.predictor.fine_tuner()? {
        Some(tuner) => Ok(LearnedLists::Tuned(of.tune(&tuner)?)),
        None => Ok(LearnedLists::Heads(of.heads()?)),
    }
}

/// What is to be learned, and of whom.
struct Lists<'a> {
    run: &'a Run,
    lists: &'a [SeedList],
    reading: &'a Reading,
    runtime: &'a Handle,
}

impl Lists<'_> {
    fn heads(&self) -> Result<SeedHeads> {
        let (mut numbers, width) = (Vec::new(), self.reading.predictor.embedding_width());
        let people = self.meet(|batch, rows| self.reading.embed(batch, rows, &mut numbers))?;
        let gather = |people: &[usize]| Gathered {
            numbers: people.iter().flat_map(|person| &numbers[person * width..(person + 1) * width]).copied().collect(),
            width,
        };
        let standard = Standard::of(gather(&people.sample().collect::<Vec<_>>()).as_slice());
        let heads = self.each(|list| {
            let how = &self.run.spec().seed_lists[&list.declared];
            let options = HeadOptions { similarity: how.similarity, centres: how.centres as usize };
            let fit = |seeds: &[usize], others: &[usize]| {
                let (seeds, others) = (gather(seeds), gather(others));
                Ok(SeedHead::fit(list.name.clone(), &standard, (seeds.as_slice(), others.as_slice()), options))
            };
            let scores = |head: &SeedHead, judged: &[usize]| {
                let head = SeedHeads { standard: standard.clone(), heads: vec![head.clone()] };
                Ok(head.scores(gather(judged).as_slice()).concat())
            };
            people.learn(list, fit, scores)
        })?;
        Ok(SeedHeads { standard, heads })
    }

    fn tune(&self, tuner: &FineTuner<'_>) -> Result<TunedLists> {
        let most = (MOST_NUMBERS / tuner.numbers_a_list().max(1)).max(1);
        if self.lists.len() > most {
            return Err(ScorerError::ManyTuned { lists: self.lists.len(), most });
        }
        let layout = self.reading.encoders.layout();
        let mut met = Met { layout: &layout, batches: Vec::new(), places: Vec::new() };
        let people = self.meet(|batch, rows| {
            met.keep(batch, rows);
            Ok(())
        })?;
        let tuned = self.each(|list| {
            let fit = |seeds: &[usize], others: &[usize]| {
                Ok(tuner.tune(list.name.clone(), &met.gather(seeds), &met.gather(others))?)
            };
            let scores = |tuned: &TunedList, judged: &[usize]| {
                let lists = TunedLists { tuned: vec![tuned.clone()] };
                Ok(self.reading.predictor.tuned_scores(&met.gather(judged), &lists)?.concat())
            };
            people.learn(list, fit, scores)
        })?;
        Ok(TunedLists { tuned })
    }

    /// Goes over the population; `keep` is told the rows of those who are wanted.
    fn meet(&self, mut keep: impl FnMut(&FeedBatch, &[u32]) -> Result<()>) -> Result<People<'_>> {
        let mut people = People::new(self.run, self.lists, self.reading.population.rows());
        let carry = vec![self.run.spec().key.clone()];
        self.reading.each_batch("learn seed lists", carry, self.runtime, |batch| {
            let rows = people.pick(batch)?;
            keep(batch, &rows)
        })?;
        Ok(people)
    }

    /// Learns the lists on all threads, and notes what is said of them in their order.
    fn each<Learned: Send>(
        &self,
        learn: impl Fn(&SeedList) -> Result<(Learned, String)> + Sync,
    ) -> Result<Vec<Learned>> {
        let pool = ThreadPoolBuilder::new().num_threads(self.run.threads()).build().map_err(ScorerError::Threads)?;
        let learn = |list: &SeedList| {
            self.reading.cancel.check().map_err(|_| ScorerError::Cancelled)?;
            learn(list)
        };
        let learned = pool.install(|| self.lists.par_iter().map(learn).collect::<Result<Vec<_>>>())?;
        let (learned, notes): (Vec<Learned>, Vec<String>) = learned.into_iter().unzip();
        notes.into_iter().for_each(|note| self.reading.progress.note(note));
        Ok(learned)
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

/// The encoded rows of all who are learned from.
struct Met<'a> {
    layout: &'a InputLayout,
    batches: Vec<Inputs>,
    /// By place, batch and row.
    places: Vec<(u32, u32)>,
}

impl Met<'_> {
    fn keep(&mut self, batch: &FeedBatch, rows: &[u32]) {
        if rows.is_empty() {
            return;
        }
        let wanted: Vec<(u32, u32)> = rows.iter().map(|row| (0, *row)).collect();
        let mut kept = Inputs::default();
        kept.gather(self.layout, &[&batch.batch.inputs], &wanted);
        let number = self.batches.len() as u32;
        self.places.extend((0..kept.rows as u32).map(|row| (number, row)));
        self.batches.push(kept);
    }

    fn gather(&self, people: &[usize]) -> Inputs {
        let rows: Vec<(u32, u32)> = people.iter().map(|person| self.places[*person]).collect();
        let batches: Vec<&Inputs> = self.batches.iter().collect();
        let mut gathered = Inputs::default();
        gathered.gather(self.layout, &batches, &rows);
        gathered
    }
}
