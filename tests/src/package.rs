//! What must hold of a workspace's objects whatever happened to the processes and the store that made them, told from
//! the bytes alone, as a reader without this project's library would.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A workspace's objects by key.
pub type Objects = BTreeMap<String, Vec<u8>>;

/// What may lie in a version's folder beside what its manifest names.
const DOCUMENTS: [&str; 5] = ["claim.json", "manifest.json", "_SUCCESS", "profile.json", "report.html"];

/// The published people: every file of a tier or holdout, by key.
pub fn people(objects: &Objects) -> Objects {
    let is_people = |key: &str| key.starts_with("audiences/") && (key.contains("/tier=") || key.contains("/holdout/"));
    objects.iter().filter(|(key, _)| is_people(key)).map(|(key, bytes)| (key.clone(), bytes.clone())).collect()
}

/// Follows every pointer of every audience and every run's scores to the last byte. Returns how many versions were
/// published.
///
/// # Panics
/// If a pointer leads to something that is not whole, a count differs from the files, or a version that a pointer names
/// holds a file that its manifest does not.
pub fn reconcile(objects: &Objects, population: u64) -> usize {
    let is_pointer = |key: &&String| key.starts_with("audiences/") && key.contains("/pointers/") && !key.contains('#');
    let pointers = objects.keys().filter(is_pointer);
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    let mut versions = BTreeSet::new();
    for key in pointers {
        let audience = key.split('/').nth(1).expect("an audience");
        last.insert(audience, key);
        let version = check_version(objects, key, population);
        assert!(versions.insert((audience, version)), "{key}: version {version} was pointed to before");
        let latest = versions.iter().filter(|(name, _)| *name == audience).map(|(_, number)| *number).max();
        assert_eq!(latest, Some(version), "{key}: versions go up");
    }
    for (audience, key) in last {
        assert!(objects[&format!("audiences/{audience}/latest.json")] == objects[key], "{audience}: latest.json");
    }
    for key in objects.keys().filter(|key| key.starts_with("runs/") && key.ends_with("/scores.json")) {
        check_scores(objects, key, population);
    }
    versions.len()
}

fn check_version(objects: &Objects, pointer_key: &str, population: u64) -> u64 {
    let pointer = json(objects, pointer_key);
    let folder = text(&pointer["folder"]);
    let manifest_bytes = &objects[&format!("{folder}/manifest.json")];
    let digest = sha256(manifest_bytes);
    assert_eq!(digest, text(&pointer["manifest"]), "{folder}");
    assert_eq!(String::from_utf8_lossy(&objects[&format!("{folder}/_SUCCESS")]).trim(), digest, "{folder}");
    let manifest: Value = serde_json::from_slice(manifest_bytes).expect("JSON");
    assert_eq!((&manifest["run"], &manifest["version"]), (&pointer["run"], &pointer["version"]), "{folder}");
    assert_eq!(number(&manifest["population"]), population, "{folder}");

    let mut named = BTreeSet::new();
    let mut found: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for file in manifest["files"].as_array().expect("files") {
        let key = format!("{folder}/{}", text(&file["path"]));
        let rows = check_file(objects, &key, file);
        *found.entry((text(&file["tier"]), file["holdout"] == true)).or_default() += rows;
        named.insert(key);
    }
    let mut selected = 0;
    for (name, tier) in manifest["tiers"].as_object().expect("tiers") {
        for (field, holdout) in [("people", false), ("holdout", true)] {
            let rows = found.remove(&(name.as_str(), holdout)).unwrap_or(0);
            assert_eq!(number(&tier[field]), rows, "{folder}: {field} of tier {name}");
            selected += rows;
        }
    }
    assert!(found.is_empty(), "{folder}: files of no tier: {found:?}");
    assert_eq!(number(&manifest["selected"]), selected, "{folder}");
    let inside = objects.keys().filter_map(|key| Some((key, key.strip_prefix(folder)?.strip_prefix('/')?)));
    let is_orphan = |key: &String, name: &str| {
        // What a killed process left of a local file is no object: no listing has it.
        !named.contains(key) && !DOCUMENTS.contains(&name) && !name.contains('#')
    };
    let orphans: Vec<_> = inside.filter(|(key, name)| is_orphan(key, name)).map(|(key, _)| key).collect();
    assert!(orphans.is_empty(), "{folder}: files that its manifest does not name: {orphans:?}");
    number(&manifest["version"])
}

fn check_scores(objects: &Objects, key: &str, population: u64) {
    let (run, scores) = (key.strip_suffix("/scores.json").expect("the key of scores"), json(objects, key));
    // What a killed process left of a local file is no object: no listing has it.
    let commits = objects.keys().filter(|key| key.starts_with(&format!("{run}/commit/")) && !key.contains('#'));
    let committed: Vec<Value> = commits.map(|key| json(objects, key)["file"].clone()).collect();
    assert_eq!(scores["files"].as_array(), Some(&committed), "{key}: the files are those of the commits");
    let rows: u64 = committed.iter().map(|file| check_file(objects, text(&file["key"]), file)).sum();
    assert_eq!((rows, number(&scores["rows"])), (population, population), "{key}");
}

/// Compares a file with what is said of it, and returns its rows.
fn check_file(objects: &Objects, key: &str, said: &Value) -> u64 {
    let bytes = objects.get(key).unwrap_or_else(|| panic!("{key} is named and not there"));
    assert_eq!(number(&said["bytes"]), bytes.len() as u64, "{key}");
    assert_eq!(text(&said["sha256"]), sha256(bytes), "{key}");
    let rows = number(&said["rows"]);
    if key.ends_with(".parquet") {
        let reader = SerializedFileReader::new(Bytes::from(bytes.clone())).expect("Parquet");
        assert_eq!(reader.metadata().file_metadata().num_rows(), rows as i64, "{key}");
    }
    rows
}

fn json(objects: &Objects, key: &str) -> Value {
    serde_json::from_slice(&objects[key]).unwrap_or_else(|error| panic!("{key}: {error}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no count: {value}"))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
