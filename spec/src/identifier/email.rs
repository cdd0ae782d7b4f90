//! Email addresses as Google asks for them.

use std::borrow::Cow;

use super::{Normalized, lower};

/// The domains that ignore dots in front of them.
const DOTLESS: [&str; 2] = ["gmail.com", "googlemail.com"];

/// Blanks around it removed, lower case, and without the dots before `@gmail.com` and `@googlemail.com` (Google Ads API,
/// "normalize and hash user-provided data"). What has not one `@` with something on both sides, or a blank inside, is
/// no address.
pub(super) fn google(text: &str) -> Normalized<'_> {
    let text = text.trim();
    if text.is_empty() {
        return Normalized::Missing;
    }
    let address = lower(text);
    let Some((name, domain)) = address.split_once('@') else { return Normalized::Invalid };
    if name.is_empty() || domain.is_empty() || domain.contains('@') || address.contains(char::is_whitespace) {
        return Normalized::Invalid;
    }
    if !DOTLESS.contains(&domain) || !name.contains('.') {
        return Normalized::Id(address);
    }
    match name.replace('.', "") {
        name if name.is_empty() => Normalized::Invalid,
        name => Normalized::Id(Cow::Owned(format!("{name}@{domain}"))),
    }
}
