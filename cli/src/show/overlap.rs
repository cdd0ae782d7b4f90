//! Who is in two audiences of a run, as a table.

use serde_json::Value;

use super::{Rows, text};

/// A row for every pair of audiences: the people in both, and what share of each they are. Nothing for a single audience.
pub(super) fn overlap(outcome: &Value) -> Option<String> {
    let pairs = outcome.get("overlap").and_then(Value::as_array).filter(|pairs| !pairs.is_empty())?;
    let size = |name: &Value| {
        let audiences = outcome.get("audiences").and_then(Value::as_array)?;
        audiences.iter().find(|audience| audience.get("name") == Some(name))?.get("size")?.as_u64()
    };
    let mut rows = Rows::new(&["audience", "and", ">in both", ">of the first", ">of the second"]);
    for pair in pairs {
        let of = |field: &str| pair.get(field).unwrap_or(&Value::Null);
        let is_exclusive = of("exclusive").as_bool().unwrap_or(false);
        let people = of("people").as_u64();
        let share = |name: &str| share(people, size(of(name)));
        let both = if is_exclusive { "exclusive".to_owned() } else { text(of("people")) };
        rows.add([text(of("audience")), text(of("other")), both, share("audience"), share("other")]);
    }
    Some(format!("people in two audiences\n{rows}"))
}

/// In percent; nothing where there is nobody to be a share of.
fn share(people: Option<u64>, size: Option<u64>) -> String {
    match (people, size) {
        (Some(people), Some(size)) if size > 0 => format!("{:.1} %", people as f64 * 100.0 / size as f64),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_pair_is_shown_with_its_share_of_both() {
        let outcome = json!({
            "audiences": [{"name": "buyers", "size": 4000}, {"name": "churners", "size": 200}, {"name": "new", "size": 0}],
            "overlap": [
                {"audience": "buyers", "other": "churners", "people": 50, "exclusive": false},
                {"audience": "buyers", "other": "new", "people": 0, "exclusive": true},
            ],
        });
        let shown = overlap(&outcome).unwrap();
        let row = |words: &str| shown.lines().find(|line| line.contains(words)).unwrap().to_owned();
        for cell in ["buyers", "50", "1.2 %", "25.0 %"] {
            assert!(row("churners").contains(cell), "{cell} in\n{shown}");
        }
        assert!(row("new").contains("exclusive"), "{shown}");
        assert_eq!(overlap(&json!({"audiences": []})), None);
    }
}
