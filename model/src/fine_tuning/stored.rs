//! Numbers as text: eight hexadecimal digits each, the bits of an f32, so that a reader gets the same ones.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits of a number.
const DIGITS: usize = 8;

pub(super) fn serialize<S: Serializer>(members: &[Vec<f32>], serializer: S) -> Result<S::Ok, S::Error> {
    let text = |numbers: &Vec<f32>| {
        let mut text = String::with_capacity(numbers.len() * DIGITS);
        numbers.iter().for_each(|number| push(&mut text, number.to_bits()));
        text
    };
    members.iter().map(text).collect::<Vec<String>>().serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<f32>>, D::Error> {
    let members = Vec::<String>::deserialize(deserializer)?;
    let numbers = |text: &String| {
        let number = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == DIGITS)?;
            u32::from_str_radix(digits, 16).ok().map(f32::from_bits)
        };
        text.as_bytes().chunks(DIGITS).map(number).collect::<Option<Vec<f32>>>()
    };
    let numbers: Option<Vec<Vec<f32>>> = members.iter().map(numbers).collect();
    numbers.ok_or_else(|| D::Error::custom("a list's weights are no hexadecimal numbers of eight digits"))
}

fn push(text: &mut String, bits: u32) {
    let digit = |place: usize| char::from_digit(bits >> (4 * (DIGITS - 1 - place)) & 0xf, 16);
    text.extend((0..DIGITS).filter_map(digit));
}
