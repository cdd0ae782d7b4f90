//! Queries of a session: checked, planned, run.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::Session;
use crate::error::Result;
use crate::joins::{Joins, SortedJoins};
use crate::sql::{Origin, parse_query, planning_failed, refuse_unstable};

/// Rows of a query as they are computed.
pub(crate) type RowStream = BoxStream<'static, Result<RecordBatch>>;

impl Session {
    /// Runs one query; its rows come as they are computed.
    pub async fn stream(&self, sql: &str) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        self.stream_of(&Origin::Query, sql).await
    }

    pub(crate) async fn stream_of(&self, origin: &Origin, sql: &str) -> Result<RowStream> {
        let plan = self.plan(origin, sql).await?;
        self.execute(origin, plan, Joins::Hashed).await
    }

    /// Runs a plan; errors of its rows name `origin`.
    pub(crate) async fn execute(&self, origin: &Origin, plan: LogicalPlan, joins: Joins) -> Result<RowStream> {
        let (failures, place) = (self.failures.clone(), origin.to_string());
        let failed = move |source| failures.of(&place, source);
        let state = match joins {
            Joins::Hashed => self.context.state(),
            Joins::Sorted => {
                let mut rules = self.context.state().physical_optimizers().to_vec();
                rules.insert(0, Arc::new(SortedJoins));
                SessionStateBuilder::new_from_existing(self.context.state())
                    .with_physical_optimizer_rules(rules)
                    .build()
            }
        };
        let physical = state.create_physical_plan(&plan).await.map_err(&failed)?;
        Ok(execute_stream(physical, state.task_ctx()).map_err(&failed)?.map_err(failed).boxed())
    }

    /// Checks a query and plans it over the session's tables.
    pub(crate) async fn plan(&self, origin: &Origin, sql: &str) -> Result<LogicalPlan> {
        let state = self.context.state();
        let statement = parse_query(&state, origin, sql)?;
        let named = state.resolve_table_references(&statement).unwrap_or_default();
        let absent = |name: &String| !self.tables.contains_key(name.as_str());
        let absent: Vec<String> = named.iter().map(|reference| reference.table().to_owned()).filter(absent).collect();
        let failed = |error| planning_failed(origin, sql, &error, &absent, &self.known_tables());
        let plan = state.statement_to_plan(statement).await.map_err(failed)?;
        let queries_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        queries_only.verify_plan(&plan).map_err(failed)?;
        refuse_unstable(origin, sql, &plan)?;
        // The analyzer finds what is left to find (types that do not fit) before anything runs.
        state.optimize(&plan).map_err(failed)?;
        Ok(plan)
    }
}
