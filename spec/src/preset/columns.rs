//! The columns that a preset states, for whoever can look at the real tables.

use super::Preset;
use crate::ids::{ColumnName, TableName};

/// A column that a preset states.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedColumn<'a> {
    /// Where it is stated, such as `spec.preset.transactions.time`.
    pub path: String,
    /// Whose column it is.
    pub table: &'a TableName,
    /// Its name.
    pub column: &'a ColumnName,
    /// What must be in it.
    pub holds: Holds,
}

/// What a stated column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Keys of people.
    Key,
    /// Dates or timestamps.
    Time,
    /// Numbers.
    Number,
    /// Yes or no: booleans, or numbers.
    Flag,
    /// Names of things: text, whole numbers, …
    Name,
    /// Whatever the user makes of it.
    Anything,
}

/// A stated column, where it is stated and whose column it is.
type Stated<'a> = (String, Option<&'a ColumnName>, Holds);

impl Preset {
    /// Every column that it states.
    pub fn columns(&self) -> Vec<StatedColumn<'_>> {
        let mut columns = of_table("transactions", &self.transactions.table, self.of_transactions());
        if let Some(customers) = &self.customers {
            let kept = customers.keep.iter().enumerate();
            let kept = kept.map(|(index, column)| (format!("keep[{index}]"), Some(column), Holds::Anything));
            let known = [
                ("customer".to_owned(), Some(&customers.customer), Holds::Key),
                ("since".to_owned(), customers.since.as_ref(), Holds::Time),
            ];
            columns.extend(of_table("customers", &customers.table, known.into_iter().chain(kept)));
        }
        if let Some(events) = &self.events {
            let stated = [
                ("customer".to_owned(), Some(&events.customer), Holds::Key),
                ("time".to_owned(), Some(&events.time), Holds::Time),
                ("action".to_owned(), events.action.as_ref(), Holds::Name),
            ];
            columns.extend(of_table("events", &events.table, stated));
        }
        if let Some(contacts) = &self.contacts {
            let stated = [
                ("customer".to_owned(), Some(&contacts.customer), Holds::Key),
                ("time".to_owned(), Some(&contacts.time), Holds::Time),
                ("responded".to_owned(), contacts.responded.as_ref(), Holds::Flag),
            ];
            columns.extend(of_table("contacts", &contacts.table, stated));
        }
        columns
    }

    fn of_transactions(&self) -> [Stated<'_>; 6] {
        let stated = &self.transactions;
        [
            ("customer".to_owned(), Some(&stated.customer), Holds::Key),
            ("time".to_owned(), Some(&stated.time), Holds::Time),
            ("amount".to_owned(), stated.amount.as_ref(), Holds::Number),
            ("product".to_owned(), stated.product.as_ref(), Holds::Name),
            ("category".to_owned(), stated.category.as_ref(), Holds::Name),
            ("brand".to_owned(), stated.brand.as_ref(), Holds::Name),
        ]
    }
}

fn of_table<'a>(
    part: &str,
    table: &'a TableName,
    stated: impl IntoIterator<Item = Stated<'a>>,
) -> Vec<StatedColumn<'a>> {
    let column = |(field, column, holds): Stated<'a>| {
        Some(StatedColumn { path: format!("spec.preset.{part}.{field}"), table, column: column?, holds })
    };
    stated.into_iter().filter_map(column).collect()
}
