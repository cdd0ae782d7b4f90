//! Cross-entropy of a logit `z`: `ℓ = w₊·y·ln(1 + e^-z) + (1 - y)·ln(1 + e^z)`.

/// `1 / (1 + e^-z)`
pub(crate) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// `ln(1 + e^z)`, exact to rounding for any `z`.
pub(crate) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// Loss and its derivative by the logit.
pub(crate) fn cross_entropy(z: f64, positive: bool, positive_weight: f64) -> (f64, f64) {
    // e^-|z| gives both: softplus(±z) = max(±z, 0) + ln(1 + e^-|z|), and σ(±z) is 1 or e^-|z| over 1 + e^-|z|.
    let small = (-z.abs()).exp();
    let (toward, away) = if positive { (-z, -positive_weight) } else { (z, 1.0) };
    let loss = toward.max(0.0) + small.ln_1p();
    let share = if toward >= 0.0 { 1.0 } else { small } / (1.0 + small);
    (away.abs() * loss, away * share)
}
