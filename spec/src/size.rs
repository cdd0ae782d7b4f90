//! Amounts of memory as a document writes them: `4GiB`, `512 MB`, `1.5GiB`.

/// A text that is not an amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSize {
    /// No number, or no unit that is known.
    #[error("`{text}` is not an amount of memory: write a number and a unit, such as 4GiB or 512MB")]
    Malformed {
        /// The text as written.
        text: String,
    },
    /// More than 2^63 bytes.
    #[error("`{text}` is more memory than there is")]
    TooLarge {
        /// The text as written.
        text: String,
    },
}

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// What [`parse_bytes`] accepts, as a regular expression for editors.
pub(crate) const PATTERN: &str = "^[0-9]{1,15}(\\.[0-9]{1,6})? ?([KMGT]i?)?B$";

/// The bytes that a text such as `4GiB`, `1.5 GiB` or `512MB` means; KiB is 1024 bytes and KB is 1000.
///
/// # Errors
/// [`InvalidSize`] where there is no number, no unit, or more than fits.
pub fn parse_bytes(text: &str) -> Result<u64, InvalidSize> {
    let malformed = || InvalidSize::Malformed { text: text.to_owned() };
    let end_of_number = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(malformed)?;
    let (number, unit) = text.split_at(end_of_number);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, unit_bytes) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str, most: usize| (1..=most).contains(&digits.len());
    if !is_number(whole, 15) || !is_number(fraction, 6) || fraction.contains('.') {
        return Err(malformed());
    }
    let whole: u128 = whole.parse().map_err(|_| malformed())?;
    let millionths: u128 = format!("{fraction:0<6}").parse().map_err(|_| malformed())?;
    let bytes = (whole * 1_000_000 + millionths) * u128::from(*unit_bytes) / 1_000_000;
    let too_large = || InvalidSize::TooLarge { text: text.to_owned() };
    i64::try_from(bytes).map(i64::unsigned_abs).map_err(|_| too_large())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_units_are_told_apart() {
        for (text, bytes) in [
            ("0B", 0),
            ("512B", 512),
            ("4KB", 4_000),
            ("4KiB", 4_096),
            ("4GiB", 4 << 30),
            ("1.5GiB", 3 << 29),
            ("1.5 GiB", 3 << 29),
            ("64 GB", 64_000_000_000),
            ("0.000001MB", 1),
            ("8TiB", 8 << 40),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "4", "GiB", "4gib", "4G", "-4GiB", "4  GiB", "4GiB ", "1..5GiB", ".5GiB", "1.GiB", "1e3MB", "４GiB"]
        {
            assert_eq!(parse_bytes(text), Err(InvalidSize::Malformed { text: text.to_owned() }), "{text}");
        }
        assert!(matches!(parse_bytes("999999999999999TiB"), Err(InvalidSize::TooLarge { .. })));
    }
}
