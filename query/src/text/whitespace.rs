//! Text whose columns are separated by runs of blanks, made into text separated by single tabs.

use bytes::Bytes;

/// The separator that runs of blanks become.
pub(crate) const SEPARATOR: u8 = b'\t';

/// Replaces runs of spaces and tabs by one [`SEPARATOR`] and drops those at both ends of a line.
///
/// It is fed a file in pieces; a run may lie across two of them.
#[derive(Debug)]
pub(crate) struct Squeezer {
    is_line_start: bool,
    has_pending_separator: bool,
}

impl Squeezer {
    /// At the start of a file.
    pub(crate) fn new() -> Self {
        Self { is_line_start: true, has_pending_separator: false }
    }

    /// The next piece of the file.
    pub(crate) fn squeeze(&mut self, piece: &[u8]) -> Bytes {
        let mut squeezed = Vec::with_capacity(piece.len() + 1);
        for &byte in piece {
            match byte {
                b' ' | b'\t' => self.has_pending_separator = !self.is_line_start,
                b'\n' | b'\r' => {
                    self.has_pending_separator = false;
                    self.is_line_start = true;
                    squeezed.push(byte);
                }
                _ => {
                    if self.has_pending_separator {
                        squeezed.push(SEPARATOR);
                    }
                    self.has_pending_separator = false;
                    self.is_line_start = false;
                    squeezed.push(byte);
                }
            }
        }
        squeezed.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeeze_in_pieces(text: &str, size: usize) -> String {
        let mut squeezer = Squeezer::new();
        let pieces = text.as_bytes().chunks(size).map(|piece| squeezer.squeeze(piece));
        String::from_utf8(pieces.flatten().collect()).unwrap()
    }

    #[test]
    fn runs_of_blanks_become_one_separator_wherever_the_file_is_cut() {
        let text = "  id   date\t amount  \r\n 00001 19970101  1   11.77\r\n\n   \n7 \t 8 9";
        let expected = "id\tdate\tamount\r\n00001\t19970101\t1\t11.77\r\n\n\n7\t8\t9";
        for size in 1..=text.len() {
            assert_eq!(squeeze_in_pieces(text, size), expected, "in pieces of {size}");
        }
    }
}
