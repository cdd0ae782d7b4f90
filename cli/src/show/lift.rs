//! What audiences brought, as tables.

use serde_json::Value;

use super::figures::{figure, text};
use super::{Rows, count};

/// One audience: its groups, what came of the difference, and what makes it doubtful.
pub(crate) fn one(lift: &Value) -> String {
    let head = format!(
        "audience {}, version {}: the addressed against the holdout, by intention to treat; people found by {}",
        text(&lift["audience"]),
        text(&lift["version"]),
        text(&lift["id"]),
    );
    let groups: Vec<(String, &Value)> = lift["tiers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tier| (text(&tier["tier"]), tier))
        .chain([("overall".to_owned(), &lift["overall"])])
        .collect();
    let mut blocks = vec![head, people(&groups), conversions(&groups, &lift["confidence"])];
    if !lift["overall"]["value"].is_null() {
        blocks.push(values(&groups, &lift["confidence"]));
    }
    blocks.push(below(lift));
    blocks.join("\n\n")
}

/// Several audiences, a line each.
pub(crate) fn side_by_side(lifts: &[Value]) -> String {
    let mut rows = Rows::new(&[
        "audience",
        ">treated",
        ">holdout",
        ">rate",
        ">holdout rate",
        ">lift",
        ">incremental",
        ">p",
        ">p of all",
    ]);
    for lift in lifts {
        let (overall, found) = (&lift["overall"], &lift["overall"]["conversions"]);
        rows.add([
            named(lift),
            text(&overall["treated"]["people"]),
            text(&overall["holdout"]["people"]),
            percent(&overall["treated"]["rate"]["estimate"]),
            percent(&overall["holdout"]["rate"]["estimate"]),
            percent(&found["relative"]["estimate"]),
            number(&found["incremental"]["estimate"]),
            p_value(&found["p_value"]),
            p_value(if lifts.len() > 1 { &lift["p_value_of_all"] } else { &found["p_value"] }),
        ]);
    }
    let mut blocks = vec![rows.to_string()];
    blocks.extend(costs(lifts));
    if lifts.len() > 1 {
        blocks.push(format!(
            "p of all: among {} audiences (Holm); the more are compared, the likelier one looks good by accident",
            lifts.len()
        ));
    }
    blocks.extend(lifts.iter().flat_map(|lift| {
        warnings(lift).into_iter().map(move |warning| format!("warning: {}: {warning}", named(lift)))
    }));
    blocks.join("\n\n")
}

fn named(lift: &Value) -> String {
    format!("{}@{}", text(&lift["audience"]), text(&lift["version"]))
}

fn people(groups: &[(String, &Value)]) -> String {
    let mut rows = Rows::new(&["tier", "group", ">people", ">converted", ">rate", "interval", ">reached", ">value"]);
    for (tier, figures) in groups {
        for (arm, name) in [("treated", "addressed"), ("holdout", "holdout")] {
            let arm = &figures[arm];
            rows.add([
                tier.clone(),
                name.to_owned(),
                text(&arm["people"]),
                text(&arm["converted"]),
                percent(&arm["rate"]["estimate"]),
                interval(&arm["rate"], percent),
                percent(&arm["exposed_share"]),
                number(&arm["value"]),
            ]);
        }
    }
    rows.to_string()
}

fn conversions(groups: &[(String, &Value)], confidence: &Value) -> String {
    let sure = percent(confidence);
    let mut rows = Rows::new(&[
        "tier",
        ">difference",
        "interval",
        ">lift",
        "interval",
        ">incremental",
        "interval",
        ">p",
        ">detectable",
    ]);
    for (tier, figures) in groups {
        let found = &figures["conversions"];
        rows.add([
            tier.clone(),
            percent(&found["absolute"]["estimate"]),
            interval(&found["absolute"], percent),
            percent(&found["relative"]["estimate"]),
            interval(&found["relative"], percent),
            number(&found["incremental"]["estimate"]),
            interval(&found["incremental"], number),
            p_value(&found["p_value"]),
            percent(&found["minimum_detectable"]),
        ]);
    }
    format!(
        "conversions\n{rows}\nintervals of {sure}; detectable: the true difference that groups of these sizes find with 80 % power"
    )
}

fn values(groups: &[(String, &Value)], confidence: &Value) -> String {
    let sure = percent(confidence);
    let mut rows = Rows::new(&[
        "tier",
        ">a person",
        ">holdout",
        ">difference",
        "interval",
        ">lift",
        ">incremental",
        "interval",
        ">p",
    ]);
    for (tier, figures) in groups {
        let found = &figures["value"];
        rows.add([
            tier.clone(),
            number(&figures["treated"]["mean_value"]),
            number(&figures["holdout"]["mean_value"]),
            number(&found["absolute"]["estimate"]),
            interval(&found["absolute"], number),
            percent(&found["relative"]["estimate"]),
            number(&found["incremental"]["estimate"]),
            interval(&found["incremental"], number),
            p_value(&found["p_value"]),
        ]);
    }
    format!("value\n{rows}\nintervals of {sure}")
}

fn costs(lifts: &[Value]) -> Option<String> {
    let mut rows = Rows::new(&[
        "costs",
        ">in all",
        ">a contact",
        ">a conversion",
        ">an incremental one",
        ">return",
        ">incremental return",
    ]);
    for lift in lifts.iter().filter(|lift| !lift["costs"].is_null()) {
        let costs = &lift["costs"];
        rows.add([
            named(lift),
            number(&costs["total"]),
            number(&costs["per_contact"]),
            number(&costs["per_conversion"]),
            number(&costs["per_incremental_conversion"]),
            number(&costs["return_on_spend"]),
            number(&costs["incremental_return_on_spend"]),
        ]);
    }
    (!rows.is_empty()).then(|| rows.to_string())
}

fn below(lift: &Value) -> String {
    let outcomes = &lift["outcomes"];
    let of = |field: &str| text(&outcomes[field]);
    let mut lines = vec![format!(
        "outcomes: {} rows, {} without an id; {} ids, {} in the audience, {} of nobody in it",
        of("rows"),
        of("without_id"),
        of("ids"),
        of("matched"),
        of("unmatched"),
    )];
    let ratio = &lift["sample_ratio"];
    lines.push(format!(
        "holdout: {} of the people, {} declared",
        percent(&ratio["found"]),
        percent(&ratio["expected"])
    ));
    lines.extend(warnings(lift).into_iter().map(|warning| format!("warning: {warning}")));
    lines.join("\n")
}

fn warnings(lift: &Value) -> Vec<&'static str> {
    let words = |warning: &Value| match warning.as_str() {
        Some("odd_sample_ratio") => {
            "the holdout is not of the size that was drawn: people of one group have lost their ids, and the groups differ"
        }
        Some("holdout_exposed") => "people of the holdout were reached, so that the true lift is larger",
        Some("shared_ids") => "some ids are of addressed and held out people alike; these people are left out",
        Some("nobody_matched") => {
            "no id of the outcomes is in the audience: check --key and --id, and how ids are normalized and hashed"
        }
        _ => "the figures are doubtful",
    };
    lift["warnings"].as_array().into_iter().flatten().map(words).collect()
}

fn percent(share: &Value) -> String {
    share.as_f64().map_or_else(|| "–".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

fn number(value: &Value) -> String {
    match value.as_f64() {
        None => "–".to_owned(),
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => {
            let sign = if whole < 0.0 { "-" } else { "" };
            format!("{sign}{}", count(whole.abs() as u64))
        }
        Some(value) => figure(value),
    }
}

fn p_value(value: &Value) -> String {
    match value.as_f64() {
        None => "–".to_owned(),
        Some(small) if small < 0.0001 => "< 0.0001".to_owned(),
        Some(value) => format!("{value:.4}"),
    }
}

fn interval(estimate: &Value, shown: fn(&Value) -> String) -> String {
    if estimate.is_null() {
        return String::new();
    }
    format!("{} to {}", shown(&estimate["low"]).trim_end_matches(" %"), shown(&estimate["high"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lift() -> Value {
        let figures = json!({
            "treated": {"people": 9000, "without_id": 0, "converted": 540, "exposed": 4500, "exposed_share": 0.5,
                        "rate": {"estimate": 0.06, "low": 0.055, "high": 0.065}, "value": 1250.5, "mean_value": 0.139},
            "holdout": {"people": 1000, "without_id": 0, "converted": 45, "exposed": 0, "exposed_share": 0.0,
                        "rate": {"estimate": 0.045, "low": 0.034, "high": 0.06}, "value": 100, "mean_value": 0.1},
            "conversions": {"absolute": {"estimate": 0.015, "low": -0.0004, "high": 0.0273},
                            "relative": {"estimate": 0.333, "low": -0.009, "high": 0.794}, "test": "pooled_z",
                            "p_value": 0.0552, "incremental": {"estimate": 135.0, "low": -3.8, "high": 245.75},
                            "minimum_detectable": 0.0194},
            "value": null,
        });
        let mut tier = figures.clone();
        tier["tier"] = json!("high");
        json!({
            "audience": "buyers", "version": 7, "id": "sha256_customer_id", "confidence": 0.95,
            "outcomes": {"rows": 700, "without_id": 2, "ids": 650, "matched": 585, "unmatched": 65, "shared": 0},
            "sample_ratio": {"expected": 0.1, "found": 0.1, "p_value": 1.0},
            "overall": figures, "tiers": [tier], "warnings": ["holdout_exposed"],
            "costs": {"total": 900.0, "per_contact": 0.1, "per_conversion": 1.6667, "per_incremental_conversion": 6.6667,
                      "return_on_spend": 1.3894, "incremental_return_on_spend": null},
            "p_value_of_all": 0.11,
        })
    }

    #[test]
    fn an_audience_is_shown_with_its_groups_and_what_makes_it_doubtful() {
        let text = one(&lift());
        for words in [
            "audience buyers, version 7",
            "6.00 %",
            "33.30 %",
            "-0.04 to 2.73 %",
            "135",
            "0.0552",
            "65 of nobody in it",
            "holdout: 10.00 % of the people, 10.00 % declared",
            "warning: people of the holdout were reached",
        ] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
    }

    #[test]
    fn a_review_has_a_line_an_audience_and_its_costs() {
        let text = side_by_side(&[lift(), lift()]);
        for words in ["buyers@7", "0.1100", "6.6667", "among 2 audiences (Holm)"] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
        let alone = side_by_side(&[lift()]);
        assert!(!alone.contains("Holm"), "{alone}");
    }
}
