//! The normal quantile function.

/// The quantile function of the standard normal distribution at `share` in 0..1, to 16 digits (Wichura, AS 241, PPND16).
/// Infinite at 0 and 1.
pub(super) fn normal_quantile(share: f64) -> f64 {
    let centered = share - 0.5;
    if centered.abs() <= 0.425 {
        let r = 0.180625 - centered * centered;
        return centered * ratio(r, &CENTRAL_ABOVE, &CENTRAL_BELOW);
    }
    let tail = share.min(1.0 - share);
    if tail <= 0.0 {
        return f64::INFINITY.copysign(centered);
    }
    let r = (-tail.ln()).sqrt();
    let quantile =
        if r <= 5.0 { ratio(r - 1.6, &MIDDLE_ABOVE, &MIDDLE_BELOW) } else { ratio(r - 5.0, &FAR_ABOVE, &FAR_BELOW) };
    quantile.copysign(centered)
}

fn ratio(r: f64, above: &[f64; 8], below: &[f64; 8]) -> f64 {
    let polynomial =
        |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * r + coefficient);
    polynomial(above) / polynomial(below)
}

const CENTRAL_ABOVE: [f64; 8] = [
    3.3871328727963665,
    133.14166789178438,
    1971.5909503065513,
    13731.69376550946,
    45921.95393154987,
    67265.7709270087,
    33430.57558358813,
    2509.0809287301227,
];
const CENTRAL_BELOW: [f64; 8] = [
    1.0,
    42.31333070160091,
    687.1870074920579,
    5394.196021424751,
    21213.794301586597,
    39307.89580009271,
    28729.085735721943,
    5226.495278852854,
];
const MIDDLE_ABOVE: [f64; 8] = [
    1.4234371107496835,
    4.630337846156546,
    5.769497221460691,
    3.6478483247632045,
    1.2704582524523684,
    0.2417807251774506,
    0.022723844989269184,
    0.0007745450142783414,
];
const MIDDLE_BELOW: [f64; 8] = [
    1.0,
    2.053191626637759,
    1.6763848301838038,
    0.6897673349851,
    0.14810397642748008,
    0.015198666563616457,
    0.0005475938084995345,
    1.0507500716444169e-09,
];
const FAR_ABOVE: [f64; 8] = [
    6.657904643501103,
    5.463784911164114,
    1.7848265399172913,
    0.29656057182850487,
    0.026532189526576124,
    0.0012426609473880784,
    2.7115555687434876e-05,
    2.0103343992922881e-07,
];
const FAR_BELOW: [f64; 8] = [
    1.0,
    0.599832206555888,
    0.1369298809227358,
    0.014875361290850615,
    0.0007868691311456133,
    1.8463183175100548e-05,
    1.421511758316446e-07,
    2.0442631033899397e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `statistics.NormalDist().inv_cdf` of Python.
    #[test]
    fn quantiles_are_those_of_the_standard_library_of_python() {
        for (share, quantile) in [
            (0.5, 0.0),
            (0.975, 1.9599639845400536),
            (0.001, -3.090232306167813),
            (1e-7, -5.199337582192817),
            (1e-20, -9.262340089798405),
            (0.3, -0.5244005127080407),
        ] {
            assert!((normal_quantile(share) - quantile).abs() < 1e-13 * (1.0 + f64::abs(quantile)), "{share}");
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }
}
