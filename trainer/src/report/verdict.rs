//! What the figures say, in sentences, by stated rules: the first thing a reader sees.

use model::calibrate::TaskCalibration;
use model::measure::{BinaryMetrics, Measure, Part, PartMetrics, TaskKind, TaskMetrics, ValueMetrics};
pub use page::parts::Tone;
use serde::{Deserialize, Serialize};
use spec::TaskName;
use spec::training::Calibration;

mod classes;

use super::compared::{remarks, sentence};
use super::input::{Report, StopReason};
use super::numbers::{amount, fixed, measure, measure_words, percent, plural, times};

/// One sentence about a task, or about the whole training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How it is meant.
    pub tone: Tone,
    /// The task; absent for the whole training.
    pub task: Option<TaskName>,
    /// The sentence.
    pub text: String,
}

/// An AUC from here on is more often a leak than a good model.
const SUSPICIOUS_AUC: f64 = 0.98;
/// Rows of the rarer class below which figures are rough.
const FEW_ROWS: u64 = 50;
/// An AUC or normalized Gini this much lower on test rows than on training rows is overfitting.
const OVERFIT: f64 = 0.05;
/// A mean prediction within this share of the actual mean is right on average.
const RIGHT_ON_AVERAGE: f64 = 0.1;

/// An ECE within this factor of what chance alone gives says nothing against the predictions: √2 of it is the chance in
/// as many validation rows that the calibration was fitted to.
const BEYOND_CHANCE: f64 = 1.6;

/// All sentences: the tasks' in order, then the training's.
pub fn verdicts(report: &Report) -> Vec<Verdict> {
    let mut all = Vec::new();
    for (task, metrics) in &report.metrics.tasks {
        let mut of_task = Sentences::default();
        match judged(metrics) {
            None => of_task.say(
                Tone::Caution,
                "There are no validation or test rows with this label: nothing is known.".to_owned(),
            ),
            Some((part, PartMetrics::Probabilities(judged))) => {
                of_task.probabilities(part, judged, metrics);
                let calibration = report.calibration.tasks.get(task);
                let is_calibrated = calibration.is_some_and(|task| task.requested != Calibration::None);
                if metrics.kind == TaskKind::Lookalike && !is_calibrated {
                    of_task.resemblance(judged, part);
                } else {
                    of_task.calibration(judged, part, calibration);
                }
            }
            Some((part, PartMetrics::Values(judged))) => of_task.values(part, judged, metrics),
            Some((part, PartMetrics::Classes(judged))) => {
                of_task.classes(part, judged, metrics, report.calibration.tasks.get(task));
            }
        }
        of_task.compare(report, task);
        all.extend(of_task.0.into_iter().map(|(tone, text)| Verdict { tone, task: Some(task.clone()), text }));
    }
    let mut of_run = Sentences::default();
    of_run.training(report);
    all.extend(of_run.0.into_iter().map(|(tone, text)| Verdict { tone, task: None, text }));
    all
}

/// Test rows if there are any, else validation rows.
pub(super) fn judged(metrics: &TaskMetrics) -> Option<(Part, &PartMetrics)> {
    let parts = [Part::Test, Part::Validation];
    parts.into_iter().find_map(|part| Some((part, metrics.part(part).filter(|metrics| metrics.rows() > 0)?)))
}

#[derive(Default)]
struct Sentences(Vec<(Tone, String)>);

impl Sentences {
    fn say(&mut self, tone: Tone, text: String) {
        self.0.push((tone, text));
    }

    fn probabilities(&mut self, part: Part, judged: &BinaryMetrics, metrics: &TaskMetrics) {
        let name = part.name();
        let (Some(auc), Some(rate)) = (judged.auc, judged.rate) else {
            self.say(Tone::Caution, format!("The {name} rows hold one class only: ranking cannot be judged."));
            return;
        };
        let interval = judged.auc_interval.map_or_else(String::new, |interval| {
            format!(" (95\u{a0}% interval {}–{})", fixed(interval.low, 3), fixed(interval.high, 3))
        });
        let reached = format!("{name} AUC {}{interval}", fixed(auc, 3));
        match judged.auc_interval {
            Some(interval) if interval.low <= 0.5 => {
                self.say(Tone::Bad, format!("Not shown to rank better than chance: {reached}."));
            }
            _ if auc >= SUSPICIOUS_AUC => self.say(
                Tone::Caution,
                format!(
                    "Too good to be taken on trust: {reached}. Look for a feature that was written after the label."
                ),
            ),
            _ => {
                let (tone, how) = ranking_words(auc);
                self.say(tone, format!("{how}: {reached}.{}", lift_words(judged, rate)));
            }
        }
        self.overfit(metrics, part, Measure::Auc);
        let rarer = judged.positives.min(judged.rows - judged.positives);
        if rarer < FEW_ROWS {
            let class = if judged.positives == rarer { "positive" } else { "negative" };
            let rows = plural(rarer, &format!("{class} {name} row"), &format!("{class} {name} rows"));
            self.say(Tone::Caution, format!("Only {rows}: every figure here is rough."));
        }
    }

    fn compare(&mut self, report: &Report, task: &TaskName) {
        let compared = report.comparisons.iter().filter_map(|of| Some(sentence(of, of.tasks.get(task)?)));
        self.0.extend(compared);
    }

    fn overfit(&mut self, metrics: &TaskMetrics, part: Part, by: Measure) {
        let of = |part: Part| metrics.part(part).and_then(|metrics| metrics.measure(by.name()));
        if let (Some(train), Some(judged)) = (of(Part::Train), of(part))
            && train - judged > OVERFIT
        {
            let (train, judged) = (measure(by, train), measure(by, judged));
            let text = format!(
                "Fits the training rows better than new ones: {} {train} against {judged} on {} rows.",
                measure_words(by),
                part.name()
            );
            self.say(Tone::Caution, text);
        }
    }

    /// A loss for unlabelled examples counts people like the seeds who are none: more than the seeds is what it is for.
    fn resemblance(&mut self, judged: &BinaryMetrics, part: Part) {
        if let (Some(rate), Some(mean)) = (judged.rate, judged.mean_score) {
            let (mean, rate, part) = (percent(mean), percent(rate), part.name());
            self.say(
                Tone::Plain,
                format!("Takes {mean} for people like the seeds, seeds included; {rate} of the {part} rows are seeds."),
            );
        }
    }

    fn calibration(&mut self, judged: &BinaryMetrics, part: Part, calibration: Option<&TaskCalibration>) {
        if let Some(reason) = calibration.and_then(|calibration| calibration.fallback) {
            self.say(Tone::Caution, format!("Probabilities are not calibrated: {reason}."));
        }
        let (Some(ece), Some(rate), Some(mean)) = (judged.ece, judged.rate, judged.mean_score) else { return };
        if judged.auc.is_none() {
            return;
        }
        let by_chance = judged.ece_by_chance.unwrap_or(0.0);
        let before = judged.uncalibrated.as_ref().and_then(|raw| raw.ece);
        let before = before.map_or_else(String::new, |before| format!("; {} before calibration", points(before)));
        let figures = format!(
            "mean prediction {} against {} that came true on {} rows; off by {} on average, where chance alone would be \
             off by {}{before}",
            percent(mean),
            percent(rate),
            part.name(),
            points(ece),
            points(by_chance)
        );
        let small = (RIGHT_ON_AVERAGE * rate.min(1.0 - rate)).max(0.01);
        let deviation = (rate * (1.0 - rate) / judged.rows as f64).sqrt();
        let is_right_on_average = (mean - rate).abs() <= small.max(3.0 * deviation);
        match () {
            () if !is_right_on_average || ece > small.max(BEYOND_CHANCE * by_chance) => {
                self.say(Tone::Caution, format!("Probabilities are off: {figures}."));
            }
            () if by_chance > 0.05 => {
                self.say(Tone::Plain, format!("Too few rows to tell whether probabilities are right: {figures}."));
            }
            () => self.say(Tone::Good, format!("Probabilities can be taken at their word: {figures}.")),
        }
    }

    fn values(&mut self, part: Part, judged: &ValueMetrics, metrics: &TaskMetrics) {
        let name = part.name();
        match (judged.normalized_gini, judged.spearman) {
            (Some(gini), _) if gini <= 0.0 => {
                self.say(
                    Tone::Bad,
                    format!("Does not order people by value: normalized Gini {} on {name} rows.", fixed(gini, 3)),
                );
            }
            (None, None) => {
                self.say(Tone::Caution, format!("The {name} labels are all the same: order cannot be judged."))
            }
            (gini, spearman) => {
                let figure = |value: Option<f64>, name: &str| value.map(|value| format!("{name} {}", fixed(value, 3)));
                let figures = [figure(gini, "normalized Gini"), figure(spearman, "Spearman")];
                let figures = figures.into_iter().flatten().collect::<Vec<_>>().join(", ");
                let gain = judged.deciles.first().and_then(|decile| decile.gain).map_or_else(String::new, |gain| {
                    format!(" The highest tenth holds {} of the whole value.", percent(gain))
                });
                let (tone, how) = ordering_words(gini.or(spearman).unwrap_or(0.0));
                self.say(tone, format!("{how}: {figures} on {name} rows.{gain}"));
            }
        }
        metrics.kind.measures().first().into_iter().for_each(|leading| self.overfit(metrics, part, *leading));
        self.mean_value(part, judged);
        match metrics.kind {
            TaskKind::Regression if judged.rows < FEW_ROWS => {
                let rows = plural(judged.rows, &format!("{name} row"), &format!("{name} rows"));
                self.say(Tone::Caution, format!("Only {rows}: every figure here is rough."));
            }
            TaskKind::Value if judged.positives < FEW_ROWS => {
                let rows = plural(judged.positives, "row", "rows");
                self.say(Tone::Caution, format!("Only {rows} above zero on {name}: every figure here is rough."));
            }
            TaskKind::Value | TaskKind::Regression | TaskKind::Binary | TaskKind::Lookalike | TaskKind::Multiclass => {}
        }
    }

    fn mean_value(&mut self, part: Part, judged: &ValueMetrics) {
        let name = part.name();
        if let (Some(predicted), Some(actual)) = (judged.mean_predicted, judged.mean_actual)
            && actual != 0.0
        {
            let figures = format!("{} predicted, {} actual on {name} rows", amount(predicted), amount(actual));
            let excess = predicted / actual - 1.0;
            if excess.abs() <= RIGHT_ON_AVERAGE {
                self.say(Tone::Good, format!("Right on average: {figures}."));
            } else {
                let way = if excess > 0.0 { "too high" } else { "too low" };
                self.say(Tone::Caution, format!("{} {way} on average: {figures}.", percent(excess.abs())));
            }
        }
    }

    fn training(&mut self, report: &Report) {
        let timeline = &report.timeline;
        let epochs = timeline.epochs.len() as u64;
        match (timeline.best_epoch, timeline.stopped) {
            (Some(best), StopReason::Finished) if u64::from(best) == epochs && epochs > 1 => {
                self.say(Tone::Plain, format!("The last of {epochs} epochs was the best: more epochs may do better."))
            }
            _ => {}
        }
        self.0.extend(report.comparisons.iter().flat_map(remarks));
        self.0.extend(report.warnings.iter().map(|warning| (Tone::Caution, warning.clone())));
        self.0.extend(report.registration.iter().map(|line| (Tone::Plain, line.clone())));
    }
}

fn ranking_words(auc: f64) -> (Tone, &'static str) {
    match auc {
        _ if auc >= 0.8 => (Tone::Good, "Ranks very well"),
        _ if auc >= 0.7 => (Tone::Good, "Ranks well"),
        _ if auc >= 0.6 => (Tone::Plain, "Ranks somewhat better than chance"),
        _ => (Tone::Caution, "Ranks barely better than chance"),
    }
}

fn ordering_words(gini: f64) -> (Tone, &'static str) {
    match gini {
        _ if gini >= 0.4 => (Tone::Good, "Orders people by value well"),
        _ if gini >= 0.2 => (Tone::Plain, "Orders people by value somewhat"),
        _ => (Tone::Caution, "Hardly orders people by value"),
    }
}

fn lift_words(judged: &BinaryMetrics, rate: f64) -> String {
    judged.deciles.first().map_or_else(String::new, |decile| {
        let natural = percent(rate);
        format!(" The best tenth has a rate of {}, {} the natural {natural}.", percent(decile.rate), times(decile.lift))
    })
}

/// A distance between probabilities: `1.2 points`, of a hundred.
fn points(distance: f64) -> String {
    format!("{} points", fixed(distance * 100.0, if distance < 0.001 { 3 } else { 2 }))
}
