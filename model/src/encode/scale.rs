//! Numbers of a numeric feature from its column, many rows at a time.

use super::numeric::{NumericEncoding, Scaling, signed_log};

/// A numeric feature ready to write.
#[derive(Debug)]
pub(super) struct NumericWriter {
    impute: f64,
    missing_flag: bool,
    scale: Scale,
}

#[derive(Debug)]
enum Scale {
    Interpolated(Interpolation),
    Standardized { mean: f64, deviation: f64 },
    Logarithm { mean: f64, deviation: f64 },
    Range { min: f64, width: f64 },
    AsIs,
    Bins(Vec<(f64, f64)>),
    Nothing,
}

impl NumericWriter {
    pub(super) fn new(encoding: &NumericEncoding) -> Self {
        let scale = match &encoding.scaling {
            Scaling::Quantile { edges, .. } if edges.is_empty() => Scale::Nothing,
            Scaling::Quantile { edges, normals } => Scale::Interpolated(Interpolation::new(edges, normals)),
            Scaling::Standardize { deviation, .. } | Scaling::Log1p { deviation, .. } if *deviation == 0.0 => {
                Scale::Nothing
            }
            Scaling::Standardize { mean, deviation } => Scale::Standardized { mean: *mean, deviation: *deviation },
            Scaling::Log1p { mean, deviation } => Scale::Logarithm { mean: *mean, deviation: *deviation },
            Scaling::MinMax { min, max } if min == max => Scale::Nothing,
            Scaling::MinMax { min, max } => Scale::Range { min: *min, width: max - min },
            Scaling::None => Scale::AsIs,
            Scaling::PiecewiseLinear { edges } if edges.len() < 2 => Scale::Nothing,
            Scaling::PiecewiseLinear { edges } => {
                Scale::Bins(edges.windows(2).map(|pair| (pair[0], pair[1] - pair[0])).collect())
            }
        };
        Self { impute: encoding.impute, missing_flag: encoding.missing_flag, scale }
    }

    /// Writes a column's numbers, one slice of `out` a number, as long as `values`; NaN is a missing value.
    pub(super) fn write(&self, values: &mut [f64], out: &mut [&mut [f32]]) {
        let (scaled, flag) = out.split_at_mut(out.len() - usize::from(self.missing_flag));
        if let [flag] = flag {
            flag.iter_mut().zip(&*values).for_each(|(flag, value)| *flag = if value.is_nan() { 1.0 } else { 0.0 });
        }
        values.iter_mut().for_each(|value| *value = if value.is_nan() { self.impute } else { *value });
        match (&self.scale, scaled) {
            (Scale::Bins(bins), scaled) => {
                for (&(lower, width), out) in bins.iter().zip(scaled) {
                    map(values, out, |value| ((value - lower) / width).clamp(0.0, 1.0));
                }
            }
            (Scale::Interpolated(points), [out]) => points.write(values, out),
            (Scale::Standardized { mean, deviation }, [out]) => map(values, out, |value| (value - mean) / deviation),
            (Scale::Logarithm { mean, deviation }, [out]) => {
                map(values, out, |value| (signed_log(value) - mean) / deviation);
            }
            (Scale::Range { min, width }, [out]) => map(values, out, |value| ((value - min) / width).clamp(0.0, 1.0)),
            (Scale::AsIs, [out]) => map(values, out, |value| value),
            (_, scaled) => scaled.iter_mut().for_each(|out| out.fill(0.0)),
        }
    }
}

fn map(values: &[f64], out: &mut [f32], number: impl Fn(f64) -> f64) {
    let largest = f64::from(f32::MAX);
    out.iter_mut().zip(values).for_each(|(out, &value)| *out = number(value).clamp(-largest, largest) as f32);
}

/// Straight lines between points, constant outside.
#[derive(Debug)]
struct Interpolation {
    /// The points' edges, then infinities up to one less than a power of two.
    edges: Vec<f64>,
    /// `lines[i]` holds where i edges are at or below the value: its start (x, y) and slope.
    lines: Vec<(f64, f64, f64)>,
}

/// Values searched for side by side, so that their steps overlap.
const LANES: usize = 16;

impl Interpolation {
    fn new(edges: &[f64], normals: &[f64]) -> Self {
        let mut lines = vec![(edges[0], normals[0], 0.0)];
        for (edge, normal) in edges.windows(2).zip(normals.windows(2)) {
            lines.push((edge[0], normal[0], (normal[1] - normal[0]) / (edge[1] - edge[0])));
        }
        lines.push((edges[edges.len() - 1], normals[normals.len() - 1], 0.0));
        let size = (edges.len() + 1).next_power_of_two();
        let mut padded = edges.to_vec();
        padded.resize(size - 1, f64::INFINITY);
        lines.resize(size, lines[edges.len()]);
        Self { edges: padded, lines }
    }

    fn write(&self, values: &[f64], out: &mut [f32]) {
        let mut blocks = values.chunks_exact(LANES);
        let mut outs = out.chunks_exact_mut(LANES);
        for (values, out) in (&mut blocks).zip(&mut outs) {
            let mut block = [0.0; LANES];
            block.copy_from_slice(values);
            out.copy_from_slice(&self.interpolate(&block));
        }
        for (value, out) in blocks.remainder().iter().zip(outs.into_remainder()) {
            *out = self.interpolate(&[*value; 1])[0];
        }
    }

    fn interpolate<const N: usize>(&self, values: &[f64; N]) -> [f32; N] {
        let mut below = [0; N];
        let mut step = self.lines.len() / 2;
        while step > 0 {
            for (below, value) in below.iter_mut().zip(values) {
                *below += if self.edges[*below + step - 1] <= *value { step } else { 0 };
            }
            step /= 2;
        }
        std::array::from_fn(|lane| {
            let (x, y, slope) = self.lines[below[lane]];
            (slope * (values[lane] - x) + y) as f32
        })
    }
}

#[cfg(test)]
mod tests;
