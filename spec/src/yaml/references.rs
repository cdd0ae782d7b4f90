//! `${name}` inside flow collections: YAML would take its braces for a mapping, so the parser does not see them.

use std::borrow::Cow;

/// Two characters that stand for the braces of references while YAML is parsed; they do not occur in the text itself.
/// One character for one, so that every column stays where it was.
pub(super) struct Shield {
    open: char,
    close: char,
}

impl Shield {
    /// A shield for a text, and the text under it.
    pub(super) fn over(text: &str) -> (Self, String) {
        let mut unused = ('\u{f0000}'..='\u{ffffd}').filter(|c| !text.contains(*c));
        let shield = Self { open: unused.next().unwrap_or('{'), close: unused.next().unwrap_or('}') };
        let shielded = shield.cover(text);
        (shield, shielded)
    }

    fn cover(&self, text: &str) -> String {
        let mut covered = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            covered.push_str(before);
            match inside(reference) {
                Some(name) => {
                    covered.extend(['$', self.open]);
                    covered.push_str(name);
                    covered.push(self.close);
                    rest = &reference["${".len() + name.len() + "}".len()..];
                }
                None => {
                    covered.push_str("${");
                    rest = &reference["${".len()..];
                }
            }
        }
        covered.push_str(rest);
        covered
    }

    /// The text with its braces again.
    pub(super) fn lift<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !text.contains([self.open, self.close]) {
            return Cow::Borrowed(text);
        }
        let brace = |c: char| match c {
            c if c == self.open => '{',
            c if c == self.close => '}',
            other => other,
        };
        Cow::Owned(text.chars().map(brace).collect())
    }
}

/// What stands between the braces of a reference, if it closes before anything that YAML or a name gives a meaning to.
fn inside(reference: &str) -> Option<&str> {
    let after = reference.strip_prefix("${")?;
    let end = after.find(['{', '}', '[', ']', ',', ':', '#', '"', '\'', '\n', '\r'])?;
    after[end..].starts_with('}').then_some(&after[..end])
}
