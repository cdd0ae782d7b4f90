//! What a misspelt name may mean.

/// `; did you mean …?` with the nearest of the known names, or a list of a few, or nothing.
pub(crate) fn did_you_mean(name: &str, known: &[String]) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => {
            let listed: Vec<_> = known.iter().take(12).map(|name| format!("`{name}`")).collect();
            let more = if known.len() > listed.len() { ", …" } else { "" };
            format!("; there are {}{more}", listed.join(", "))
        }
    }
}

/// The known name that a misspelt one most likely means.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let scored = known.map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
    (best.0 >= 0.85).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_told_the_nearest_one_and_a_strange_one_what_there_is() {
        let known = ["customer_id".to_owned(), "Recency".to_owned()];
        assert_eq!(did_you_mean("costumer_id", &known), "; did you mean `customer_id`?");
        assert_eq!(did_you_mean("recency", &known), "; did you mean `Recency`?");
        assert_eq!(did_you_mean("zzz", &known), "; there are `customer_id`, `Recency`");
    }
}
