//! `kindred models export`

use artifacts::{Workspace, registry};
use serde::{Deserialize, Serialize};
use spec::{ModelName, ModelReference, Version};

use crate::arguments::Format;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::workers::{self, Worker};
use crate::{interrupt, show};

/// What the trainer's `export` reads on stdin.
#[derive(Debug, Serialize)]
struct Request<'a> {
    workspace: String,
    model: &'a ModelName,
    version: Version,
    output: &'a str,
}

/// What it prints on stdout.
#[derive(Debug, Serialize, Deserialize)]
struct Exported {
    model: ModelName,
    version: Version,
    url: String,
    bytes: u64,
    signature: Signature,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signature {
    numbers: u64,
    ids: Vec<String>,
    bags: Vec<String>,
    weighted: Vec<String>,
    predictions: Vec<String>,
}

pub(super) async fn torchscript(
    workspace: &Workspace,
    format: Format,
    reference: &ModelReference,
    output: &str,
) -> Result<Ending, Failure> {
    let version = registry::resolve(workspace, reference).await?;
    let controlled = interrupt::listen()?;
    let request = Request { workspace: workspace.url(), model: &reference.model, version, output };
    let exported: Exported =
        interrupt::or_interrupted(&controlled, workers::ask(Worker::Trainer, "export", &request)).await?;
    show::result(format, &exported, || words(&exported))?;
    Ok(Ending::Done)
}

fn words(exported: &Exported) -> String {
    let Exported { model, version, url, bytes, signature } = exported;
    let Signature { numbers, ids, bags, weighted, predictions } = signature;
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!(
        "{model} version {version} is in {url} ({} bytes)\n  numbers  {numbers} a row\n  ids      {}\n  bags     {}\n  weighted {}\n  gives    {}",
        show::count(*bytes),
        list(ids),
        list(bags),
        list(weighted),
        list(predictions),
    )
}
