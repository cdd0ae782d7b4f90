//! How ranks lie, now and in the version before, and how far down the audience reaches.

use std::collections::BTreeMap;

use page::figure::{figure, figures};
use page::html::Html;
use page::numbers::{amount, count, percent, percent_tick, tick};
use page::plot::{Plot, Range, Size};

use crate::profile::scores::{ReachPoint, lowest_of};
use crate::profile::told::Profile;

/// Bars of the histogram at the most, and labels below them.
const BARS: usize = 48;
const LABELS: usize = 6;

/// The figures; nothing where nobody is eligible.
pub(super) fn section(html: &mut Html, profile: &Profile) {
    if profile.eligible == 0 {
        return;
    }
    html.element("section", &[], |html| {
        html.line("h2", &[], "Ranks and reach");
        figures(html, |html| {
            histogram(html, profile);
            reach(html, profile);
            if profile.reach.iter().any(|point| point.seeds.is_some()) {
                seeds(html, profile);
            }
        });
    });
}

/// Shares of people in some neighbouring cells.
#[derive(Debug, Default)]
struct Bar {
    from: u16,
    eligible: f64,
    selected: f64,
    last: f64,
}

/// The cells of both versions, neighbours put together; cells that nobody is in take no room.
fn bars_of(profile: &Profile) -> Vec<Bar> {
    let mut cells: BTreeMap<u16, Bar> = BTreeMap::new();
    for cell in &profile.scores {
        let bar = cells.entry(cell.cell).or_default();
        bar.eligible = cell.eligible as f64 / profile.eligible as f64;
        bar.selected = cell.selected() as f64 / profile.eligible as f64;
    }
    if let Some(last) = &profile.last {
        let all = last.eligible.iter().map(|(_, people)| people).sum::<u64>().max(1) as f64;
        for (cell, people) in &last.eligible {
            cells.entry(*cell).or_default().last = *people as f64 / all;
        }
    }
    let cells: Vec<(u16, Bar)> = cells.into_iter().collect();
    let together = |cells: &[(u16, Bar)]| Bar {
        from: cells[0].0,
        eligible: cells.iter().map(|(_, bar)| bar.eligible).sum(),
        selected: cells.iter().map(|(_, bar)| bar.selected).sum(),
        last: cells.iter().map(|(_, bar)| bar.last).sum(),
    };
    cells.chunks(cells.len().div_ceil(BARS).max(1)).map(together).collect()
}

fn histogram(html: &mut Html, profile: &Profile) {
    let bars = bars_of(profile);
    let says = format!(
        "Eligible people by rank, {} of them selected. Steps are narrower where ranks are smaller.",
        percent(profile.selected as f64 / profile.eligible as f64)
    );
    let before = profile.last.as_ref().map(|last| format!("eligible in version {}", last.version));
    let mut keys = vec![("model area", "eligible"), ("natural area", "selected")];
    keys.extend(before.as_deref().map(|before| ("train", before)));
    figure(html, "Ranks", &says, &keys, |html| {
        let x = Range { from: 0.0, to: bars.len() as f64, ticks: Vec::new() };
        let y = Range::from_zero(bars.iter().flat_map(|bar| [bar.eligible, bar.last]), 4);
        Plot::draw(html, Size::TITLED, (&x, &y), &says, |plot| {
            plot.y_axis(&y.ticks, percent_tick);
            plot.y_title("share of the eligible");
            plot.steps("model", &bars.iter().map(|bar| bar.eligible).collect::<Vec<_>>());
            plot.steps("natural", &bars.iter().map(|bar| bar.selected).collect::<Vec<_>>());
            if profile.last.is_some() {
                plot.line("train", bars.iter().enumerate().map(|(at, bar)| (at as f64 + 0.5, bar.last)));
            }
            let (_, _, _, base) = plot.area();
            for (at, bar) in bars.iter().enumerate().step_by(bars.len().div_ceil(LABELS).max(1)) {
                let label = lowest_of(bar.from).map_or_else(|| "∞".to_owned(), amount);
                plot.text("tick middle", (plot.x.at(at as f64), base + 18.0), &label);
            }
            plot.x_title("rank");
        });
    });
}

fn reach(html: &mut Html, profile: &Profile) {
    let lowest = profile.tiers.values().filter_map(|tier| tier.lowest).fold(f64::INFINITY, f64::min);
    let says = match lowest.is_finite() {
        true => format!("The {} who are selected stand at {} or above.", count(profile.selected), amount(lowest)),
        false => "How many people stand at a rank or above.".to_owned(),
    };
    let keys = [("model", "people at or above a rank"), ("chance", "selected")];
    figure(html, "Reach against rank", &says, &keys, |html| {
        let ranked = || profile.reach.iter().filter_map(|point| Some((point.people as f64, point.rank?)));
        let x = Range::from_zero(profile.reach.iter().map(|point| point.people as f64), 4);
        let y = Range::around(ranked().map(|(_, rank)| rank), 5);
        Plot::draw(html, Size::TITLED, (&x, &y), &says, |plot| {
            plot.y_axis(&y.ticks, tick);
            plot.x_axis(&x.ticks, tick, "people");
            plot.y_title("rank");
            let selected = profile.selected as f64;
            plot.rule("chance", (selected, y.from), (selected, y.to));
            plot.line("model", ranked());
        });
    });
}

fn seeds(html: &mut Html, profile: &Profile) {
    let selected = profile.selected as f64 / profile.eligible as f64;
    let says = "How many of the eligible seeds are among so many of the eligible people: the steeper at first, the better they are told from others.";
    let keys = [("model", "seeds"), ("chance", "at random"), ("natural", "selected")];
    figure(html, "Reach of the seeds", says, &keys, |html| {
        let unit = || Range::from_zero([1.0].into_iter(), 5);
        let (x, y) = (unit(), unit());
        Plot::draw(html, Size::TITLED, (&x, &y), says, |plot| {
            plot.y_axis(&y.ticks, percent_tick);
            plot.x_axis(&x.ticks, percent_tick, "of the eligible people");
            plot.y_title("of the eligible seeds");
            plot.rule("chance", (0.0, 0.0), (1.0, 1.0));
            plot.rule("natural", (selected, 0.0), (selected, 1.0));
            let seeds = |point: &ReachPoint| Some((point.share, point.seeds?));
            plot.line("model", std::iter::once((0.0, 0.0)).chain(profile.reach.iter().filter_map(seeds)));
        });
    });
}
