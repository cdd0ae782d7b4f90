//! Segments, from the document to the score table, an audience and their profile, with any number of processes.

use std::collections::BTreeMap;

use kindred_tests::sandbox::Sandbox;
use kindred_tests::tables::People;
use serde_json::Value;

use crate::documents::{MMOE, scoring, training};

const SEGMENTS: &str = "  segments:
    lifestyle: {of: embedding, k: {from: 2, to: 4}, sample: 1000, restarts: 2, profile: [city, channel]}
    value: {columns: [age, income], k: 3, sample: 2000, batch_size: 200}
";

fn run(processes: u32, threads: u32) -> (Sandbox, Value) {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    let scoring = scoring(processes)
        .replace("  audiences:\n", &format!("{SEGMENTS}  audiences:\n"))
        .replace(&format!("{{processes: {processes}}}"), &format!("{{processes: {processes}, threads: {threads}}}"))
        .replace("where: age >= 21", "where: value <> 1 and lifestyle_distance < 100");
    sandbox.write("kindred.yaml", format!("{}---\n{scoring}", training(MMOE)));
    let told =
        sandbox.kindred(["run", "kindred.yaml", "--run-date", "2026-01-05", "--output", "json"]).expect(0).json();
    (sandbox, told["runs"][1]["outcome"].clone())
}

/// The bytes of scores and audiences, by name without what differs between runs.
fn promised(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let files = sandbox.files("workspace").into_iter();
    let part = |name: &str| name.contains("/data/") || name.contains("/tier=");
    let plain = |name: String| {
        let kept = name.split('/').filter(|folder| !folder.starts_with("nightly-") && !folder.starts_with('a'));
        kept.collect::<Vec<_>>().join("/")
    };
    files.filter(|(name, _)| part(name)).map(|(name, bytes)| (plain(name), bytes)).collect()
}

#[test]
fn segments_are_the_same_for_any_number_of_processes_and_cut_audiences() {
    let (one, outcome) = run(1, 2);
    let (three, again) = run(3, 1);
    assert_eq!(promised(&one), promised(&three));
    assert!(promised(&one).len() > 8, "{:?}", promised(&one).keys());
    let profiles = |outcome: &Value| {
        let mut profiles = outcome["segments"].as_array().unwrap().clone();
        profiles.iter_mut().for_each(|profile| drop(profile.as_object_mut().unwrap().remove("page_url")));
        profiles
    };
    assert_eq!(profiles(&outcome), profiles(&again));

    let [lifestyle, value] = &outcome["segments"].as_array().unwrap()[..] else { panic!("two: {outcome:#}") };
    assert_eq!(lifestyle["choices"].as_array().unwrap().len(), 3);
    let people = |profile: &Value| -> Vec<u64> {
        profile["segments"].as_array().unwrap().iter().map(|segment| segment["people"].as_u64().unwrap()).collect()
    };
    assert_eq!((people(lifestyle).iter().sum::<u64>(), people(value).iter().sum::<u64>()), (4000, 4000));
    let step = outcome["audiences"][0]["waterfall"].as_array().unwrap().iter().find(|step| step["step"] == "where");
    assert_eq!(step.unwrap()["left_out"].as_u64().unwrap(), people(value)[1]);
    assert!(value["segments"].to_string().contains("\"tgi\""), "{value:#}");

    for profile in outcome["segments"].as_array().unwrap() {
        let page = one
            .files("workspace")
            .into_iter()
            .find(|(name, _)| name.ends_with(&format!("/segments/{}.html", profile["name"].as_str().unwrap())));
        let (name, page) = page.unwrap();
        assert!(profile["page_url"].as_str().unwrap().ends_with(&name), "{name}");
        assert!(String::from_utf8(page).unwrap().contains("What tells them apart"), "{name}");
    }

    let table = one.kindred(["run", "kindred.yaml", "--run-date", "2026-01-05"]).expect(0);
    for words in ["segments lifestyle of the embedding", "segments value of age, income: 3 segments", "TGI"] {
        assert!(table.stdout.contains(words), "{words}: {}", table.stdout);
    }
}

#[test]
fn a_check_names_columns_that_no_segments_are_made_of() {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    let segments = SEGMENTS.replace("[age, income]", "[agee, city]");
    let scoring = scoring(1).replace("  audiences:\n", &format!("{segments}  audiences:\n"));
    sandbox.write("kindred.yaml", format!("{}---\n{scoring}", training(MMOE)));
    let checked =
        sandbox.kindred(["check", "kindred.yaml", "--output", "json"]).expect(2).json()["findings"].to_string();
    for words in
        ["spec.segments.value.columns[0]", "did you mean `age`?", "column `city` is Utf8, and segments are of numbers"]
    {
        assert!(checked.contains(words), "{words}: {checked}");
    }
}
