//! The `kindred` command.

use std::process::ExitCode;

use clap::Parser;
use kindred_cli::arguments::Arguments;

fn main() -> ExitCode {
    kindred_cli::main(Arguments::parse()).into()
}
