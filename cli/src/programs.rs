//! Where the worker programs are: beside this one.

use anyhow::Context;
use coordinator::Programs;

use crate::failure::Failure;

/// `kindred-trainer` and `kindred-scorer` in the folder of the running program.
pub(crate) fn beside_this_one() -> Result<Programs, Failure> {
    let this = std::env::current_exe().context("the path of this program is not known").map_err(Failure::Failed)?;
    let folder = this.parent().context("this program is in no folder").map_err(Failure::Failed)?;
    Ok(Programs::in_folder(folder))
}
