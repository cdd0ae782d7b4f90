//! Segments of a Scoring document.

use std::collections::BTreeSet;

use super::{Checker, is_reserved_score, spec};
use crate::contradiction::{Contradiction, SegmentContradiction};
use crate::node::Path;
use crate::scoring::ScoringSpec;
use crate::segments::{SegmentCount, Segmentation};

/// People of the sample that a segment needs on average.
const PEOPLE_A_SEGMENT: u32 = 10;

/// What says how segments are fitted, and nothing where they are those of a run.
const OF_FITTING: [&str; 3] = ["restarts", "iterations", "batch_size"];

pub(super) fn check(checker: &mut Checker<'_>, scoring: &ScoringSpec) {
    let mut taken = names_of(scoring);
    for (name, segmentation) in &scoring.segments {
        let path = spec("segments").name(name);
        for column in [name.to_string(), Segmentation::distance_column(name.as_str())] {
            if is_reserved_score(&column) {
                checker.report(&path, Contradiction::Reserved { name: column });
            } else if !taken.insert(column.clone()) {
                checker.report(&path, SegmentContradiction::ColumnTaken { column }.into());
            }
        }
        check_one(checker, &path, segmentation);
    }
}

/// The columns that the score table has beside those of segments, as far as the document says.
fn names_of(scoring: &ScoringSpec) -> BTreeSet<String> {
    let columns = scoring.keep.iter().chain([&scoring.key]).chain(&scoring.embedding).map(ToString::to_string);
    columns.chain(scoring.seed_lists.keys().map(ToString::to_string)).collect()
}

fn check_one(checker: &mut Checker<'_>, path: &Path, segmentation: &Segmentation) {
    let basis = [("of", segmentation.of.is_some()), ("columns", segmentation.columns.is_some())];
    checker.check_exactly_one(path, &basis);
    let source = [("k", segmentation.k.is_some()), ("from_run", segmentation.from_run.is_some())];
    checker.check_exactly_one(path, &source);
    for (field, columns) in [("columns", segmentation.columns.as_deref()), ("profile", Some(&segmentation.profile[..]))]
    {
        let columns = columns.unwrap_or_default().iter().map(|column| column.as_str());
        checker.check_unique(&path.name(field), columns);
    }
    if segmentation.from_run.is_some() {
        for option in OF_FITTING {
            if checker.is_written(path, option) {
                checker.report(&path.name(option), SegmentContradiction::OfRun { option }.into());
            }
        }
    }
    if let Some(count) = segmentation.k {
        check_count(checker, path, segmentation, count);
    }
    if let Some(batch_size) = segmentation.batch_size.filter(|batch_size| *batch_size > segmentation.sample) {
        let contradiction = SegmentContradiction::Batch { batch_size, sample: segmentation.sample }.into();
        checker.report(&path.name("batch_size"), contradiction);
    }
}

fn check_count(checker: &mut Checker<'_>, path: &Path, segmentation: &Segmentation, count: SegmentCount) {
    if let SegmentCount::Range(range) = count
        && range.from >= range.to
    {
        let contradiction = SegmentContradiction::Range { from: range.from, to: range.to }.into();
        return checker.report_whole(&path.name("k"), contradiction);
    }
    let least = PEOPLE_A_SEGMENT * count.most();
    if segmentation.sample < least {
        let contradiction = SegmentContradiction::Sample { k: count.most(), least }.into();
        checker.report(&path.name("sample"), contradiction);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{SCORING, check_edits, document};

    const KEEP: &str = "keep: [customer_id, city]";

    fn of(segments: &str) -> String {
        format!("{KEEP}\n  segments: {{lifestyle: {segments}}}")
    }

    #[test]
    fn segments_are_of_the_embedding_or_of_columns_and_have_defaults() {
        for good in [
            "{of: embedding, k: 6}",
            "{columns: [age, spend], k: {from: 3, to: 10}, seed: 7, sample: 20000, profile: [city]}",
            "{of: embedding, k: 4, batch_size: 1024, iterations: 500, restarts: 2}",
            "{of: embedding, from_run: nightly-0123456789ab, profile: [city]}",
        ] {
            check_edits(SCORING, &[(KEEP, &of(good), &[])]);
        }
        let crate::Document::Scoring(scoring) = document(&SCORING.replace(KEEP, &of("{of: embedding, k: 6}"))) else {
            panic!("a Scoring document");
        };
        let segmentation = &scoring.spec.segments[0];
        assert_eq!((segmentation.sample, segmentation.restarts, segmentation.iterations), (50_000, 5, 100));
        assert_eq!(segmentation.k.unwrap().candidates(), 6..=6);
    }

    #[test]
    fn what_segments_are_of_and_how_many_is_said_once() {
        let at = "spec.segments.lifestyle";
        let no_basis = format!("{at}: expected exactly one of of, columns, found none");
        let two = format!("{at}: expected exactly one of of, columns, found of, columns");
        let no_k = format!("{at}: expected exactly one of k, from_run, found none");
        let of_run = format!("{at}.restarts: `restarts` is for fitting segments, and these are those of a run");
        check_edits(
            SCORING,
            &[
                (KEEP, &of("{k: 6}").replace("lifestyle", "§lifestyle"), &[&no_basis]),
                (KEEP, &of("{of: embedding, columns: [age], k: 6}").replace("lifestyle", "§lifestyle"), &[&two]),
                (KEEP, &of("{of: embedding}").replace("lifestyle", "§lifestyle"), &[&no_k]),
                (KEEP, &of("{of: embedding, from_run: nightly-1, restarts: §3}"), &[&of_run]),
            ],
        );
        let said = crate::testing::mistakes(&SCORING.replace(KEEP, &of("{of: embeddings, k: 6}")));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("spec.segments.lifestyle.of") && said[0].contains("did you mean `embedding`?"),
            "{said:?}"
        );
    }

    #[test]
    fn numbers_that_do_not_go_together_are_named() {
        let at = "spec.segments.lifestyle";
        check_edits(
            SCORING,
            &[
                (KEEP, &of("{of: embedding, k: §1}"), &[&format!("{at}.k: 1 is out of range: expected 2 to 100")]),
                (
                    KEEP,
                    &of("{of: embedding, §k: {from: 8, to: 3}}"),
                    &[&format!("{at}.k: `from` 8 is not below `to` 3")],
                ),
                (
                    KEEP,
                    &of("{of: embedding, k: 90, sample: §200}"),
                    &[&format!("{at}.sample: 90 segments need a sample of at least 900 people")],
                ),
                (
                    KEEP,
                    &of("{of: embedding, k: 6, sample: 1000, batch_size: §2000}"),
                    &[&format!("{at}.batch_size: a batch of 2000 is larger than the sample of 1000")],
                ),
                (
                    KEEP,
                    &of("{columns: [age, §age], k: 6, profile: [city]}"),
                    &[&format!("{at}.columns[1]: `age` is listed twice")],
                ),
            ],
        );
    }

    #[test]
    fn columns_of_segments_have_names_of_their_own() {
        let segments =
            "segments: {§city: {of: embedding, k: 6}, a: {of: embedding, k: 6}, §a_distance: {of: embedding, k: 6}}";
        check_edits(
            SCORING,
            &[(
                KEEP,
                &format!("{KEEP}\n  {segments}"),
                &[
                    "spec.segments.city: the score table has a column `city` already: give the segments another name",
                    "spec.segments.a_distance: the score table has a column `a_distance` already: give the segments another name",
                ],
            )],
        );
    }
}
