//! How old the inputs of a run are: found when it is planned, judged when it is published.

use artifacts::{InputFile, layout};
use chrono::{DateTime, TimeDelta, Utc};
use query::Session;
use serde::{Deserialize, Serialize};
use spec::Fresh;
use spec::ids::{AudienceName, ColumnName, TableName};

use crate::error::{Result, ScorerError};
use crate::run::Run;
use crate::select::guards::Stale;

/// How new the tables of a run were when it was planned.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Freshness {
    tables: Vec<Newest>,
}

/// The newest thing in a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    table: TableName,
    /// Whose latest time it is; that of the newest file when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    column: Option<ColumnName>,
    /// None where no row has a time, or the store tells no times of files.
    newest: Option<DateTime<Utc>>,
}

/// Finds and freezes how new the tables are that guards watch.
///
/// # Errors
///
/// A column that is missing or says no time, a table that cannot be read.
pub(crate) async fn freeze(run: &Run, session: &Session) -> Result<()> {
    let mut tables: Vec<Newest> = Vec::new();
    for fresh in run.spec().audiences.values().flat_map(|audience| &audience.guards.fresh) {
        if tables.iter().any(|known| known.is_of(fresh)) {
            continue;
        }
        let newest = match &fresh.column {
            Some(column) => session.latest_time(&fresh.table, column).await?,
            None => run.document.inputs.get(&fresh.table).and_then(|files| newest_file(files)),
        };
        tables.push(Newest { table: fresh.table.clone(), column: fresh.column.clone(), newest });
    }
    if !tables.is_empty() {
        run.workspace.create_once(&layout::run_freshness(&run.id), &Freshness { tables }).await?;
    }
    Ok(())
}

fn newest_file(files: &[InputFile]) -> Option<DateTime<Utc>> {
    files.iter().filter_map(|file| file.last_modified).max()
}

impl Newest {
    fn is_of(&self, fresh: &Fresh) -> bool {
        self.table == fresh.table && self.column == fresh.column
    }
}

/// What the run found when it was planned; nothing where no guard watches a table.
///
/// # Errors
///
/// Storage that fails.
pub(crate) async fn read(run: &Run) -> Result<Freshness> {
    let is_watched = run.spec().audiences.values().any(|audience| !audience.guards.fresh.is_empty());
    if !is_watched {
        return Ok(Freshness::default());
    }
    Ok(run.workspace.read_entry(&layout::run_freshness(&run.id)).await?.body)
}

/// The tables that are older, when the run's day begins, than an audience allows.
///
/// # Errors
///
/// A length of time that is none.
pub(crate) fn stale(run: &Run, name: &AudienceName, freshness: &Freshness) -> Result<Vec<Stale>> {
    let mut stale = Vec::new();
    for fresh in &run.spec().audiences[name].guards.fresh {
        let invalid = || ScorerError::Freshness { audience: name.clone(), text: fresh.within.clone() };
        let within = spec::duration::parse(&fresh.within).map_err(|_| invalid())?;
        let oldest = run.scored_at() - TimeDelta::from_std(within).map_err(|_| invalid())?;
        let newest = freshness.tables.iter().find(|table| table.is_of(fresh)).and_then(|table| table.newest);
        if newest.is_none_or(|newest| newest < oldest) {
            let (table, column, within) = (fresh.table.clone(), fresh.column.clone(), fresh.within.clone());
            stale.push(Stale { table, column, newest, within, day: run.document.run_date });
        }
    }
    Ok(stale)
}
