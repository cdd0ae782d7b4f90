//! A coordinator and its workers are killed again and again, and the audience has the bytes of `kindred run`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use kindred_tests::sandbox::{Sandbox, clone_folder};
use kindred_tests::tables::People;
use serde_json::Value;

use crate::documents::{MMOE, scoring, training};

fn prepared() -> Sandbox {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox.write("kindred.yaml", format!("{}---\n{}", training(MMOE), scoring(2)));
    sandbox
}

/// The files of audiences: who is in them. (A manifest names its run, and a run the path of its inputs.)
fn people(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let files = sandbox.files("workspace/audiences").into_iter();
    files.filter(|(name, _)| name.contains("tier=")).collect()
}

struct Coordinating {
    process: Child,
    url: String,
}

impl Coordinating {
    fn start(sandbox: &Sandbox) -> Self {
        let line = ["coordinator", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
        let mut process = sandbox.command(line).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        while serde_json::from_str::<Value>(&said).is_err() {
            assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "it ended: {said}");
        }
        let said: Value = serde_json::from_str(&said).unwrap();
        Self { process, url: said["coordinator"].as_str().unwrap().to_owned() }
    }
}

impl Drop for Coordinating {
    /// kill -9
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn state(sandbox: &Sandbox, coordinating: &Coordinating, id: &str) -> (String, u64) {
    let shown = sandbox.kindred(["show", id, "--coordinator", &coordinating.url, "--output", "json"]).expect(0).json();
    let runs =
        shown["submission"]["documents"].as_array().unwrap().iter().filter(|document| !document["run"].is_null());
    (shown["submission"]["state"].as_str().unwrap().to_owned(), runs.count() as u64)
}

#[test]
fn a_submission_to_a_coordinator_that_is_killed_again_and_again_publishes_the_same_bytes() {
    let undisturbed = prepared();
    undisturbed.kindred(["run", "kindred.yaml", "--run-date", "2026-01-05"]).expect(0);

    let sandbox = prepared();
    let first = Coordinating::start(&sandbox);
    let line = ["submit", "kindred.yaml", "--run-date", "2026-01-05", "--coordinator", &first.url, "--output", "json"];
    let submitted = sandbox.kindred(line).expect(0).json();
    let id = submitted["submission"]["submission"].as_str().unwrap().to_owned();
    drop(first);
    // Killed in the training, and in the scoring.
    for runs in 1..=2 {
        let coordinating = Coordinating::start(&sandbox);
        while state(&sandbox, &coordinating, &id).1 < runs {}
    }
    let coordinating = Coordinating::start(&sandbox);
    let watched = sandbox.kindred(["watch", &id, "--coordinator", &coordinating.url]);
    watched.expect(0);
    assert_eq!(state(&sandbox, &coordinating, &id).0, "succeeded");
    let (expected, found) = (people(&undisturbed), people(&sandbox));
    assert!(!expected.is_empty());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(found == expected, "other bytes");
}

/// The Python of `docs/coordinator.md`, asking this coordinator about this folder.
fn documented_client(coordinating: &Coordinating, sandbox: &Sandbox) -> String {
    let page = std::fs::read_to_string(clone_folder().join("docs/coordinator.md")).unwrap();
    let (_, code) = page.split_once("```python\n").unwrap();
    let (code, _) = code.split_once("\n```").unwrap();
    let folder = sandbox.path("").to_string_lossy().into_owned();
    let address = coordinating.url.trim_start_matches("http://");
    let quoted = format!("{folder:?}");
    let placed = [("127.0.0.1:7460", address), ("\"/data\"", quoted.as_str())];
    placed.into_iter().fold(code.to_owned(), |code, (written, here)| {
        assert!(code.contains(written), "{written}");
        code.replace(written, here)
    })
}

fn python(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let path = format!("{}:{}", clone_folder().join(".setup/peers").display(), sandbox.path("client").display());
    let mut python = Command::new("python3");
    python.args(arguments).current_dir(sandbox.path("")).env("PYTHONPATH", path).output().unwrap()
}

#[test]
fn a_client_in_python_needs_the_proto_files_alone() {
    let sandbox = prepared();
    let proto = clone_folder().join("proto").to_string_lossy().into_owned();
    std::fs::create_dir(sandbox.path("client")).unwrap();
    let words = ["audience", "error", "model", "page", "run", "schedule", "state", "submission"];
    let files = words.map(|word| format!("{proto}/kindred/api/v1/{word}.proto"));
    let mut arguments =
        vec!["-m", "grpc_tools.protoc", "-I", &proto, "--python_out=client", "--grpc_python_out=client"];
    arguments.extend(files.iter().map(String::as_str));
    let generated = python(&sandbox, &arguments);
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));

    let coordinating = Coordinating::start(&sandbox);
    let client = documented_client(&coordinating, &sandbox);
    let done = python(&sandbox, &["-c", &client]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for words in ["stage_finished", "launched", "STATE_SUCCEEDED", "KIND_SCORING"] {
        assert!(said.contains(words), "{words} in\n{said}");
    }

    let text = std::fs::read_to_string(sandbox.path("kindred.yaml")).unwrap();
    sandbox.write("kindred.yaml", text.replace("examples:", "exampels:"));
    let refused = python(&sandbox, &["-c", &client.replace("nightly-2026-01-05", "another")]);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(!refused.status.success() && said.contains("exampels") && said.contains("kindred.yaml:"), "{said}");
}
