//! Tails of the normal and of Student's t distribution, and their inverses.

/// Terms of a series or fraction before it counts as settled; a few dozen are needed.
const MOST_TERMS: usize = 100_000;
/// Halvings of an interval until its ends are neighbouring numbers.
const HALVINGS: usize = 2_000;
const TINY: f64 = 1e-300;

/// The chance that a standard normal number is above `z`: half the complementary error function, by the incomplete gamma
/// function Q(½, z²/2) (DLMF 7.11.2, 8.11.4 and 8.9.2).
pub fn normal_sf(z: f64) -> f64 {
    let upper = 0.5 * gamma_q_half(z * z / 2.0);
    if z >= 0.0 { upper } else { 1.0 - upper }
}

/// Where the chance above is `p`, 0 < p < 1.
pub fn normal_isf(p: f64) -> f64 {
    inverse(p, normal_sf)
}

/// The chance that a number of Student's t distribution with `df` degrees of freedom is above `t`: half the regularized
/// incomplete beta function I_x(df/2, ½) at x = df / (df + t²) (DLMF 8.17).
pub fn student_sf(t: f64, df: f64) -> f64 {
    let square = t * t;
    let upper = 0.5 * beta_regularized(df / 2.0, 0.5, df / (df + square), square / (df + square));
    if t >= 0.0 { upper } else { 1.0 - upper }
}

/// Where the chance above is `p`, 0 < p < 1.
pub fn student_isf(p: f64, df: f64) -> f64 {
    inverse(p, |t| student_sf(t, df))
}

/// Where a falling tail is `p`, by bisection to the last digit.
fn inverse(p: f64, tail: impl Fn(f64) -> f64) -> f64 {
    if p > 0.5 {
        return -inverse(1.0 - p, tail);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while tail(high) > p && high < 1e300 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if tail(middle) > p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The upper incomplete gamma function Q(½, x), regularized.
fn gamma_q_half(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    // x^½ e^-x / Γ(½)
    let front = (0.5 * x.ln() - x).exp() / std::f64::consts::PI.sqrt();
    if x < 1.5 {
        let (mut term, mut sum) = (2.0, 2.0);
        for n in 1..MOST_TERMS {
            term *= x / (n as f64 + 0.5);
            sum += term;
            if term < sum * f64::EPSILON {
                break;
            }
        }
        return 1.0 - front * sum;
    }
    let mut b = x + 0.5;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut fraction = d;
    for n in 1..MOST_TERMS {
        let a = -(n as f64) * (n as f64 - 0.5);
        b += 2.0;
        d = 1.0 / away_from_zero(a * d + b);
        c = away_from_zero(b + a / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    front * fraction
}

/// The regularized incomplete beta function I_x(a, b); `rest` is 1 - x, given beside it so that no digits are lost.
fn beta_regularized(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 || rest <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let logarithm = |part: f64, other: f64| if other < 0.5 { (-other).ln_1p() } else { part.ln() };
    let front = (a * logarithm(x, rest) + b * logarithm(rest, x) - ln_beta(a, b)).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, rest) / b
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..MOST_TERMS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for step in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + step * d);
            c = away_from_zero(1.0 + step / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

fn away_from_zero(number: f64) -> f64 {
    if number.abs() < TINY { TINY } else { number }
}

/// The logarithm of the beta function B(a, ½) or B(½, b), whose one argument may be large.
fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if large < 100.0 {
        return ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    }
    // ln Γ(large) - ln Γ(large + small) by Stirling's series, in which the large parts cancel before they are rounded.
    let series = |z: f64| 1.0 / (12.0 * z) - 1.0 / (360.0 * z.powi(3)) + 1.0 / (1260.0 * z.powi(5));
    let sum = large + small;
    let quotient = -(large - 0.5) * (small / large).ln_1p() - small * sum.ln() + small + series(large) - series(sum);
    ln_gamma(small) + quotient
}

/// The logarithm of the gamma function above 0 (Lanczos 1964, with the coefficients of Godfrey for g = 7).
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let rest = COEFFICIENTS.iter().enumerate().skip(1);
    let sum = COEFFICIENTS[0] + rest.map(|(place, coefficient)| coefficient / (x + place as f64)).sum::<f64>();
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}
