//! What came of people: a table of events or of people, summed up for each id.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use futures::TryStreamExt;
use query::{QueryError, Session};
use spec::table::TableSource;
use spec::{ColumnName, TableName};

use super::error::LiftError;
use super::figures::{Group, Groups};
use super::identity::Identity;
use super::people::{Arms, Cell};
use super::{OutcomeTable, OutcomesFound, session};

/// What of people is asked for beside conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// What they were worth.
    pub(crate) value: bool,
    /// Whether they were reached.
    pub(crate) exposed: bool,
}

/// Everybody whom something came of.
#[derive(Debug)]
pub(super) struct Outcomes {
    people: HashMap<u128, Person>,
    rows: u64,
    without_id: u64,
    wanted: Wanted,
}

/// What came of one id, over all of its rows.
#[derive(Debug, Clone, Copy, Default)]
struct Person {
    converted: bool,
    value: f64,
    exposed: bool,
    place: Place,
    is_shared: bool,
}

/// Where in a package an id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Nowhere,
    In(Cell),
    /// Among the addressed and the held out, so that it tells of neither.
    Both,
}

impl Outcomes {
    /// Reads a table.
    pub(super) async fn read(asked: &OutcomeTable, identity: &Identity) -> Result<Self, LiftError> {
        let (mut session, _folder) = session()?;
        let name: TableName = "outcomes".parse().expect("a name");
        session.add_table(&name, &source(&asked.url)).await?;
        let columns = Columns::find(&session, &name, asked, identity)?;
        let mut rows = session.stream(&columns.sql(&name)).await?;
        let wanted = Wanted { value: asked.value.is_some(), exposed: asked.exposed.is_some() };
        let mut outcomes = Self { people: HashMap::new(), rows: 0, without_id: 0, wanted };
        while let Some(batch) = rows.try_next().await? {
            outcomes.add(&batch, &columns, identity)?;
        }
        if columns.converted.is_none() {
            let of_value = asked.value.is_some();
            outcomes.people.values_mut().for_each(|person| person.converted = !of_value || person.value > 0.0);
        }
        Ok(outcomes)
    }

    fn add(&mut self, batch: &RecordBatch, columns: &Columns<'_>, identity: &Identity) -> Result<(), LiftError> {
        let ids = identity.of_outcomes(batch.column(0))?;
        let numbers: Vec<&Float64Array> =
            batch.columns()[1..].iter().map(|column| column.as_primitive::<Float64Type>()).collect();
        let mut next = numbers.into_iter();
        let mut numbers_of = |column: Option<&ColumnName>| column.and_then(|_| next.next());
        let converted = numbers_of(columns.converted);
        let value = numbers_of(columns.value);
        let exposed = numbers_of(columns.exposed);
        self.rows += ids.len() as u64;
        for (row, id) in ids.into_iter().enumerate() {
            let Some(id) = id else {
                self.without_id += 1;
                continue;
            };
            let person = self.people.entry(id).or_default();
            person.converted |= number(converted, row, columns.converted)? != 0.0;
            person.value += number(value, row, columns.value)?;
            person.exposed |= number(exposed, row, columns.exposed)? != 0.0;
        }
        Ok(())
    }

    /// What is known of people beside whether they converted.
    pub(super) fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Forgets which package was looked at.
    pub(super) fn forget_people(&mut self) {
        for person in self.people.values_mut() {
            (person.place, person.is_shared) = (Place::Nowhere, false);
        }
    }

    /// Somebody with this id is here; the first place of an id counts.
    pub(super) fn meet(&mut self, id: u128, cell: Cell) {
        if let Some(person) = self.people.get_mut(&id) {
            match person.place {
                Place::Nowhere => person.place = Place::In(cell),
                Place::In(_) | Place::Both => person.is_shared = true,
            }
        }
    }

    /// People of both groups have this id.
    pub(super) fn meet_in_both(&mut self, id: u128) {
        if let Some(person) = self.people.get_mut(&id) {
            (person.place, person.is_shared) = (Place::Both, true);
        }
    }

    /// What was found, after everybody was met.
    pub(super) fn found(&self) -> OutcomesFound {
        let count = |wanted: fn(&Person) -> bool| self.people.values().filter(|person| wanted(person)).count() as u64;
        let unmatched = count(|person| person.place == Place::Nowhere);
        let ids = self.people.len() as u64;
        OutcomesFound {
            rows: self.rows,
            without_id: self.without_id,
            ids,
            matched: ids - unmatched,
            unmatched,
            shared: count(|person| person.is_shared),
        }
    }

    /// What came of each group of people.
    pub(super) fn groups(&self, arms: &Arms) -> Groups {
        let mut groups = Groups::of(arms);
        // A sum of floating-point numbers depends on their order, which that of a map is not to decide.
        let mut people: Vec<(&u128, &Person)> = self.people.iter().collect();
        people.sort_unstable_by_key(|(id, _)| **id);
        for (_, person) in people {
            if let Place::In(cell) = person.place {
                let group: &mut Group = groups.at(cell);
                group.converted += u64::from(person.converted);
                group.exposed += u64::from(person.exposed);
                if person.value != 0.0 {
                    group.values.push(person.value);
                }
            }
        }
        groups
    }
}

/// The columns that are read, in the order of the query.
struct Columns<'a> {
    id: &'a ColumnName,
    converted: Option<&'a ColumnName>,
    value: Option<&'a ColumnName>,
    exposed: Option<&'a ColumnName>,
}

impl<'a> Columns<'a> {
    fn find(
        session: &Session,
        table: &TableName,
        asked: &'a OutcomeTable,
        identity: &'a Identity,
    ) -> Result<Self, LiftError> {
        session.check_key(table, &identity.column)?;
        let schema = session.schema(table)?;
        for column in [&asked.converted, &asked.value, &asked.exposed].into_iter().flatten() {
            let Ok(field) = schema.field_with_name(column.as_str()) else {
                let known = schema.fields().iter().map(|field| field.name().clone()).collect();
                return Err(QueryError::NoColumn { table: table.clone(), column: column.clone(), known }.into());
            };
            let found = field.data_type().clone();
            if !is_number(&found) {
                return Err(LiftError::NotNumeric { column: column.clone(), found });
            }
        }
        let (converted, value, exposed) = (asked.converted.as_ref(), asked.value.as_ref(), asked.exposed.as_ref());
        Ok(Self { id: &identity.column, converted, value, exposed })
    }

    fn sql(&self, table: &TableName) -> String {
        let numbers = [self.converted, self.value, self.exposed].into_iter().flatten();
        let numbers = numbers
            .enumerate()
            .map(|(place, column)| format!(", CAST({} AS DOUBLE) AS number_{place}", quoted(column.as_str())));
        format!("SELECT {} AS id{} FROM {table}", quoted(self.id.as_str()), numbers.collect::<String>())
    }
}

/// A table without any settings.
pub(super) fn source(url: &str) -> TableSource {
    let (format, delimiter, header, columns) = (None, None, None, None);
    TableSource { url: url.to_owned(), format, delimiter, header, columns, types: Default::default() }
}

/// A name as SQL has it, whatever its characters.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number(values),
        DataType::Boolean | DataType::Null => true,
        other => other.is_numeric(),
    }
}

/// A row's number, 0 where there is none.
fn number(column: Option<&Float64Array>, row: usize, name: Option<&ColumnName>) -> Result<f64, LiftError> {
    let (Some(column), Some(name)) = (column, name) else { return Ok(0.0) };
    if column.is_null(row) {
        return Ok(0.0);
    }
    let value = column.value(row);
    if value.is_finite() { Ok(value) } else { Err(LiftError::NotFinite { column: name.clone(), value }) }
}
