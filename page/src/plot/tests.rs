use super::{Range, px};

#[test]
fn ranges_end_at_round_ticks() {
    let range = Range::around([0.613, 0.781].into_iter(), 5);
    assert!((range.from - 0.6).abs() < 1e-12 && (range.to - 0.8).abs() < 1e-12 && range.ticks.len() == 5);
    assert!((Range::from_zero([0.576].into_iter(), 5).to - 0.6).abs() < 1e-12);
    assert_eq!(Range::whole(1, 11).ticks, [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
}

#[test]
fn ranges_of_nothing_or_of_one_number_have_room() {
    for numbers in [vec![], vec![f64::NAN], vec![0.0], vec![5.0, 5.0], vec![-3.0], vec![1e-300], vec![1e30]] {
        let range = Range::around(numbers.iter().copied(), 5);
        assert!(range.from < range.to && range.ticks.len() >= 2 && range.ticks.len() < 20, "{numbers:?} {range:?}");
    }
}

#[test]
fn lengths_have_a_tenth_of_a_pixel() {
    assert_eq!([12.0, 12.34, -0.05].map(px), ["12", "12.3", "-0.1"]);
}
