//! Who is in the segments: what was counted over the whole population, made shares, means and indices.

use artifacts::layout;
use indexmap::IndexMap;
use model::segments::Choice;
use serde::{Deserialize, Serialize};
use spec::ids::{ColumnName, SegmentationName, TaskName};

use super::counts::{ColumnCounts, SegmentCounts, Sum};
use super::groups::DescribedColumn;
use super::page::{self, Provenance};
use super::{FrozenSegments, RunSegments};
use crate::error::Result;
use crate::run::Run;

/// People that a segment must have with a value before the value is told: fewer say little, and may say who they are.
pub const LEAST_PEOPLE: u64 = 30;

/// Values told of a segment at the most.
const VALUES: usize = 10;

/// Classes told of a segment at the most, for each task.
const CLASSES: usize = 10;

/// The quantile of the normal distribution for an interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// One way of dividing the population, and who is in each segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentationProfile {
    /// Its name, which is that of its column.
    pub name: SegmentationName,
    /// The columns that it is of; none of the model's embedding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<ColumnName>>,
    /// People of the population.
    pub people: u64,
    /// The mean silhouette of the fit, -1..1.
    pub silhouette: f64,
    /// The share of the variance that lies between segments, 0..1.
    pub explained: f64,
    /// The numbers of segments that were tried.
    pub choices: Vec<Choice>,
    /// In the order of their numbers.
    pub segments: Vec<SegmentProfile>,
}

/// Who is in a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentProfile {
    /// Its number.
    pub segment: usize,
    /// Its people.
    pub people: u64,
    /// Their share of the population, 0..1.
    pub share: f64,
    /// Their mean distance to the centre, in deviations.
    pub distance: Option<f64>,
    /// Their scores, by output that is one number.
    pub scores: IndexMap<TaskName, SegmentMean>,
    /// Their classes by output that is of classes, the ten at the most with the highest mean probability first.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub classes: IndexMap<TaskName, Vec<ClassMean>>,
    /// Their values of columns of numbers.
    pub means: IndexMap<ColumnName, SegmentMean>,
    /// Values that are more frequent than in the population, the surest first.
    pub typical: Vec<TypicalValue>,
}

/// A mean of a segment's people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SegmentMean {
    /// The mean; nothing where nobody has a number.
    pub mean: Option<f64>,
    /// 100 times the mean over that of the population; nothing where that is not above 0.
    pub index: Option<f64>,
}

/// What a segment's people are likely to be of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMean {
    /// The class.
    pub class: String,
    /// The mean of their probabilities, 0..1: the share of them that is expected to be of the class.
    pub mean: f64,
    /// 100 times it over that of the population.
    pub index: Option<f64>,
}

/// A value that a segment has more of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypicalValue {
    /// The column.
    pub column: ColumnName,
    /// The value, or a band of values.
    pub value: String,
    /// The segment's people who have it, at least [`LEAST_PEOPLE`].
    pub people: u64,
    /// Their share of the segment, 0..1.
    pub share: f64,
    /// The share of the population that has it, 0..1.
    pub population_share: f64,
    /// 100 times the one share over the other: the target group index.
    pub tgi: f64,
    /// The lower end of its 95 % interval (Wilson 1927), above 100.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Writes who is in the segments of a run, once, with a page of each segmentation, and tells it.
///
/// # Errors
///
/// Storage that fails.
pub(crate) async fn publish_profiles(
    run: &Run,
    segments: Option<RunSegments>,
    counts: &IndexMap<SegmentationName, SegmentCounts>,
) -> Result<Vec<SegmentationProfile>> {
    let mut profiles = Vec::new();
    for (name, frozen) in segments.into_iter().flat_map(|segments| segments.segmentations) {
        let Some(counts) = counts.get(&name) else { continue };
        let profile = SegmentationProfile::new(name.clone(), &frozen, counts);
        let key = layout::run_segment_profile(&run.id, &name);
        let profile = run.workspace.create_once(&key, &profile).await?.settled(profile);
        let model = format!("{}@{}", run.model.model, run.model.version);
        let (run_id, date) = (run.id.to_string(), run.document.run_date.to_string());
        let page = page::render(&profile, &Provenance { run: &run_id, model: &model, date: &date });
        run.workspace.write(&layout::run_segment_page(&run.id, &name), page).await?;
        profiles.push(profile);
    }
    Ok(profiles)
}

impl SegmentationProfile {
    /// What the counts of a whole population say.
    pub fn new(name: SegmentationName, frozen: &FrozenSegments, counts: &SegmentCounts) -> Self {
        let people: u64 = counts.people.iter().sum();
        let segment = |segment: usize| SegmentProfile {
            segment,
            people: counts.people[segment],
            share: counts.people[segment] as f64 / people.max(1) as f64,
            distance: counts.distances[segment].mean(),
            scores: counts.scores.iter().map(|(name, sums)| (name.clone(), SegmentMean::of(sums, segment))).collect(),
            classes: counts.classes.iter().map(|(name, sums)| (name.clone(), classes(segment, counts, sums))).collect(),
            means: means(segment, &frozen.described_by, &counts.columns),
            typical: typical(segment, &frozen.described_by, counts, people),
        };
        Self {
            name,
            columns: frozen.columns.clone(),
            people,
            silhouette: frozen.segments.silhouette,
            explained: frozen.segments.explained,
            choices: frozen.segments.choices.clone(),
            segments: (0..counts.people.len()).map(segment).collect(),
        }
    }
}

impl SegmentMean {
    fn of(sums: &[Sum], segment: usize) -> Self {
        let all =
            sums.iter().fold(Sum::default(), |all, sum| Sum { count: all.count + sum.count, sum: all.sum + sum.sum });
        let (mean, of_all) = (sums[segment].mean(), all.mean().filter(|mean| *mean > 0.0));
        Self { mean, index: mean.zip(of_all).map(|(mean, of_all)| 100.0 * mean / of_all) }
    }
}

/// The likeliest classes of a segment's people; none of nobody.
fn classes(segment: usize, counts: &SegmentCounts, sums: &IndexMap<String, Vec<f64>>) -> Vec<ClassMean> {
    let (in_segment, in_all) = (counts.people[segment] as f64, counts.people.iter().sum::<u64>() as f64);
    if in_segment == 0.0 {
        return Vec::new();
    }
    let class = |(class, sums): (&String, &Vec<f64>)| {
        let (mean, of_all) = (sums[segment] / in_segment, sums.iter().sum::<f64>() / in_all);
        ClassMean { class: class.clone(), mean, index: (of_all > 0.0).then(|| 100.0 * mean / of_all) }
    };
    let mut classes: Vec<ClassMean> = sums.iter().map(class).collect();
    classes.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    classes.truncate(CLASSES);
    classes
}

fn means(
    segment: usize,
    described_by: &[DescribedColumn],
    columns: &[ColumnCounts],
) -> IndexMap<ColumnName, SegmentMean> {
    let columns = described_by.iter().zip(columns);
    let of_numbers = columns.filter_map(|(described, counts)| Some((&described.column, counts.numbers.as_ref()?)));
    of_numbers.map(|(column, sums)| (column.clone(), SegmentMean::of(sums, segment))).collect()
}

/// The values whose index is surely above 100.
fn typical(segment: usize, described_by: &[DescribedColumn], counts: &SegmentCounts, people: u64) -> Vec<TypicalValue> {
    let mut values = Vec::new();
    for (described, column) in described_by.iter().zip(&counts.columns) {
        for (group, in_segment) in column.groups[segment].iter().enumerate() {
            let in_all: u64 = column.groups.iter().map(|groups| groups[group]).sum();
            let Some(value) = described.groups.label(group).filter(|_| *in_segment >= LEAST_PEOPLE) else { continue };
            let share = *in_segment as f64 / counts.people[segment] as f64;
            let population_share = in_all as f64 / people as f64;
            let index = |share: f64| 100.0 * share / population_share;
            let (low, high) = wilson(*in_segment, counts.people[segment]);
            let column = described.column.clone();
            let (tgi, low, high) = (index(share), index(low), index(high));
            values.push(TypicalValue { column, value, people: *in_segment, share, population_share, tgi, low, high });
        }
    }
    values.retain(|value| value.low > 100.0);
    values.sort_by(|a, b| b.low.total_cmp(&a.low));
    values.truncate(VALUES);
    values
}

/// The 95 % interval of a share (Wilson 1927).
fn wilson(hits: u64, of: u64) -> (f64, f64) {
    let (n, p) = (of as f64, hits as f64 / of as f64);
    let centre = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    ((centre - half) / whole, (centre + half) / whole)
}

#[cfg(test)]
mod tests {
    use model::segments::{SegmentOptions, Segments};

    use super::*;
    use crate::segments::groups::Groups;

    /// Two segments of 100 and 300 people, and a column of texts and one of numbers.
    fn counted() -> (FrozenSegments, SegmentCounts) {
        let options = SegmentOptions { counts: 2..=2, seed: 0, restarts: 1, iterations: 10, batch_size: None };
        let column = |name: &str, groups| DescribedColumn { column: name.parse().unwrap(), groups };
        let described_by = vec![
            column("city", Groups::Texts(vec!["Bonn".to_owned(), "Rome".to_owned()])),
            column("age", Groups::Bands(vec![30.0])),
        ];
        let segments = Segments::fit([1.0, 2.0].repeat(50), 1, &options).unwrap();
        let sum = |count: u64, mean: f64| Sum { count, sum: count as f64 * mean };
        // Twelve classes, of which the first has a mean probability of 0.5 in the large segment and of 0.1 in the small one.
        let rest = (1..12).map(|class| (format!("c{class:02}"), vec![0.0, f64::from(class)]));
        let next = std::iter::once(("tea".to_owned(), vec![150.0, 10.0])).chain(rest).collect();
        let counts = SegmentCounts {
            people: vec![300, 100],
            distances: vec![sum(300, 1.0), sum(100, 2.0)],
            scores: IndexMap::from([("buy".parse().unwrap(), vec![sum(300, 0.1), sum(100, 0.3)])]),
            classes: IndexMap::from([("next".parse().unwrap(), next)]),
            columns: vec![
                ColumnCounts { groups: vec![vec![200, 20, 50, 30], vec![20, 60, 20, 0]], numbers: None },
                ColumnCounts {
                    groups: vec![vec![250, 50, 0, 0], vec![20, 70, 0, 10]],
                    numbers: Some(vec![sum(300, 20.0), sum(90, 40.0)]),
                },
            ],
        };
        (FrozenSegments { columns: None, segments, described_by }, counts)
    }

    #[test]
    fn shares_means_and_indices_by_hand() {
        let (frozen, counts) = counted();
        let profile = SegmentationProfile::new("life".parse().unwrap(), &frozen, &counts);
        let small = &profile.segments[1];
        assert_eq!((profile.people, small.people, small.share, small.distance), (400, 100, 0.25, Some(2.0)));
        // The population's mean score is 0.15, its mean age of 390 people 9600 / 390.
        let score = small.scores[0];
        assert!((score.mean.unwrap() - 0.3).abs() < 1e-12 && (score.index.unwrap() - 200.0).abs() < 1e-9);
        assert!((small.means[0].index.unwrap() - 100.0 * 40.0 * 390.0 / 9600.0).abs() < 1e-9);
        // 60 of 100 are in Rome, 80 of 400 in all; 70 of 100 are 30 or older, 120 of 400 in all.
        let told: Vec<_> = small.typical.iter().map(|value| (value.value.as_str(), value.tgi.round())).collect();
        assert_eq!(told, [("Rome", 300.0), ("30 or more", 233.0)]);
        // scipy.stats.binomtest(60, 100).proportion_ci(method="wilson"): 0.502 003, 0.690 599
        assert!((small.typical[0].low - 100.0 * 0.502_003 / 0.2).abs() < 1e-3, "{}", small.typical[0].low);
        assert!((small.typical[0].high - 100.0 * 0.690_599 / 0.2).abs() < 1e-3, "{}", small.typical[0].high);
    }

    #[test]
    fn classes_are_told_by_their_mean_probability_the_likeliest_ten_first() {
        let (frozen, counts) = counted();
        let profile = SegmentationProfile::new("life".parse().unwrap(), &frozen, &counts);
        let [large, small] = [0, 1].map(|segment: usize| &profile.segments[segment].classes["next"]);
        let tea = ClassMean { class: "tea".to_owned(), mean: 0.5, index: Some(100.0 * 0.5 / 0.4) };
        assert_eq!((large.len(), &large[0]), (10, &tea));
        assert_eq!((large[1].mean, large[1].index), (0.0, Some(0.0)));
        let told: Vec<&str> = small.iter().map(|class| class.class.as_str()).collect();
        assert_eq!(told, ["c11", "tea", "c10", "c09", "c08", "c07", "c06", "c05", "c04", "c03"]);
        // 0.11 of the small segment, of all 11 of 400.
        assert!((small[0].mean - 0.11).abs() < 1e-12 && (small[0].index.unwrap() - 400.0).abs() < 1e-9);
        assert!((small[1].index.unwrap() - 25.0).abs() < 1e-9);
    }

    #[test]
    fn few_people_and_other_values_are_not_told() {
        let (frozen, counts) = counted();
        let profile = SegmentationProfile::new("life".parse().unwrap(), &frozen, &counts);
        let told: Vec<_> = profile.segments.iter().flat_map(|segment| &segment.typical).collect();
        assert!(told.iter().all(|value| value.people >= LEAST_PEOPLE && value.low > 100.0), "{told:?}");
        // 50 of 300 have another city, 20 of 100 too: nothing that has a name. 10 of 100 have no age: too few.
        assert!(told.iter().all(|value| value.value != "(missing)" || value.people == 30), "{told:?}");
    }
}
