//! Questions to the trainer that need no run: JSON on its standard input, JSON on its standard output.

use std::process::{Output, Stdio};

use anyhow::{Context, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::failure::Failure;
use crate::programs;

/// What `kindred-trainer <command>` answers to a request.
pub(crate) async fn ask<Q: Serialize, A: DeserializeOwned>(command: &str, request: &Q) -> Result<A, Failure> {
    let trainer = programs::beside_this_one()?.trainer;
    let output = converse(&trainer, command, request).await.map_err(Failure::Failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let cause = if said.is_empty() { output.status.to_string() } else { said };
        return Err(Failure::Failed(anyhow!(cause).context(format!("`kindred-trainer {command}` failed"))));
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the answer of `kindred-trainer {command}` cannot be read"))
        .map_err(Failure::Failed)
}

async fn converse<Q: Serialize>(trainer: &std::path::Path, command: &str, request: &Q) -> anyhow::Result<Output> {
    let request = serde_json::to_vec(request).context("the request has no JSON form")?;
    let missing = || format!("`{}` cannot be started; it belongs beside `kindred`", trainer.display());
    let mut child = Command::new(trainer)
        .arg(command)
        .env("OMP_NUM_THREADS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(missing)?;
    let mut stdin = child.stdin.take().context("the trainer has no stdin")?;
    let sending = async move {
        // A trainer that ends without reading says why on stderr.
        let _ = stdin.write_all(&request).await;
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), sending);
    output.with_context(|| format!("the answer of `kindred-trainer {command}` did not arrive"))
}
