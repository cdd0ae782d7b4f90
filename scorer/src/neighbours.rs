//! The nearest people to given ones: who is asked about is found and frozen when a run is planned, each shard's scan looks at its
//! people, and publishing puts together what the shards found.

mod partial;
mod queries;
pub mod table;

use std::sync::Arc;

use artifacts::layout::{self, Attempt};
use artifacts::object::FileRecord;
use artifacts::plan::Shard;
use indexmap::IndexMap;
use model::neighbours::{Queries, Search, Similarity};
use spec::ids::NeighboursName;
use spec::neighbours::{NeighbourSimilarity, Neighbours};

use crate::error::Result;
use crate::run::Run;
use crate::score::batch::ScoredBatch;
use crate::score::ordered::Crew;
pub(crate) use queries::{Asked, find_queries, load_queries};

/// The queries of a document, ready for every shard.
pub(crate) struct Wanted {
    pub(crate) name: NeighboursName,
    pub(crate) queries: Arc<Queries>,
    pub(crate) most: usize,
}

/// A shard's searches under way.
pub(crate) struct Searches {
    searches: Vec<(NeighboursName, Search)>,
    next_row: u64,
}

impl Searches {
    /// Nobody of the shard looked at yet.
    pub(crate) fn new(wanted: &[Wanted], shard: &Shard) -> Self {
        let search = |wanted: &Wanted| (wanted.name.clone(), Search::new(Arc::clone(&wanted.queries), wanted.most));
        Self { searches: wanted.iter().map(search).collect(), next_row: shard.first_row }
    }

    /// Looks at the people of the next batch, with all threads of the crew.
    pub(crate) fn look(&mut self, batch: &ScoredBatch, crew: &Crew) {
        for (_, search) in &mut self.searches {
            crew.install(|| search.look(&batch.embeddings, &batch.ties, self.next_row));
        }
        self.next_row += batch.rows.num_rows() as u64;
    }

    /// Writes what was found, to keys that no other attempt uses.
    pub(crate) async fn write(
        self,
        run: &Run,
        shard: &Shard,
        attempt: &Attempt,
    ) -> Result<IndexMap<NeighboursName, FileRecord>> {
        let mut files = IndexMap::new();
        for (name, search) in self.searches {
            let key = layout::shard_neighbours(&run.id, shard.id, attempt, &name);
            files.insert(name, partial::write(&run.workspace, key, search.finish()).await?);
        }
        Ok(files)
    }
}

fn similarity_of(neighbours: &Neighbours) -> Similarity {
    match neighbours.similarity {
        NeighbourSimilarity::Cosine => Similarity::Cosine,
        NeighbourSimilarity::Dot => Similarity::Dot,
    }
}
