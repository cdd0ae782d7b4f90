//! Encoders: from columns of a table to ids and numbers, with what was learned from the training rows.
//!
//! [`EncoderFit`] learns in one pass over the training rows; [`Encoders`] is what it learned, kept in a package as
//! `encoders.json`; [`Encoder`] applies it to batches of one schema. Training, evaluation and scoring use the same.
//!
//! Labels that are classes are read here too ([`ClassFit`], [`ClassReader`]). What stays out: reading files, choosing
//! rows, other labels.

mod bag;
mod bind;
mod buckets;
mod classes;
mod column;
mod counts;
mod edges;
mod encoder;
mod encoders;
mod error;
mod features;
mod fit;
pub(crate) mod hash;
mod ids;
pub(crate) mod lists;
mod lookup;
mod moments;
mod normal;
mod numeric;
mod scale;
mod settle;
mod sketch;
mod texts;
mod timestamp;
mod transpose;
pub(crate) mod values;
mod vector;

pub use buckets::BucketEncoding;
pub use classes::{ClassFit, ClassReader, Classes, OTHER, is_class};
pub use column::{is_number, read_numbers};
pub use encoder::Encoder;
pub use encoders::{
    BagEncoding, CategoricalEncoding, CrossEncoding, Encoders, Encoding, FORMAT, FittedFeature, FittedTable,
    SequenceEncoding,
};
pub use error::{EncodeError, InvalidEncoders, RowFault};
pub use features::columns_of;
pub use fit::EncoderFit;
pub use ids::{FeatureIds, Ids, Vocabulary};
pub use numeric::{NumericEncoding, Scaling};
pub use timestamp::TimestampEncoding;
pub use vector::VectorEncoding;
