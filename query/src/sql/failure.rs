//! What DataFusion says when it cannot plan SQL, as errors with a place and a hint.

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;

use super::{Origin, Position, SqlError, SqlProblem, position_of};
use crate::error::{did_you_mean, nearest};

/// The error of a failed plan. `tables` are those that the SQL names and that do not exist; `known` those that do.
pub(crate) fn planning_failed(
    origin: &Origin,
    sql: &str,
    error: &DataFusionError,
    absent: &[String],
    known: &[String],
) -> SqlError {
    let spanned = error.diagnostic().and_then(|diagnostic| diagnostic.span).and_then(Position::of_span);
    let named = |word: &str, problem| SqlError {
        origin: origin.clone(),
        position: spanned.or_else(|| position_of(sql, word)),
        problem,
    };
    let root = error.find_root();
    if let DataFusionError::SchemaError(schema, _) = root
        && let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref()
    {
        let problem = SqlProblem::NoColumn { name: field.flat_name(), hint: column_hint(field, valid_fields) };
        return named(&field.name, problem);
    }
    let words = root.strip_backtrace();
    let words = words.trim_start_matches("Error during planning: ").trim_start_matches("Schema error: ");
    if words.contains("not found")
        && let Some(name) = absent.iter().find(|name| words.contains(name.as_str()))
    {
        let hint = did_you_mean(name, known);
        return named(name, SqlProblem::NoTable { name: name.clone(), hint });
    }
    if let Some(name) = words.strip_prefix("Invalid function '").and_then(|rest| rest.split('\'').next()) {
        let suggested = words.split("Did you mean '").nth(1).and_then(|rest| rest.split('\'').next());
        let hint = suggested.map_or_else(String::new, |suggested| format!("; did you mean `{suggested}`?"));
        return named(name, SqlProblem::NoFunction { name: name.to_owned(), hint });
    }
    let message = words.lines().next().unwrap_or(words).to_owned();
    SqlError { origin: origin.clone(), position: spanned, problem: SqlProblem::Plan { message } }
}

/// The column that may be meant; written as SQL needs it.
fn column_hint(field: &Column, valid: &[Column]) -> String {
    let known: Vec<String> = valid.iter().map(|column| column.name.clone()).collect();
    let starts_with = |name: &&String| name.len() > field.name.len() && name.starts_with(field.name.as_str());
    let needs_quotes = |name: &&String| !name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if let Some(name) = known.iter().filter(starts_with).find(needs_quotes) {
        return format!("; if `{name}` is meant, write it in double quotes: \"{name}\"");
    }
    let own = valid.iter().filter(|column| column.relation.is_some() && column.relation == field.relation);
    let near = nearest(&field.name, own.map(|column| column.name.as_str()));
    near.map_or_else(|| did_you_mean(&field.name, &known), |near| format!("; did you mean `{near}`?"))
}
