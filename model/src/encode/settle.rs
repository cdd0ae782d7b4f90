//! Numbers that a JSON file gives back exactly.
//!
//! `serde_json` without its `float_roundtrip` feature may read a number one unit in the last place off. Fitted numbers are
//! moved to a neighbour that it reads exactly, so that the model in memory, the one read back and the one that Python reads
//! (which is always exact) are the same.

/// The number itself if JSON gives it back, else the nearest decimal of as many digits as it does give back.
pub(super) fn settle(value: f64) -> f64 {
    let survives =
        |value: f64| serde_json::to_string(&value).is_ok_and(|text| serde_json::from_str(&text).ok() == Some(value));
    if survives(value) {
        return value;
    }
    let rounded = |digits: usize| format!("{value:.digits$e}").parse::<f64>().ok();
    (1..=14).rev().filter_map(rounded).find(|&rounded| survives(rounded)).unwrap_or(0.0)
}

/// [`settle`] on each.
pub(super) fn settle_all(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values.map(settle).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_numbers_stay() {
        for value in [0.0, 0.1, -2.5, 1e9, 123456789.25, 9007199254740993.0] {
            assert_eq!(settle(value), value);
        }
    }

    proptest! {
        #[test]
        fn settled_numbers_survive_json_and_stay_close(digits in -10.0..10.0f64, exponent in -38..38i32) {
            let value = digits * 10f64.powi(exponent);
            let settled = settle(value);
            let read: f64 = serde_json::from_str(&serde_json::to_string(&settled).unwrap()).unwrap();
            prop_assert_eq!(read, settled);
            prop_assert!((settled - value).abs() <= value.abs() * 1e-9);
        }
    }
}
