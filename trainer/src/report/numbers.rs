//! How numbers are written, and what measures are called: the same kind of figure always with the same number of digits.

use model::measure::{Measure, TopShare};

/// What stands for a figure that is not there.
pub(super) const ABSENT: &str = "–";

/// 1234567 as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage of about three digits: `0.034 %`, `4.56 %`, `45.6 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let size = percent.abs();
    let decimals = match size {
        _ if size == 0.0 => 0,
        _ if size < 0.1 => 3,
        _ if size < 10.0 => 2,
        _ => 1,
    };
    if share == 1.0 { "100\u{a0}%".to_owned() } else { format!("{}\u{a0}%", fixed(percent, decimals)) }
}

/// A share for an axis: no more digits than it needs.
pub(super) fn percent_tick(share: f64) -> String {
    format!("{}\u{a0}%", trimmed(share * 100.0, 6))
}

/// A number for an axis: no more digits than it needs, thousands apart.
pub(crate) fn tick(number: f64) -> String {
    if number.abs() >= 1000.0 { amount(number) } else { trimmed(number, 6) }
}

fn trimmed(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { minus(text) }
}

/// An amount with four significant digits, thousands apart: `0.01234`, `12.34`, `1,235`.
pub(super) fn amount(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return ABSENT.to_owned();
    }
    if size >= 1e15 {
        return format!("{number:.3e}");
    }
    if size >= 1000.0 {
        let sign = if number < 0.0 { "−" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    let before_point = if size > 0.0 { size.log10().floor() as i32 + 1 } else { 1 };
    fixed(number, (4 - before_point).clamp(0, 8) as usize)
}

/// A number with this many decimals and a real minus sign.
pub(super) fn fixed(number: f64, decimals: usize) -> String {
    minus(&format!("{number:.decimals$}"))
}

fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// Bytes as `1.2 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{} bytes", count(bytes)) } else { format!("{size:.1} {}", units[unit]) }
}

/// Seconds as `0.8 s`, `42 s`, `3 min 05 s`, `2 h 14 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A measure's value with its own digits.
pub(super) fn measure(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Auc
        | Measure::GroupedAuc
        | Measure::PrAuc
        | Measure::Ks
        | Measure::Gini
        | Measure::Mrr
        | Measure::Spearman
        | Measure::NormalizedGini => fixed(value, 3),
        Measure::LogLoss | Measure::NormalizedEntropy | Measure::Brier | Measure::Ece | Measure::Loss => {
            fixed(value, 4)
        }
        Measure::LiftTopDecile => times(value),
        Measure::PrecisionAt(_)
        | Measure::RecallAt(_)
        | Measure::Accuracy
        | Measure::Top3Accuracy
        | Measure::Top5Accuracy => percent(value),
        Measure::Rmse | Measure::Mae => amount(value),
    }
}

/// What a measure is called in a sentence.
pub(super) fn measure_words(measure: Measure) -> &'static str {
    match measure {
        Measure::Loss => "loss",
        Measure::Auc => "AUC",
        Measure::GroupedAuc => "AUC within groups",
        Measure::PrAuc => "PR-AUC",
        Measure::LogLoss => "log loss",
        Measure::NormalizedEntropy => "normalized entropy",
        Measure::Brier => "Brier score",
        Measure::Ece => "calibration error (ECE)",
        Measure::Ks => "KS",
        Measure::Gini => "Gini",
        Measure::LiftTopDecile => "lift of the best tenth",
        Measure::PrecisionAt(TopShare::Percent1) => "precision at the best 1 %",
        Measure::PrecisionAt(TopShare::Percent5) => "precision at the best 5 %",
        Measure::PrecisionAt(TopShare::Percent10) => "precision at the best 10 %",
        Measure::PrecisionAt(TopShare::Percent20) => "precision at the best 20 %",
        Measure::RecallAt(TopShare::Percent1) => "recall at the best 1 %",
        Measure::RecallAt(TopShare::Percent5) => "recall at the best 5 %",
        Measure::RecallAt(TopShare::Percent10) => "recall at the best 10 %",
        Measure::RecallAt(TopShare::Percent20) => "recall at the best 20 %",
        Measure::Accuracy => "accuracy",
        Measure::Top3Accuracy => "top-3 accuracy",
        Measure::Top5Accuracy => "top-5 accuracy",
        Measure::Mrr => "mean reciprocal rank",
        Measure::Rmse => "RMSE",
        Measure::Mae => "MAE",
        Measure::Spearman => "Spearman",
        Measure::NormalizedGini => "normalized Gini",
    }
}

/// A factor: `2.9×`.
pub(crate) fn times(factor: f64) -> String {
    format!("{}×", fixed(factor, 2))
}

/// `1 row`, `2 rows`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A share of a bar's length, for a style attribute.
pub(super) fn px_share(share: f64) -> String {
    format!("{:.1}%", share.clamp(0.0, 1.0) * 100.0)
}

#[cfg(test)]
mod tests;
