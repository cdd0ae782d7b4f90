//! How numbers are written: the same kind of figure always with the same number of digits.

/// What stands for a figure that is not there.
pub const ABSENT: &str = "–";

/// 1234567 as `1,234,567`.
pub fn count(number: u64) -> String {
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
pub fn percent(share: f64) -> String {
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
pub fn percent_tick(share: f64) -> String {
    format!("{}\u{a0}%", trimmed(share * 100.0, 6))
}

/// A number for an axis: no more digits than it needs, thousands apart.
pub fn tick(number: f64) -> String {
    if number.abs() >= 1000.0 { amount(number) } else { trimmed(number, 6) }
}

fn trimmed(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { minus(text) }
}

/// An amount with four significant digits, thousands apart: `0.01234`, `12.34`, `1,235`.
pub fn amount(number: f64) -> String {
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
pub fn fixed(number: f64, decimals: usize) -> String {
    minus(&format!("{number:.decimals$}"))
}

fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// Bytes as `1.2 MiB`.
pub fn bytes(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{} bytes", count(bytes)) } else { format!("{size:.1} {}", units[unit]) }
}

/// Seconds as `0.8 s`, `42 s`, `3 min 05 s`, `2 h 14 min`.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A factor: `2.9×`.
pub fn times(factor: f64) -> String {
    format!("{}×", fixed(factor, 2))
}

/// `1 row`, `2 rows`.
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A share of a bar's length, for a style attribute.
pub fn px_share(share: f64) -> String {
    format!("{:.1}%", share.clamp(0.0, 1.0) * 100.0)
}

#[cfg(test)]
mod tests;
