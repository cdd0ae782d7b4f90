//! Aliases: names that point to versions, each by numbered values of which the last one counts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use spec::{AliasName, ModelName, RunId, Version};

use super::{names, read_manifest};
use crate::error::Result;
use crate::layout;
use crate::pointers::{self, Next};
use crate::workspace::Workspace;

/// A value of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasValue {
    version: Version,
    /// The run that moved it; `None` when a person did.
    run: Option<RunId>,
    at: DateTime<Utc>,
}

/// Points an alias to a visible version; nothing is written where it does so already. Of two writers at once, the one
/// that comes second counts.
pub async fn set_alias(
    workspace: &Workspace,
    model: &ModelName,
    alias: &AliasName,
    version: Version,
    run: Option<&RunId>,
) -> Result<()> {
    read_manifest(workspace, model, version).await?;
    let key_of = |number| layout::model_alias_value(model, alias, number);
    let decide = |current: Option<&AliasValue>| match current {
        Some(current) if current.version == version => Next::Keep,
        _ => Next::Append(AliasValue { version, run: run.cloned(), at: Utc::now() }),
    };
    pointers::append(workspace, &layout::model_alias(model, alias), key_of, decide).await?;
    Ok(())
}

pub(super) async fn alias_value(
    workspace: &Workspace,
    model: &ModelName,
    alias: &AliasName,
) -> Result<Option<Version>> {
    let key_of = |number| layout::model_alias_value(model, alias, number);
    let last = pointers::last::<AliasValue>(workspace, &layout::model_alias(model, alias), key_of).await?;
    Ok(last.map(|last| last.stored.body.version))
}

/// Where a model's aliases point.
pub async fn aliases(workspace: &Workspace, model: &ModelName) -> Result<BTreeMap<AliasName, Version>> {
    let mut aliases = BTreeMap::new();
    for alias in names(workspace.names_in(&layout::model_aliases(model)).await?) {
        if let Some(version) = alias_value(workspace, model, &alias).await? {
            aliases.insert(alias, version);
        }
    }
    Ok(aliases)
}
