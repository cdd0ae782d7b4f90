//! The parts of a plan that run at the same time, put one behind the other.
//!
//! A union is the one operator that has several partitions although every table has one. DataFusion would run them at
//! once and mix their rows as they come; here the rows of the first input come first.

use std::fmt::Formatter;
use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};

/// Puts a [`Sequential`] over every union, before anything else is planned around it.
#[derive(Debug)]
pub(crate) struct SequentialUnions;

impl PhysicalOptimizerRule for SequentialUnions {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let sequential = plan.transform_up(|node| {
            if node.is::<UnionExec>() {
                return Ok(Transformed::yes(Arc::new(Sequential::new(node)) as Arc<dyn ExecutionPlan>));
            }
            Ok(Transformed::no(node))
        });
        sequential.data()
    }

    fn name(&self) -> &str {
        "sequential_unions"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// All partitions of its input, one behind the other.
#[derive(Debug)]
pub(crate) struct Sequential {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Sequential {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let mut equivalences = input.equivalence_properties().clone();
        equivalences.clear_orderings();
        equivalences.clear_per_partition_constants();
        let properties = PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for Sequential {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sequential")
    }
}

impl ExecutionPlan for Sequential {
    fn name(&self) -> &str {
        "Sequential"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Self::new(input)))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = Arc::clone(&self.input);
        let partitions = input.output_partitioning().partition_count();
        let streams =
            futures::stream::iter(0..partitions).map(move |partition| input.execute(partition, Arc::clone(&context)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), streams.try_flatten())))
    }

    fn child_stats_requests(&self, _: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(None)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&inputs[0]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::{Sandbox, name, source};
    use crate::sql::Origin;

    #[tokio::test]
    async fn nothing_but_a_union_has_more_than_one_partition() {
        let sandbox = Sandbox::new();
        sandbox.write("t.csv", "k,v\n1,2\n2,3\n");
        let mut session = sandbox.session();
        session.add_table(&name("t"), &source(json!({"url": sandbox.url("t.csv")}))).await.unwrap();
        let queries = [
            "SELECT k, sum(v) FROM (SELECT * FROM t UNION ALL SELECT * FROM t) GROUP BY k ORDER BY k",
            "SELECT k FROM t UNION SELECT v FROM t",
            "SELECT k, row_number() OVER (PARTITION BY k ORDER BY v) FROM (SELECT * FROM t UNION ALL SELECT * FROM t)",
            "SELECT a.k FROM t a JOIN (SELECT * FROM t UNION ALL SELECT * FROM t) b ON a.k = b.k",
            "SELECT * FROM (SELECT * FROM t ORDER BY k) UNION ALL (SELECT * FROM t ORDER BY k) ORDER BY k LIMIT 3",
            "SELECT k FROM t WHERE k IN (SELECT v FROM t UNION ALL SELECT k FROM t)",
            "SELECT k FROM t EXCEPT SELECT v FROM t",
            "SELECT k FROM t INTERSECT SELECT v FROM t",
            "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n, t",
            "SELECT unnest(make_array(k, v)) FROM t UNION ALL SELECT value FROM generate_series(1, 3)",
            "SELECT * FROM (VALUES (1), (2)) UNION ALL SELECT count(*) FROM t",
        ];
        for sql in queries {
            let plan = session.plan(&Origin::Query, sql).await.unwrap();
            let physical = session.state().create_physical_plan(&plan).await.unwrap();
            let mut unions = 0;
            let walked = physical.apply(|node| {
                let partitions = node.output_partitioning().partition_count();
                unions += usize::from(node.is::<UnionExec>());
                assert!(partitions == 1 || node.is::<UnionExec>(), "{sql}: {} has {partitions}", node.name());
                Ok(TreeNodeRecursion::Continue)
            });
            walked.unwrap();
            assert!(unions > 0 || !sql.contains("UNION ALL") || sql.contains("RECURSIVE"), "{sql}: there is no union");
        }
    }
}
