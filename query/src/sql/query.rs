//! Queries: one SELECT, nothing that changes or reads anything beside the tables, the same rows each time.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{SetExpr, Statement as AnyStatement};

use super::position::first_word;
use super::{Origin, Position, SqlError, SqlProblem};

/// Parses one query.
pub(crate) fn parse_query(state: &SessionState, origin: &Origin, sql: &str) -> Result<Statement, SqlError> {
    let limit = state.config().options().sql_parser.recursion_limit.get();
    let parser = DFParserBuilder::new(sql).with_recursion_limit(limit).build();
    let parsed = parser.and_then(|mut parser| parser.parse_statements());
    let mut statements = parsed.map_err(|error| syntax(origin, &error))?;
    let whole = |problem| SqlError::whole(origin, problem);
    let Some(statement) = statements.pop_front() else { return Err(whole(SqlProblem::Empty)) };
    if !statements.is_empty() {
        return Err(whole(SqlProblem::Several));
    }
    if is_query(&statement) {
        return Ok(statement);
    }
    let found = first_word(sql).unwrap_or_else(|| "this".to_owned());
    Err(whole(SqlProblem::NotAQuery { found }))
}

fn is_query(statement: &Statement) -> bool {
    let Statement::Statement(statement) = statement else { return false };
    let AnyStatement::Query(query) = statement.as_ref() else { return false };
    let changes =
        matches!(query.body.as_ref(), SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_));
    !changes
}

/// What the parser says, as an error with a place.
pub(super) fn syntax(origin: &Origin, error: &DataFusionError) -> SqlError {
    let root = error.find_root();
    let words = match root {
        DataFusionError::SQL(parser, _) => parser.to_string(),
        other => other.strip_backtrace(),
    };
    let words = words.trim_start_matches("sql parser error: ").trim_start_matches("SQL error: ");
    let (message, position) = Position::split_from(words);
    SqlError { origin: origin.clone(), position, problem: SqlProblem::Syntax { message } }
}

/// Refuses functions such as `now()` and `random()` anywhere in a plan.
pub(crate) fn refuse_unstable(origin: &Origin, sql: &str, plan: &LogicalPlan) -> Result<(), SqlError> {
    let mut unstable = None;
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            unstable = unstable.take().or_else(|| unstable_function(expression));
            Ok(if unstable.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    });
    debug_assert!(walked.is_ok(), "the closure above does not fail");
    match unstable {
        Some(function) => {
            Err(SqlError::at_word(origin, sql, &function, SqlProblem::Unstable { function: function.clone() }))
        }
        None => Ok(()),
    }
}

/// A function in `expression` that does not always give the same for the same.
pub(super) fn unstable_function(expression: &Expr) -> Option<String> {
    let mut found = None;
    let walked = expression.apply(|part| {
        if let Expr::ScalarFunction(call) = part
            && call.func.signature().volatility != Volatility::Immutable
        {
            found = Some(call.func.name().to_owned());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walked.is_ok(), "the closure above does not fail");
    found
}
