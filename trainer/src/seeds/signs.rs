//! The columns that tell a list's seeds from others, each by itself, on a sample of the examples.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use artifacts::keys::hash_nullable_keys;
use model::encode::columns_of;
use query::KeySet;
use spec::feature::Feature;
use spec::{ColumnName, TrainingSpec};

use super::quality::Sign;
use crate::check::leak::{alone, folded, numbers};
use crate::report::numbers::tick;

/// Signs of a list that are kept.
const KEPT: usize = 3;

/// Fewer rows are no group to speak of.
const LEAST_ROWS: usize = 20;

/// Rows of the overall rate that are added to a group's own.
const PRIOR_ROWS: f64 = 10.0;

/// The share of the people that a group of a number's highest or lowest values should have.
const TENTH: f64 = 0.1;

/// The columns that tell most, by their AUC; none where the sample has few seeds.
pub(super) fn find(spec: &TrainingSpec, sample: &RecordBatch, seeds: &KeySet, excluded: Option<&KeySet>) -> Vec<Sign> {
    let Some(people) = sample.column_by_name(spec.key.as_str()) else { return Vec::new() };
    let Ok(people) = hash_nullable_keys(people, KeySet::SEED) else { return Vec::new() };
    let is_seed = |hash: Option<u128>| hash.is_some_and(|hash| seeds.contains(hash));
    let is_left_out = |hash: Option<u128>| {
        !is_seed(hash) && excluded.is_some_and(|excluded| hash.is_some_and(|hash| excluded.contains(hash)))
    };
    let kept: BooleanArray = people.iter().map(|hash| Some(!is_left_out(*hash))).collect();
    let Ok(rows) = filter_record_batch(sample, &kept) else { return Vec::new() };
    let labels = people.iter().filter(|hash| !is_left_out(**hash)).map(|hash| is_seed(*hash)).collect();
    let observed = (rows, labels);
    let mut signs = Vec::new();
    for (name, feature) in &spec.features {
        let columns = columns_of(name, feature).into_iter();
        signs.extend(columns.filter_map(|column| sign(feature, &column, spec, &observed)));
    }
    signs.sort_by(|a, b| b.auc.total_cmp(&a.auc));
    signs.dedup_by(|a, b| a.column == b.column);
    signs.truncate(KEPT);
    signs
}

fn sign(
    feature: &Feature,
    column: &ColumnName,
    spec: &TrainingSpec,
    observed: &(RecordBatch, Vec<bool>),
) -> Option<Sign> {
    let (rows, labels) = observed;
    let values = rows.column_by_name(column.as_str())?;
    let auc = alone(feature, values, spec, observed)?;
    let groups = match feature {
        Feature::Numeric(_) | Feature::Timestamp(_) => ends(column, values),
        Feature::Categorical(_) | Feature::Cross(_) | Feature::Bag(_) | Feature::Sequence(_) | Feature::Vector(_) => {
            levels(column, values)
        }
    };
    let seeds = labels.iter().filter(|label| **label).count() as f64;
    let rate = seeds / labels.len() as f64;
    let lift = |group: &Group| {
        let seeds = group.rows.iter().filter(|row| labels[**row]).count() as f64;
        (seeds + PRIOR_ROWS * rate) / (group.rows.len() as f64 + PRIOR_ROWS) / rate
    };
    let large = groups.into_iter().filter(|group| group.rows.len() >= LEAST_ROWS);
    let (lift, group) = large.map(|group| (lift(&group), group)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    let share = group.rows.len() as f64 / labels.len() as f64;
    Some(Sign { column: column.to_string(), auc, group: group.name, share, lift })
}

/// Rows that have something in common.
struct Group {
    name: String,
    rows: Vec<usize>,
}

/// The rows of a number's highest values, those of its lowest, and those without one.
fn ends(column: &ColumnName, values: &ArrayRef) -> Vec<Group> {
    let Some(numbers) = numbers(values) else { return Vec::new() };
    let mut rows: Vec<usize> = (0..numbers.len()).filter(|row| numbers[*row].is_some_and(|x| !x.is_nan())).collect();
    let absent: Vec<usize> = (0..numbers.len()).filter(|row| numbers[*row].is_none_or(f64::is_nan)).collect();
    let number = |row: usize| numbers[row].unwrap_or(f64::NAN);
    rows.sort_by(|a, b| number(*a).total_cmp(&number(*b)));
    let text = |row: usize| {
        let is_plain = values.data_type().is_numeric();
        if is_plain { tick(number(row)) } else { array_value_to_string(values, row).unwrap_or_default() }
    };
    let mut groups = vec![Group { name: format!("{column} missing"), rows: absent }];
    let lowest = cut(&rows, number);
    if let Some(last) = lowest.last() {
        groups.push(Group { name: format!("{column} ≤ {}", text(*last)), rows: lowest.to_vec() });
    }
    rows.reverse();
    let highest = cut(&rows, number);
    if let Some(last) = highest.last() {
        groups.push(Group { name: format!("{column} ≥ {}", text(*last)), rows: highest.to_vec() });
    }
    groups
}

/// The first of sorted rows, equal values together: as near to a tenth of them as such a cut comes, and never all.
fn cut(sorted: &[usize], number: impl Fn(usize) -> f64) -> &[usize] {
    let wanted = TENTH * sorted.len() as f64;
    let ends = (1..sorted.len()).filter(|end| number(sorted[end - 1]) != number(sorted[*end]));
    let best = ends.min_by(|a, b| (*a as f64 - wanted).abs().total_cmp(&(*b as f64 - wanted).abs()));
    &sorted[..best.unwrap_or(0)]
}

/// The rows of each value.
fn levels(column: &ColumnName, values: &ArrayRef) -> Vec<Group> {
    let Some(levels) = folded(values) else { return Vec::new() };
    let mut rows: Vec<usize> = (0..levels.len()).collect();
    rows.sort_by_key(|row| levels[*row]);
    let name = |row: usize| match values.is_null(row) {
        true => format!("{column} missing"),
        false => format!("{column} = {}", array_value_to_string(values, row).unwrap_or_default()),
    };
    let groups = rows.chunk_by(|a, b| levels[*a] == levels[*b]);
    groups.map(|rows| Group { name: name(rows[0]), rows: rows.to_vec() }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    fn spec() -> TrainingSpec {
        serde_json::from_value(serde_json::json!({
            "tables": {"t": {"url": "t.parquet"}, "s": {"url": "s.parquet"}}, "examples": "t", "key": "id",
            "features": {"age": {"kind": "numeric"}, "city": {"kind": "categorical"}, "noise": {"kind": "numeric"}},
            "tasks": {"like": {"kind": "lookalike", "seeds": {"table": "s"}}},
            "network": {"kind": "linear"}
        }))
        .unwrap()
    }

    /// People 0..1000; seeds are every second one of the tenth with the highest ages, and every twentieth of the rest.
    fn people() -> (RecordBatch, Vec<i64>) {
        let ids: Vec<i64> = (0..1000).collect();
        let age = |id: i64| (id % 10 == 3).then_some(0).or((id % 11 != 0).then_some(20 + id / 10));
        let city = |id: i64| if id % 20 == 0 { "Bonn" } else { "Köln" };
        let sample = RecordBatch::try_from_iter([
            ("id", Arc::new(Int64Array::from(ids.clone())) as ArrayRef),
            ("age", Arc::new(ids.iter().map(|id| age(*id)).collect::<Int64Array>())),
            ("city", Arc::new(ids.iter().map(|id| Some(city(*id))).collect::<StringArray>())),
            ("noise", Arc::new(ids.iter().map(|id| Some((id * 7919) % 101)).collect::<Int64Array>())),
        ])
        .unwrap();
        let seeds = ids.into_iter().filter(|id| id % 20 == 0 || *id >= 900 && id % 2 == 0).collect();
        (sample, seeds)
    }

    fn keys(ids: Vec<i64>) -> KeySet {
        let column: ArrayRef = Arc::new(Int64Array::from(ids));
        KeySet::from_hashes(hash_nullable_keys(&column, KeySet::SEED).unwrap().into_iter().flatten())
    }

    #[test]
    fn the_column_that_tells_most_comes_first_with_the_group_that_stands_out() {
        let (sample, seeds) = people();
        let signs = find(&spec(), &sample, &keys(seeds), None);
        let columns: Vec<_> = signs.iter().map(|sign| sign.column.as_str()).collect();
        assert_eq!((columns.len(), columns[0]), (3, "city"));
        // 50 of 95 seeds live in Bonn: (50 + 10·0.095) / (50 + 10) / 0.095.
        assert_eq!((signs[0].group.as_str(), signs[0].share), ("city = Bonn", 0.05));
        assert!((signs[0].lift - 50.95 / 60.0 / 0.095).abs() < 1e-12, "{}", signs[0].lift);
        let age = signs.iter().find(|sign| sign.column == "age").unwrap();
        assert!(age.group.starts_with("age ≥ 1") && age.lift > 4.0, "{age:?}");
    }

    #[test]
    fn people_who_are_excluded_are_no_others() {
        let (sample, seeds) = people();
        let in_bonn_no_more = keys((0..1000).filter(|id| id % 20 != 0).collect());
        let signs = find(&spec(), &sample, &keys(seeds.clone()), Some(&in_bonn_no_more));
        assert!(signs.is_empty(), "all that is left are seeds: {signs:?}");
        assert!(find(&spec(), &sample, &keys(seeds[..20].to_vec()), None).is_empty(), "too few seeds");
    }
}
