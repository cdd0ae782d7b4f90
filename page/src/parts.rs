//! What every page has: its head, sentences that say what the figures mean, and a glossary.

use serde::{Deserialize, Serialize};

use crate::figure::details;
use crate::html::Html;

/// The top of a page.
#[derive(Debug, Clone, Copy)]
pub struct Masthead<'a> {
    /// What kind of page it is.
    pub kicker: &'a str,
    /// What it is about.
    pub name: &'a str,
    /// Which one of that name.
    pub version: &'a str,
    /// The whole in a sentence or two.
    pub lead: &'a str,
    /// Names and values.
    pub facts: &'a [(&'static str, &'a str)],
}

/// How a sentence is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// As one would wish.
    Good,
    /// Neither.
    Plain,
    /// To be looked at before anything is done with it.
    Caution,
    /// A reason to do nothing with it.
    Bad,
}

/// What sentences are about.
#[derive(Debug, Clone, Copy)]
pub enum Heading<'a> {
    /// Something that users have named.
    Named(&'a str),
    /// The whole, or what has no name.
    Plain(&'static str),
}

/// Writes the top of a page.
pub fn masthead(html: &mut Html, head: &Masthead<'_>) {
    html.element("header", &[], |html| {
        html.line("p", &[("class", "kicker")], head.kicker);
        html.element("h1", &[], |html| {
            html.line("bdi", &[], head.name);
            html.text(" ");
            html.line("span", &[("class", "version")], head.version);
        });
        html.line("p", &[("class", "lead")], head.lead);
        html.element("dl", &[("class", "facts")], |html| {
            for (name, value) in head.facts {
                html.element("div", &[], |html| {
                    html.line("dt", &[], name);
                    html.line("dd", &[], value);
                });
            }
        });
    });
}

/// Writes groups of sentences; [`group`] is one.
pub fn sentences(html: &mut Html, groups: impl FnOnce(&mut Html)) {
    html.element("section", &[("class", "verdicts"), ("aria-label", "What the figures say")], groups);
}

/// Writes sentences about one thing.
pub fn group<'a>(html: &mut Html, heading: Heading<'_>, sentences: impl IntoIterator<Item = (Tone, &'a str)>) {
    html.element("div", &[("class", "verdict")], |html| {
        match heading {
            Heading::Named(name) => html.element("h2", &[], |html| html.line("bdi", &[], name)),
            Heading::Plain(words) => html.line("h2", &[("class", "plain")], words),
        }
        html.element("ul", &[], |html| {
            for (tone, sentence) in sentences {
                let (class, mark, word) = marks(tone);
                html.element("li", &[("class", class)], |html| {
                    html.line("span", &[("class", "mark"), ("role", "img"), ("aria-label", word)], mark);
                    html.line("span", &[], sentence);
                });
            }
        });
    });
}

fn marks(tone: Tone) -> (&'static str, &'static str, &'static str) {
    match tone {
        Tone::Good => ("good", "✓", "good"),
        Tone::Plain => ("plain", "•", "note"),
        Tone::Caution => ("caution", "!", "caution"),
        Tone::Bad => ("bad", "✕", "bad"),
    }
}

/// Writes words and their meanings, closed until asked for.
pub fn glossary(html: &mut Html, title: &str, meanings: &[(&str, &str)]) {
    html.element("section", &[("class", "glossary")], |html| {
        details(html, title, |html| {
            html.element("dl", &[], |html| {
                for (term, meaning) in meanings {
                    html.line("dt", &[], term);
                    html.line("dd", &[], meaning);
                }
            });
        });
    });
}
