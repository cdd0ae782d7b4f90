//! Why a call fails, and the one mapping of that to a gRPC status with details.

use std::error::Error;
use std::time::Duration;

use artifacts::{ArtifactsError, FailureClass};
use proto::api;
use proto::api::v1::{DocumentProblem, ErrorInfo, ErrorReason};
use spec::{Problem, Problems};
use tonic::{Code, Status};

use super::models_wanted::MissingModel;
use crate::access::Denied;
use crate::error::CoordinatorError;
use crate::names::InvalidText;
use crate::schedules::SchedulesError;

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// Not with this token.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The documents have mistakes.
    #[error("{}", counted(.0.count()))]
    Documents(Problems),
    /// Tables, or what is waited for, have relative paths, and nobody said what to.
    #[error("{}", counted(.0.len()))]
    RelativePaths(Vec<RelativePath>),
    /// Documents score with models that will not be there.
    #[error("{}", counted(.0.len()))]
    MissingModels(Vec<MissingModel>),
    /// A field that makes no sense.
    #[error("{field}: {reason}")]
    Field {
        /// The field's path in the request.
        field: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// There is no such thing.
    #[error("there is no {what} `{name}`")]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// As asked for.
        name: String,
    },
    /// The coordinator's answer.
    #[error(transparent)]
    Coordinator(#[from] CoordinatorError),
    /// As many streams as there may be.
    #[error("there are {most} streams already, as many as there may be: try again later")]
    TooManyStreams {
        /// How many.
        most: usize,
    },
    /// As many streams of one caller as there may be.
    #[error("you have {most} streams already, as many as one may have: end one first")]
    TooManyStreamsOfOne {
        /// How many.
        most: usize,
    },
    /// A stream whose client does not read it.
    #[error("nothing of this stream was read for {} s: ask again from where you are", after.as_secs())]
    Unread {
        /// For how long.
        after: Duration,
    },
    /// A service beside the coordinator's own answered so.
    #[error("{}", .0.message())]
    Other(#[source] Status),
    /// The server is stopping.
    #[error("the coordinator is stopping; ask again once it is back")]
    Stopping,
    /// The call's deadline has passed.
    #[error("the call's time limit has passed; what it began may be done all the same")]
    DeadlinePassed,
    /// A request that has not passed the gate.
    #[error("this program made a mistake: nobody knows who asked")]
    NoCaller,
    /// The schedules' answer.
    #[error(transparent)]
    Schedules(#[from] SchedulesError),
    /// A request of which only a part was done.
    #[error("registered: {}; the documents without a schedule were not submitted: {source}", .registered.join(", "))]
    OnlyRegistered {
        /// The schedules that are registered.
        registered: Vec<String>,
        /// Why the rest was not submitted.
        source: Box<CoordinatorError>,
    },
}

impl ApiError {
    /// Why documents were not submitted, once the schedules beside them are registered.
    pub(crate) fn after_registering(registered: Vec<String>, source: CoordinatorError) -> Self {
        if registered.is_empty() {
            return Self::Coordinator(source);
        }
        Self::OnlyRegistered { registered, source: Box::new(source) }
    }
}

/// A path that is relative to nobody knows what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelativePath {
    /// The document, such as `Training repurchase`.
    pub(crate) document: String,
    /// The way to it through the document.
    pub(crate) path: String,
    /// As written.
    pub(crate) url: String,
}

fn counted(mistakes: usize) -> String {
    match mistakes {
        1 => "the documents have 1 mistake, nothing was submitted".to_owned(),
        more => format!("the documents have {more} mistakes, nothing was submitted"),
    }
}

impl From<ArtifactsError> for ApiError {
    fn from(error: ArtifactsError) -> Self {
        Self::Coordinator(error.into())
    }
}

impl From<Status> for ApiError {
    fn from(status: Status) -> Self {
        Self::Other(status)
    }
}

impl From<InvalidText> for ApiError {
    fn from(error: InvalidText) -> Self {
        Self::Coordinator(error.into())
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let (code, reason) = code_of(&error);
        if reason == ErrorReason::Internal {
            tracing::error!(error = &error as &dyn Error, "a call failed");
        }
        let causes = std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string);
        let info = ErrorInfo { reason: reason.into(), causes: causes.collect(), problems: problems_of(&error) };
        let mut status = api::status(code, &error.to_string(), info);
        if code == Code::Unauthenticated {
            status.metadata_mut().insert("www-authenticate", tonic::metadata::MetadataValue::from_static("Bearer"));
        }
        status
    }
}

fn code_of(error: &ApiError) -> (Code, ErrorReason) {
    match error {
        ApiError::Denied(Denied::NoToken | Denied::UnknownToken) => (Code::Unauthenticated, ErrorReason::UnknownToken),
        ApiError::Denied(Denied::Role { .. } | Denied::Other { .. }) => (Code::PermissionDenied, ErrorReason::Role),
        ApiError::Documents(_) | ApiError::RelativePaths(_) | ApiError::MissingModels(_) => {
            (Code::InvalidArgument, ErrorReason::InvalidDocument)
        }
        ApiError::Field { .. } => (Code::InvalidArgument, ErrorReason::InvalidRequest),
        ApiError::Missing { .. } => (Code::NotFound, ErrorReason::NotFound),
        ApiError::Coordinator(error) => code_of_coordinator(error),
        ApiError::TooManyStreams { .. } | ApiError::TooManyStreamsOfOne { .. } => {
            (Code::ResourceExhausted, ErrorReason::Busy)
        }
        ApiError::Unread { .. } => (Code::Aborted, ErrorReason::Busy),
        ApiError::Other(status) => (status.code(), ErrorReason::Unspecified),
        ApiError::Stopping => (Code::Unavailable, ErrorReason::NotLeading),
        ApiError::DeadlinePassed => (Code::DeadlineExceeded, ErrorReason::Deadline),
        ApiError::NoCaller => (Code::Internal, ErrorReason::Internal),
        ApiError::Schedules(error) => code_of_schedules(error),
        ApiError::OnlyRegistered { source, .. } => code_of_coordinator(source),
    }
}

fn code_of_coordinator(error: &CoordinatorError) -> (Code, ErrorReason) {
    use CoordinatorError as E;
    match error {
        E::Artifacts(
            ArtifactsError::NoModel { .. } | ArtifactsError::NoVersion { .. } | ArtifactsError::NoAlias { .. },
        )
        | E::UnknownSubmission { .. }
        | E::UnknownRun { .. } => (Code::NotFound, ErrorReason::NotFound),
        E::Artifacts(source) | E::Workspace { source, .. } => code_of_store(source),
        E::Table { .. } => (Code::InvalidArgument, ErrorReason::InvalidDocument),
        E::NoDocuments | E::Text(_) => (Code::InvalidArgument, ErrorReason::InvalidRequest),
        E::TooManySubmissions { .. } => (Code::ResourceExhausted, ErrorReason::Busy),
        E::TokenReused { .. } => (Code::AlreadyExists, ErrorReason::TokenReused),
        E::NotNow { .. } => (Code::FailedPrecondition, ErrorReason::WrongState),
        E::Superseded { .. } | E::SteppedDown { .. } | E::Occupied { .. } | E::Unasked { .. } | E::Stopping => {
            (Code::Unavailable, ErrorReason::NotLeading)
        }
        E::BrokenLog { .. }
        | E::ImpossibleLog { .. }
        | E::ImpossibleSubmission { .. }
        | E::Illegal(_)
        | E::IllegalSubmission(_)
        | E::Panicked(_)
        | E::NoDocument { .. }
        | E::NoPlan { .. }
        | E::NoSearch { .. }
        | E::InvalidSearch { .. }
        | E::NoProgram { .. }
        | E::Launch { .. }
        | E::LogFile { .. }
        | E::ReadLog { .. }
        | E::Listen(_)
        | E::Serve(_)
        | E::Document(_) => (Code::Internal, ErrorReason::Internal),
    }
}

fn code_of_schedules(error: &SchedulesError) -> (Code, ErrorReason) {
    use SchedulesError as E;
    match error {
        E::Documents(_)
        | E::NoSchedule
        | E::Name(_)
        | E::Times { .. }
        | E::DependsOnDay { .. }
        | E::TwoOfOneName { .. }
        | E::TooManyInputs { .. }
        | E::OtherDocument { .. } => (Code::InvalidArgument, ErrorReason::InvalidDocument),
        E::TooMany { .. } => (Code::ResourceExhausted, ErrorReason::Busy),
        E::OtherOwner { .. } => (Code::PermissionDenied, ErrorReason::Role),
        E::Unknown { .. } => (Code::NotFound, ErrorReason::NotFound),
        E::NotNow { .. } => (Code::FailedPrecondition, ErrorReason::WrongState),
        E::Impossible { .. } | E::Illegal(_) => (Code::Internal, ErrorReason::Internal),
        E::Coordinator(error) => code_of_coordinator(error),
        E::Stopping => (Code::Unavailable, ErrorReason::NotLeading),
    }
}

fn code_of_store(error: &ArtifactsError) -> (Code, ErrorReason) {
    match error.class() {
        FailureClass::Storage | FailureClass::Environment => (Code::Unavailable, ErrorReason::Storage),
        FailureClass::Input | FailureClass::Integrity | FailureClass::Bug => (Code::Internal, ErrorReason::Internal),
    }
}

fn problems_of(error: &ApiError) -> Vec<DocumentProblem> {
    match error {
        ApiError::Documents(problems) | ApiError::Schedules(SchedulesError::Documents(problems)) => {
            problems.iter().map(problem).collect()
        }
        ApiError::RelativePaths(paths) => paths.iter().map(relative).collect(),
        ApiError::MissingModels(missing) => missing.iter().map(missing_model).collect(),
        _ => vec![],
    }
}

fn problem(problem: &Problem) -> DocumentProblem {
    let place = problem.place.as_ref();
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    DocumentProblem {
        file: place.map(|place| place.file.to_string()).unwrap_or_default(),
        line: place.map_or(0, |place| number(place.line)),
        column: place.map_or(0, |place| number(place.column)),
        path: problem.path.clone(),
        message: problem.mistake.to_string(),
        hint: problem.mistake.hint().unwrap_or_default(),
    }
}

fn relative(relative: &RelativePath) -> DocumentProblem {
    let RelativePath { document, path, url } = relative;
    DocumentProblem {
        path: path.clone(),
        message: format!("{document}: `{url}` is a relative path, and the request does not say what to"),
        hint: "write an absolute path or a URL, or send `folder`".to_owned(),
        ..DocumentProblem::default()
    }
}

fn missing_model(missing: &MissingModel) -> DocumentProblem {
    let MissingModel { document, model, why } = missing;
    DocumentProblem {
        path: "spec.model".to_owned(),
        message: format!("Scoring {document}: `{model}` is not there: {why}"),
        hint: "submit the Training document that makes it, before this one".to_owned(),
        ..DocumentProblem::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    #[test]
    fn errors_have_a_code_a_reason_and_their_causes() {
        let (ana, ben): (crate::Owner, crate::Owner) = ("ana".parse().unwrap(), "ben".parse().unwrap());
        let other = Denied::Other { owner: ben, name: ana, role: Role::Submitter };
        let run = "r-1".parse().unwrap();
        let half = ApiError::after_registering(vec!["nightly".to_owned()], CoordinatorError::Stopping);
        for (error, code, reason, words) in [
            (ApiError::from(Denied::NoToken), Code::Unauthenticated, ErrorReason::UnknownToken, "Bearer"),
            (other.into(), Code::PermissionDenied, ErrorReason::Role, "ben's"),
            (CoordinatorError::UnknownRun { run }.into(), Code::NotFound, ErrorReason::NotFound, "r-1"),
            (CoordinatorError::NoDocuments.into(), Code::InvalidArgument, ErrorReason::InvalidRequest, "at least one"),
            (CoordinatorError::Stopping.into(), Code::Unavailable, ErrorReason::NotLeading, "stopping"),
            (half, Code::Unavailable, ErrorReason::NotLeading, "registered: nightly;"),
            (ApiError::TooManyStreams { most: 7 }, Code::ResourceExhausted, ErrorReason::Busy, "7 streams"),
        ] {
            let status = Status::from(error);
            assert_eq!(status.code(), code, "{status:?}");
            assert!(status.message().contains(words), "{status:?}");
            assert_eq!(api::info_of(&status).unwrap().reason(), reason);
        }
    }

    #[test]
    fn every_mistake_of_a_document_is_told_with_its_place() {
        let text = "apiVersion: kindred.dev/v1\nkind: Training\nmetadata: {name: m}\nspec: {exampels: people}\n";
        let file = spec::SourceFile { name: "a.yaml".to_owned(), text: text.to_owned() };
        let settings = spec::Settings { set: Default::default(), run_date: "2026-01-05".parse().unwrap() };
        let problems = spec::parse(&[file], &settings).unwrap_err();
        let count = problems.count();
        let status = Status::from(ApiError::Documents(problems));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(&format!("{count} mistakes")), "{status:?}");
        let told = api::info_of(&status).unwrap().problems;
        assert_eq!(told.len(), count);
        let wrong = told.iter().find(|problem| problem.path.contains("exampels")).unwrap();
        assert_eq!((wrong.file.as_str(), wrong.line), ("a.yaml", 4));
        assert!(format!("{} {}", wrong.message, wrong.hint).contains("examples"), "{wrong:?}");
    }
}
