//! What every page promises, for the tests of those who write one.

/// Elements nest, attributes are quoted, and `<`, `>` and `"` occur as markup only.
///
/// # Panics
///
/// On a page of which that is not so.
pub fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let style = page.find("<style>").expect("a style sheet")..page.find("</style>").expect("its end");
    let markup = format!("{}{}", &page[..style.start], &page[style.end + "</style>".len()..]);
    for piece in markup.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("`{piece}` is not closed"));
        assert!(!text.contains('>'), "`{text}` holds markup");
        assert_eq!(tag.matches('"').count() % 2, 0, "`{tag}` is not quoted");
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None if name == "meta" || name == "!doctype" || tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

/// Nothing is fetched from anywhere, and no figure is written that is none.
///
/// # Panics
///
/// On a page of which that is not so.
pub fn assert_self_contained(page: &str) {
    for outside in ["<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", "javascript:"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for broken in ["NaN", "=\"inf", "=\"-inf", "Some(", "None"] {
        assert!(!page.contains(broken), "{broken}");
    }
}
