//! Expressions over one row: no queries, no aggregates, the same value each time.

use std::ops::ControlFlow;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{Expr as Ast, ExprWithAlias, Spanned, visit_expressions};

use super::query::{syntax, unstable_function};
use super::{Origin, Position, SqlError, SqlProblem};
use crate::error::did_you_mean;

/// Parses one expression.
pub(crate) fn parse_expression(state: &SessionState, origin: &Origin, sql: &str) -> Result<ExprWithAlias, SqlError> {
    if sql.trim().is_empty() {
        return Err(SqlError::whole(origin, SqlProblem::Empty));
    }
    let dialect = state.config().options().sql_parser.dialect;
    let parsed = state.sql_to_expr_with_alias(sql, &dialect).map_err(|error| syntax(origin, &error))?;
    if let Some(alias) = &parsed.alias {
        let message = format!("an expression is expected without `AS {alias}`");
        return Err(SqlError::at_word(origin, sql, &alias.value, SqlProblem::Syntax { message }));
    }
    let nested = visit_expressions(&parsed.expr, |part| match part {
        Ast::Subquery(_) | Ast::InSubquery { .. } | Ast::Exists { .. } => ControlFlow::Break(part.span().start),
        _ => ControlFlow::Continue(()),
    });
    match nested {
        ControlFlow::Break(start) => {
            let position = Position::of_location(start);
            Err(SqlError { origin: origin.clone(), position, problem: SqlProblem::Subquery })
        }
        ControlFlow::Continue(()) => Ok(parsed),
    }
}

/// Refuses what cannot be computed from one row alone, or not the same way each time.
pub(crate) fn refuse_in_expression(
    (origin, sql): (&Origin, &str),
    columns: &Schema,
    expression: &Expr,
) -> Result<(), SqlError> {
    let mut refused = None;
    let walked = expression.apply(|part| {
        refused = match part {
            Expr::AggregateFunction(call) => over_rows(call.func.name()),
            Expr::WindowFunction(call) => over_rows(call.fun.name()),
            Expr::Placeholder(placeholder) => {
                let name = placeholder.id.clone();
                Some((name.clone(), SqlProblem::Placeholder { name }))
            }
            Expr::ScalarFunction(call) if call.func.name() == "get_field" => no_field(columns, &call.args),
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) => {
                Some(("SELECT".to_owned(), SqlProblem::Subquery))
            }
            _ => None,
        };
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    debug_assert!(walked.is_ok(), "the closure above does not fail");
    if let Some(function) = unstable_function(expression) {
        refused = Some((function.clone(), SqlProblem::Unstable { function }));
    }
    match refused {
        Some((word, problem)) => Err(SqlError::at_word(origin, sql, &word, problem)),
        None => Ok(()),
    }
}

/// A field that a struct column does not have.
fn no_field(columns: &Schema, arguments: &[Expr]) -> Option<(String, SqlProblem)> {
    let [Expr::Column(column), Expr::Literal(name, _)] = arguments else { return None };
    let name = name.try_as_str().flatten()?;
    let DataType::Struct(fields) = columns.field_with_name(&column.name).ok()?.data_type() else { return None };
    let known: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let hint = did_you_mean(name, &known);
    let missing = SqlProblem::NoField { column: column.name.clone(), name: name.to_owned(), hint };
    known.iter().all(|field| field != name).then_some((name.to_owned(), missing))
}

fn over_rows(function: &str) -> Option<(String, SqlProblem)> {
    Some((function.to_owned(), SqlProblem::OverRows { function: function.to_owned() }))
}
