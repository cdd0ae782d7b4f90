//! Random numbers that depend on where they are used and on nothing else: counter-based, so any thread may draw any
//! part of them in any order, and so may a GPU.

/// 32 well-mixed bits of a counter: the finalizer of MurmurHash3 (Appleby 2011).
#[inline(always)]
pub(crate) fn mix(counter: u32) -> u32 {
    let mut bits = counter;
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}

/// The key of a stream of random numbers: `seed` mixed with each of `parts` in turn.
pub(crate) fn key(seed: u64, parts: &[u64]) -> u32 {
    let halves = |part: u64| [part as u32, (part >> 32) as u32];
    let all = std::iter::once(seed).chain(parts.iter().copied()).flat_map(halves);
    all.fold(0x6b69_6e64, |key, half| mix(key ^ half).wrapping_add(0x9e37_79b9))
}

/// The seed of a named thing's own stream: a tensor's first values do not depend on what else there is.
pub(crate) fn named(seed: u64, name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), seed)
}

/// Fills `numbers` with the numbers `first..` of a stream, uniform in `(-bound, bound)`, 24 bits each.
pub(crate) fn fill_uniform(numbers: &mut [f32], seed: u64, first: u64, bound: f32) {
    const CHUNK: u64 = 1 << 20;
    let mut position = first;
    let mut rest = numbers;
    while !rest.is_empty() {
        let room = (CHUNK - position % CHUNK) as usize;
        let (now, later) = rest.split_at_mut(room.min(rest.len()));
        let stream = key(seed, &[position / CHUNK]);
        let start = (position % CHUNK) as u32;
        for (index, number) in now.iter_mut().enumerate() {
            let bits = mix(stream ^ (start + index as u32).wrapping_mul(0x9e37_79b1)) >> 8;
            *number = (bits as f32 + 0.5) * (2.0 / 16_777_216.0) * bound - bound;
        }
        position += now.len() as u64;
        rest = later;
    }
}

/// Which units of a hidden layer are left out at one step: unit `u` of row `r` stays where
/// `mix(row_key(r) + u·0x9e3779b1)` is at least `threshold`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mask {
    key: u32,
    threshold: u32,
}

/// Numbers one after the other that are always the same for a seed (SplitMix64: Steele, Lea and Flood 2014), for what is drawn
/// on one thread.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for each of several uses of a seed.
    pub(crate) fn of(seed: u64, parts: &[u64]) -> Self {
        parts.iter().fold(Self(seed), |stream, part| Self(stream.clone().next() ^ part))
    }

    /// Uniform in 0..1, 53 bits.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in 0..`bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Spreads the units of a row over the counters.
pub(crate) const UNIT_STRIDE: u32 = 0x9e37_79b1;
const ROW_STRIDE: u32 = 0x85eb_ca77;

impl Mask {
    /// The mask of a layer (`site`) at a step, leaving out a share `rate` of the units.
    pub(crate) fn new(seed: u64, step: u64, site: usize, rate: f32) -> Self {
        let threshold = (f64::from(rate) * 4_294_967_296.0) as u32;
        Self { key: key(seed, &[step, site as u64]), threshold }
    }

    /// The counter of a row's unit 0; `row` counts within the batch.
    #[inline(always)]
    pub(crate) fn row_key(self, row: usize) -> u32 {
        mix(self.key ^ (row as u32).wrapping_mul(ROW_STRIDE))
    }

    /// Whether the unit stays.
    #[inline(always)]
    pub(crate) fn keeps(self, row_key: u32, unit: usize) -> bool {
        mix(row_key.wrapping_add((unit as u32).wrapping_mul(UNIT_STRIDE))) >= self.threshold
    }

    /// The number below which a unit's bits leave it out.
    pub(crate) fn threshold(self) -> u32 {
        self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::{Mask, fill_uniform, key};

    #[test]
    fn a_mask_leaves_out_the_asked_share_of_units_rows_and_steps() {
        let (rows, units) = (512, 256);
        for rate in [0.1f32, 0.5] {
            let mut left_out_by_unit = vec![0usize; units];
            for step in 0..4 {
                let mask = Mask::new(7, step, 1, rate);
                for row in 0..rows {
                    let row_key = mask.row_key(row);
                    let left_out = |&unit: &usize| !mask.keeps(row_key, unit);
                    (0..units).filter(left_out).for_each(|unit| left_out_by_unit[unit] += 1);
                }
            }
            let total = left_out_by_unit.iter().sum::<usize>() as f64 / (4 * rows * units) as f64;
            // 524,288 draws: five standard deviations are below 0.0035.
            assert!((total - f64::from(rate)).abs() < 0.0035, "share {total} at rate {rate}");
            // 2,048 draws a unit: six standard deviations are below 0.067.
            let worst =
                left_out_by_unit.iter().map(|&n| (n as f64 / 2048.0 - f64::from(rate)).abs()).fold(0.0, f64::max);
            assert!(worst < 0.067, "a unit is {worst} off");
        }
    }

    #[test]
    fn masks_of_neighbouring_rows_sites_and_steps_are_unrelated() {
        let bits = |step, site, row: usize| -> Vec<bool> {
            let mask = Mask::new(7, step, site, 0.5);
            (0..4096).map(|unit| mask.keeps(mask.row_key(row), unit)).collect()
        };
        let first = bits(3, 0, 10);
        for other in [bits(3, 0, 11), bits(3, 1, 10), bits(4, 0, 10)] {
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
            // Binomial(4096, 1/2): six standard deviations are 192.
            assert!(same.abs_diff(2048) < 192, "{same} of 4096 are equal");
        }
    }

    #[test]
    fn uniform_numbers_are_centred_bounded_and_the_same_in_pieces() {
        let mut whole = vec![0.0; 100_000];
        fill_uniform(&mut whole, 5, (1 << 20) - 50_000, 0.25);
        assert!(whole.iter().all(|number| number.abs() < 0.25));
        let mean = whole.iter().map(|&number| f64::from(number)).sum::<f64>() / 1e5;
        // A standard deviation of 0.25/sqrt(3)/sqrt(1e5) is 0.00046.
        assert!(mean.abs() < 0.0023, "mean {mean}");
        let mut pieces = vec![0.0; 100_000];
        let (left, right) = pieces.split_at_mut(12_345);
        fill_uniform(right, 5, (1 << 20) - 50_000 + 12_345, 0.25);
        fill_uniform(left, 5, (1 << 20) - 50_000, 0.25);
        assert_eq!(whole, pieces);
    }

    #[test]
    fn keys_differ_by_the_order_of_their_parts() {
        assert_ne!(key(1, &[2, 3]), key(1, &[3, 2]));
        assert_ne!(key(1, &[2]), key(1, &[2, 0]));
        assert_ne!(key(1 << 32, &[]), key(1, &[]));
    }
}
