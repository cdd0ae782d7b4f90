//! A scene with long-lived coordinators.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use artifacts::Workspace;
use artifacts::registry::{MODEL_SCHEMA_VERSION, ModelManifest, claim_version, publish_model, write_model_file};
use coordinator::house::{
    Ended, Limits, NewSubmission, Origin, RunEvent, SubmissionEvent, SubmissionStatus, SubmissionView,
};
use coordinator::{Coordinator, Owner, PROGRAM, Priority, Programs, Settings};
use futures::TryStreamExt;
use spec::{Document, RunId, SourceFile, SubmissionId};

use crate::stage::{Scene, timing};

const TRAINING: &str = "\
apiVersion: kindred.dev/v1
kind: Training
metadata: {name: NAME}
spec:
  tables: {people: {url: FOLDER/people.csv}}
  examples: people
  key: person
  features: {age: {kind: numeric}}
  tasks: {bought: {kind: binary, label: bought}}
  network: {kind: linear}
";

const SCORING: &str = "\
apiVersion: kindred.dev/v1
kind: Scoring
metadata: {name: NAME}
spec:
  model: repurchase@1
  tables: {people: {url: FOLDER/people.csv}}
  population: people
  key: person
  resources: {processes: 3}
";

/// A workspace in which submissions are run.
pub(crate) struct Site {
    pub(crate) scene: Scene,
}

impl Site {
    /// A table `people`, no model.
    pub(crate) fn new() -> Self {
        let site = Self { scene: Scene::new() };
        site.bring_people();
        site
    }

    pub(crate) fn people(&self) -> PathBuf {
        self.scene.path("people.csv")
    }

    pub(crate) fn bring_people(&self) {
        std::fs::write(self.people(), "person,age,bought\n1,30,1\n").unwrap();
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.scene.path("workspace")
    }

    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::open(self.folder().to_str().unwrap()).unwrap()
    }

    pub(crate) async fn open(&self) -> (Coordinator, Ended) {
        self.open_with(settings()).await.unwrap()
    }

    pub(crate) async fn open_with(&self, settings: Settings) -> coordinator::Result<(Coordinator, Ended)> {
        let programs = Programs::in_folder(&self.scene.path("programs"));
        Coordinator::open(self.workspace(), programs, settings).await
    }

    pub(crate) fn training(&self, name: &str) -> Document {
        self.document(TRAINING, name)
    }

    pub(crate) fn scoring(&self, name: &str) -> Document {
        self.document(SCORING, name)
    }

    fn document(&self, text: &str, name: &str) -> Document {
        let folder = self.people().parent().unwrap().to_str().unwrap().to_owned();
        let text = text.replace("NAME", name).replace("FOLDER", &folder);
        let settings = spec::Settings { set: BTreeMap::new(), run_date: "2026-01-05".parse().unwrap() };
        spec::parse(&[SourceFile { name: "d.yaml".to_owned(), text }], &settings).unwrap().remove(0)
    }

    /// Registers version 1 of the model that scoring documents name.
    pub(crate) async fn register_model(&self) {
        let workspace = self.workspace();
        let Document::Training(document) = self.training("repurchase") else { panic!("it trains") };
        let (model, run) = ("repurchase".parse().unwrap(), "repurchase-1".parse().unwrap());
        let version = claim_version(&workspace, &model, &run).await.unwrap();
        let file = write_model_file(&workspace, &model, version, "weights.safetensors", "w".into()).await.unwrap();
        let manifest = ModelManifest {
            schema_version: MODEL_SCHEMA_VERSION,
            model,
            version,
            run,
            created: chrono::Utc::now(),
            program: PROGRAM.to_owned(),
            document,
            inputs: BTreeMap::new(),
            files: vec![file],
            metrics: serde_json::json!({}),
        };
        publish_model(&workspace, manifest).await.unwrap();
    }

    /// Every object of the workspace that a coordinator or worker made, in the order in which they came to be.
    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        let mut found = vec![];
        collect(&self.folder(), &mut found);
        found.retain(|(_, path)| {
            let path = path.strip_prefix(self.folder()).unwrap();
            !path.starts_with("coordinators") && !path.components().any(|part| part.as_os_str() == "logs")
        });
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }

    /// Another site, with the first objects of this one's workspace; documents go on naming this one's tables.
    pub(crate) fn copy(&self, objects: usize) -> Self {
        let another = Self::new();
        for object in self.objects().iter().take(objects) {
            let place = another.folder().join(object.strip_prefix(self.folder()).unwrap());
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::copy(object, place).unwrap();
        }
        another
    }
}

fn collect(folder: &Path, found: &mut Vec<(SystemTime, PathBuf)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        // What a store is still writing, which is not there a moment later.
        if entry.file_name().to_string_lossy().contains('#') {
            continue;
        }
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            collect(&entry.path(), found);
        } else {
            found.push((metadata.modified().unwrap(), entry.path()));
        }
    }
}

pub(crate) fn settings() -> Settings {
    Settings { timing: timing(), ..Settings::default() }
}

/// One run at a time.
pub(crate) fn one_at_a_time() -> Settings {
    let limits = Limits { total: NonZeroU32::MIN, ..Limits::default() };
    Settings { limits, ..settings() }
}

pub(crate) fn owner(name: &str) -> Owner {
    name.parse().unwrap()
}

pub(crate) fn new(owner: &str, documents: impl IntoIterator<Item = Document>) -> NewSubmission {
    NewSubmission {
        client_token: None,
        owner: owner.parse().unwrap(),
        priority: Priority::default(),
        documents: documents.into_iter().collect(),
        run_date: "2026-01-05".parse().unwrap(),
        origin: Origin::Request,
    }
}

/// What was told of a submission until its end.
pub(crate) struct Told {
    pub(crate) statuses: Vec<SubmissionStatus>,
    /// Numbers of the log entries of each run, in the order in which they were told.
    pub(crate) logged: Vec<(RunId, u64)>,
    pub(crate) last: SubmissionView,
}

/// Watches a submission to its end.
pub(crate) async fn to_its_end(coordinator: &Coordinator, id: &SubmissionId) -> Told {
    let events: Vec<SubmissionEvent> = coordinator.watch_submission(id).await.unwrap().try_collect().await.unwrap();
    let (mut statuses, mut logged, mut last) = (vec![], vec![], None);
    for event in events {
        match event {
            SubmissionEvent::Changed { submission } => {
                if statuses.last() != Some(&submission.status) {
                    statuses.push(submission.status);
                }
                last = Some(submission);
            }
            SubmissionEvent::Run { run, event: RunEvent::Logged { seq, .. }, .. } => logged.push((run, seq)),
            SubmissionEvent::Run { .. } => {}
        }
    }
    Told { statuses, logged, last: last.unwrap() }
}

/// Waits until a submission is as it should be.
pub(crate) async fn until(
    coordinator: &Coordinator,
    id: &SubmissionId,
    is_so: impl Fn(&SubmissionView) -> bool,
) -> SubmissionView {
    loop {
        let view = coordinator.submission(id).await.unwrap();
        if is_so(&view) {
            return view;
        }
        assert!(!view.status.is_terminal(), "{view:?}");
        tokio::task::yield_now().await;
    }
}
