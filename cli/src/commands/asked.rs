//! `kindred submissions | runs | show | watch | logs | cancel | retry`: questions to a coordinator.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use proto::api::v1;
use serde_json::{Value, json};

use super::ended;
use crate::arguments::{List, Logs, One};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::interrupt;
use crate::remote::{self, Named, Refused, Remote};
use crate::show::{self, runs, submissions};

pub(super) async fn list_submissions(list: List) -> Result<Ending, Failure> {
    let List { state, owner, kind, name, limit, shown, contact } = list;
    let remote = Remote::open(&contact)?;
    let filter = v1::SubmissionFilter {
        states: numbers(state),
        owner: owner.map(String::from).unwrap_or_default(),
        kind: kind.map_or(v1::Kind::Unspecified, v1::Kind::from).into(),
        name: name.unwrap_or_default(),
    };
    let found = pages(limit, async |page| {
        let asked = v1::ListSubmissionsRequest { filter: Some(filter.clone()), page: Some(page) };
        let answer = remote.submissions.clone().list_submissions(asked).await?.into_inner();
        Ok((answer.submissions, answer.page))
    });
    let found = found.await?;
    let values: Vec<Value> = found.iter().map(submissions::json).collect();
    show::result(shown.format, &json!({"submissions": values}), || submissions::table(&found))?;
    Ok(Ending::Done)
}

pub(super) async fn list_runs(list: List) -> Result<Ending, Failure> {
    let List { state, owner, kind, name, limit, shown, contact } = list;
    let remote = Remote::open(&contact)?;
    let filter = v1::RunFilter {
        states: numbers(state),
        owner: owner.map(String::from).unwrap_or_default(),
        kind: kind.map_or(v1::Kind::Unspecified, v1::Kind::from).into(),
        name: name.unwrap_or_default(),
    };
    let found = pages(limit, async |page| {
        let asked = v1::ListRunsRequest { filter: Some(filter.clone()), page: Some(page) };
        let answer = remote.runs.clone().list_runs(asked).await?.into_inner();
        Ok((answer.runs, answer.page))
    });
    let found = found.await?;
    let values: Vec<Value> = found.iter().map(runs::json).collect();
    show::result(shown.format, &json!({"runs": values}), || runs::table(&found))?;
    Ok(Ending::Done)
}

fn numbers<S>(states: Vec<S>) -> Vec<i32>
where
    v1::State: From<S>,
{
    states.into_iter().map(|state| v1::State::from(state).into()).collect()
}

/// The first entries of a list, page by page. A page may be empty though others follow.
async fn pages<T>(
    limit: u32,
    ask: impl AsyncFn(v1::PageRequest) -> Result<(Vec<T>, Option<v1::PageResponse>), Refused>,
) -> Result<Vec<T>, Failure> {
    let (mut found, mut token) = (Vec::new(), String::new());
    while (found.len() as u32) < limit {
        let (entries, page) = ask(v1::PageRequest { size: limit - found.len() as u32, token }).await?;
        found.extend(entries);
        token = page.unwrap_or_default().next_token;
        if token.is_empty() {
            break;
        }
    }
    Ok(found)
}

pub(super) async fn show_one(one: One) -> Result<Ending, Failure> {
    let One { id, shown, contact } = one;
    match Remote::open(&contact)?.named(&id).await? {
        Named::Submission(submission) => {
            let value = json!({"submission": submissions::json(&submission)});
            show::result(shown.format, &value, || submissions::whole(&submission))?;
        }
        Named::Run(run) => {
            show::result(shown.format, &json!({"run": runs::json(&run)}), || runs::whole(&run))?;
        }
    }
    Ok(Ending::Done)
}

pub(super) async fn watch(one: One) -> Result<Ending, Failure> {
    let One { id, shown, contact } = one;
    let remote = Remote::open(&contact)?;
    let controlled = interrupt::listen()?;
    match remote.named(&id).await? {
        Named::Submission(submission) => {
            let submission = remote::watch(&remote, &submission.id, &controlled).await?;
            ended::submission(&remote, &submission, shown.format).await
        }
        // A run that nobody submitted is carried by nobody here.
        Named::Run(run) if run.submission_id.is_empty() => ended::run(*run, shown.format),
        Named::Run(run) => {
            // A run that has ended goes on where its submission was retried.
            if !remote.submission(&run.submission_id).await?.state().is_final() {
                remote::watch(&remote, &run.submission_id, &controlled).await?;
            }
            ended::run(remote.run(&run.id).await?, shown.format)
        }
    }
}

pub(super) async fn logs(logs: Logs) -> Result<Ending, Failure> {
    let Logs { run, stage, process, follow, contact } = logs;
    let remote = Remote::open(&contact)?;
    let controlled = interrupt::listen()?;
    let stage = stage.map_or(v1::Stage::Unspecified, v1::Stage::from).into();
    let asked = v1::ReadLogsRequest { id: run, stage, process, follow, ..v1::ReadLogsRequest::default() };
    let reading = async {
        let mut chunks = remote.runs.clone().read_logs(asked).await?.into_inner();
        let mut last = None;
        while let Some(told) = chunks.message().await? {
            let is_open = print(&told, &mut last)?;
            if !is_open {
                break;
            }
        }
        Ok(Ending::Done)
    };
    interrupt::or_interrupted(&controlled, reading).await
}

/// Writes some output as it is, with a line that names the process where that changes. False once nobody reads.
fn print(told: &v1::ReadLogsResponse, last: &mut Option<String>) -> Result<bool, Failure> {
    let mut stdout = std::io::stdout().lock();
    let head = match last {
        Some(process) if *process == told.process => String::new(),
        Some(_) => format!("\n==> {} <==\n", told.process),
        None => format!("==> {} <==\n", told.process),
    };
    *last = Some(told.process.clone());
    let written =
        stdout.write_all(head.as_bytes()).and_then(|()| stdout.write_all(&told.chunk)).and_then(|()| stdout.flush());
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("writing to stdout failed").map_err(Failure::Failed),
    }
}

pub(super) async fn cancel(one: One) -> Result<Ending, Failure> {
    let One { id, shown, contact } = one;
    let remote = Remote::open(&contact)?;
    let asked = v1::CancelSubmissionRequest { id: remote.submission_of(&id).await? };
    let answer = remote.submissions.clone().cancel_submission(asked).await?.into_inner();
    changed(answer.submission, shown.format)
}

pub(super) async fn retry(one: One) -> Result<Ending, Failure> {
    let One { id, shown, contact } = one;
    let remote = Remote::open(&contact)?;
    let asked = v1::RetrySubmissionRequest { id: remote.submission_of(&id).await? };
    let answer = remote.submissions.clone().retry_submission(asked).await?.into_inner();
    changed(answer.submission, shown.format)
}

fn changed(submission: Option<v1::Submission>, format: crate::arguments::Format) -> Result<Ending, Failure> {
    let submission = submission.ok_or(Refused::Incomplete { field: "submission" })?;
    let value = json!({"submission": submissions::json(&submission)});
    show::result(format, &value, || submissions::whole(&submission))?;
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lists_go_on_after_an_empty_page_and_end_at_their_limit() {
        let asked = std::sync::Mutex::new(vec![]);
        let found = pages(5, async |page| {
            asked.lock().unwrap().push((page.size, page.token.clone()));
            let (entries, next) = match page.token.as_str() {
                "" => (vec![1, 2], "a"),
                "a" => (vec![], "b"),
                _ => (vec![3; page.size as usize], "c"),
            };
            Ok((entries, Some(v1::PageResponse { next_token: next.to_owned() })))
        });
        assert_eq!(found.await.unwrap(), [1, 2, 3, 3, 3]);
        assert_eq!(*asked.lock().unwrap(), [(5, String::new()), (3, "a".to_owned()), (3, "b".to_owned())]);
    }
}
