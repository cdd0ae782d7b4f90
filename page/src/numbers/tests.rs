use super::{amount, bytes, count, percent, percent_tick, seconds, tick};

#[test]
fn figures_are_written_alike() {
    assert_eq!(["0", "12", "1,234", "1,234,567"], [0, 12, 1234, 1_234_567].map(count)[..]);
    let shares = [0.0, 0.000_34, 0.0456, 0.456, 1.0].map(percent);
    assert_eq!(shares, ["0\u{a0}%", "0.034\u{a0}%", "4.56\u{a0}%", "45.6\u{a0}%", "100\u{a0}%"]);
    assert_eq!([0.2, 0.025, 1.0].map(percent_tick), ["20\u{a0}%", "2.5\u{a0}%", "100\u{a0}%"]);
    assert_eq!(
        [0.012_34, 12.3456, 999.96, 1234.5, -0.5].map(amount),
        ["0.01234", "12.35", "1000.0", "1,235", "−0.5000"]
    );
    assert_eq!([0.5, 2.5e-3, 0.0, -0.25, 12_000.0].map(tick), ["0.5", "0.0025", "0", "−0.25", "12,000"]);
    assert_eq!([512, 1536, 3 << 30].map(bytes), ["512 bytes", "1.5 KiB", "3.0 GiB"]);
    assert_eq!([0.84, 42.0, 185.0, 8040.0].map(seconds), ["0.8 s", "42 s", "3 min 05 s", "2 h 14 min"]);
}

#[test]
fn absent_figures_are_a_dash() {
    assert_eq!(amount(f64::NAN), "–");
    assert_eq!(amount(f64::INFINITY), "–");
}
