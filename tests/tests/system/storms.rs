//! Scorers are killed, frozen past their lease and thawed, whole coordinators are frozen and come back when another has done their
//! work: the people that are published are the same to the byte, every pointer leads to a whole package, all counts agree.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::time::Duration;

use artifacts::Workspace;
use coordinator::{Control, Embedded, Notices, Programs, ResolvedDocument, Timing};
use kindred_tests::package::{Objects, people, reconcile};
use kindred_tests::sandbox::{Sandbox, binary};
use kindred_tests::tables::People;
use spec::{Settings, SourceFile};

use crate::documents::{MMOE, scoring, training};
use crate::interruption::{kill, wait_for, workers};

const POPULATION: u64 = 24_000;
const SHARD_ROWS: usize = 500;
/// Scorers to be killed in all.
const KILLS: usize = 50;
/// Of them in one run: as many as it starts a process again.
const KILLS_A_RUN: usize = 5;
const SEED_VARIABLE: &str = "KINDRED_KILL_SEED";

const PEOPLE: People = People { rows: POPULATION, files: 3, row_group_rows: SHARD_ROWS, seed: 1 };

/// A model, and what a run of it without any trouble publishes.
struct Fair {
    model: Objects,
    people: Objects,
}

static FAIR: LazyLock<Fair> = LazyLock::new(|| {
    let sandbox = tables();
    sandbox.write("training.yaml", training(MMOE).replace("epochs: 4", "epochs: 1"));
    sandbox.kindred(["run", "training.yaml"]).expect(0);
    let mut model = sandbox.files("workspace");
    model.retain(|name, _| name.starts_with("models/"));
    sandbox.kindred(["run", "scoring.yaml", "--run-date", "2026-01-05"]).expect(0);
    let people = people(&sandbox.files("workspace"));
    assert!(!people.is_empty());
    Fair { model, people }
});

fn tables() -> Sandbox {
    let sandbox = Sandbox::new();
    PEOPLE.write(&sandbox.path("people"));
    let text = scoring(3).replace("resources: {processes: 3}", "resources: {processes: 3, threads: 1}");
    sandbox.write("scoring.yaml", text);
    sandbox
}

/// Tables and a workspace with the model.
struct Stage {
    sandbox: Sandbox,
}

impl Stage {
    fn set() -> Self {
        let stage = Self { sandbox: tables() };
        stage.clear();
        stage
    }

    /// Leaves nothing in the workspace but the model.
    fn clear(&self) {
        let workspace = self.sandbox.path("workspace");
        if workspace.exists() {
            std::fs::remove_dir_all(workspace).unwrap();
        }
        for (name, bytes) in &FAIR.model {
            self.sandbox.write(&format!("workspace/{name}"), bytes);
        }
    }

    fn start(&self) -> Child {
        self.sandbox.spawn(["run", "scoring.yaml", "--run-date", "2026-01-05"])
    }

    fn run_again(&self, context: &str) {
        let ended = self.sandbox.kindred(["run", "scoring.yaml", "--run-date", "2026-01-05"]);
        assert_eq!(ended.code, 0, "{context}: {}", ended.stderr);
    }

    fn check(&self, context: &str) {
        let objects = self.sandbox.files("workspace");
        assert_eq!(reconcile(&objects, POPULATION), 2, "{context}");
        assert!(people(&objects) == FAIR.people, "{context}: other bytes");
    }

    fn count(&self, part: &str) -> usize {
        count_files(&self.sandbox.path("workspace"), part)
    }
}

/// Files below a folder whose path has this part; nothing is read of them.
fn count_files(folder: &Path, part: &str) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of_entry = |path: std::path::PathBuf| match path.is_dir() {
        true => count_files(&path, part),
        false => usize::from(path.to_string_lossy().contains(part)),
    };
    entries.map(|entry| of_entry(entry.path())).sum()
}

fn send(process: i32, signal: i32) {
    // SAFETY: kill(2) touches no memory of ours; the process was just seen to work in this test's folder.
    unsafe { libc::kill(process, signal) };
}

/// Choices that follow from a seed (SplitMix64).
struct Draw {
    seed: u64,
    state: u64,
}

impl Draw {
    fn from_environment() -> Self {
        let seed = std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok()).unwrap_or(23);
        Self { seed, state: seed }
    }

    fn below(&mut self, sides: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }
}

#[test]
fn fifty_scorers_killed_at_random_moments_change_no_byte() {
    let stage = Stage::set();
    let mut draw = Draw::from_environment();
    let context = format!("{SEED_VARIABLE}={}", draw.seed);
    let mut killed = 0;
    while killed < KILLS {
        stage.clear();
        let mut run = stage.start();
        let mut victims = BTreeSet::new();
        while victims.len() < KILLS_A_RUN && run.try_wait().unwrap().is_none() {
            // A moment is a number of objects that the run has made since the last one, and a little later.
            let enough = stage.count("/runs/") + draw.below(6);
            while stage.count("/runs/") < enough && run.try_wait().unwrap().is_none() {}
            (0..draw.below(2000)).for_each(|_| std::thread::yield_now());
            let scorers: Vec<i32> = workers(&stage.sandbox, "kindred-scorer", "score")
                .into_iter()
                .filter(|scorer| !victims.contains(scorer))
                .collect();
            if !scorers.is_empty() {
                let victim = scorers[draw.below(scorers.len())];
                kill(victim);
                victims.insert(victim);
            }
        }
        killed += victims.len();
        let output = run.wait_with_output().unwrap();
        if !output.status.success() {
            // One that was ending by itself when the last was killed counts too; run again, the run goes on from what is done.
            stage.run_again(&context);
        }
        stage.check(&context);
        println!("{context}: {killed} killed so far");
    }
}

/// A scorer that is frozen for longer than its lease loses its shard to another, and what it does when it is thawed
/// changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_scorer_frozen_past_its_lease_and_thawed_changes_no_byte() {
    let stage = Stage::set();
    let workspace = Workspace::open(stage.sandbox.path("workspace").to_str().unwrap()).unwrap();
    let programs = Programs::in_folder(binary().parent().unwrap());
    let timing = Timing { lease: Duration::from_secs(2), round: Duration::from_millis(100), ..Timing::default() };
    let embedded = Embedded::new(workspace.clone(), programs).with_timing(timing);
    let resolved = resolved(&stage, &workspace).await;
    let run = resolved.run.clone();
    let (_control, controlled) = Control::new();
    let running = tokio::spawn(async move { embedded.run(&resolved, controlled, Notices::unheard()).await });

    let frozen = tokio::task::block_in_place(|| {
        wait_for("a shard to be scored", || (stage.count("/commit/") >= 2).then_some(()));
        let frozen = wait_for("a scorer", || workers(&stage.sandbox, "kindred-scorer", "score").first().copied());
        send(frozen, libc::SIGSTOP);
        let log = stage.sandbox.path(&format!("workspace/runs/{run}/log"));
        wait_for("the lease to end", || says(&log, "gave no sign of life").then_some(()));
        frozen
    });
    send(frozen, libc::SIGCONT);
    let report = running.await.unwrap().unwrap();
    assert_eq!(report.state.as_str(), "succeeded", "{:?}", report.state);
    stage.check("thawed");
}

fn says(log: &Path, words: &str) -> bool {
    let entries = std::fs::read_dir(log).into_iter().flatten().flatten();
    entries.map(|entry| std::fs::read_to_string(entry.path()).unwrap_or_default()).any(|entry| entry.contains(words))
}

/// A machine stops in the middle of a run, another does the work, and the first wakes up: coordinator, scorers and
/// publisher go on where they were, as if nobody else had been there.
#[test]
fn a_machine_that_sleeps_while_another_does_its_work_changes_no_byte() {
    if !on_another_machine(Command::new("true")).status().is_ok_and(|status| status.success()) {
        let message = "a_machine_that_sleeps: SKIPPED, this machine lets no test make a process namespace\n";
        // Not by eprintln, which the test harness swallows.
        std::io::stderr().write_all(message.as_bytes()).unwrap();
        return;
    }
    let stage = Stage::set();
    let mut draw = Draw::from_environment();
    // Among the shards, and then while it publishes.
    for (part, most) in [("/commit/", 40), ("/audiences/", 8)] {
        stage.clear();
        let enough = 1 + draw.below(most);
        let context = format!("{SEED_VARIABLE}={} asleep at {enough} of {part}", draw.seed);
        let sleeper = stage.start();
        wait_for("objects", || (stage.count(part) >= enough).then_some(()));
        // The coordinator first, so that it starts nobody else.
        send(sleeper.id() as i32, libc::SIGSTOP);
        let scorers = ["score", "publish"].map(|name| workers(&stage.sandbox, "kindred-scorer", name)).concat();
        scorers.iter().for_each(|scorer| send(*scorer, libc::SIGSTOP));
        let run = stage.sandbox.command(["run", "scoring.yaml", "--run-date", "2026-01-05"]);
        let other = on_another_machine(run).output().unwrap();
        assert!(other.status.success(), "{context}: {}", String::from_utf8_lossy(&other.stderr));
        stage.check(&context);
        scorers.iter().for_each(|scorer| send(*scorer, libc::SIGCONT));
        send(sleeper.id() as i32, libc::SIGCONT);
        // It ends well if it had nothing left to do, else because another has taken its run over.
        sleeper.wait_with_output().unwrap();
        stage.check(&context);
    }
}

/// The command where it sees no process of this machine, and so cannot end any.
fn on_another_machine(command: Command) -> Command {
    let mut apart = Command::new("unshare");
    apart.args(["-rpf", "--mount-proc"]).arg(command.get_program()).args(command.get_args());
    apart.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        apart.current_dir(folder);
    }
    apart
}

#[test]
fn two_nights_published_at_once_are_two_whole_versions() {
    let stage = Stage::set();
    let nights = ["2026-01-05", "2026-01-06"];
    let runs = nights.map(|date| stage.sandbox.spawn(["run", "scoring.yaml", "--run-date", date]));
    let ended = runs.map(|run| run.wait_with_output().unwrap());
    for output in &ended {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let objects = stage.sandbox.files("workspace");
    let published = reconcile(&objects, POPULATION);
    // Who claimed the lower number and came later does not put its people back.
    assert!((2..=4).contains(&published), "{published}");
    let all = people(&objects);
    for (key, bytes) in &FAIR.people {
        let other = key.replace("00000000000000000001/", "00000000000000000002/");
        assert!(all.get(key) == Some(bytes) || all.get(&other) == Some(bytes), "{key}");
    }
}

#[test]
fn one_night_run_twice_at_once_is_published_once() {
    let stage = Stage::set();
    let runs = [stage.start(), stage.start()];
    let succeeded = runs.map(|run| run.wait_with_output().unwrap().status.success());
    assert!(succeeded.contains(&true), "one of them has the run");
    stage.check("twice at once");
}

async fn resolved(stage: &Stage, workspace: &Workspace) -> ResolvedDocument {
    let folder = stage.sandbox.path("people");
    let text = std::fs::read_to_string(stage.sandbox.path("scoring.yaml")).unwrap();
    let text = text.replace("{url: people}", &format!("{{url: {}}}", folder.display()));
    let source = SourceFile { name: "scoring.yaml".to_owned(), text };
    let settings = Settings { set: BTreeMap::new(), run_date: "2026-01-05".parse().unwrap() };
    let document = spec::parse(&[source], &settings).unwrap().remove(0);
    ResolvedDocument::resolve(workspace, document, settings.run_date).await.unwrap()
}
