//! The part of a publication's outcome that decides how its run ends.

use serde::Deserialize;
use serde_json::Value;
use spec::AudienceName;

use crate::run::HeldBack;

#[derive(Deserialize)]
struct Published {
    #[serde(default)]
    audiences: Vec<Audience>,
}

#[derive(Deserialize)]
struct Audience {
    name: AudienceName,
    published: bool,
    #[serde(default)]
    held_back: Vec<String>,
}

/// The audiences that a publication's outcome says were held back.
///
/// # Errors
/// When the outcome lists audiences in another form than this program's workers do: then nobody knows what happened.
pub(crate) fn held_back(outcome: &Value) -> Result<Vec<HeldBack>, serde_json::Error> {
    let published: Published = Published::deserialize(outcome)?;
    let unpublished = published.audiences.into_iter().filter(|audience| !audience.published);
    Ok(unpublished.map(|audience| HeldBack { audience: Some(audience.name), reasons: audience.held_back }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unpublished_audiences_are_held_back_with_their_reasons() {
        let outcome = json!({
            "audiences": [
                {"name": "buyers", "version": 3, "published": true, "held_back": [], "size": 10},
                {"name": "churners", "published": false, "held_back": ["9 people, at least 10 are needed"]},
            ],
            "scores": {"rows": 100},
        });
        let held = held_back(&outcome).unwrap();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].audience.as_ref().unwrap().as_str(), "churners");
        assert_eq!(held[0].reasons, ["9 people, at least 10 are needed"]);
        assert!(held_back(&json!({"scores": {}})).unwrap().is_empty());
    }

    #[test]
    fn an_outcome_of_another_form_is_not_taken_for_success() {
        for outcome in [json!({"audiences": [{"name": "a"}]}), json!({"audiences": {}}), json!(7)] {
            assert!(held_back(&outcome).is_err(), "{outcome}");
        }
    }
}
