//! Pages of lists.

use std::num::NonZeroUsize;

use proto::api::v1;

use crate::house::Page;

/// Entries of a page that nobody gave a size.
const USUAL: NonZeroUsize = NonZeroUsize::new(50).expect("fifty is not zero");

/// Entries of the largest page.
const LARGEST: usize = 500;

/// The page that a request asks for.
pub(super) fn wanted(page: Option<v1::PageRequest>) -> Page {
    let v1::PageRequest { size, token } = page.unwrap_or_default();
    let size = NonZeroUsize::new((size as usize).min(LARGEST)).unwrap_or(USUAL);
    Page { size, token: (!token.is_empty()).then_some(token) }
}

/// What an answer says of its page.
pub(super) fn given(next: Option<String>) -> Option<v1::PageResponse> {
    Some(v1::PageResponse { next_token: next.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_a_usual_and_a_largest_size() {
        let sized = |size| wanted(Some(v1::PageRequest { size, token: String::new() })).size.get();
        assert_eq!((sized(0), sized(7), sized(501), sized(u32::MAX)), (50, 7, 500, 500));
        assert_eq!(wanted(None), Page::first(USUAL));
        let next = wanted(Some(v1::PageRequest { size: 1, token: "t".to_owned() }));
        assert_eq!(next.token.as_deref(), Some("t"));
    }
}
