//! The command line.

mod outcomes;
mod remote;
mod serving;

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use spec::{AliasName, AudienceName, ColumnName, ModelName, ModelReference, TableName};

pub use outcomes::{Chosen, Gc, Lift, Outcomes, Review};
pub use remote::{Contact, KindWord, List, Logs, One, ScheduleAction, Schedules, StateWord, Submit};
pub use serving::{LogFormat, Most, Serve, ServeAction};

/// Finds the people a business should talk to next: trains lookalike and propensity models on rows of user features,
/// scores populations, publishes audiences
#[derive(Debug, Parser)]
#[command(name = "kindred", version, propagate_version = true, after_help = EXIT_CODES)]
pub struct Arguments {
    /// Where everything durable lies: a path or URL (file://, s3://, gs://, az://)
    #[arg(long, global = true, env = "KINDRED_WORKSPACE", default_value = "workspace", value_name = "URL")]
    pub workspace: String,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage or document, 3 a guard held a publication back, \
    130 interrupted.\nProgress goes to stderr, results to stdout.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check documents against their tables: columns, types, null rates, leaks, plan. Runs nothing
    Check(Check),
    /// Run documents on this machine; the same again goes on from what is finished
    Run(Documents),
    /// Make the tables of documents' SQL steps in a folder, without a run
    Prepare(Prepare),
    /// Score a table with a model, without a document and without audiences
    Score(Score),
    /// List models, show one, or move an alias
    Models(Models),
    /// List published audiences, show one, or release what a guard held back
    Audiences(Audiences),
    /// Measure what an audience brought: the people addressed against the holdout
    #[command(disable_version_flag = true)]
    Lift(Box<Lift>),
    /// The same of several audiences side by side, with costs where they are given
    Review(Box<Review>),
    /// Delete what retention lets go: old versions, rows of runs long finished, leftovers
    Gc(Gc),
    /// Coordinate: take documents from others and run them on this machine, until told to stop
    Coordinator(Box<Serve>),
    /// Give documents to a coordinator
    Submit(Box<Submit>),
    /// List a coordinator's submissions
    Submissions(List),
    /// List a coordinator's runs
    Runs(List),
    /// Show a submission or run of a coordinator
    Show(One),
    /// Show how a submission or run goes until it has ended; ends with its exit code
    Watch(One),
    /// Print what a run's processes wrote
    Logs(Logs),
    /// Stop a submission, or that of a run, for good
    Cancel(One),
    /// Take up again a submission, or that of a run, that failed or was cancelled
    Retry(One),
    /// List a coordinator's schedules; show, pause, resume or remove one
    Schedules(Schedules),
    /// Print the JSON Schema of documents, for editors
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Documents to be checked.
#[derive(Debug, Args)]
pub struct Check {
    /// The documents
    #[command(flatten)]
    pub documents: Documents,
    /// Print the documents whole instead, parameters put in and presets written out. Reads no tables
    #[arg(long)]
    pub expand: bool,
}

/// Documents, and what is said beside them.
#[derive(Debug, Args)]
pub struct Documents {
    /// YAML files with one or more documents each; they are taken in order
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
    /// What is said beside documents
    #[command(flatten)]
    pub beside: Beside,
}

/// What is said beside documents.
#[derive(Debug, Args)]
pub struct Beside {
    /// The value of a document's parameter
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// The day that it is for, `${run_date}` in documents; today (UTC) when absent
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub run_date: Option<NaiveDate>,
}

/// How results are printed.
#[derive(Debug, Args)]
pub struct Shown {
    /// How results are printed on stdout
    #[arg(long = "output", global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub format: Format,
}

/// Forms of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For scripts; documented and stable
    Json,
    /// The same as JSON, as YAML
    Yaml,
}

/// Tables without a run.
#[derive(Debug, Args)]
pub struct Prepare {
    /// YAML files with documents of any kind; they are taken in order
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The folder for the tables; each is <document>/<table>/part-<n>.parquet in it
    #[arg(long, value_name = "URL")]
    pub output: String,
    /// A table to write; may be repeated. All tables that steps make when absent
    #[arg(long, value_name = "TABLE")]
    pub table: Vec<TableName>,
    /// How the summary is printed on stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// What is said beside documents
    #[command(flatten)]
    pub beside: Beside,
}

/// Scoring without a document.
#[derive(Debug, Args)]
pub struct Score {
    /// The model: NAME@ALIAS or NAME@VERSION
    #[arg(long, value_name = "MODEL")]
    pub model: ModelReference,
    /// The table to score: a file, a folder or a glob
    #[arg(long, value_name = "URL")]
    pub input: String,
    /// Where the scores go: one file if it ends in .parquet, else a folder of part-<n>.parquet
    #[arg(long, value_name = "URL")]
    pub output: String,
    /// The key column; the one that the model was trained with when absent
    #[arg(long, value_name = "COLUMN")]
    pub key: Option<ColumnName>,
    /// A column to carry over beside the key; may be repeated
    #[arg(long, value_name = "COLUMN")]
    pub keep: Vec<ColumnName>,
    /// How many processes score at once
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub processes: u32,
    /// How the summary is printed on stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// The day that goes into scored_at; today (UTC) when absent
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub run_date: Option<NaiveDate>,
}

/// Models.
#[derive(Debug, Args)]
pub struct Models {
    /// What to do; a list when absent
    #[command(subcommand)]
    pub action: Option<ModelAction>,
    /// How results are printed on stdout; table when absent
    #[arg(long = "output", value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
}

impl Models {
    /// How results are printed, said before the action or after it.
    pub fn shown(&self) -> Format {
        let after = match &self.action {
            Some(ModelAction::Show { format, .. } | ModelAction::Promote { format, .. }) => *format,
            Some(ModelAction::Export { .. }) | None => None,
        };
        after.or(self.format).unwrap_or(Format::Table)
    }
}

/// What models are exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModelFormat {
    /// One file that PyTorch and libtorch run, from encoded inputs to calibrated predictions
    Torchscript,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub enum ModelAction {
    /// Show a model's versions, aliases and measures
    Show {
        /// The model
        #[arg(value_name = "NAME")]
        model: ModelName,
        /// How results are printed on stdout; table when absent
        #[arg(long = "output", value_enum, value_name = "FORMAT")]
        format: Option<Format>,
    },
    /// Write a version as a file for other programs. `kindred models --output json export …` prints the result as JSON
    Export {
        /// The version: NAME@VERSION or NAME@ALIAS
        #[arg(value_name = "NAME@VERSION")]
        model: ModelReference,
        /// What it is written as
        #[arg(long, value_enum, default_value_t = ModelFormat::Torchscript, value_name = "FORMAT")]
        format: ModelFormat,
        /// The file: a path or URL
        #[arg(long, value_name = "URL")]
        output: String,
    },
    /// Point an alias to a version
    Promote {
        /// The version: NAME@VERSION, or NAME@ALIAS for the version that an alias points to
        #[arg(value_name = "NAME@VERSION")]
        model: ModelReference,
        /// The alias that moves
        alias: AliasName,
        /// How results are printed on stdout; table when absent
        #[arg(long = "output", value_enum, value_name = "FORMAT")]
        format: Option<Format>,
    },
}

/// Audiences.
#[derive(Debug, Args)]
pub struct Audiences {
    /// What to do; a list when absent
    #[command(subcommand)]
    pub action: Option<AudienceAction>,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
}

/// What can be done with audiences.
#[derive(Debug, Subcommand)]
pub enum AudienceAction {
    /// Show an audience's current version, its history and what was held back
    #[command(disable_version_flag = true)]
    Show {
        /// The audience
        #[arg(value_name = "NAME")]
        audience: AudienceName,
        /// Another version than the current one, published or held back
        #[arg(long, value_name = "N")]
        version: Option<u64>,
    },
    /// Publish what a guard held back, after looking at it. Everything is checked again but the guards
    Release(Release),
}

/// What is released, by whom and why.
#[derive(Debug, Args)]
pub struct Release {
    /// Audiences, of which the version that was held back last is meant, or runs, all of whose are
    #[arg(required = true, value_name = "NAME|RUN")]
    pub names: Vec<String>,
    /// Why it is right to publish it; goes into the manifest
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: String,
    /// Who releases it; goes into the manifest
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    pub by: String,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write name=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parsed(line: &str) -> Arguments {
        Arguments::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_stand_before_or_after_what_they_are_for() {
        let arguments = parsed("kindred run a.yaml b.yaml --set today=1998-07-01 --set x= --output json --workspace w");
        assert_eq!(arguments.workspace, "w");
        let Command::Run(run) = arguments.command else { panic!("not run") };
        assert_eq!(run.files.len(), 2);
        assert_eq!(run.beside.set[0], ("today".to_owned(), "1998-07-01".to_owned()));
        assert_eq!(run.beside.set[1], ("x".to_owned(), String::new()));
        assert_eq!(run.shown.format, Format::Json);

        for line in ["kindred models --output yaml show repurchase", "kindred models show repurchase --output yaml"] {
            let Command::Models(models) = parsed(line).command else { panic!("not models") };
            assert_eq!(models.shown(), Format::Yaml, "{line}");
        }
    }

    #[test]
    fn an_export_has_a_format_of_its_own_and_says_where_it_goes() {
        let line = "kindred models --output json export repurchase@3 --format torchscript --output s3://b/model.pt";
        let Command::Models(models) = parsed(line).command else { panic!("not models") };
        assert_eq!(models.shown(), Format::Json);
        let Some(ModelAction::Export { model, format, output }) = models.action else { panic!("not export") };
        assert_eq!((model.to_string().as_str(), format), ("repurchase@3", ModelFormat::Torchscript));
        assert_eq!(output, "s3://b/model.pt");
    }

    #[test]
    fn a_coordinator_has_addresses_that_only_this_machine_reaches_unless_told() {
        let Command::Coordinator(serve) = parsed("kindred coordinator --workspace w").command else {
            panic!("not coordinator")
        };
        assert!(serve.listen.ip().is_loopback() && serve.http_listen.ip().is_loopback());
        assert!(serve.tokens.is_none() && serve.tls_cert.is_none() && !serve.take_over);
        let token = parsed("kindred coordinator token ana submitter --output json").command;
        let Command::Coordinator(serve) = token else { panic!("not coordinator") };
        let Some(ServeAction::Token { name, role, shown }) = serve.action else { panic!("not token") };
        assert_eq!((name.as_str(), role.as_str(), shown.format), ("ana", "submitter", Format::Json));
    }

    #[test]
    fn a_submission_is_named_owned_and_urgent() {
        let line = "kindred submit a.yaml --set today=x --run-date 2026-01-05 --client-token t-1 --owner ana --priority 9 \
                    --watch --coordinator https://c:1 --ca ca.pem";
        let Command::Submit(submit) = parsed(line).command else { panic!("not submit") };
        assert_eq!(submit.client_token.unwrap().as_str(), "t-1");
        assert_eq!((submit.owner.unwrap().as_str(), submit.priority, submit.watch), ("ana", Some(9), true));
        assert_eq!(submit.contact.coordinator, "https://c:1");
        let Command::Runs(list) = parsed("kindred runs --state failed --state held-back --kind scoring").command else {
            panic!("not runs")
        };
        assert_eq!(list.state, [StateWord::Failed, StateWord::HeldBack]);
    }

    #[test]
    fn a_release_says_who_and_why() {
        let line = "kindred audiences release buyers nightly-0123456789ab --reason seen --by ana --output json";
        let Command::Audiences(audiences) = parsed(line).command else { panic!("not audiences") };
        assert_eq!(audiences.shown.format, Format::Json);
        let Some(AudienceAction::Release(release)) = audiences.action else { panic!("not release") };
        assert_eq!((release.names.len(), release.reason.as_str(), release.by.as_str()), (2, "seen", "ana"));
        let Command::Audiences(audiences) = parsed("kindred audiences show buyers --version 3").command else {
            panic!("not audiences")
        };
        assert!(matches!(audiences.action, Some(AudienceAction::Show { version: Some(3), .. })));
    }

    #[test]
    fn scoring_writes_to_its_output() {
        let line = "kindred score --model repurchase@production --input people --output s3://b/scores --format json";
        let Command::Score(score) = parsed(line).command else { panic!("not score") };
        assert_eq!(score.output, "s3://b/scores");
        assert_eq!(score.format, Format::Json);
        assert_eq!(score.model.to_string(), "repurchase@production");
    }

    #[test]
    fn tables_go_to_a_folder() {
        let line = "kindred prepare rfm.yaml --set today=2026-03-31 --table rfm --table cells --output s3://b/tables";
        let Command::Prepare(prepare) = parsed(line).command else { panic!("not prepare") };
        assert_eq!((prepare.output.as_str(), prepare.table.len()), ("s3://b/tables", 2));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "kindred run",
            "kindred prepare rfm.yaml",
            "kindred run a.yaml --set today",
            "kindred run a.yaml --set =x",
            "kindred run a.yaml --run-date tomorrow",
            "kindred score --model repurchase --input a --output b",
            "kindred models promote ../x@1 production",
            "kindred models export repurchase@1",
            "kindred models export repurchase@1 --format onnx --output a.onnx",
            "kindred audiences show Buyers!",
            "kindred audiences release buyers",
            "kindred audiences release --reason seen",
            "kindred coordinator --tls-cert a.pem",
            "kindred coordinator --client-ca a.pem",
            "kindred coordinator --listen localhost",
            "kindred coordinator token ana root",
            "kindred coordinator --max-runs 0",
            "kindred submit",
            "kindred submit a.yaml --priority 10",
            "kindred runs --state sleeping",
            "kindred logs r-1 --stage fit",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
