//! Joins that do not fit in memory.
//!
//! DataFusion's hash join holds one side whole and cannot spill it. A sort-merge join sorts both sides, and sorts
//! spill. It is slower, so it is made only where the hash join failed for want of memory.

use std::sync::Arc;

use arrow::compute::SortOptions;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{HashJoinExec, SortMergeJoinExec};

/// How tables are joined on equal columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joins {
    /// One side in a hash table.
    Hashed,
    /// Both sides sorted.
    Sorted,
}

/// Whether a query joins anything, a subquery included.
pub(crate) fn has_join(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Join(_));
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                found |= matches!(part, Expr::InSubquery(_) | Expr::Exists(_) | Expr::ScalarSubquery(_));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    debug_assert!(walked.is_ok(), "the closures above do not fail");
    found
}

/// Makes every hash join that it can a sort-merge join, before sorts are planned. `NOT IN` over values that may be null
/// stays as it is: a sort-merge join gives other rows for it.
#[derive(Debug)]
pub(crate) struct SortedJoins;

impl PhysicalOptimizerRule for SortedJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let sorted = plan.transform_up(|node| match node.downcast_ref::<HashJoinExec>() {
            Some(join) if !join.null_aware && !join.contains_projection() => Ok(Transformed::yes(merging(join)?)),
            _ => Ok(Transformed::no(node)),
        });
        sorted.data()
    }

    fn name(&self) -> &str {
        "sorted_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn merging(join: &HashJoinExec) -> Result<Arc<dyn ExecutionPlan>> {
    let on = join.on().to_vec();
    let ascending = vec![SortOptions::default(); on.len()];
    let merging = SortMergeJoinExec::try_new(
        Arc::clone(join.left()),
        Arc::clone(join.right()),
        on,
        join.filter().cloned(),
        *join.join_type(),
        ascending,
        join.null_equality(),
    )?;
    Ok(Arc::new(merging))
}
