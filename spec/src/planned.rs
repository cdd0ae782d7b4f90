//! What the design names and this version does not have: refused by name, so that nobody takes silence for consent.

/// Words, by the type that they would be of.
const WORDS: [(&str, &[&str]); 2] = [("Task", &["count", "survival"]), ("Split", &["stratified"])];

/// Words that others use for what is written in another way, by the type that they would be of.
const ELSEWHERE: [(&str, &str, &str); 8] = [
    ("Network", "cgc", "{kind: ple, levels: 1}"),
    ("Network", "deepfm", "{kind: shared_bottom, interaction: {kind: deepfm}}"),
    ("Network", "dcn_v2", "{kind: shared_bottom, interaction: {kind: dcn_v2}}"),
    ("Network", "ralm", "seed_lists: {new: {seeds: {table: seeds}, similarity: 1}} in the Scoring document"),
    ("Network", "seed_head", "seed_lists: {new: {seeds: {table: seeds}}} in the Scoring document"),
    ("IdNormalization", "phone", "e164"),
    ("IdHash", "hmac", "hmac_sha256"),
    ("FileKind", "json", "jsonl"),
];

/// Fields that others use for what is written in another way, by the type that they would be of.
const FIELDS_ELSEWHERE: [(&str, &str, &str); 2] = [
    ("Size", "similarity", "threshold: 0.8, with `rank_by` a lookalike task or a seed list"),
    ("TierEnd", "count", "top: 500"),
];

/// Fields, by the type that would have them.
const FIELDS: [(&str, &[&str]); 13] = [
    ("Document", &["status"]),
    ("MetadataModelName", &["labels", "annotations", "namespace"]),
    ("MetadataScoringName", &["labels", "annotations", "namespace"]),
    ("TrainingSpec", &["quarantine"]),
    ("Split", &["stratify"]),
    ("Feature", &["embedding", "attention"]),
    ("Network", &["batch_norm", "activation"]),
    ("Fit", &["checkpoints", "negative_rate"]),
    ("ScoringSpec", &["top_products"]),
    ("Resources", &["gpus_per_process", "gpus"]),
    ("Size", &["reach"]),
    ("Guards", &["min_cell"]),
    ("Register", &["retain"]),
];

/// Whether a word is planned for a type.
pub(crate) fn is_word(definition: &str, word: &str) -> bool {
    names_of(&WORDS, definition).contains(&word)
}

/// Whether a word is known to be none of a type, so that no other one was meant.
pub(crate) fn is_known(definition: &str, word: &str) -> bool {
    is_word(definition, word) || instead(definition, word).is_some()
}

/// How to write what a word of a type means elsewhere.
pub(crate) fn instead(definition: &str, word: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(owner, known, _)| (*owner, *known) == (definition, word)).map(|(_, _, instead)| *instead)
}

/// How to write what a field of a type means elsewhere.
pub(crate) fn field_instead(definition: &str, name: &str) -> Option<&'static str> {
    FIELDS_ELSEWHERE
        .iter()
        .find(|(owner, known, _)| (*owner, *known) == (definition, name))
        .map(|(_, _, instead)| *instead)
}

/// Whether a field is planned for a type.
pub(crate) fn is_field(definition: &str, name: &str) -> bool {
    names_of(&FIELDS, definition).contains(&name)
}

fn names_of(table: &[(&str, &'static [&'static str])], definition: &str) -> &'static [&'static str] {
    table.iter().find(|(owner, _)| *owner == definition).map_or(&[], |(_, names)| names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::of_documents;

    #[test]
    fn what_is_planned_is_of_a_type_that_exists_and_is_not_there_yet() {
        let schema = of_documents();
        let definitions = schema["$defs"].to_string();
        for (owner, names) in WORDS.iter().chain(&FIELDS) {
            let text = if *owner == "Document" { "{}".to_owned() } else { schema["$defs"][owner].to_string() };
            assert_ne!(text, "null", "there is no type {owner}");
            for name in *names {
                assert!(!text.contains(&format!("\"const\":\"{name}\"")), "the word {name} of {owner} is there");
            }
        }
        assert!(!definitions.is_empty());
    }
}
