//! From the text of documents to a submission.

use chrono::{NaiveDate, Utc};
use proto::api::v1;
use spec::{Document, Settings, SourceFile};

use super::status::{ApiError, RelativePath};
use crate::access::{Caller, Denied};
use crate::house::{NewSubmission, Origin};
use crate::names::{ClientToken, Owner, Priority};
use crate::schedules::{NewSchedules, Parts, SLOT_TOKENS};

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Asked {
    /// Documents that are run at once; absent where every one has its times.
    pub(super) submission: Option<NewSubmission>,
    /// Documents that are run when it is time.
    pub(super) schedules: Option<NewSchedules>,
}

/// What a request asks for, once all of it makes sense.
///
/// # Errors
/// The first field that makes no sense; of documents, every mistake.
pub(super) async fn read(request: v1::SubmitRequest, caller: &Caller) -> Result<Asked, ApiError> {
    let v1::SubmitRequest { files, parameters, run_date, client_token, owner, priority, folder } = request;
    let client_token = token(&client_token)?;
    let owner = owner_of(&owner, caller)?;
    let priority = priority.map(Priority::try_from).transpose()?.unwrap_or_default();
    let run_date = date(&run_date)?;
    if files.is_empty() {
        return Err(ApiError::Field {
            field: "files",
            reason: "there is none: send at least one YAML file".to_owned(),
        });
    }
    check_folder(&folder)?;
    let files: Vec<SourceFile> =
        files.into_iter().map(|v1::SourceFile { name, text }| SourceFile { name, text }).collect();
    let settings = Settings { set: parameters.into_iter().collect(), run_date };
    let documents = parse(files.clone(), settings.clone()).await?;
    let Parts { at_once, scheduled } = Parts::of(in_folder(documents, &folder)?);
    let schedules = (!scheduled.is_empty()).then(|| {
        let folder = (!folder.is_empty()).then_some(folder);
        NewSchedules { owner: owner.clone(), priority, files, set: settings.set, folder }
    });
    let origin = Origin::Request;
    let submission = (!at_once.is_empty() || schedules.is_none()).then_some(NewSubmission {
        client_token,
        owner,
        priority,
        documents: at_once,
        run_date,
        origin,
    });
    Ok(Asked { submission, schedules })
}

fn token(text: &str) -> Result<Option<ClientToken>, ApiError> {
    if text.starts_with(SLOT_TOKENS) {
        let reason = format!("{text:?} begins with `{SLOT_TOKENS}`, as only the tokens of schedules do: use another");
        return Err(ApiError::Field { field: "client_token", reason });
    }
    Ok(if text.is_empty() { None } else { Some(text.parse::<ClientToken>()?) })
}

fn owner_of(owner: &str, caller: &Caller) -> Result<Owner, ApiError> {
    if owner.is_empty() {
        return Ok(caller.name.clone());
    }
    let owner: Owner = owner.parse()?;
    allowed(&owner, caller)?;
    Ok(owner)
}

/// What belongs to somebody is changed by them and by admins.
pub(super) fn allowed(owner: &Owner, caller: &Caller) -> Result<(), ApiError> {
    if caller.may_act_for(owner) {
        return Ok(());
    }
    let Caller { name, role } = caller.clone();
    Err(Denied::Other { owner: owner.clone(), name, role }.into())
}

fn date(text: &str) -> Result<NaiveDate, ApiError> {
    match text {
        "" => Ok(Utc::now().date_naive()),
        text => text.parse().map_err(|_| ApiError::Field {
            field: "run_date",
            reason: format!("{text:?} is no day: write YYYY-MM-DD"),
        }),
    }
}

fn check_folder(folder: &str) -> Result<(), ApiError> {
    if folder.is_empty() || folder.starts_with('/') {
        return Ok(());
    }
    let reason = format!("{folder:?} is no absolute path: it starts with `/`");
    Err(ApiError::Field { field: "folder", reason })
}

/// Off the runtime's threads: a large file takes a while.
async fn parse(files: Vec<SourceFile>, settings: Settings) -> Result<Vec<Document>, ApiError> {
    let parsed = tokio::task::spawn_blocking(move || spec::parse(&files, &settings)).await;
    match parsed {
        Ok(parsed) => parsed.map_err(ApiError::Documents),
        Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
        Err(_) => Err(ApiError::Stopping),
    }
}

/// The documents with relative paths below a folder, as if they were run in it.
fn in_folder(documents: Vec<Document>, folder: &str) -> Result<Vec<Document>, ApiError> {
    if !folder.is_empty() {
        return Ok(documents.into_iter().map(|document| document.in_folder(folder)).collect());
    }
    let stray: Vec<RelativePath> = documents.iter().flat_map(relative_paths).collect();
    if stray.is_empty() { Ok(documents) } else { Err(ApiError::RelativePaths(stray)) }
}

/// The relative paths of a document's tables and of what its schedule waits for.
fn relative_paths(document: &Document) -> Vec<RelativePath> {
    let named = format!("{} {}", document.kind(), document.name());
    let tables = match document {
        Document::Training(training) => &training.spec.tables,
        Document::Scoring(scoring) => &scoring.spec.tables,
    };
    let tables = tables.iter().map(|(table, source)| (format!("spec.tables.{table}.url"), &source.url));
    let waits = document.schedule().map(|schedule| schedule.wait_for.as_slice()).unwrap_or_default();
    let waits = waits.iter().enumerate().map(|(i, wait)| (format!("spec.schedule.wait_for[{i}].url"), &wait.url));
    let relative = tables.chain(waits).filter(|(_, url)| is_relative(url));
    relative.map(|(path, url)| RelativePath { document: named.clone(), path, url: url.clone() }).collect()
}

fn is_relative(url: &str) -> bool {
    !url.contains("://") && !url.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn caller(role: Role) -> Caller {
        Caller { name: "ana".parse().unwrap(), role }
    }

    fn request(url: &str) -> v1::SubmitRequest {
        let text = format!(
            "apiVersion: kindred.dev/v1\nkind: Training\nmetadata: {{name: m}}\nspec:\n  tables: {{people: {{url: {url}}}}}\n  \
             examples: people\n  key: person\n  features: {{age: {{kind: numeric}}}}\n  \
             tasks: {{bought: {{kind: binary, label: bought}}}}\n  network: {{kind: linear}}\n"
        );
        let files = vec![v1::SourceFile { name: "m.yaml".to_owned(), text }];
        v1::SubmitRequest { files, run_date: "2026-01-05".to_owned(), ..v1::SubmitRequest::default() }
    }

    async fn submission(request: v1::SubmitRequest, role: Role) -> NewSubmission {
        read(request, &caller(role)).await.unwrap().submission.unwrap()
    }

    #[tokio::test]
    async fn documents_with_a_schedule_are_not_run_at_once() {
        let mut timed = request("people.csv");
        timed.folder = "/data".to_owned();
        timed.files[0].text.push_str("  schedule: {cron: 0 2 * * *}\n");
        let asked = read(timed.clone(), &caller(Role::Submitter)).await.unwrap();
        assert!(asked.submission.is_none());
        let schedules = asked.schedules.unwrap();
        assert_eq!((schedules.owner.as_str(), schedules.folder.as_deref()), ("ana", Some("/data")));
        let before = request("/p.csv").files.remove(0);
        let text = before.text.replace("name: m}", "name: first}");
        timed.files.insert(0, v1::SourceFile { name: "first.yaml".to_owned(), text });
        let asked = read(timed, &caller(Role::Submitter)).await.unwrap();
        assert_eq!(asked.submission.unwrap().documents.len(), 1);
        assert!(asked.schedules.is_some());
    }

    fn url_of(new: &NewSubmission) -> &str {
        let Document::Training(training) = &new.documents[0] else { panic!("no training") };
        &training.spec.tables.values().next().unwrap().url
    }

    #[tokio::test]
    async fn relative_paths_are_below_the_folder_of_the_request() {
        for (url, folder, expected) in [
            ("people.csv", "/data/", "/data/people.csv"),
            ("../p/*.csv", "/data/x", "/data/x/../p/*.csv"),
            ("/people.csv", "/data", "/people.csv"),
            ("s3://b/people.csv", "", "s3://b/people.csv"),
        ] {
            let request = v1::SubmitRequest { folder: folder.to_owned(), ..request(url) };
            let new = read(request, &caller(Role::Submitter)).await.unwrap().submission.unwrap();
            assert_eq!(url_of(&new), expected);
        }
        let refused = read(request("people.csv"), &caller(Role::Submitter)).await.unwrap_err();
        let ApiError::RelativePaths(paths) = refused else { panic!("{refused:?}") };
        assert_eq!((paths[0].path.as_str(), paths[0].url.as_str()), ("spec.tables.people.url", "people.csv"));
    }

    #[tokio::test]
    async fn what_is_waited_for_is_not_relative_to_nobody_knows_what() {
        let mut timed = request("/people.csv");
        timed.files[0].text.push_str("  schedule: {cron: 0 2 * * *, wait_for: [{url: /done}, {url: in/_SUCCESS}]}\n");
        let refused = read(timed.clone(), &caller(Role::Submitter)).await.unwrap_err();
        let ApiError::RelativePaths(paths) = refused else { panic!("{refused:?}") };
        let told: Vec<(&str, &str)> = paths.iter().map(|path| (path.path.as_str(), path.url.as_str())).collect();
        assert_eq!(told, [("spec.schedule.wait_for[1].url", "in/_SUCCESS")]);
        timed.folder = "/data".to_owned();
        assert!(read(timed, &caller(Role::Submitter)).await.unwrap().schedules.is_some());
    }

    #[tokio::test]
    async fn only_an_admin_submits_for_others() {
        let request = v1::SubmitRequest { owner: "ben".to_owned(), ..request("/p.csv") };
        let refused = read(request.clone(), &caller(Role::Submitter)).await.unwrap_err();
        assert!(matches!(refused, ApiError::Denied(Denied::Other { .. })), "{refused:?}");
        assert_eq!(submission(request, Role::Admin).await.owner.as_str(), "ben");
        let own = v1::SubmitRequest { owner: "ana".to_owned(), ..self::request("/p.csv") };
        assert_eq!(submission(own, Role::Submitter).await.owner.as_str(), "ana");
        let unsaid = submission(self::request("/p.csv"), Role::Submitter).await;
        assert_eq!((unsaid.owner.as_str(), unsaid.priority), ("ana", Priority::default()));
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused_with_its_field() {
        let good = || request("/p.csv");
        let wrong = [
            (v1::SubmitRequest { files: vec![], ..good() }, "files"),
            (v1::SubmitRequest { run_date: "tomorrow".to_owned(), ..good() }, "run_date"),
            (v1::SubmitRequest { folder: "data".to_owned(), ..good() }, "folder"),
            (v1::SubmitRequest { priority: Some(10), ..good() }, "priority"),
            (v1::SubmitRequest { client_token: "a b".to_owned(), ..good() }, "client token"),
            (v1::SubmitRequest { client_token: "schedule/m/2026-01-05T01:00Z".to_owned(), ..good() }, "client_token"),
            (v1::SubmitRequest { owner: " ana".to_owned(), ..good() }, "owner"),
            (v1::SubmitRequest { parameters: [("x".to_owned(), "1".to_owned())].into(), ..good() }, "mistake"),
        ];
        for (request, words) in wrong {
            let error = read(request, &caller(Role::Admin)).await.unwrap_err().to_string();
            assert!(error.contains(words), "{words} in {error}");
        }
    }
}
