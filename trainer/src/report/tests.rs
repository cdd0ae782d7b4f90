pub(super) mod sample;

use model::calibrate::TaskCalibration;
use model::measure::{
    BinaryMeasures, ComparedModel, Finding, GroupedAuc, Part, TaskImportance, TaskKind, TaskMetrics, ValueMeasures,
};
use page::testing::{assert_self_contained, assert_well_formed};
use spec::training::Calibration;

use super::{Report, Timeline, Tone, comparison_summaries, render, summary, verdicts};
use sample::{Noise, Sample};

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

#[test]
fn a_search_is_shown_with_all_its_trials() {
    let mut report = sample::usual();
    assert!(!render(&report).contains("<h2>Search</h2>"));
    report.search = Some(sample::search());
    let page = render(&report);
    assert_well_formed(&page);
    assert_self_contained(&page);
    for words in [
        "4 trials by successive halving, 4 for 2 epochs, 1 for 6 epochs at the most",
        "Trial 2 was best with 0.7421; the document as it was written, trial 0, had 0.7012 on rung 1 of 2.",
        "is not finite at step 12",
        "repurchase.auc against time",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let trials = &page[page.find("All 4 trials").unwrap()..];
    let place = |number: &str| trials.find(&format!("<tr><td class=\"number\">{number}</td>")).unwrap();
    assert!(place("2") < place("0") && place("0") < place("3") && place("3") < place("1"), "best first, failed last");
}

#[test]
fn a_search_of_which_nothing_came_is_shown() {
    let mut report = sample::usual();
    let mut search = sample::search();
    for training in search.trials.iter_mut().flat_map(|trial| &mut trial.trainings) {
        training.score = None;
    }
    report.search = Some(search);
    let page = render(&report);
    assert_well_formed(&page);
    assert_self_contained(&page);
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

/// What is said of one task beside another model that sees so much noise more.
fn compared(with: ComparedModel, rows: usize, noise_of_other: f64) -> Vec<(Tone, String)> {
    let samples = [Sample { name: "repurchase", kind: TaskKind::Binary, base: -1.0, strength: 1.0, rows }];
    let mut report = sample::report("repurchase", &samples, 1);
    report.comparisons = vec![sample::comparison(with, &samples, noise_of_other)];
    let said = verdicts(&report).into_iter().map(|verdict| (verdict.tone, verdict.text));
    said.filter(|(_, text)| text.contains("the linear baseline") || text.contains("in production")).collect()
}

#[test]
fn one_sentence_says_whether_the_model_is_better_beyond_noise() {
    let baseline = || ComparedModel::LinearBaseline { seconds: 1.0, best_epoch: Some(1) };
    let production = || ComparedModel::Production { version: spec::Version(2) };
    let cases = [
        (baseline(), 3000, 3.0, Tone::Good, "Better than the linear baseline, beyond noise: test AUC"),
        (baseline(), 300, 0.05, Tone::Caution, "Cannot be told from the linear baseline by these 300 test rows"),
        (production(), 300, 0.05, Tone::Plain, "Cannot be told from version 2 in production by these 300 test rows"),
        (production(), 300, 0.0, Tone::Plain, "Orders the test rows exactly as version 2 in production does."),
        (production(), 30, 1.0, Tone::Caution, "Too few test rows to compare with version 2 in production"),
    ];
    for (with, rows, noise, tone, words) in cases {
        let said = compared(with, rows, noise);
        let [(found, text)] = &said[..] else { panic!("{said:?}") };
        assert!(*found == tone && text.starts_with(words), "{said:?}");
    }
}

#[test]
fn a_worse_model_is_not_recommended() {
    let mut report = sample::usual();
    for comparison in &mut report.comparisons {
        for difference in comparison.tasks.values_mut().flat_map(|metrics| metrics.measures.values_mut()) {
            std::mem::swap(&mut difference.model, &mut difference.other);
            difference.difference = difference.difference.map(|difference| -difference);
            if let Some(interval) = &mut difference.interval {
                (interval.low, interval.high) = (-interval.high, -interval.low);
            }
        }
    }
    assert!(says(&report, Tone::Bad, "Worse than the linear baseline, beyond noise: test AUC"));
    assert!(says(&report, Tone::Bad, "Worse than the linear baseline, beyond noise: test normalized Gini"));
}

#[test]
fn what_is_not_compared_says_why() {
    assert!(says(
        &sample::empty(),
        Tone::Caution,
        "Not compared with version 2 in production: the table has no column `tier`."
    ));
    assert!(says(&sample::usual(), Tone::Plain, "Compared with version 2 in production: it may have learned"));
}

#[test]
fn comparisons_stand_in_the_page_and_in_the_summary() {
    let report = sample::usual();
    let page = render(&report);
    assert!(page.contains("Beside others on the same rows") && page.contains("The linear baseline took 1.3 s more."));
    let summaries = comparison_summaries(&report.comparisons);
    let task = &summaries[0].tasks[0];
    assert_eq!((summaries[0].seconds, task.task.as_str(), task.finding), (Some(1.3), "repurchase", Finding::Better));
    let auc = &task.measures[0];
    assert!(auc.low.unwrap() > 0.0 && auc.low.unwrap() < auc.difference.unwrap());
    assert_eq!(auc.name, "auc");
    assert_eq!(summaries[1].seconds, None);
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
fn a_tasks_section_begins_with_what_the_document_says_of_it() {
    assert!(render(&sample::usual()).contains("Label: repurchase &lt;b&gt;; cross-entropy."));
}

#[test]
fn the_auc_within_groups_stands_below_the_auc() {
    let mut grouped = GroupedAuc::new("person <b>".parse().unwrap());
    for row in 0..41u16 {
        let group = u64::from(row % 6);
        grouped.push(group, f32::from(row % 7) / 7.0, f32::from(u8::from(row % 4 == 0 && group != 5)), 1.0);
    }
    let mut report = sample::usual();
    let metrics = &mut report.metrics.tasks[0];
    let test = metrics.test.take().unwrap();
    metrics.test = Some(test.with_groups(grouped.metrics()));
    let page = render(&report);
    assert!(page.contains("AUC within groups") && page.contains("Groups are the values of person &lt;b&gt;"));
    assert!(page.contains("2 groups count; left out 3 groups of one class (20 rows) and 7 rows without a group."));
}

#[test]
fn slices_and_importance_stand_in_the_page() {
    let page = render(&sample::usual());
    for words in [
        "channel &lt;b&gt;",
        "&lt;i&gt;shop&lt;/i&gt;",
        "no value",
        "Others are left out: 1 value, 23 rows in all.",
        ">few<",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("kiosk"), "a value with few rows");
    assert!(page.contains("Importance of features") && page.contains("orders in the last 13 w…"));
    let empty = render(&sample::empty());
    assert!(!empty.contains("Importance of features") && !empty.contains("no value"));
}

#[test]
fn importance_that_could_not_be_measured_says_why() {
    let mut report = sample::usual();
    let importance = report.importance.as_mut().unwrap();
    let auc = &mut importance.tasks[0];
    *auc = TaskImportance::new("auc".to_owned(), 0.7, 3, auc.features.clone());
    assert!(render(&report).contains("Only 3 of the 2,357 rows are of the rarer class"));
    let importance = report.importance.as_mut().unwrap();
    importance.missing = Some("3,000 features would take too long".to_owned());
    importance.tasks.clear();
    assert!(render(&report).contains("Importance of features was not measured: 3,000 features would take too long."));
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

#[test]
fn seed_lists_are_judged_side_by_side() {
    let page = render(&sample::wide());
    assert!(page.contains("<h2>Seeds</h2>"));
    for text in [
        "only 40 seeds are found",
        "only 40 of 120 seeds are among the examples",
        "&lt;age&gt; ≥ 50: 10.0\u{a0}% of the people",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!render(&sample::usual()).contains("<h2>Seeds</h2>"), "without lookalike tasks there is nothing to say");
}

#[test]
fn a_lookalike_task_shows_what_an_audience_reaches_as_it_grows() {
    let page = render(&sample::wide());
    assert_eq!(page.matches("<h4>Reach and similarity</h4>").count(), 1, "one lookalike task");
    assert!(page.contains("An audience of 10\u{a0}% of the people reaches"));
    assert!(!render(&sample::usual()).contains("Reach and similarity"));
}

#[test]
fn classes_are_shown_with_what_their_frequencies_would_reach() {
    let report = sample::of_classes(800, 2.5);
    let page = render(&report);
    assert_well_formed(&page);
    assert_self_contained(&page);
    for words in
        ["The most frequent classes", "&lt;script&gt;tea", "top-3 accuracy", "by frequency", "temperature 2.000"]
    {
        assert!(page.contains(words), "{words}");
    }
    let next = "next".parse().unwrap();
    let said = |report: &Report| {
        let of_task = verdicts(report).into_iter().filter(|verdict| verdict.task.as_ref() == Some(&next));
        of_task.map(|verdict| (verdict.tone, verdict.text)).collect::<Vec<_>>()
    };
    let good = said(&report);
    assert!(good.iter().any(|(tone, text)| *tone == Tone::Good && text.starts_with("Says more")), "{good:?}");
    let bad = said(&sample::of_classes(800, 0.0));
    assert!(bad.iter().any(|(tone, text)| *tone == Tone::Bad && text.starts_with("Says less")), "{bad:?}");
    let row = summary(&report.metrics).rows.into_iter().find(|row| row.task == next && row.part == Part::Test).unwrap();
    let accuracy = row.measures.iter().find(|measure| measure.name == "accuracy").unwrap();
    assert!(accuracy.low.unwrap() < accuracy.value.unwrap() && row.base.unwrap() > 0.2);
}

#[test]
fn a_model_of_several_networks_says_so_and_shows_each() {
    let mut report = sample::usual();
    let other = Timeline { best_epoch: Some(3), seconds: 5.0, ..report.timeline.clone() };
    report.timeline.add(99, &other);
    assert_eq!((report.timeline.all_epochs(), report.timeline.seconds), (22, 36.4));
    let page = render(&report);
    assert_well_formed(&page);
    assert!(page.contains(", the mean of 2 networks: ") && page.contains("The networks of the model, as figures"));
    assert!(page.contains("epoch 3") && page.contains("trained alike from other random numbers"));
    assert!(!render(&sample::usual()).contains("The networks of the model"));
}
