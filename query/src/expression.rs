//! SQL expressions over the rows of a batch: what an audience ranks by, and whom it may hold.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Column, DFSchema};
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionConfig;

use crate::error::{QueryError, Result};
use crate::sql::{Origin, SqlError, SqlProblem, parse_expression, planning_failed, refuse_in_expression};

/// What an expression must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A number; evaluated to `Float64`.
    Number,
    /// True, false or null; evaluated to `Boolean`.
    Condition,
}

/// An expression as a document has it.
#[derive(Debug, Clone)]
pub struct ExpressionSource {
    /// What errors call it, such as `spec.audiences.likely-buyers.rank_by`.
    pub name: String,
    /// Its SQL.
    pub sql: String,
    /// What it must give.
    pub wanted: Wanted,
}

impl ExpressionSource {
    /// An expression that gives a number.
    pub fn number(name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { name: name.into(), sql: sql.into(), wanted: Wanted::Number }
    }

    /// An expression that is true, false or null.
    pub fn condition(name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { name: name.into(), sql: sql.into(), wanted: Wanted::Condition }
    }
}

/// Expressions compiled against one schema; they may be evaluated from many threads at once.
#[derive(Debug, Clone)]
pub struct Expressions {
    /// The columns that the expressions read, in the order of the schema that they were compiled against.
    columns: SchemaRef,
    compiled: Vec<Compiled>,
}

#[derive(Debug, Clone)]
struct Compiled {
    name: String,
    physical: Arc<dyn PhysicalExpr>,
    output: DataType,
}

impl Expressions {
    /// Compiles expressions against a schema. They read single rows: queries, aggregates, window functions, and
    /// functions that change from run to run are refused, each with its place. Floats of any width are computed with
    /// in 64 bits.
    pub fn compile(schema: &SchemaRef, sources: &[ExpressionSource]) -> Result<Self> {
        let state = state();
        let schema = wide(schema);
        let logical: Vec<Expr> =
            sources.iter().map(|source| checked(&state, &schema, source)).collect::<Result<_>>()?;
        let is_read = |name: &str| logical.iter().any(|expression| reads(expression, name));
        let read = (0..schema.fields().len()).filter(|&index| is_read(schema.field(index).name()));
        let fields: Vec<_> = read.map(|index| Arc::clone(&schema.fields()[index])).collect();
        let columns: SchemaRef = Arc::new(Schema::new(fields));
        let compiled = sources.iter().zip(logical).map(|(source, logical)| compile(&state, &columns, source, logical));
        Ok(Self { compiled: compiled.collect::<Result<_>>()?, columns })
    }

    /// The columns that the expressions read.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.fields().iter().map(|field| field.name().as_str())
    }

    /// Every expression's values for a batch's rows, in the order of compilation: `Float64` for numbers, `Boolean` for
    /// conditions. The batch may have more columns than are read, in any order.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let read = self.read_from(batch)?;
        self.compiled.iter().map(|expression| expression.evaluate(&read)).collect()
    }

    fn read_from(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let failed = |source: DataFusionError| QueryError::Evaluate {
            expression: self.compiled.first().map_or_else(String::new, |first| first.name.clone()),
            source: Box::new(source),
        };
        let column = |field: &Arc<Field>| {
            let missing = || failed(DataFusionError::Plan(format!("the rows have no column `{}`", field.name())));
            let column = batch.column_by_name(field.name()).ok_or_else(missing)?;
            match column.data_type() {
                DataType::Float16 | DataType::Float32 => {
                    cast(column, &DataType::Float64).map_err(|source| failed(source.into()))
                }
                _ => Ok(Arc::clone(column)),
            }
        };
        let columns = self.columns.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
        let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.columns), columns, &options)
            .map_err(|source| failed(source.into()))
    }
}

impl Compiled {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let failed = |source| QueryError::Evaluate { expression: self.name.clone(), source: Box::new(source) };
        let values = self.physical.evaluate(batch).and_then(|values| values.into_array(batch.num_rows()));
        cast(&values.map_err(failed)?, &self.output).map_err(|source| failed(source.into()))
    }
}

/// The schema with all floats in 64 bits.
fn wide(schema: &SchemaRef) -> SchemaRef {
    let widened = |field: &Arc<Field>| match field.data_type() {
        DataType::Float16 | DataType::Float32 => Arc::new(field.as_ref().clone().with_data_type(DataType::Float64)),
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(schema.fields().iter().map(widened).collect::<Vec<_>>()))
}

/// The logical expression of a source, if it is one that can be evaluated row by row and gives what is wanted.
fn checked(state: &SessionState, schema: &SchemaRef, source: &ExpressionSource) -> Result<Expr> {
    let origin = Origin::Expression(source.name.clone());
    let failed = |error: DataFusionError| planning_failed(&origin, &source.sql, &error, &[], &[]);
    let parsed = parse_expression(state, &origin, &source.sql)?;
    let qualified = DFSchema::try_from(Arc::clone(schema)).map_err(failed)?;
    let logical = state.create_logical_expr_from_sql_expr(parsed, &qualified).map_err(failed)?;
    refuse_in_expression((&origin, &source.sql), schema, &logical)?;
    let found = logical.get_type(&qualified).map_err(failed)?;
    let problem = match source.wanted {
        Wanted::Number if !found.is_numeric() => SqlProblem::NotANumber { found: told(&found, &source.sql) },
        Wanted::Condition if found != DataType::Boolean => {
            SqlProblem::NotACondition { found: told(&found, &source.sql) }
        }
        Wanted::Number | Wanted::Condition => return Ok(logical),
    };
    Err(SqlError::whole(&origin, problem).into())
}

/// A type in words; of a struct what to write instead.
fn told(found: &DataType, sql: &str) -> String {
    match found {
        DataType::Struct(_) => format!("a struct, of which one field can be taken: {}['label']", sql.trim()),
        other => other.to_string(),
    }
}

fn reads(expression: &Expr, name: &str) -> bool {
    expression.column_refs().contains(&Column::new_unqualified(name))
}

fn compile(state: &SessionState, columns: &SchemaRef, source: &ExpressionSource, logical: Expr) -> Result<Compiled> {
    let origin = Origin::Expression(source.name.clone());
    let failed = |error: DataFusionError| planning_failed(&origin, &source.sql, &error, &[], &[]);
    let qualified = DFSchema::try_from(Arc::clone(columns)).map_err(failed)?;
    let physical = simplified(logical, &qualified)
        .and_then(|simple| state.create_physical_expr(simple, &qualified))
        .map_err(failed)?;
    let output = match source.wanted {
        Wanted::Number => DataType::Float64,
        Wanted::Condition => DataType::Boolean,
    };
    Ok(Compiled { name: source.name.clone(), physical, output })
}

/// The expression with its types made equal and its constants computed; some functions are nothing but a shorthand that
/// this step spells out.
fn simplified(logical: Expr, columns: &DFSchema) -> datafusion::error::Result<Expr> {
    let context = SimplifyContext::builder().with_schema(Arc::new(columns.clone())).build();
    let simplifier = ExprSimplifier::new(context);
    let coerced = simplifier.coerce(logical, columns)?;
    simplifier.simplify(coerced)
}

fn state() -> SessionState {
    let mut config = SessionConfig::new().with_target_partitions(1);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    SessionStateBuilder::new_with_default_features().with_config(config).build()
}

#[cfg(test)]
mod tests;
