//! Columns whose values become numbers.

use std::ops::Range;

use arrow::array::{Array, RecordBatch};

use crate::encode::bind::{BoundColumn, Columns, Reads};
use crate::encode::column::read_numbers;
use crate::encode::encoders::{Encoding, FittedFeature};
use crate::encode::error::EncodeError;
use crate::encode::scale::NumericWriter;
use crate::encode::timestamp::{TimestampEncoding, write_timestamps};
use crate::encode::vector::VectorEncoding;

/// A feature of numbers ready to write.
#[derive(Debug)]
pub(super) enum NumericColumn {
    Numeric(BoundColumn, NumericWriter, usize),
    Timestamp(BoundColumn, TimestampEncoding),
    Vector(BoundColumn, VectorEncoding),
}

impl NumericColumn {
    pub(super) fn bind(feature: &FittedFeature, table: &Columns<'_>) -> Result<Self, EncodeError> {
        let bind = |reads| BoundColumn::find(&feature.name, &feature.columns[0], reads, table);
        match &feature.encoding {
            Encoding::Numeric(encoding) => {
                Ok(Self::Numeric(bind(Reads::Numbers)?, NumericWriter::new(encoding), encoding.width()))
            }
            Encoding::Timestamp(encoding) => Ok(Self::Timestamp(bind(Reads::Times)?, encoding.clone())),
            Encoding::Vector(encoding) => Ok(Self::Vector(bind(Reads::Vectors)?, encoding.clone())),
            Encoding::Categorical(_)
            | Encoding::Cross(_)
            | Encoding::Bag(_)
            | Encoding::Sequence(_)
            | Encoding::Buckets(_) => unreachable!("a numeric slot"),
        }
    }

    /// Numbers a row.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Numeric(_, _, width) => *width,
            Self::Timestamp(_, encoding) => encoding.width(),
            Self::Vector(_, encoding) => encoding.width(),
        }
    }

    /// Writes some rows of a batch, one slice of `out` a number.
    pub(super) fn write(
        &self,
        batch: &RecordBatch,
        rows: Range<usize>,
        numbers: &mut Vec<f64>,
        out: &mut [&mut [f32]],
    ) -> Result<(), EncodeError> {
        match self {
            Self::Numeric(column, writer, _) => {
                read_numbers(&column.of(batch)?.slice(rows.start, rows.len()), numbers);
                writer.write(numbers, out);
            }
            Self::Timestamp(column, encoding) => {
                write_timestamps(encoding, &column.of(batch)?.slice(rows.start, rows.len()), out);
            }
            Self::Vector(column, encoding) => encoding.write(column, column.of(batch)?, rows, numbers, out)?,
        }
        Ok(())
    }
}
