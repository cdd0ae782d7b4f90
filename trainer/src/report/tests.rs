pub(super) mod sample;

use model::calibrate::TaskCalibration;
use model::measure::{BinaryMeasures, Part, TaskKind, TaskMetrics, ValueMeasures};
use spec::training::Calibration;

use super::{Report, Tone, render, summary, verdicts};
use sample::{Noise, Sample};

/// Elements nest, attributes are quoted, and `<`, `>` and `"` occur as markup only.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let style = page.find("<style>").unwrap()..page.find("</style>").unwrap();
    let markup = format!("{}{}", &page[..style.start], &page[style.end + "</style>".len()..]);
    for piece in markup.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("`{piece}` is not closed"));
        assert!(!text.contains('>'), "`{text}` holds markup");
        assert_eq!(tag.matches('"').count() % 2, 0, "`{tag}` is not quoted");
        let name = tag.split([' ', '/']).next().unwrap();
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None if name == "meta" || name == "!doctype" || tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

fn assert_self_contained(page: &str) {
    for outside in ["<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", "javascript:"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for broken in ["NaN", "=\"inf", "=\"-inf", "Some(", "None"] {
        assert!(!page.contains(broken), "{broken}");
    }
}

#[test]
fn pages_are_well_formed_and_need_nothing_else() {
    for report in [sample::usual(), sample::wide(), sample::empty()] {
        let page = render(&report);
        assert_well_formed(&page);
        assert_self_contained(&page);
        assert_eq!(page, render(&report));
        for task in report.metrics.tasks.keys() {
            assert!(page.contains(task.as_str()));
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</td><script>alert('1')</script>\" onload=\"x\" &amp; \u{202e}\u{7}";
    let mut report = sample::usual();
    let texts: [&mut String; 8] = [
        &mut report.model,
        &mut report.run,
        &mut report.program,
        &mut report.network,
        &mut report.document,
        &mut report.examples,
        &mut report.split,
        &mut report.timeline.device,
    ];
    texts.into_iter().for_each(|text| *text = hostile.to_owned());
    report.timeline.watched = hostile.to_owned();
    report.warnings = vec![hostile.to_owned()];
    report.registration = vec![hostile.to_owned()];
    report.settings[0].value = hostile.to_owned();
    report.features[0].name = hostile.to_owned();
    report.features[0].columns = vec![hostile.to_owned()];
    report.inputs[0].url = hostile.to_owned();
    report.inputs[0].etag = Some(hostile.to_owned());
    let page = render(&report);
    assert_well_formed(&page);
    assert!(!page.contains("<script") && !page.contains("onload=\""));
    assert!(!page.contains('\u{202e}') && !page.contains('\u{7}'));
    assert!(page.matches("&lt;script&gt;alert(&#39;1&#39;)").count() >= 14);
    assert!(page.contains("&amp;amp;"));
}

#[test]
fn reports_round_trip_as_json() {
    let report = sample::empty();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(render(&serde_json::from_str::<Report>(&json).unwrap()), render(&report));
}

#[test]
fn the_page_says_what_the_figures_are() {
    let report = sample::usual();
    let page = render(&report);
    let task = report.metrics.tasks.get("repurchase").unwrap();
    let auc = task.part(Part::Test).unwrap().measure("auc").unwrap();
    assert!(page.contains(&format!("{auc:.3}")));
    assert!(page.contains("18,856") && page.contains("Lift by decile") && page.contains("Calibration curve"));
    assert!(page.contains("part-00000-4f1f0c0e.zstd.parquet"));
}

/// A report whose only task has these scores on test rows.
fn judged(rows: impl IntoIterator<Item = (f32, bool)>) -> Report {
    let mut measures = BinaryMeasures::default();
    rows.into_iter().for_each(|(score, label)| measures.push(score, f32::from(u8::from(label)), 1.0).unwrap());
    let mut metrics = TaskMetrics::new(TaskKind::Binary);
    metrics.set(Part::Test, measures.finish().into());
    let mut report = sample::usual();
    report.registration.clear();
    report.metrics.tasks = [("buy".parse().unwrap(), metrics)].into_iter().collect();
    report.calibration.tasks.clear();
    report
}

fn says(report: &Report, tone: Tone, words: &str) -> bool {
    verdicts(report).iter().any(|verdict| verdict.tone == tone && verdict.text.contains(words))
}

fn rows(number: usize, rate_of: impl Fn(f64) -> f64) -> Vec<(f32, bool)> {
    let mut noise = Noise(5);
    (0..number)
        .map(|_| (noise.uniform(), noise.uniform()))
        .map(|(score, draw)| (score as f32, draw < rate_of(score)))
        .collect()
}

#[test]
fn a_lookalike_task_that_finds_more_than_the_seeds_is_not_blamed_for_it() {
    let mut report = judged(rows(20_000, |score| 0.3 * score));
    assert!(says(&report, Tone::Caution, "Probabilities are off"));
    report.metrics.tasks[0].kind = TaskKind::Lookalike;
    assert!(says(&report, Tone::Plain, "for people like the seeds"));
    assert!(!says(&report, Tone::Caution, "Probabilities are off"));
}

#[test]
fn verdicts_follow_from_the_figures() {
    let right = judged(rows(20_000, |score| score));
    assert!(says(&right, Tone::Good, "Ranks very well"), "{:?}", verdicts(&right));
    assert!(says(&right, Tone::Good, "taken at their word"));
    let random = judged(rows(2000, |_| 0.5));
    assert!(says(&random, Tone::Bad, "Not shown to rank better than chance"));
    assert!(says(&random, Tone::Caution, "Probabilities are off"));
    let leaking = judged(rows(2000, |score| f64::from(u8::from(score > 0.5))));
    assert!(says(&leaking, Tone::Caution, "Too good to be taken on trust"));
    let few = judged(rows(100, |score| 0.4 * score));
    assert!(says(&few, Tone::Caution, "every figure here is rough"), "{:?}", verdicts(&few));
    let one_class = judged(rows(100, |_| 0.0));
    assert!(says(&one_class, Tone::Caution, "one class only"));
    assert!(!verdicts(&one_class).iter().any(|verdict| verdict.tone == Tone::Good));
}

#[test]
fn overfitting_and_missing_calibration_are_named() {
    let mut report = judged(rows(2000, |score| 0.2 + 0.5 * score));
    let better = judged(rows(2000, |score| score)).metrics.tasks["buy"].test.clone().unwrap();
    report.metrics.tasks.get_mut("buy").unwrap().set(Part::Train, better);
    let fallback = TaskCalibration::fit(Calibration::Isotonic, &BinaryMeasures::default());
    report.calibration.tasks.insert("buy".parse().unwrap(), fallback);
    assert!(says(&report, Tone::Caution, "Fits the training rows better than new ones: AUC"));
    assert!(says(&report, Tone::Caution, "Probabilities are not calibrated: the validation rows have one class only."));
}

#[test]
fn values_are_judged_by_order_and_mean() {
    let mut measures = ValueMeasures::default();
    let mut noise = Noise(6);
    for _ in 0..1000 {
        let predicted = noise.uniform();
        measures.push(1.3 * predicted as f32, predicted as f32, 1.0).unwrap();
    }
    let mut metrics = TaskMetrics::new(TaskKind::Value);
    metrics.set(Part::Test, measures.finish().into());
    let mut report = sample::usual();
    report.metrics.tasks = [("spend".parse().unwrap(), metrics)].into_iter().collect();
    assert!(says(&report, Tone::Good, "Orders people by value well"), "{:?}", verdicts(&report));
    assert!(says(&report, Tone::Caution, "30.0\u{a0}% too high on average"), "{:?}", verdicts(&report));
}

#[test]
fn numbers_below_zero_are_judged_and_shown() {
    let mut measures = ValueMeasures::default();
    let mut noise = Noise(6);
    for _ in 0..1000 {
        let predicted = noise.uniform() - 0.8;
        measures.push(predicted as f32, predicted as f32, 1.0).unwrap();
    }
    let measured = measures.finish();
    assert!(measured.normalized_gini.is_none() && measured.deciles.iter().all(|decile| decile.gain.is_none()));
    let mut metrics = TaskMetrics::new(TaskKind::Regression);
    metrics.set(Part::Test, measured.into());
    let mut report = sample::usual();
    report.metrics.tasks = [("margin".parse().unwrap(), metrics)].into_iter().collect();
    assert!(says(&report, Tone::Good, "Orders people by value well: Spearman 1.000"), "{:?}", verdicts(&report));
    assert!(!verdicts(&report).iter().any(|verdict| verdict.text.contains("above zero")), "{:?}", verdicts(&report));
    let page = render(&report);
    assert!(page.contains("on average, all are") && !page.contains("of the rows hold"));
}

#[test]
fn summaries_hold_each_evaluated_part() {
    let report = sample::usual();
    let summary = summary(&report.metrics);
    let keys: Vec<_> = summary.rows.iter().map(|row| (row.task.as_str(), row.part.name())).collect();
    let parts = ["train", "validation", "test"];
    let expected: Vec<_> =
        ["repurchase", "spend"].into_iter().flat_map(|task| parts.map(|part| (task, part))).collect();
    assert_eq!(keys, expected);
    let test = &summary.rows[2];
    let auc = &test.measures[0];
    assert_eq!((auc.name.as_str(), test.rows), ("auc", 2357));
    assert!(auc.low.unwrap() < auc.value.unwrap() && auc.value.unwrap() < auc.high.unwrap());
    assert_eq!(test.base, report.metrics.measure(&"repurchase".parse().unwrap(), Part::Test, "auc").and(test.base));
    assert_eq!(
        summary.rows[5].measures.iter().map(|measure| measure.name.as_str()).collect::<Vec<_>>(),
        ["normalized_gini", "spearman", "rmse", "mae"]
    );
    let empty = super::summary(&sample::empty().metrics);
    assert!(empty.rows.iter().any(|row| row.measures.iter().all(|measure| measure.value.is_none())));
}

#[test]
fn a_single_task_makes_a_page() {
    let only = [Sample { name: "buy", kind: TaskKind::Lookalike, base: -2.0, strength: 1.0, rows: 500 }];
    let page = render(&sample::report("one", &only, 1));
    assert_well_formed(&page);
    assert!(page.contains("A positive row is a seed."));
}
