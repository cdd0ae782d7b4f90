//! What a schedule runs: the texts of documents, kept as they are written, because each slot has parameters of its own.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use spec::{CronSchedule, Document, Problems, ScheduleName, Settings, SourceFile};

use super::mistake::SchedulesError;
use crate::names::{Owner, Priority};

/// Inputs that one schedule may wait for.
pub const MOST_INPUTS: usize = 32;

/// Texts of documents of which some have a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedules {
    /// Whose the submissions of their slots are.
    pub owner: Owner,
    /// How urgent those are.
    pub priority: Priority,
    /// The texts.
    pub files: Vec<SourceFile>,
    /// `--set`: values of parameters.
    pub set: BTreeMap<String, String>,
    /// The folder that relative paths are below; the coordinator's working directory when absent.
    pub folder: Option<String>,
}

/// Documents that were sent together, by when they run: those before the first schedule at once; each that has a schedule
/// when it says, and with it, in order, those after it that have none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parts {
    /// Those that run at once.
    pub at_once: Vec<Document>,
    /// Those that a schedule runs; the first of each has it.
    pub scheduled: Vec<Vec<Document>>,
}

/// A schedule with the texts of what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The schedule's name, that of its first document.
    pub name: ScheduleName,
    /// Whose its submissions are.
    pub owner: Owner,
    /// How urgent they are.
    pub priority: Priority,
    /// When it comes due.
    pub schedule: CronSchedule,
    /// What it runs, in order.
    pub documents: Vec<DocumentName>,
    /// The texts that hold them, and others perhaps.
    pub files: Vec<SourceFile>,
    /// `--set`: values of parameters.
    pub set: BTreeMap<String, String>,
    /// The folder that relative paths are below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// Which document of a text is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentName {
    /// What it is.
    pub kind: DocumentKind,
    /// `metadata.name`
    pub name: String,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentKind {
    /// It trains a model.
    Training,
    /// It scores people.
    Scoring,
}

impl Parts {
    /// Sorts documents by when they run.
    pub fn of(documents: Vec<Document>) -> Self {
        let mut parts = Self::default();
        for document in documents {
            if document.schedule().is_some() {
                parts.scheduled.push(vec![document]);
            } else {
                parts.scheduled.last_mut().unwrap_or(&mut parts.at_once).push(document);
            }
        }
        parts
    }
}

impl NewSchedules {
    /// The schedules in the texts; none where no document has one.
    ///
    /// # Errors
    /// When the texts are not valid, when two schedules have one name, when a schedule's times depend on the day, or when
    /// it waits for more inputs than [`MOST_INPUTS`].
    pub(super) fn contents(self, now: DateTime<Utc>) -> Result<Vec<Content>, SchedulesError> {
        let today = now.date_naive();
        let parts = Parts::of(self.parse(today)?);
        let other_day = Parts::of(self.parse(today + chrono::Days::new(1))?);
        let mut contents: Vec<Content> = Vec::with_capacity(parts.scheduled.len());
        for (index, documents) in parts.scheduled.iter().enumerate() {
            let content = self.content(documents)?;
            let again = other_day.scheduled.get(index).map(|documents| self.content(documents)).transpose()?;
            if again.map(|again| timed(&again.schedule)) != Some(timed(&content.schedule)) {
                return Err(SchedulesError::DependsOnDay { name: content.name });
            }
            if contents.iter().any(|other| other.name == content.name) {
                return Err(SchedulesError::TwoOfOneName { name: content.name });
            }
            contents.push(content);
        }
        Ok(contents)
    }

    fn parse(&self, run_date: NaiveDate) -> Result<Vec<Document>, Problems> {
        spec::parse(&self.files, &Settings { set: self.set.clone(), run_date })
    }

    fn content(&self, documents: &[Document]) -> Result<Content, SchedulesError> {
        let first = documents.first().and_then(|first| Some((first, first.schedule()?)));
        let (first, schedule) = first.ok_or(SchedulesError::NoSchedule)?;
        let name = first.name().parse().map_err(SchedulesError::Name)?;
        if schedule.wait_for.len() > MOST_INPUTS {
            return Err(SchedulesError::TooManyInputs { name, given: schedule.wait_for.len(), most: MOST_INPUTS });
        }
        Ok(Content {
            name,
            owner: self.owner.clone(),
            priority: self.priority,
            schedule: schedule.clone(),
            documents: documents.iter().map(DocumentName::of).collect(),
            files: self.files.clone(),
            set: self.set.clone(),
            folder: self.folder.clone(),
        })
    }
}

/// A schedule without what it waits for: that alone may depend on the day.
fn timed(schedule: &CronSchedule) -> CronSchedule {
    CronSchedule { wait_for: Vec::new(), ..schedule.clone() }
}

impl Content {
    /// The documents that a slot of a day runs.
    ///
    /// # Errors
    /// When they are not valid for that day.
    pub(super) fn documents_for(&self, run_date: NaiveDate) -> Result<Vec<Document>, Problems> {
        let mut all = spec::parse(&self.files, &Settings { set: self.set.clone(), run_date })?;
        let mut wanted = Vec::with_capacity(self.documents.len());
        for name in &self.documents {
            if let Some(place) = all.iter().position(|document| DocumentName::of(document) == *name) {
                let document = all.remove(place);
                wanted.push(match &self.folder {
                    Some(folder) => document.in_folder(folder),
                    None => document,
                });
            }
        }
        Ok(wanted)
    }
}

impl DocumentName {
    /// What names a document.
    pub fn of(document: &Document) -> Self {
        let kind = match document {
            Document::Training(_) => DocumentKind::Training,
            Document::Scoring(_) => DocumentKind::Scoring,
        };
        Self { kind, name: document.name().to_owned() }
    }
}
