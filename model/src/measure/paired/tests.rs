use super::*;

/// Numbers that look random, 0..1.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Rows whose chance is a uniform number, which both models see through noise of these sizes.
fn rows(number: usize, seed: u64, noises: [f64; 2]) -> PairedMetrics {
    let mut next = noise(seed);
    let mut measures = PairedMeasures::new(TaskKind::Binary);
    for _ in 0..number {
        let chance = next();
        let label = f32::from(u8::from(next() < chance));
        let mut seen = |noise: f64| (chance + noise * (next() - 0.5)).clamp(0.0, 1.0) as f32;
        measures.push(seen(noises[0]), seen(noises[1]), label, 1.0);
    }
    measures.finish().unwrap()
}

#[test]
fn a_clear_difference_is_found_and_a_small_one_is_not_claimed() {
    assert_eq!(rows(4000, 1, [0.1, 1.5]).finding(), Finding::Better);
    assert_eq!(rows(4000, 1, [1.5, 0.1]).finding(), Finding::Worse);
    assert_eq!(rows(200, 2, [0.5, 0.52]).finding(), Finding::CannotTell);
}

#[test]
fn equally_good_models_are_told_apart_about_as_often_as_an_interval_of_95_percent_allows() {
    let wrong = (0..400).filter(|seed| rows(300, 100 + seed, [0.6, 0.6]).finding() != Finding::CannotTell).count();
    // Of 400 draws at 5 %: 20 on average, standard deviation 4.4.
    assert!((7..=36).contains(&wrong), "{wrong}");
}

#[test]
fn a_lower_loss_is_better() {
    let mut paired = PairedMeasures::new(TaskKind::Value);
    let mut next = noise(3);
    for _ in 0..500 {
        let amount = 10.0 * next();
        paired.push((amount + next()) as f32, (amount + 12.0 * next()) as f32, amount as f32, 1.0);
    }
    let metrics = paired.finish().unwrap();
    assert_eq!(metrics.leading().unwrap().0, Measure::NormalizedGini);
    assert_eq!(metrics.finding(), Finding::Better);
    assert!(metrics.measures["rmse"].interval.unwrap().high < 0.0);
}

#[test]
fn the_same_predictions_are_the_same_and_not_a_finding() {
    let mut paired = PairedMeasures::new(TaskKind::Binary);
    let mut next = noise(4);
    for row in 0..200_u16 {
        let score = next() as f32;
        paired.push(score, 0.5 * score, f32::from(row % 3 == 0), 1.0);
    }
    assert_eq!(paired.finish().unwrap().finding(), Finding::Same);
}

#[test]
fn few_rows_or_one_class_say_nothing() {
    let mut few = PairedMeasures::new(TaskKind::Binary);
    // One model ranks all positives first, the other all last: no placement varies, and DeLong's interval is a point.
    for row in 0..100_u16 {
        let label = f32::from(row < 10);
        few.push(label, 1.0 - label, label, 1.0);
    }
    let few = few.finish().unwrap();
    assert_eq!((few.rarer, few.finding()), (10, Finding::TooFewRows));

    let mut one_class = PairedMeasures::new(TaskKind::Lookalike);
    (0..100_u16).for_each(|row| one_class.push(f32::from(row) / 100.0, 0.5, 0.0, 1.0));
    assert_eq!(one_class.finish().unwrap().finding(), Finding::Undefined);
    assert_eq!(PairedMeasures::new(TaskKind::Value).finish().unwrap().finding(), Finding::Undefined);
}

#[test]
fn rows_that_cannot_be_measured_are_errors() {
    let mut paired = PairedMeasures::new(TaskKind::Binary);
    paired.push(0.5, f32::NAN, 1.0, 1.0);
    assert!(matches!(paired.finish(), Err(MeasureError::Score { .. })));
}
