//! Bars one below the other, each with a name and an interval.

use crate::html::Html;
use crate::numbers::tick;
use crate::plot::{Plot, Range, Size};

/// A bar.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Where it ends.
    pub value: f64,
    /// Where the value may lie.
    pub interval: (f64, f64),
    /// What is told of it where it is pointed at.
    pub hint: String,
}

/// Characters of a name beside its bar, and of one where names have more room.
const NAME: usize = 24;
const LONG_NAME: usize = 36;

/// Pixels of a character, more or less.
const CHARACTER: f64 = 170.0 / NAME as f64;

/// Draws bars from `base` on; `label` says in words what they show, `title` what their length is.
pub fn bars(html: &mut Html, label: &str, bars: &[Bar], base: f64, title: &str) {
    draw(html, label, (bars, NAME), base, title);
}

/// The same with more room for names.
pub fn bars_of_long_names(html: &mut Html, label: &str, bars: &[Bar], base: f64, title: &str) {
    draw(html, label, (bars, LONG_NAME), base, title);
}

fn draw(html: &mut Html, label: &str, (bars, most): (&[Bar], usize), base: f64, title: &str) {
    let ends = bars.iter().flat_map(|bar| [bar.interval.0, bar.interval.1]);
    let x = Range::around(ends.chain([base]), 4);
    let y = Range { from: 0.0, to: bars.len() as f64, ticks: Vec::new() };
    let height = 24.0 * bars.len() as f64 + 46.0;
    let size = Size { width: 480.0, height, left: CHARACTER * most as f64, right: 24.0, top: 4.0, bottom: 42.0 };
    Plot::draw(html, size, (&x, &y), label, |plot| {
        plot.rule("chance", (base, 0.0), (base, y.to));
        for (index, bar) in bars.iter().enumerate() {
            let middle = y.to - index as f64 - 0.5;
            plot.text("tick end", (size.left - 8.0, plot.y.at(middle) + 4.0), &shortened(&bar.name, most));
            plot.rule("thick", (base, middle), (bar.value, middle));
            plot.rule("natural thin", (bar.interval.0, middle), (bar.interval.1, middle));
            plot.dot("model", (bar.value, middle), 3.0, &bar.hint);
        }
        plot.x_axis(&x.ticks, tick, title);
    });
}

/// A name that fits beside its bar.
fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most { name.to_owned() } else { name.chars().take(most - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_self_contained;

    #[test]
    fn a_bar_goes_from_the_base_to_its_value_and_a_long_name_is_cut() {
        let mut html = Html::new();
        let long = "a name that is much too long for its bar".to_owned();
        bars(
            &mut html,
            "one",
            &[Bar { name: long, value: 150.0, interval: (120.0, 200.0), hint: "h".to_owned() }],
            100.0,
            "TGI",
        );
        let page = html.finish();
        assert!(page.contains("a name that is much too…"), "{page}");
        // 100 to 200 lie at 170 to 456 pixels.
        assert!(page.contains("class=\"rule thick\" x1=\"170\" y1=\"16\" x2=\"313\""), "{page}");
        assert!(page.contains("class=\"rule natural thin\" x1=\"227.2\" y1=\"16\" x2=\"456\""), "{page}");
        assert_self_contained(&page);
    }
}
