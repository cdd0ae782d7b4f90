//! Questions to the worker programs that need no run: JSON on their standard input, JSON on their standard output.

use std::process::{Output, Stdio};

use anyhow::{Context, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::failure::Failure;
use crate::programs;

/// The program that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// `kindred-trainer`
    Trainer,
    /// `kindred-scorer`
    Scorer,
}

impl Worker {
    fn name(self) -> &'static str {
        match self {
            Self::Trainer => "kindred-trainer",
            Self::Scorer => "kindred-scorer",
        }
    }
}

/// What a program answers to a request, asked with this command.
pub(crate) async fn ask<Q: Serialize, A: DeserializeOwned>(
    worker: Worker,
    command: &str,
    request: &Q,
) -> Result<A, Failure> {
    let (programs, name) = (programs::beside_this_one()?, worker.name());
    let program = match worker {
        Worker::Trainer => programs.trainer,
        Worker::Scorer => programs.scorer,
    };
    let output = converse(&program, command, request).await.map_err(Failure::Failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let cause = if said.is_empty() { output.status.to_string() } else { said };
        return Err(Failure::Failed(anyhow!(cause).context(format!("`{name} {command}` failed"))));
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the answer of `{name} {command}` cannot be read"))
        .map_err(Failure::Failed)
}

async fn converse<Q: Serialize>(program: &std::path::Path, command: &str, request: &Q) -> anyhow::Result<Output> {
    let request = serde_json::to_vec(request).context("the request has no JSON form")?;
    let missing = || format!("`{}` cannot be started; it belongs beside `kindred`", program.display());
    let mut child = Command::new(program)
        .arg(command)
        .env("OMP_NUM_THREADS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(missing)?;
    let mut stdin = child.stdin.take().context("the program has no stdin")?;
    let sending = async move {
        // A program that ends without reading says why on stderr.
        let _ = stdin.write_all(&request).await;
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), sending);
    output.with_context(|| format!("the answer of `{command}` did not arrive"))
}
