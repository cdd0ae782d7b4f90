//! Reach and similarity of a lookalike audience: what it gains and loses as it grows.

use model::measure::{BinaryMetrics, Part};
use page::figure::{details, figure, row, table};
use page::html::Html;
use page::plot::{Plot, Range, Size};

use super::numbers::{ABSENT, percent, percent_tick, times};

/// Seeds reached and mean score by the audience's size; nothing where one class is missing.
pub(super) fn curve(html: &mut Html, part: Part, judged: &BinaryMetrics) {
    let Some(tenth) = judged.reach.iter().find(|point| point.share >= 0.1) else { return };
    let says = format!(
        "An audience of {} of the people reaches {} of the {} seeds ({} to {}), {} as many as a random one.",
        percent_tick(tenth.share),
        percent(tenth.recall),
        part.name(),
        percent(tenth.recall_interval.low),
        percent(tenth.recall_interval.high),
        times(tenth.lift),
    );
    let most = judged.reach.iter().map(|point| point.mean_score).fold(f64::MIN_POSITIVE, f64::max);
    let keys = [
        ("model", "seeds reached, 95 % interval"),
        ("train", "mean score, of that of the best 1 %"),
        ("chance", "random audience"),
    ];
    figure(html, "Reach and similarity", &says, &keys, |html| {
        let axis = Range::from_zero([1.0].into_iter(), 5);
        Plot::draw(html, Size::SQUARE, (&axis, &axis), &says, |plot| {
            plot.y_axis(&axis.ticks, percent_tick);
            plot.x_axis(&axis.ticks, percent_tick, "audience, of all people");
            plot.y_title("seeds reached; similarity");
            plot.rule("chance", (0.0, 0.0), (1.0, 1.0));
            plot.line("train", judged.reach.iter().map(|point| (point.share, point.mean_score / most)));
            plot.line("model", judged.reach.iter().map(|point| (point.share, point.recall)));
            for point in &judged.reach {
                let interval = point.recall_interval;
                plot.rule("strip", (point.share, interval.low), (point.share, interval.high));
                let hint = format!(
                    "{} of the people: {} of the seeds, mean score {}",
                    percent_tick(point.share),
                    percent(point.recall),
                    percent(point.mean_score)
                );
                plot.dot("model", (point.share, point.recall), 3.2, &hint);
            }
        });
    });
}

/// The curve as figures.
pub(super) fn figures(html: &mut Html, part: Part, judged: &BinaryMetrics) {
    if judged.reach.is_empty() {
        return;
    }
    details(html, &format!("Reach and similarity on {} rows, as figures", part.name()), |html| {
        let head = [
            ("number", "audience"),
            ("number", "score down to"),
            ("number", "mean score"),
            ("number", "seeds reached"),
            ("number", "95 % interval"),
            ("number", "of random"),
        ];
        table(html, "reach", &head, |html| {
            for point in &judged.reach {
                let interval = point.recall_interval;
                row(
                    html,
                    &[
                        ("number", &percent_tick(point.share)),
                        ("number", point.threshold.map(percent).as_deref().unwrap_or(ABSENT)),
                        ("number", &percent(point.mean_score)),
                        ("number strong", &percent(point.recall)),
                        ("number faint", &format!("{}–{}", percent(interval.low), percent(interval.high))),
                        ("number", &times(point.lift)),
                    ],
                );
            }
        });
    });
}
