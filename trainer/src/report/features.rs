//! The table of what the model reads.

use page::figure::table;
use page::html::Html;

use super::input::{FeatureLine, Report};
use super::numbers::{ABSENT, count, percent, px_share};

/// All features, in the document's order.
pub(super) fn section(html: &mut Html, report: &Report) {
    html.element("section", &[], |html| {
        html.line("h2", &[], "Features");
        let width: u64 = report.features.iter().map(|feature| u64::from(feature.width)).sum();
        let says = format!(
            "{} features make {} numbers a row. Missing is the share of training rows without a value.",
            count(report.features.len() as u64),
            count(width)
        );
        html.line("p", &[], &says);
        let head = [
            ("text wide", "feature"),
            ("text", "kind"),
            ("text", "encoding"),
            ("text wide", "column"),
            ("number", "cardinality"),
            ("number", "missing"),
            ("number", "width"),
        ];
        table(html, "features", &head, |html| {
            for feature in &report.features {
                line(html, feature);
            }
        });
    });
}

fn line(html: &mut Html, feature: &FeatureLine) {
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text wide")], &feature.name);
        html.line("td", &[("class", "text")], &feature.kind);
        html.line("td", &[("class", "text faint")], &feature.encoding);
        let is_same = feature.columns.len() == 1 && feature.columns[0] == feature.name;
        let columns = if is_same { "same".to_owned() } else { feature.columns.join(", ") };
        html.line("td", &[("class", if is_same { "text wide faint" } else { "text wide" })], &columns);
        html.line("td", &[("class", "number")], feature.cardinality.map(count).as_deref().unwrap_or(ABSENT));
        html.element("td", &[("class", "number")], |html| {
            html.text(&feature.missing.map_or_else(|| ABSENT.to_owned(), percent));
            if let Some(missing) = feature.missing {
                let size = format!("width:{}", px_share(missing));
                html.element("span", &[("class", "meter")], |html| html.line("i", &[("style", &size)], ""));
            }
        });
        html.line("td", &[("class", "number")], &feature.width.to_string());
    });
}
