//! Features that a row may not be fit for: vectors, bags with weights, and sequences that share their places.

use arrow::record_batch::RecordBatch;
use model::encode::{EncodeError, EncoderFit};
use model::input::Inputs;
use spec::feature::{Feature, Pool};
use spec::{FeatureName, TrainingSpec};

/// A feature that cannot be made of some sampled row, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unfit {
    pub(super) feature: FeatureName,
    pub(super) message: String,
}

/// Encodes the sampled rows as a run would. What is wrong with whole columns is said elsewhere.
pub(super) fn find(spec: &TrainingSpec, sample: &[RecordBatch]) -> Vec<Unfit> {
    let unfit = |(name, feature): (&FeatureName, &Feature)| match encode(&parts(spec, name, feature), sample) {
        Err(EncodeError::Row { column, fault, .. }) => {
            let message = format!("column `{column}`: {fault}; so it is in one of the sampled rows");
            Some(Unfit { feature: name.clone(), message })
        }
        Ok(()) | Err(_) => None,
    };
    spec.features.iter().filter(|(_, feature)| depends_on_rows(feature)).filter_map(unfit).collect()
}

fn depends_on_rows(feature: &Feature) -> bool {
    match feature {
        Feature::Vector(_) => true,
        Feature::Bag(bag) => bag.pool == Pool::Weighted,
        Feature::Sequence(sequence) => !sequence.with.is_empty(),
        Feature::Numeric(_) | Feature::Categorical(_) | Feature::Timestamp(_) | Feature::Cross(_) => false,
    }
}

/// A feature, and those that it cannot be read without.
fn parts<'a>(
    spec: &'a TrainingSpec,
    name: &'a FeatureName,
    feature: &'a Feature,
) -> Vec<(&'a FeatureName, &'a Feature)> {
    let Feature::Sequence(sequence) = feature else { return vec![(name, feature)] };
    let others = sequence.with.iter().chain(&sequence.target);
    std::iter::once((name, feature)).chain(others.filter_map(|other| spec.features.get_key_value(other))).collect()
}

fn encode(features: &[(&FeatureName, &Feature)], sample: &[RecordBatch]) -> Result<(), EncodeError> {
    let Some(first) = sample.first() else { return Ok(()) };
    let mut fit = EncoderFit::new(features.iter().copied(), &first.schema())?;
    sample.iter().try_for_each(|batch| fit.update(batch, None))?;
    let (mut encoder, mut out) = (fit.finish()?.bind(&first.schema())?, Inputs::default());
    sample.iter().try_for_each(|batch| encoder.encode(batch, &mut out))
}
