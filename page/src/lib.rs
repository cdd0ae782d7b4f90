//! Writes HTML pages that need nothing beside themselves: escaped markup, tables, figures and plots in one style, and how numbers are
//! written in them. What a page says is decided by who writes it: the trainer's report, the scorer's page of segments.

pub mod bars;
pub mod figure;
pub mod html;
pub mod numbers;
pub mod parts;
pub mod plot;
pub mod testing;

use html::Html;

/// A page as one HTML document. Its policy forbids anything from outside.
pub fn document(title: &str, content: impl FnOnce(&mut Html)) -> String {
    let mut html = Html::new();
    html.fixed("<!doctype html>\n<html lang=\"en\">");
    head(&mut html, title);
    html.element("body", &[], |html| html.element("main", &[], content));
    html.fixed("</html>\n");
    html.finish()
}

fn head(html: &mut Html, title: &str) {
    html.element("head", &[], |html| {
        html.fixed(concat!(
            "<meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            "<meta name=\"color-scheme\" content=\"light dark\">",
            "<meta name=\"referrer\" content=\"no-referrer\">",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        ));
        html.line("title", &[], title);
        html.fixed(concat!("<style>", include_str!("style.css"), "</style>"));
    });
}
