//! Versions that a guard held back: listed, shown and released. The scorer is a script that keeps its request.

use std::os::unix::fs::PermissionsExt;

use artifacts::Workspace;
use artifacts::audience::{HeldBackVersion, hold_back};
use serde_json::{Value, json};
use spec::Version;

use crate::sandbox::Sandbox;

fn waiting() -> Sandbox {
    let sandbox = Sandbox::new();
    let held = |version: u64, run: &str| HeldBackVersion {
        audience: "buyers".parse().unwrap(),
        version: Version(version),
        run: run.parse().unwrap(),
        at: "2026-03-01T02:00:00Z".parse().unwrap(),
        size: 9,
        reasons: vec!["9 people are fewer than guards.min_size, 1000".to_owned()],
    };
    let workspace = Workspace::open(sandbox.path("workspace").to_str().unwrap()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for held in [held(1, "nightly-000000000001"), held(2, "nightly-000000000002")] {
        runtime.block_on(hold_back(&workspace, held)).unwrap();
    }
    sandbox
}

#[test]
fn what_waits_to_be_looked_at_is_listed_and_shown_with_its_reasons() {
    let sandbox = waiting();
    let listed = sandbox.kindred("audiences").expect(0).stdout;
    for words in
        ["buyers version 1", "buyers version 2", "nightly-000000000002", "fewer than guards.min_size", "release NAME"]
    {
        assert!(listed.contains(words), "{words} in\n{listed}");
    }
    let listed = sandbox.kindred("audiences --output json").expect(0).json();
    assert_eq!((listed["audiences"].clone(), listed["held_back"][1]["version"].clone()), (json!([]), json!(2)));
    let shown = sandbox.kindred("audiences show buyers --version 2 --output json").expect(0).json();
    assert_eq!((shown["held_back"].as_array().unwrap().len(), &shown["held_back"][0]["released"]), (1, &json!(false)));
    assert_eq!(
        sandbox.kindred("audiences show buyers --output json").expect(0).json()["held_back"].as_array().unwrap().len(),
        2
    );
    let unknown = sandbox.kindred("audiences show buyers --version 7").expect(2);
    assert!(unknown.stderr.contains("there is no version 7"), "{}", unknown.stderr);
}

#[test]
fn a_release_asks_the_scorer_for_the_version_that_was_held_back_last() {
    let sandbox = waiting();
    let answer = json!({"name": "buyers", "version": 2, "published": true, "held_back": [], "size": 9, "tiers": [],
                        "waterfall": [], "manifest_url": "file:///w/manifest.json", "already": false});
    sandbox.write("answer", &answer.to_string());
    let folder = sandbox.path("").display().to_string();
    sandbox.write(
        "bin/kindred-scorer",
        &format!("#!/bin/sh\n[ \"$1\" = release ] || exit 9\ncat >'{folder}/asked'\ncat '{folder}/answer'\n"),
    );
    std::fs::set_permissions(sandbox.path("bin/kindred-scorer"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let released = sandbox.kindred("audiences release buyers --reason seen --by ana").expect(0).stdout;
    assert!(released.contains("audience buyers, version 2: 9 people"), "{released}");
    let asked: Value = serde_json::from_str(&std::fs::read_to_string(sandbox.path("asked")).unwrap()).unwrap();
    assert_eq!((&asked["run"], &asked["audience"]), (&json!("nightly-000000000002"), &json!("buyers")));
    assert_eq!((&asked["by"], &asked["reason"]), (&json!("ana"), &json!("seen")));

    sandbox.write("bin/kindred-scorer", "#!/bin/sh\ncat >/dev/null\necho 'version 3 came after it' >&2\nexit 1\n");
    let refused = sandbox.kindred("audiences release buyers --reason seen").expect(1);
    assert!(refused.stderr.contains("version 3 came after it"), "{}", refused.stderr);
    let nobody = sandbox.kindred("audiences release nobody --reason seen").expect(2);
    assert!(nobody.stderr.contains("`nobody` is no audience and no run"), "{}", nobody.stderr);
}
