//! `kindred score`: a table scored with a model, no document needed.

use artifacts::{Workspace, registry};
use coordinator::Embedded;
use serde_json::json;

use crate::arguments::Score;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::{adhoc, interrupt, programs, settings, show};

use super::run::carry;

pub(super) async fn score(workspace: &Workspace, arguments: Score) -> Result<Ending, Failure> {
    let controlled = interrupt::listen()?;
    let date = settings::run_date(arguments.run_date);
    let version = registry::resolve(workspace, &arguments.model).await?;
    let manifest = registry::read_manifest(workspace, &arguments.model.model, version).await?.body;
    let destination = adhoc::Destination::open(&arguments.output)?;
    let document = adhoc::document(&arguments, &destination, &manifest, date)?;
    let embedded = Embedded::new(workspace.clone(), programs::beside_this_one()?);
    let ran = carry(workspace, &embedded, document, date, &controlled).await?;
    show::tell(&ran.epilogue(date));
    if ran.ending() != Ending::Done {
        return Ok(ran.ending());
    }
    let copied = interrupt::or_interrupted(&controlled, destination.fill(workspace, &ran.run)).await?;
    let model = format!("{}@{version}", arguments.model.model);
    let value = json!({"run": ran.run, "model": model, "rows": copied.rows, "files": copied.urls});
    show::result(arguments.format, &value, || {
        format!("{} rows scored with {model}\n{}", show::count(copied.rows), copied.urls.join("\n"))
    })?;
    Ok(Ending::Done)
}
