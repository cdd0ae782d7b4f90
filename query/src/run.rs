//! What DataFusion says when a query fails on its rows, as errors that say what to do.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use crate::error::{FileError, QueryError, RunError};

/// What a session's failures are told with.
#[derive(Debug, Clone)]
pub(crate) struct Failures {
    /// The memory limit.
    pub(crate) memory_bytes: usize,
    /// Where rows are spilled to.
    pub(crate) spill_folder: PathBuf,
}

impl Failures {
    /// The error of the query at `place`.
    pub(crate) fn of(&self, place: &str, error: DataFusionError) -> QueryError {
        QueryError::Run { place: place.to_owned(), source: self.told(error) }
    }

    fn told(&self, error: DataFusionError) -> RunError {
        match file_error(error) {
            Ok(file) => RunError::File(file),
            Err(error) => self.told_by_root(error),
        }
    }

    fn told_by_root(&self, error: DataFusionError) -> RunError {
        enum Kind {
            Memory,
            Spill,
            Rows,
            Unsupported,
            Engine,
        }
        let kind = match error.find_root() {
            DataFusionError::ResourcesExhausted(words) if words.contains("disk") => Kind::Spill,
            DataFusionError::ResourcesExhausted(_) => Kind::Memory,
            DataFusionError::IoError(_) => Kind::Spill,
            DataFusionError::ArrowError(arrow, _) if is_io(arrow) => Kind::Spill,
            DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => Kind::Rows,
            DataFusionError::NotImplemented(_) | DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => {
                Kind::Unsupported
            }
            _ => Kind::Engine,
        };
        let source = Box::new(error);
        match kind {
            Kind::Memory => RunError::Memory { limit_bytes: self.memory_bytes, source },
            Kind::Spill => RunError::Spill { spill_folder: self.spill_folder.clone(), source },
            Kind::Rows => RunError::Rows(source),
            Kind::Unsupported => RunError::Unsupported(source),
            Kind::Engine => RunError::Engine(source),
        }
    }
}

fn is_io(error: &ArrowError) -> bool {
    match error {
        ArrowError::IoError(..) => true,
        ArrowError::ExternalError(source) => {
            source.downcast_ref::<io::Error>().is_some_and(|error| error.kind() != ErrorKind::InvalidData)
        }
        _ => false,
    }
}

/// The file's error inside, if that is what it is.
fn file_error(error: DataFusionError) -> Result<FileError, DataFusionError> {
    match error {
        DataFusionError::External(source) => match source.downcast::<FileError>() {
            Ok(file) => Ok(*file),
            Err(other) => match other.downcast::<DataFusionError>() {
                Ok(inner) => file_error(*inner),
                Err(other) => Err(DataFusionError::External(other)),
            },
        },
        DataFusionError::Context(words, inner) => {
            file_error(*inner).map_err(|inner| DataFusionError::Context(words, Box::new(inner)))
        }
        DataFusionError::Shared(shared) => match Arc::try_unwrap(shared) {
            Ok(inner) => file_error(inner),
            Err(shared) => Err(DataFusionError::Shared(shared)),
        },
        DataFusionError::ArrowError(arrow, trace) => match *arrow {
            ArrowError::ExternalError(source) => match source.downcast::<DataFusionError>() {
                Ok(inner) => file_error(*inner),
                Err(other) => Err(DataFusionError::ArrowError(Box::new(ArrowError::ExternalError(other)), trace)),
            },
            arrow => Err(DataFusionError::ArrowError(Box::new(arrow), trace)),
        },
        other => Err(other),
    }
}
