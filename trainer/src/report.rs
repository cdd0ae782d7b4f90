//! The report of a training run: one HTML page that needs nothing beside itself, and the rows that a terminal shows.
//!
//! [`Report`] is what the page is made of, as plain data that the trainer fills; [`render`] is a pure function of it.
//! Every text goes through [`page::html::Html`], which escapes it, and the page's policy forbids anything from outside.
//! What is said about the figures ([`verdicts`]) is derived from them by stated rules; nothing is written by hand.

mod binary_task;
mod chart;
mod compared;
mod comparison_summary;
mod contents;
mod data;
mod features;
mod glossary;
mod importance;
mod input;
mod measures_table;
mod multiclass_task;
pub(crate) mod numbers;
mod reach;
mod search;
mod seeds;
mod slices;
mod summary;
mod timeline;
mod value_task;
mod verdict;

pub use crate::seeds::{SeedQuality, Sign};
pub use comparison_summary::{ComparedMeasure, ComparedTask, ComparisonSummary, comparison_summaries};
pub use input::{
    DataPart, Epoch, EpochTask, FeatureLine, InputLine, LabelRate, MemberLine, Report, Setting, StopReason, Timeline,
};
pub use summary::{Summary, SummaryMeasure, SummaryRow, summary};
pub use verdict::{Tone, Verdict, verdicts};

use model::measure::TaskKind;

/// The page as one HTML document.
pub fn render(report: &Report) -> String {
    page::document(&format!("{} {}", report.model, contents::version(report)), |html| {
        contents::masthead(html, report);
        contents::verdicts(html, &verdicts(report));
        contents::glance(html, report);
        data::section(html, report);
        seeds::section(html, report);
        for (task, metrics) in &report.metrics.tasks {
            match metrics.kind {
                TaskKind::Binary | TaskKind::Lookalike => binary_task::section(html, report, task, metrics),
                TaskKind::Value | TaskKind::Regression => value_task::section(html, report, task, metrics),
                TaskKind::Multiclass => multiclass_task::section(html, report, task, metrics),
            }
        }
        timeline::section(html, report);
        search::section(html, report);
        features::section(html, report);
        data::lineage(html, report);
        glossary::section(html);
    })
}

#[cfg(test)]
mod tests;
