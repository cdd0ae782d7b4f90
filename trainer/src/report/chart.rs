//! The report's pictures.

use model::measure::{CalibrationBin, Decile, RocPoint, ScoreHistogram, ValueDecile};
use page::html::Html;
use page::plot::{Plot, Range, Size};

use super::numbers::{amount, percent, percent_tick, tick, times};

/// A line by epoch.
pub(super) struct Series {
    /// `train`, `model`, …: the class of its marks.
    pub(super) class: &'static str,
    /// What it is, for the hints.
    pub(super) name: &'static str,
    /// (epoch, value); values that are not there are NaN.
    pub(super) points: Vec<(f64, f64)>,
}

/// Where a vertical axis starts.
#[derive(Clone, Copy)]
pub(super) enum Floor {
    /// At zero: lengths can be compared.
    Zero,
    /// Just under the lowest point: changes can be seen.
    Lowest,
}

/// Lines by epoch, the epoch whose weights were kept marked.
pub(super) fn by_epoch(html: &mut Html, label: &str, series: &[Series], best: Option<u32>, floor: Floor) {
    let points = || series.iter().flat_map(|series| series.points.iter().copied());
    let last = points().map(|(epoch, _)| epoch).fold(1.0, f64::max);
    let x = Range::whole(1, last as u32);
    let values = points().map(|(_, value)| value);
    let y = match floor {
        Floor::Zero => Range::from_zero(values, 5),
        Floor::Lowest => Range::around(values, 5),
    };
    Plot::draw(html, Size::HALF, (&x, &y), label, |plot| {
        plot.y_axis(&y.ticks, tick);
        plot.x_axis(&x.ticks, tick, "epoch");
        if let Some(best) = best.map(f64::from) {
            plot.rule("best", (best, y.from), (best, y.to));
            let (left, right, top, _) = plot.area();
            let at = plot.x.at(best);
            let is_left = at > 0.5 * (left + right);
            let (class, beside) = if is_left { ("note end", -6.0) } else { ("note", 6.0) };
            plot.text(class, (at + beside, top + 10.0), "kept");
        }
        for series in series {
            plot.line(series.class, series.points.iter().copied());
            for (epoch, value) in series.points.iter().filter(|(_, value)| value.is_finite()) {
                let is_best = best.is_some_and(|best| f64::from(best) == *epoch);
                let radius = if is_best { 4.5 } else { 2.2 };
                plot.dot(
                    series.class,
                    (*epoch, *value),
                    radius,
                    &format!("epoch {epoch}, {}: {value:.5}", series.name),
                );
            }
        }
    });
}

/// ROC curves of several parts.
pub(super) fn roc(html: &mut Html, label: &str, curves: &[(&'static str, &[RocPoint])]) {
    let axis = unit_range();
    Plot::draw(html, Size::SQUARE, (&axis, &axis), label, |plot| {
        plot.y_axis(&axis.ticks, percent_tick);
        plot.x_axis(&axis.ticks, percent_tick, "false positives, of all negatives");
        plot.y_title("found positives, of all");
        plot.rule("chance", (0.0, 0.0), (1.0, 1.0));
        for (class, points) in curves {
            plot.line(class, points.iter().map(|point| (point.false_positive_rate, point.true_positive_rate)));
        }
    });
}

fn unit_range() -> Range {
    Range { from: 0.0, to: 1.0, ticks: vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0] }
}

/// The rate of every tenth, the natural rate and the mean prediction beside it.
pub(super) fn deciles(html: &mut Html, label: &str, deciles: &[Decile], rate: f64) {
    let tenths = tenths();
    let heights = deciles.iter().flat_map(|decile| [decile.decile_rate, decile.decile_score]);
    let y = Range::from_zero(heights.chain([rate]), 5);
    Plot::draw(html, Size::HALF, (&tenths, &y), label, |plot| {
        plot.y_axis(&y.ticks, percent_tick);
        decile_labels(plot, "tenths of the rows, highest predictions first");
        for (index, decile) in deciles.iter().enumerate() {
            let (from, to) = bar_place(index, 0.0, 1.0);
            let hint = format!(
                "decile {}: rate {}, predicted {}; top {}: rate {}, lift {}, gain {}",
                index + 1,
                percent(decile.decile_rate),
                percent(decile.decile_score),
                percent_tick(decile.share),
                percent(decile.rate),
                times(decile.lift),
                percent(decile.gain),
            );
            plot.bar("model", (from, to), decile.decile_rate, &hint);
        }
        plot.rule("natural", (0.0, rate), (10.0, rate));
        for (index, decile) in deciles.iter().enumerate() {
            plot.dot("predicted", (index as f64 + 0.5, decile.decile_score), 3.2, "mean prediction");
        }
    });
}

fn tenths() -> Range {
    Range { from: 0.0, to: 10.0, ticks: Vec::new() }
}

/// Where the bar of a tenth lies, the share `from..to` of its slot.
fn bar_place(index: usize, from: f64, to: f64) -> (f64, f64) {
    let slot = |share: f64| (index as f64 + 0.12 + 0.76 * share) / 10.0;
    (slot(from), slot(to))
}

fn decile_labels(plot: &mut Plot<'_>, title: &str) {
    let (_, _, _, base) = plot.area();
    for decile in 1..=10_u8 {
        let at = plot.x.at(f64::from(decile) - 0.5);
        plot.text("tick middle", (at, base + 18.0), &decile.to_string());
    }
    plot.x_title(title);
}

/// How much of all positives (or of the whole amount) the best rows hold.
pub(super) fn gain(
    html: &mut Html,
    size: Size,
    (label, y_title): (&str, &str),
    gains: &[(f64, f64)],
    best: Option<f64>,
) {
    let axis = unit_range();
    Plot::draw(html, size, (&axis, &axis), label, |plot| {
        plot.y_axis(&axis.ticks, percent_tick);
        plot.x_axis(&axis.ticks, percent_tick, "rows taken, highest predictions first");
        plot.y_title(y_title);
        plot.rule("chance", (0.0, 0.0), (1.0, 1.0));
        if let Some(rate) = best {
            plot.line("perfect", [(0.0, 0.0), (rate, 1.0), (1.0, 1.0)].into_iter());
        }
        plot.line("model", [(0.0, 0.0)].into_iter().chain(gains.iter().copied()));
        for (share, gain) in gains {
            let hint = format!("the best {} hold {}", percent_tick(*share), percent(*gain));
            plot.dot("model", (*share, *gain), 3.2, &hint);
        }
    });
}

/// Predicted against actual, before and after calibration, with 95 % intervals after it; `rows` are all rows.
pub(super) fn reliability(
    html: &mut Html,
    label: &str,
    before: Option<&[CalibrationBin]>,
    after: &[CalibrationBin],
    rows: u64,
) {
    let bins = before.unwrap_or_default().iter().chain(after);
    let most = bins.map(|bin| bin.predicted.max(bin.actual)).fold(0.0, f64::max);
    let mut axis = Range::from_zero([most].into_iter(), 5);
    axis.to = axis.to.min(1.0);
    axis.ticks.retain(|tick| *tick <= axis.to + 1e-9);
    Plot::draw(html, Size::SQUARE, (&axis, &axis), label, |plot| {
        plot.y_axis(&axis.ticks, percent_tick);
        plot.x_axis(&axis.ticks, percent_tick, "predicted probability");
        plot.y_title("rate that came true");
        plot.rule("chance", (axis.from, axis.from), (axis.to, axis.to));
        for bin in before.unwrap_or_default() {
            plot.dot("before", (bin.predicted, bin.actual), 3.4, &bin_hint("before", bin));
        }
        for bin in after {
            let (low, high) = wilson(bin.actual, bin.weight * rows as f64);
            plot.rule("interval", (bin.predicted, low), (bin.predicted, high.min(axis.to)));
            plot.dot("model", (bin.predicted, bin.actual), 3.6, &bin_hint("after", bin));
        }
    });
}

/// What a calibration makes of raw scores up to `most`.
pub(super) fn calibration_curve(html: &mut Html, label: &str, most: f64, apply: impl Fn(f64) -> f64) {
    let mut axis = Range::from_zero([most, apply(most)].into_iter(), 5);
    axis.to = axis.to.min(1.0);
    axis.ticks.retain(|tick| *tick <= axis.to + 1e-9);
    Plot::draw(html, Size::SQUARE, (&axis, &axis), label, |plot| {
        plot.y_axis(&axis.ticks, percent_tick);
        plot.x_axis(&axis.ticks, percent_tick, "raw score");
        plot.y_title("calibrated probability");
        plot.rule("chance", (axis.from, axis.from), (axis.to, axis.to));
        let score = |step: u16| axis.to * f64::from(step) / 400.0;
        plot.line("model", (0..=400).map(|step| (score(step), apply(score(step)))));
    });
}

fn bin_hint(when: &str, bin: &CalibrationBin) -> String {
    format!(
        "{when} calibration: predicted {}, came true {} ({} of the rows)",
        percent(bin.predicted),
        percent(bin.actual),
        percent(bin.weight)
    )
}

/// Wilson's 95 % interval of a rate.
fn wilson(rate: f64, rows: f64) -> (f64, f64) {
    let z = 1.96_f64;
    let shrink = 1.0 + z * z / rows;
    let middle = (rate + z * z / (2.0 * rows)) / shrink;
    let half = z / shrink * (rate * (1.0 - rate) / rows + z * z / (4.0 * rows * rows)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// Where the scores of both classes lie, on the log-odds scale.
pub(super) fn histogram(html: &mut Html, label: &str, histogram: &ScoreHistogram) {
    let heights = || histogram.positives.iter().chain(&histogram.negatives).copied();
    let y = Range::from_zero(heights(), 4);
    let edge = |probability: Option<&f64>| log_odds(probability.copied().unwrap_or(0.5));
    let x = Range { from: edge(histogram.edges.first()), to: edge(histogram.edges.last()), ticks: Vec::new() };
    Plot::draw(html, Size::HALF, (&x, &y), label, |plot| {
        plot.y_axis(&y.ticks, percent_tick);
        probability_labels(plot, &x);
        plot.steps("natural", &histogram.negatives);
        plot.steps("model", &histogram.positives);
        plot.x_title("predicted probability, log-odds scale");
    });
}

/// Labels at round probabilities, left out where they would touch.
fn probability_labels(plot: &mut Plot<'_>, x: &Range) {
    let (left, right, _, base) = plot.area();
    let small = [0.00001, 0.0001, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4];
    let large = small.iter().rev().map(|probability| 1.0 - probability);
    let is_inside = |odds: &f64| *odds >= x.from && *odds <= x.to;
    let round: Vec<f64> =
        small.iter().copied().chain([0.5]).chain(large).filter(|p| is_inside(&log_odds(*p))).collect();
    if round.len() < 3 {
        for share in [0.0, 0.33, 0.67, 1.0] {
            let odds = x.from + share * (x.to - x.from);
            let class = if share == 1.0 { "tick end" } else { "tick middle" };
            plot.text(class, (plot.x.at(odds), base + 18.0), &percent(1.0 / (1.0 + (-odds).exp())));
        }
        return;
    }
    let mut free_from = left - 10.0;
    for probability in round {
        let at = plot.x.at(log_odds(probability));
        if at > free_from && at < right - 12.0 {
            plot.text("tick middle", (at, base + 18.0), &percent_tick(probability));
            free_from = at + 52.0;
        }
    }
}

fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// Predicted and actual means of every tenth.
pub(super) fn value_deciles(html: &mut Html, label: &str, deciles: &[ValueDecile], mean: f64) {
    let tenths = tenths();
    let y = Range::from_zero(deciles.iter().flat_map(|decile| [decile.predicted, decile.actual]), 5);
    Plot::draw(html, Size::HALF, (&tenths, &y), label, |plot| {
        plot.y_axis(&y.ticks, tick);
        decile_labels(plot, "tenths of the rows, highest predictions first");
        for (index, decile) in deciles.iter().enumerate() {
            let hint = format!(
                "decile {}: predicted {}, actual {}",
                index + 1,
                amount(decile.predicted),
                amount(decile.actual)
            );
            plot.bar("predicted", bar_place(index, 0.0, 0.48), decile.predicted, &hint);
            plot.bar("model", bar_place(index, 0.52, 1.0), decile.actual, &hint);
        }
        plot.rule("natural", (0.0, mean), (10.0, mean));
    });
}

/// Intervals on a 0.5..1 scale, a line each: a small picture inside a table.
pub(super) fn interval_strip(html: &mut Html, label: &str, value: f64, low: f64, high: f64) {
    let x = Range { from: 0.4, to: 1.0, ticks: Vec::new() };
    let y = Range { from: 0.0, to: 1.0, ticks: Vec::new() };
    let size = Size { width: 180.0, height: 22.0, left: 4.0, right: 4.0, top: 2.0, bottom: 2.0 };
    Plot::draw(html, size, (&x, &y), label, |plot| {
        plot.rule("grid", (0.4, 0.5), (1.0, 0.5));
        plot.rule("chance", (0.5, 0.0), (0.5, 1.0));
        plot.rule("strip", (low.max(0.4), 0.5), (high, 0.5));
        plot.dot("model", (value.max(0.4), 0.5), 3.4, label);
    });
}
