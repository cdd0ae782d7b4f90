//! Which of the known names someone meant.

/// The known name nearest to what was written, if one is near enough to be meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = plain(written);
    let length = written.chars().count();
    let farthest = (length / 3).max(1);
    let distance_to = |name: &'a str| {
        let name_as_written = plain(name);
        let is_begun = length >= 3 && name_as_written.starts_with(&written);
        let distance = strsim::damerau_levenshtein(&written, &name_as_written);
        (if is_begun { distance.min(farthest) } else { distance }, name)
    };
    let (distance, name) = known.into_iter().take(1000).map(distance_to).min_by_key(|(distance, _)| *distance)?;
    (distance <= farthest && distance < length).then_some(name)
}

/// Case, `-` and `_` are what people get wrong without meaning another name. Long texts are cut: no name is that long.
fn plain(name: &str) -> String {
    name.chars().take(256).map(|c| if c == '-' { '_' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_name() {
        let known = ["standardize", "log1p", "min_max", "none"];
        assert_eq!(nearest("standardise", known), Some("standardize"));
        assert_eq!(nearest("Min-Max", known), Some("min_max"));
        assert_eq!(nearest("lgo1p", known), Some("log1p"));
        assert_eq!(nearest("stand", known), Some("standardize"));
    }

    #[test]
    fn another_word_finds_none() {
        assert_eq!(nearest("robust", ["standardize", "log1p"]), None);
        assert_eq!(nearest("", ["standardize"]), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("b", ["a"]), None, "another letter is another name");
    }
}
