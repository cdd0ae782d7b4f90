//! Who of a batch is left for each audience once those above it have taken theirs, and whom it takes itself.

use arrow::array::{BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;
use artifacts::rows::Columns;
use spec::ids::AudienceName;

use super::rows::ScoredRows;
use crate::columns::rank_column;
use crate::error::Result;
use crate::select::cut::Cuts;
use crate::select::precedence::Precedence;

/// The audiences that a pass over the score table looks at, in the order in which they take people.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    claimants: Vec<Claimant>,
}

#[derive(Debug, Clone)]
struct Claimant {
    name: AudienceName,
    /// Its place among the audiences that are asked about; `None` for one that is there because it takes people from them.
    wanted: Option<usize>,
    /// Those above it, among the claimants.
    above: Vec<usize>,
    ends: Option<Ends>,
}

/// Where an audience ends.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    /// The ends of its tiers.
    pub(crate) cuts: Cuts,
    /// How many tiers it has.
    pub(crate) tiers: usize,
}

/// A batch as one audience sees it.
#[derive(Debug)]
pub(crate) struct Claimed<'a> {
    /// The audience's place among those asked about; `None` for one that is not.
    pub(crate) wanted: Option<usize>,
    /// The rows, without those that the audiences above have taken.
    pub(crate) rows: ScoredRows<'a>,
    /// How many eligible people each of those took, in their order.
    pub(crate) lost: Vec<u64>,
    /// The rows of each tier, in order; none while it is not known where they end.
    pub(crate) tiers: Vec<Vec<u32>>,
    /// The rows of all tiers.
    pub(crate) taken: BooleanBuffer,
}

impl Claims {
    /// What a pass needs for the `wanted` audiences, which are indices of the document's.
    pub(crate) fn new(
        precedence: &Precedence,
        wanted: &[usize],
        names: &[&AudienceName],
        ends: impl Fn(usize) -> Option<Ends>,
    ) -> Self {
        let needed = precedence.needed_for(wanted);
        let place = |audience: &usize| needed.iter().position(|other| other == audience);
        let claimants = needed.iter().map(|audience| Claimant {
            name: names[*audience].clone(),
            wanted: wanted.iter().position(|other| other == audience),
            above: precedence.above(*audience).iter().filter_map(place).collect(),
            ends: ends(*audience),
        });
        Self { claimants: claimants.collect() }
    }

    /// The rank columns in the order in which audiences take people, then the key if a pass needs it.
    pub(crate) fn columns(&self, key: Option<&str>) -> Columns {
        let ranks = self.claimants.iter().map(|claimant| rank_column(&claimant.name));
        Columns::new(ranks.chain(key.map(str::to_owned)))
    }

    /// How many rank columns there are; the key is behind them.
    pub(crate) fn len(&self) -> usize {
        self.claimants.len()
    }

    /// Whether rows of one rank have to be told apart.
    pub(crate) fn need_keys(&self) -> bool {
        self.claimants.iter().any(|claimant| claimant.ends.is_some())
    }

    /// A batch of [`Claims::columns`], whose first row is at a position of the table, as each of the audiences sees it.
    ///
    /// # Errors
    ///
    /// Keys of a type that has no hash.
    pub(crate) fn of<'a>(&self, batch: &'a RecordBatch, first: u64) -> Result<Vec<Claimed<'a>>> {
        let key = (batch.num_columns() > self.len()).then_some(self.len());
        let mut claimed: Vec<Claimed<'a>> = Vec::with_capacity(self.len());
        for (column, claimant) in self.claimants.iter().enumerate() {
            let mut rows = ScoredRows::of(batch, column, key, first);
            let mut lost = Vec::with_capacity(claimant.above.len());
            for above in &claimant.above {
                let (left, people) = rows.without(&claimed[*above].taken)?;
                rows = left;
                lost.push(people);
            }
            let tiers = match &claimant.ends {
                Some(ends) => rows.tiers(&ends.cuts, ends.tiers)?,
                None => Vec::new(),
            };
            let taken = marked(tiers.iter().flatten(), rows.len());
            claimed.push(Claimed { wanted: claimant.wanted, rows, lost, tiers, taken });
        }
        Ok(claimed)
    }
}

fn marked<'a>(rows: impl Iterator<Item = &'a u32>, length: usize) -> BooleanBuffer {
    let mut marks = BooleanBufferBuilder::new(length);
    marks.append_n(length, false);
    rows.for_each(|row| marks.set_bit(*row as usize, true));
    marks.finish()
}
