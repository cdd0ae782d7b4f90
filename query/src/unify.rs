//! The one schema of a table's files.

use std::collections::{HashMap, HashSet};

use crate::error::TableError;

/// The columns of one file, in its order.
#[derive(Debug, Clone)]
pub(crate) struct FileColumns<T> {
    /// The file.
    pub(crate) url: String,
    /// Its columns' names and types.
    pub(crate) columns: Vec<(String, T)>,
}

/// What a column that only some files have means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The table is refused.
    IsAnError,
    /// Its rows there are null.
    IsNull,
}

/// A table's columns: those of its files, in the order of the first file that has them, each with the type that
/// `widened` makes of its types in all files.
pub(crate) fn unify<T: Clone>(
    files: &[FileColumns<T>],
    absent: Absent,
    widened: impl Fn(&T, &T) -> Option<T>,
    type_name: impl Fn(&T) -> String,
) -> Result<Vec<(String, T)>, TableError> {
    let mut unified: Vec<Unified<T>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (position, file) in files.iter().enumerate() {
        for (name, found) in &file.columns {
            match places.get(name.as_str()) {
                None if position > 0 && absent == Absent::IsAnError => {
                    return Err(missing(name, &files[0].url, &file.url));
                }
                None => {
                    places.insert(name, unified.len());
                    unified.push(Unified { name: name.clone(), kind: found.clone(), file: position });
                }
                Some(&place) => {
                    let column = &mut unified[place];
                    let kind = widened(&column.kind, found).ok_or_else(|| TableError::TypeChanged {
                        column: name.clone(),
                        first: files[column.file].url.clone(),
                        first_type: type_name(&column.kind),
                        second: file.url.clone(),
                        second_type: type_name(found),
                    })?;
                    if type_name(&kind) != type_name(&column.kind) {
                        column.file = position;
                    }
                    column.kind = kind;
                }
            }
        }
        if absent == Absent::IsAnError {
            let own: HashSet<&str> = file.columns.iter().map(|(name, _)| name.as_str()).collect();
            if let Some(lost) = unified.iter().find(|column| !own.contains(column.name.as_str())) {
                return Err(missing(&lost.name, &file.url, &files[lost.file].url));
            }
        }
    }
    Ok(unified.into_iter().map(|column| (column.name, column.kind)).collect())
}

struct Unified<T> {
    name: String,
    kind: T,
    /// The file that gave it its type.
    file: usize,
}

fn missing(column: &str, url: &str, other: &str) -> TableError {
    TableError::MissingColumn { column: column.to_owned(), url: url.to_owned(), other: other.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str, columns: &[(&str, u8)]) -> FileColumns<u8> {
        let columns = columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        FileColumns { url: url.to_owned(), columns }
    }

    /// Types are sizes: the larger holds the smaller, and nothing holds 9.
    fn larger(a: &u8, b: &u8) -> Option<u8> {
        (a == b || (*a != 9 && *b != 9)).then_some(*a.max(b))
    }

    fn unify_all(files: &[FileColumns<u8>], absent: Absent) -> Result<Vec<(String, u8)>, String> {
        unify(files, absent, larger, u8::to_string).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_keep_the_first_file_s_order_and_take_the_wider_type() {
        let files = [file("a", &[("x", 1), ("y", 3)]), file("b", &[("y", 2), ("x", 2)])];
        assert_eq!(unify_all(&files, Absent::IsAnError).unwrap(), [("x".to_owned(), 2), ("y".to_owned(), 3)]);
    }

    #[test]
    fn types_that_differ_name_both_files() {
        let files = [file("a", &[("x", 1)]), file("b", &[("x", 2)]), file("c", &[("x", 9)])];
        let error = unify_all(&files, Absent::IsAnError).unwrap_err();
        assert!(error.contains("`x` is 2 in b but 9 in c"), "{error}");
    }

    #[test]
    fn a_column_that_one_file_lacks_names_both_files() {
        let more = [file("a", &[("x", 1)]), file("b", &[("x", 1), ("y", 1)])];
        let error = unify_all(&more, Absent::IsAnError).unwrap_err();
        assert!(error.contains("a has no column `y`") && error.contains("b has"), "{error}");
        let fewer = [file("a", &[("x", 1), ("y", 1)]), file("b", &[("x", 1)])];
        let error = unify_all(&fewer, Absent::IsAnError).unwrap_err();
        assert!(error.contains("b has no column `y`") && error.contains("a has"), "{error}");
        assert_eq!(unify_all(&more, Absent::IsNull).unwrap().len(), 2);
    }
}
