//! Measures of classes from what was said of each row's own class alone.

use super::super::{MeasureError, check_weight};
use super::{ClassMetrics, ClassRank, Hits, Mean};

/// Accumulates what was said of rows' own classes: every measure that is a mean over rows.
#[derive(Debug, Clone, Default)]
pub struct RankMeasures {
    rows: u64,
    weight: f64,
    log_loss: Mean,
    hits: Hits,
}

impl RankMeasures {
    /// Adds a row of a weight ≥ 0. A row of weight 0 counts nowhere.
    ///
    /// # Errors
    /// A probability outside 0..1, a weight that is none.
    pub fn push(&mut self, rank: ClassRank, weight: f32) -> Result<(), MeasureError> {
        if !(0.0..=1.0).contains(&rank.probability) {
            return Err(MeasureError::Classes);
        }
        check_weight(weight)?;
        if weight != 0.0 {
            let weight = f64::from(weight);
            self.rows += 1;
            self.weight += weight;
            self.log_loss.add(rank.log_loss(), weight);
            self.hits.add(rank, weight);
        }
        Ok(())
    }

    /// The measures of the rows so far; those that need all of a row's probabilities are absent.
    pub fn metrics(&self) -> ClassMetrics {
        ClassMetrics {
            rows: self.rows,
            weight: self.weight,
            log_loss: self.log_loss.value(),
            log_loss_interval: self.log_loss.interval(),
            ..self.hits.metrics()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ClassMeasures;
    use super::*;

    #[test]
    fn they_are_those_of_all_probabilities() {
        let rows = [([0.2, 0.5, 0.25, 0.05], 1, 1.0), ([0.3, 0.1, 0.2, 0.4], 2, 0.5), ([0.6, 0.1, 0.1, 0.2], 3, 2.0)];
        let mut all = ClassMeasures::new(["tea", "milk", "bread"].map(str::to_owned).to_vec());
        let mut ranks = RankMeasures::default();
        for (probabilities, class, weight) in rows {
            all.push(&probabilities, class, weight).unwrap();
            ranks.push(ClassRank::of(&probabilities, class), weight).unwrap();
        }
        let (all, ranks) = (all.metrics(), ranks.metrics());
        assert_eq!((ranks.rows, ranks.weight), (all.rows, all.weight));
        assert_eq!((ranks.log_loss, ranks.accuracy, ranks.mrr), (all.log_loss, all.accuracy, all.mrr));
        assert_eq!(ranks.top_3_accuracy_interval, all.top_3_accuracy_interval);
        assert_eq!((ranks.ece, ranks.majority.log_loss), (None, None));
        assert!(RankMeasures::default().push(ClassRank { probability: f32::NAN, place: None }, 1.0).is_err());
    }
}
