//! `kindred run`

use artifacts::{ArtifactsError, Workspace, registry};
use chrono::NaiveDate;
use coordinator::run::{HeldBack, State};
use coordinator::{Controlled, Embedded, Notices, Report, ResolvedDocument};
use proto::{Failure as WorkFailure, Stage};
use serde::Serialize;
use serde_json::Value;
use spec::ids::Selector;
use spec::{Document, RunId, Scoring};

use crate::arguments::{Documents, Format};
use crate::ending::Ending;
use crate::failure::{Failure, explained};
use crate::progress::Display;
use crate::{interrupt, programs, schedules, settings, show};

/// What `kindred run --output json` prints.
#[derive(Debug, Serialize)]
struct Printed {
    /// The runs, in the order of their documents.
    runs: Vec<Ran>,
}

/// How a run ended.
#[derive(Debug, Serialize)]
pub(crate) struct Ran {
    /// The run.
    pub(crate) run: RunId,
    /// `Training` or `Scoring`.
    pub(crate) kind: &'static str,
    /// The document's name.
    pub(crate) name: String,
    /// `succeeded`, `held_back`, `failed`, `interrupted` or `cancelled`.
    pub(crate) state: &'static str,
    /// Whether it was finished before, so that nothing had to be done.
    pub(crate) was_finished: bool,
    /// What came of it; null unless it was finished.
    pub(crate) outcome: Value,
    /// What guards held back.
    pub(crate) held_back: Vec<HeldBack>,
    /// Why it failed.
    pub(crate) failure: Option<RanInto>,
    /// The folder with the output of its processes; empty where that is another machine's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) logs: String,
}

/// What made a run fail.
#[derive(Debug, Serialize)]
pub(crate) struct RanInto {
    /// The unit of work, such as `shard 3`, or the stage whose process it was.
    pub(crate) subject: String,
    #[serde(flatten)]
    pub(crate) failure: WorkFailure,
}

pub(super) async fn run(workspace: &Workspace, arguments: Documents) -> Result<Ending, Failure> {
    let documents = settings::documents(&arguments.files, &arguments.beside)?;
    check_references(workspace, &documents).await?;
    show::tell(&schedules::run_anyway(&documents));
    let controlled = interrupt::listen()?;
    let embedded = Embedded::new(workspace.clone(), programs::beside_this_one()?);
    let date = settings::run_date(arguments.beside.run_date);
    let format = arguments.shown.format;
    let (mut ending, mut runs, mut failure) = (Ending::Done, Vec::new(), None);
    for document in documents {
        let ran = match carry(workspace, &embedded, document, date, &controlled).await {
            Ok(ran) => ran,
            Err(error) => {
                failure = Some(error);
                break;
            }
        };
        if format == Format::Table {
            show::print(&ran.tables())?;
        }
        show::tell(&ran.epilogue(date));
        let ended = ran.ending();
        runs.push(ran);
        if ended != Ending::Done {
            ending = ended;
        }
        if matches!(ended, Ending::Failed | Ending::Interrupted) {
            break;
        }
    }
    if format != Format::Table {
        show::result(format, &Printed { runs }, String::new)?;
    }
    failure.map_or(Ok(ending), Err)
}

/// That a model which a document scores with will be there once the documents before it are done: found out now, not after
/// an hour of training.
async fn check_references(workspace: &Workspace, documents: &[Document]) -> Result<(), Failure> {
    for (place, document) in documents.iter().enumerate() {
        let Document::Scoring(scoring) = document else { continue };
        let reference = &scoring.spec.model;
        let trained = |earlier: &Document| matches!(earlier, Document::Training(training) if training.metadata.name == reference.model);
        let may_come = |earlier: &Document| match (earlier, &reference.selector) {
            (Document::Training(training), Selector::Alias(alias)) => training.spec.register.may_move(alias),
            (Document::Training(_), Selector::Version(_)) => true,
            (Document::Scoring(_), _) => false,
        };
        let trainings: Vec<_> = documents[..place].iter().filter(|earlier| trained(earlier)).collect();
        if trainings.iter().any(|training| may_come(training)) {
            continue;
        }
        let resolved = registry::resolve(workspace, reference).await;
        resolved.map_err(|error| missing_model(scoring, error, !trainings.is_empty()))?;
    }
    Ok(())
}

fn missing_model(scoring: &Scoring, error: ArtifactsError, is_trained_before: bool) -> Failure {
    let mut what = format!("Scoring {}: spec.model: nothing was run", scoring.metadata.name);
    if let (true, Selector::Alias(alias)) = (is_trained_before, &scoring.spec.model.selector) {
        what = format!(
            "{what}: the training of `{}` before it does not give its version the alias `{alias}`; add \
             `register: {{aliases: [{alias}]}}` to it",
            scoring.spec.model.model,
        );
    }
    match Failure::from(error) {
        Failure::Usage(error) => Failure::Usage(error.context(what)),
        Failure::Failed(error) => Failure::Failed(error.context(what)),
        other => other,
    }
}

/// Carries one document to its end, showing how it goes.
pub(crate) async fn carry(
    workspace: &Workspace,
    embedded: &Embedded,
    document: Document,
    date: NaiveDate,
    controlled: &Controlled,
) -> Result<Ran, Failure> {
    let resolving = async { Ok(ResolvedDocument::resolve(workspace, document, date).await?) };
    let resolved = interrupt::or_interrupted(controlled, resolving).await?;
    let (notices, heard) = Notices::channel();
    let display = Display::on_stderr(resolved.run.to_string()).follow(heard);
    let report = embedded.run(&resolved, controlled.clone(), notices).await;
    display.end().await;
    Ok(Ran::new(&resolved, report?))
}

impl Ran {
    fn new(resolved: &ResolvedDocument, report: Report) -> Self {
        let (kind, name, last) = match &resolved.document.document {
            Document::Training(training) => ("Training", training.metadata.name.to_string(), Stage::Train),
            Document::Scoring(scoring) => ("Scoring", scoring.metadata.name.to_string(), Stage::Publish),
        };
        let outcome = report.state.course().and_then(|course| course.finished.get(&last)).cloned();
        let (state, held_back, failure) = match report.state {
            State::Succeeded(_) => ("succeeded", vec![], None),
            State::HeldBack(_, held_back) => ("held_back", held_back, None),
            State::Failed(_, subject, failure) => {
                ("failed", vec![], Some(RanInto { subject: subject.to_string(), failure }))
            }
            State::Cancelled(..) => ("cancelled", vec![], None),
            State::Interrupted(_) | State::Absent | State::Ready(_) | State::Active(_) | State::Stopping(..) => {
                ("interrupted", vec![], None)
            }
        };
        Self {
            run: report.run,
            kind,
            name,
            state,
            was_finished: report.was_finished,
            outcome: outcome.unwrap_or(Value::Null),
            held_back,
            failure,
            logs: report.logs.display().to_string(),
        }
    }

    pub(crate) fn ending(&self) -> Ending {
        match self.state {
            "succeeded" => Ending::Done,
            "held_back" => Ending::HeldBack,
            "failed" => Ending::Failed,
            _ => Ending::Interrupted,
        }
    }

    /// What is printed of it for people.
    pub(crate) fn tables(&self) -> String {
        let head = if self.was_finished {
            format!("{} {}: finished before, nothing to do (run {})", self.kind, self.name, self.run)
        } else {
            format!("{} {}: {} (run {})", self.kind, self.name, self.state.replace('_', " "), self.run)
        };
        let body = match self.kind {
            "Training" => show::training(&self.outcome),
            _ => show::publication(&self.outcome),
        };
        if body.is_empty() { head } else { format!("{head}\n{body}\n") }
    }

    /// What is said on stderr at the end of a run that did not just succeed.
    pub(crate) fn epilogue(&self, date: NaiveDate) -> String {
        let again = "run the same command again to go on from what is finished";
        match self.state {
            "held_back" => self.held_back_lines(),
            "failed" => match &self.failure {
                Some(RanInto { subject, failure }) => {
                    let message = format!("run {} failed: {subject}: {}", self.run, failure.message);
                    let explained = explained(&message, failure.causes.iter().cloned());
                    format!("{explained}\n  logs: {}\n  {again}\n", self.logs)
                }
                None => String::new(),
            },
            "interrupted" => {
                let day = if self.kind == "Scoring" {
                    format!(" (on another day with --run-date {date})")
                } else {
                    String::new()
                };
                format!("run {} was interrupted; {again}{day}\n", self.run)
            }
            _ => String::new(),
        }
    }

    /// What guards held back, a line each.
    pub(crate) fn held_back_lines(&self) -> String {
        self.held_back.iter().map(not_published).collect()
    }
}

fn not_published(held_back: &HeldBack) -> String {
    let what = match &held_back.audience {
        Some(audience) => format!("audience {audience} was held back"),
        None => "the publication was held back".to_owned(),
    };
    format!("{what}: {}\n", held_back.reasons.join("; "))
}
