//! `kindred submit`

use anyhow::Context;
use proto::api::LARGEST_REQUEST_BYTES;
use proto::api::v1;
use serde_json::json;

use crate::arguments::Submit;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::remote::{self, Refused, Remote};
use crate::show::{self, submissions};
use crate::{interrupt, settings};

use super::ended;

pub(super) async fn submit(arguments: Submit) -> Result<Ending, Failure> {
    let Submit { files, beside, client_token, owner, priority, watch, shown, contact } = arguments;
    // All mistakes at once, before anything is sent.
    settings::documents(&files, &beside)?;
    let request = v1::SubmitRequest {
        files: sources(&files)?,
        run_date: settings::run_date(beside.run_date).to_string(),
        parameters: beside.set.into_iter().collect(),
        client_token: client_token.map(String::from).unwrap_or_default(),
        owner: owner.map(String::from).unwrap_or_default(),
        priority,
        folder: working_folder()?,
    };
    let remote = Remote::open(&contact)?;
    let controlled = interrupt::listen()?;
    let answer = async { Ok(remote.submissions.clone().submit(request).await?.into_inner()) };
    let answer = interrupt::or_interrupted(&controlled, answer).await?;
    let v1::SubmitResponse { submission, is_new, schedules } = answer;
    let Some(submission) = submission else {
        return registered(shown.format, &schedules, is_new);
    };
    if !watch {
        let value = json!({"submission": submissions::json(&submission), "is_new": is_new, "schedules": schedules});
        show::result(shown.format, &value, || {
            let known = if is_new { "" } else { " (it was known already)" };
            format!("submission {}{known}\n{}", submission.id, submissions::documents(&submission))
        })?;
        return Ok(Ending::Done);
    }
    show::tell(&format!("submission {}", submission.id));
    let submission = remote::watch(&remote, &submission.id, &controlled).await?;
    ended::submission(&remote, &submission, shown.format).await
}

/// Documents that only register schedules.
fn registered(format: crate::arguments::Format, schedules: &[String], is_new: bool) -> Result<Ending, Failure> {
    if schedules.is_empty() {
        return Err(Refused::Incomplete { field: "submission" }.into());
    }
    let value = json!({"submission": null, "is_new": is_new, "schedules": schedules});
    let known = if is_new { "" } else { " (known already, nothing changed)" };
    show::result(format, &value, || format!("scheduled: {}{known}", schedules.join(", ")))?;
    Ok(Ending::Done)
}

fn sources(files: &[std::path::PathBuf]) -> Result<Vec<v1::SourceFile>, Failure> {
    let sources = settings::read_all(files)?;
    let bytes: usize = sources.iter().map(|source| source.name.len() + source.text.len()).sum();
    if bytes >= LARGEST_REQUEST_BYTES {
        let most = LARGEST_REQUEST_BYTES >> 20;
        return Err(Failure::Usage(anyhow::anyhow!(
            "these documents are larger than {most} MiB together: submit fewer"
        )));
    }
    Ok(sources.into_iter().map(|spec::SourceFile { name, text }| v1::SourceFile { name, text }).collect())
}

/// What relative paths in documents are below, as they are for `kindred run`.
fn working_folder() -> Result<String, Failure> {
    let folder = std::env::current_dir().context("the working folder is not known").map_err(Failure::Failed)?;
    let not_text = || Failure::Usage(anyhow::anyhow!("the path of the working folder is not UTF-8"));
    folder.to_str().map(str::to_owned).ok_or_else(not_text)
}
