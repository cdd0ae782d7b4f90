//! Canonical text of categorical values, and the hashes taken of it.
//!
//! A value's text decides its id, whatever the column's type: strings are themselves, integers are written in decimal,
//! booleans are `true` and `false`, decimals are plain decimal notation without trailing zeros, binary values are their
//! UTF-8 text with U+FFFD for bytes that are none, floats are the shortest plain decimal notation that gives them back, and
//! whole ones have no point. NaN is null. So `5`, `"5"`, `5.0` and decimal `5.00` are the same category.

use std::borrow::Cow;

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// Texts longer than this many bytes stand in a vocabulary as [`vocabulary_text`] says.
pub(super) const MAX_TEXT_BYTES: usize = 1024;

/// Hash of a value's text: xxh3, 64 bits, seeded.
pub(super) fn hash_text(text: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(text, seed)
}

/// The bucket of a hash, 0..buckets: the upper half of `hash · buckets`.
pub(super) fn bucket(hash: u64, buckets: u32) -> u32 {
    ((u128::from(hash) * u128::from(buckets)) >> 64) as u32
}

/// How a text is counted and looked up in a vocabulary: itself up to [`MAX_TEXT_BYTES`] bytes, else `xxh3:` and the 32
/// hexadecimal digits of its 128-bit xxh3, so that huge values cost no memory and are still told apart.
pub(super) fn vocabulary_text(text: &[u8]) -> Cow<'_, [u8]> {
    if text.len() <= MAX_TEXT_BYTES {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("xxh3:{:032x}", xxh3_128(text)).into_bytes())
}

/// Text of a binary value.
pub(super) fn binary_text(bytes: &[u8]) -> Cow<'_, [u8]> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(_) => Cow::Borrowed(bytes),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Text of an unscaled decimal: plain notation, no trailing zeros after the point.
pub(super) fn decimal_text(unscaled: &str, scale: i8) -> String {
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |digits| ("-", digits));
    let scale = i32::from(scale);
    if scale <= 0 {
        let zeros = if digits == "0" { 0 } else { -scale as usize };
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    let padded = format!("{digits:0>width$}", width = scale as usize + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// Text of a float: the shortest digits that give back `shown`, which is `value` at its own width
/// (half precision counts as single), without an exponent. None for NaN.
pub(super) fn float_text(value: f64, shown: impl std::fmt::Display) -> Option<String> {
    if value.is_nan() {
        return None;
    }
    Some(if value == 0.0 { "0".to_owned() } else { shown.to_string() })
}

const DIGIT_PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
};

/// Decimal text of an integer, without allocation.
pub(crate) struct IntegerText {
    bytes: [u8; 20],
    first: usize,
}

impl IntegerText {
    /// The text of `magnitude`, with a minus sign where `negative`.
    pub(super) fn new(negative: bool, mut magnitude: u64) -> Self {
        let mut text = Self { bytes: [0; 20], first: 20 };
        while magnitude >= 100 {
            text.push(&DIGIT_PAIRS[(magnitude % 100) as usize]);
            magnitude /= 100;
        }
        if magnitude >= 10 {
            text.push(&DIGIT_PAIRS[magnitude as usize]);
        } else {
            text.push(&[b'0' + magnitude as u8]);
        }
        if negative {
            text.push(b"-");
        }
        text
    }

    fn push(&mut self, front: &[u8]) {
        self.first -= front.len();
        self.bytes[self.first..self.first + front.len()].copy_from_slice(front);
    }

    /// The text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.first..]
    }
}

/// An integer of any width: where it lies among all integers, as a key and as text.
pub(crate) trait Integer: Copy {
    /// A key that tells it from every other value of its type: sign- or zero-extended to 64 bits.
    fn key(self) -> u64;

    /// Its decimal text.
    fn text(self) -> IntegerText;
}

macro_rules! integers {
    ($($native:ty),+) => {$(
        impl Integer for $native {
            fn key(self) -> u64 {
                i64::from(self) as u64
            }

            fn text(self) -> IntegerText {
                let value = i64::from(self);
                IntegerText::new(value < 0, value.unsigned_abs())
            }
        }
    )+};
}

integers!(i8, i16, i32, i64, u8, u16, u32);

impl Integer for u64 {
    fn key(self) -> u64 {
        self
    }

    fn text(self) -> IntegerText {
        IntegerText::new(false, self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_written_plainly() {
        for (unscaled, scale, text) in [
            ("500", 2, "5"),
            ("1250", 2, "12.5"),
            ("-7", 3, "-0.007"),
            ("0", 2, "0"),
            ("12", -2, "1200"),
            ("0", -2, "0"),
        ] {
            assert_eq!(decimal_text(unscaled, scale), text);
        }
    }

    #[test]
    fn floats_are_written_plainly() {
        for (value, text) in
            [(5.0, "5"), (-0.0, "0"), (0.1, "0.1"), (1e21, "1000000000000000000000"), (-2.5e-7, "-0.00000025")]
        {
            assert_eq!(float_text(value, value).as_deref(), Some(text));
        }
        assert_eq!(float_text(f64::from(0.1f32), 0.1f32).as_deref(), Some("0.1"));
        assert_eq!(float_text(f64::NEG_INFINITY, f64::NEG_INFINITY).as_deref(), Some("-inf"));
        assert_eq!(float_text(f64::NAN, f64::NAN), None);
    }

    #[test]
    fn long_texts_become_digests_and_stay_apart() {
        let (first, second) = (vec![b'a'; 5000], vec![b'a'; 5001]);
        let short = vec![b'a'; MAX_TEXT_BYTES];
        assert_eq!(vocabulary_text(&short), short);
        assert_eq!(vocabulary_text(&first).len(), 5 + 32);
        assert_ne!(vocabulary_text(&first), vocabulary_text(&second));
    }

    proptest! {
        #[test]
        fn integers_are_written_as_the_standard_library_writes_them(signed: i64, unsigned: u64, shift in 0u32..64) {
            let written = |text: IntegerText| String::from_utf8(text.as_bytes().to_vec()).unwrap();
            prop_assert_eq!(written((signed >> shift).text()), (signed >> shift).to_string());
            prop_assert_eq!(written((unsigned >> shift).text()), (unsigned >> shift).to_string());
        }

        #[test]
        fn buckets_are_in_range(hash: u64, buckets in 1u32..) {
            prop_assert!(bucket(hash, buckets) < buckets);
        }
    }
}
