//! A figure: what it shows in a sentence, what its colours mean, and the picture.

use crate::html::Html;
use crate::numbers::{percent, px_share};

/// An entry of a figure's legend: the class of the marks, and what they are.
pub type Key<'a> = (&'static str, &'a str);

/// Writes a figure; the sentence says what the reader should take from it.
pub fn figure(html: &mut Html, title: &str, says: &str, keys: &[Key<'_>], picture: impl FnOnce(&mut Html)) {
    html.element("figure", &[], |html| {
        html.element("figcaption", &[], |html| {
            html.line("h4", &[], title);
            if !says.is_empty() {
                html.line("p", &[], says);
            }
            if !keys.is_empty() {
                html.element("ul", &[("class", "legend")], |html| {
                    for (class, text) in keys {
                        html.line("li", &[("class", class)], text);
                    }
                });
            }
        });
        picture(html);
    });
}

/// A grid that puts two figures beside each other where there is room.
pub fn figures(html: &mut Html, content: impl FnOnce(&mut Html)) {
    html.element("div", &[("class", "figures")], content);
}

/// A table that scrolls by itself where the page is narrow; a column's class is `text` or `number`.
pub fn table(html: &mut Html, class: &'static str, head: &[(&'static str, &str)], rows: impl FnOnce(&mut Html)) {
    html.element("div", &[("class", "scroll"), ("tabindex", "0")], |html| {
        html.element("table", &[("class", class)], |html| {
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for (class, text) in head {
                        html.line("th", &[("class", class), ("scope", "col")], text);
                    }
                });
            });
            html.element("tbody", &[], rows);
        });
    });
}

/// A row of plain cells.
pub fn row(html: &mut Html, cells: &[(&'static str, &str)]) {
    html.element("tr", &[], |html| {
        for (class, text) in cells {
            html.line("td", &[("class", class)], text);
        }
    });
}

/// A cell with a share and a bar of its length below.
pub fn share_cell(html: &mut Html, share: f64) {
    html.element("td", &[("class", "number")], |html| {
        html.text(&percent(share));
        let width = format!("width:{}", px_share(share));
        html.element("span", &[("class", "meter")], |html| html.element("i", &[("style", &width)], |_| ()));
    });
}

/// A part that opens when its title is clicked.
pub fn details(html: &mut Html, title: &str, content: impl FnOnce(&mut Html)) {
    html.element("details", &[], |html| {
        html.line("summary", &[], title);
        content(html);
    });
}
