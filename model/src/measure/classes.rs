//! The accumulator of class probabilities: multiclass tasks. Everything is a sum over rows, so all is exact however many
//! rows there are; the calibration table of the most probable class is a [`BinaryMeasures`]'.

mod mean;
mod metrics;
mod ranks;

use mean::Mean;
pub use metrics::{ClassLine, ClassMetrics, MajorityMetrics, UncalibratedClasses};
pub use ranks::RankMeasures;

use super::binary::log_loss_of;
use super::{BinaryMeasures, MeasureError, check_weight};

/// Classes that are listed with figures of their own, the most frequent ones of the training rows.
const LISTED: usize = 20;

/// What a model says of a row's class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassRank {
    /// The probability of the row's class.
    pub probability: f32,
    /// Its place by probability, from 1, equal ones in the classes' order; none for what is no class of its own.
    pub place: Option<u32>,
}

impl ClassRank {
    /// From a row's probabilities, that of no class of its own last.
    pub fn of(probabilities: &[f32], class: usize) -> Self {
        let (own, others) = (probabilities[class], probabilities.len() - 1);
        let is_before =
            |(other, &probability): (usize, &f32)| probability > own || (probability == own && other < class);
        let before = probabilities[..others].iter().enumerate().filter(|other| is_before(*other)).count();
        Self { probability: own, place: (class < others).then_some(before as u32 + 1) }
    }

    /// The place that the class has if it is always said that classes are as frequent as in the training rows.
    fn by_frequency(class: usize, classes: usize) -> Self {
        Self { probability: 0.0, place: (class < classes).then_some(class as u32 + 1) }
    }

    /// Nats.
    pub(super) fn log_loss(self) -> f64 {
        log_loss_of(f64::from(self.probability))
    }

    /// 1 where the class is among the best, else 0.
    pub(super) fn is_within(self, best: u32) -> f64 {
        f64::from(u8::from(self.place.is_some_and(|place| place <= best)))
    }

    /// 1 over the place; 0 where there is none.
    pub(super) fn reciprocal(self) -> f64 {
        self.place.map_or(0.0, |place| 1.0 / f64::from(place))
    }
}

/// Means over rows of what a ranking says.
#[derive(Debug, Clone, Copy, Default)]
struct Hits {
    first: Mean,
    first_3: Mean,
    first_5: Mean,
    reciprocal: Mean,
}

impl Hits {
    fn add(&mut self, rank: ClassRank, weight: f64) {
        self.first.add(rank.is_within(1), weight);
        self.first_3.add(rank.is_within(3), weight);
        self.first_5.add(rank.is_within(5), weight);
        self.reciprocal.add(rank.reciprocal(), weight);
    }

    fn merge(&mut self, other: &Self) {
        self.first.merge(&other.first);
        self.first_3.merge(&other.first_3);
        self.first_5.merge(&other.first_5);
        self.reciprocal.merge(&other.reciprocal);
    }

    /// Its measures among those of classes.
    fn metrics(&self) -> ClassMetrics {
        ClassMetrics {
            accuracy: self.first.value(),
            accuracy_interval: self.first.interval(),
            top_3_accuracy: self.first_3.value(),
            top_3_accuracy_interval: self.first_3.interval(),
            top_5_accuracy: self.first_5.value(),
            top_5_accuracy_interval: self.first_5.interval(),
            mrr: self.reciprocal.value(),
            mrr_interval: self.reciprocal.interval(),
            ..ClassMetrics::default()
        }
    }
}

/// Sums over the rows of a class.
#[derive(Debug, Clone, Copy, Default)]
struct OfClass {
    rows: u64,
    weight: f64,
    /// Σ weight · probability of the class, over all rows.
    probability: f64,
    /// Weight of the rows for which it is the most probable one.
    chosen: f64,
    /// Of these, those that are of the class.
    first: f64,
    /// Weight of the class's rows that have it among the best 3.
    first_3: f64,
}

/// Accumulates class probabilities and classes; mergeable, in memory that depends on the number of classes alone, but for
/// at most 30 MB.
#[derive(Debug, Clone)]
pub struct ClassMeasures {
    names: Vec<String>,
    rows: u64,
    weight: f64,
    log_loss: Mean,
    hits: Hits,
    majority: Hits,
    /// One a class, and one of no class of its own.
    classes: Vec<OfClass>,
    /// The most probable class's probability, and whether it is the row's.
    confidence: BinaryMeasures,
}

impl ClassMeasures {
    /// One without rows, for classes by descending frequency in the training rows.
    pub fn new(names: Vec<String>) -> Self {
        let classes = vec![OfClass::default(); names.len() + 1];
        Self {
            names,
            rows: 0,
            weight: 0.0,
            log_loss: Mean::default(),
            hits: Hits::default(),
            majority: Hits::default(),
            classes,
            confidence: BinaryMeasures::default(),
        }
    }

    /// Adds a row: a probability for each class and one for no class of its own, the place of the row's class, weight ≥ 0.
    /// A row of weight 0 counts nowhere.
    ///
    /// # Errors
    /// Probabilities outside 0..1 or of other classes, a weight that is none; the accumulator is then as before.
    pub fn push(&mut self, probabilities: &[f32], class: usize, weight: f32) -> Result<(), MeasureError> {
        let is_probability = |probability: &f32| (0.0..=1.0).contains(probability);
        let of_classes = probabilities.len() == self.classes.len() && class < self.classes.len();
        if !of_classes || !probabilities.iter().all(is_probability) {
            return Err(MeasureError::Classes);
        }
        check_weight(weight)?;
        if weight == 0.0 {
            return Ok(());
        }
        let best = best(&probabilities[..self.names.len()]);
        self.confidence.push(probabilities[best], f32::from(u8::from(best == class)), weight)?;
        let (rank, weight) = (ClassRank::of(probabilities, class), f64::from(weight));
        self.rows += 1;
        self.weight += weight;
        self.log_loss.add(rank.log_loss(), weight);
        self.hits.add(rank, weight);
        self.majority.add(ClassRank::by_frequency(class, self.names.len()), weight);
        for (of_class, probability) in self.classes.iter_mut().zip(probabilities) {
            of_class.probability += weight * f64::from(*probability);
        }
        self.classes[best].chosen += weight;
        let of_class = &mut self.classes[class];
        of_class.rows += 1;
        of_class.weight += weight;
        of_class.first += weight * rank.is_within(1);
        of_class.first_3 += weight * rank.is_within(3);
        Ok(())
    }

    /// Adds all rows of another accumulator of the same classes.
    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.weight += other.weight;
        self.log_loss.merge(&other.log_loss);
        self.hits.merge(&other.hits);
        self.majority.merge(&other.majority);
        for (mine, more) in self.classes.iter_mut().zip(&other.classes) {
            mine.rows += more.rows;
            mine.weight += more.weight;
            mine.probability += more.probability;
            mine.chosen += more.chosen;
            mine.first += more.first;
            mine.first_3 += more.first_3;
        }
        self.confidence.merge(other.confidence);
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// All measures of the rows so far.
    pub fn metrics(&self) -> ClassMetrics {
        let confidence = self.confidence.metrics();
        let entropy = self.entropy();
        let log_loss = self.log_loss.value();
        let share = |part: f64| (self.weight > 0.0).then(|| part / self.weight);
        ClassMetrics {
            rows: self.rows,
            weight: self.weight,
            classes: self.names.len() as u64,
            other_rate: share(self.classes[self.names.len()].weight),
            log_loss,
            log_loss_interval: self.log_loss.interval(),
            normalized_entropy: entropy.filter(|entropy| *entropy > 0.0).zip(log_loss).map(|(all, loss)| loss / all),
            ece: confidence.ece,
            ece_by_chance: confidence.ece_by_chance,
            calibration: confidence.calibration,
            majority: MajorityMetrics {
                log_loss: entropy,
                accuracy: self.majority.first.value(),
                top_3_accuracy: self.majority.first_3.value(),
                top_5_accuracy: self.majority.first_5.value(),
                mrr: self.majority.reciprocal.value(),
            },
            most_frequent: self.lines(),
            ..self.hits.metrics()
        }
    }

    /// Of the rows' classes, in nats.
    fn entropy(&self) -> Option<f64> {
        let shares = self.classes.iter().map(|class| class.weight / self.weight).filter(|share| *share > 0.0);
        (self.weight > 0.0).then(|| shares.map(|share| -share * share.ln()).sum())
    }

    fn lines(&self) -> Vec<ClassLine> {
        let line = |(name, class): (&String, &OfClass)| {
            let of = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
            ClassLine {
                class: name.clone(),
                rows: class.rows,
                rate: of(class.weight, self.weight),
                mean_probability: of(class.probability, self.weight),
                precision: of(class.first, class.chosen),
                recall: of(class.first, class.weight),
                recall_at_3: of(class.first_3, class.weight),
            }
        };
        self.names.iter().zip(&self.classes).take(LISTED).map(line).collect()
    }
}

/// The place of the largest probability, the first of equal ones.
fn best(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (place, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = place;
        }
    }
    best
}

#[cfg(test)]
mod tests;
