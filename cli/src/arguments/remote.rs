//! What is asked of a coordinator.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use coordinator::{ClientToken, Owner};
use proto::Stage;
use proto::api::v1;

use super::{Beside, Shown};

/// Where the coordinator is, and how to introduce oneself.
#[derive(Debug, Args)]
pub struct Contact {
    /// The coordinator: http:// or https://
    #[arg(
        long,
        global = true,
        env = "KINDRED_COORDINATOR",
        default_value = "http://127.0.0.1:7460",
        value_name = "URL"
    )]
    pub coordinator: String,
    /// A file with the token to send; KINDRED_TOKEN holds a token itself
    #[arg(long, global = true, env = "KINDRED_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Whose certificate the coordinator has to show, as PEM; needed for https
    #[arg(long, global = true, env = "KINDRED_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The certificate chain to show, as PEM (mutual TLS)
    #[arg(long, global = true, env = "KINDRED_CLIENT_CERT", value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, global = true, env = "KINDRED_CLIENT_KEY", value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
}

/// Documents for a coordinator.
#[derive(Debug, Args)]
pub struct Submit {
    /// YAML files with one or more documents each; they are run in order. Relative paths in them are below this folder, on the
    /// coordinator's machine too
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What is said beside documents
    #[command(flatten)]
    pub beside: Beside,
    /// Names this submission: the same again is the same submission
    #[arg(long, value_name = "TEXT")]
    pub client_token: Option<ClientToken>,
    /// Whose it is; the token's name when absent
    #[arg(long, value_name = "NAME")]
    pub owner: Option<Owner>,
    /// 0 to 9, 9 goes first; 5 when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=9))]
    pub priority: Option<u32>,
    /// Show how it goes until it has ended, and end with its exit code
    #[arg(long)]
    pub watch: bool,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
    /// The coordinator
    #[command(flatten)]
    pub contact: Contact,
}

/// A list of submissions or runs.
#[derive(Debug, Args)]
pub struct List {
    /// Those in this state; may be repeated
    #[arg(long, value_enum, value_name = "STATE")]
    pub state: Vec<StateWord>,
    /// Those of this owner
    #[arg(long, value_name = "NAME")]
    pub owner: Option<Owner>,
    /// Those of this kind
    #[arg(long, value_enum, value_name = "KIND")]
    pub kind: Option<KindWord>,
    /// Those of the document of this name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: u32,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
    /// The coordinator
    #[command(flatten)]
    pub contact: Contact,
}

/// One submission or run.
#[derive(Debug, Args)]
pub struct One {
    /// A run or a submission
    #[arg(value_name = "ID")]
    pub id: String,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
    /// The coordinator
    #[command(flatten)]
    pub contact: Contact,
}

/// The output of a run's processes.
#[derive(Debug, Args)]
pub struct Logs {
    /// The run
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Of this stage alone: train, plan, score, publish, prepare or search
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<Stage>,
    /// Of the process with this index alone
    #[arg(long, value_name = "N")]
    pub process: Option<u32>,
    /// Go on with what is written until the run has ended
    #[arg(long, short)]
    pub follow: bool,
    /// The coordinator
    #[command(flatten)]
    pub contact: Contact,
}

/// Schedules.
#[derive(Debug, Args)]
pub struct Schedules {
    /// What to do; a list when absent
    #[command(subcommand)]
    pub action: Option<ScheduleAction>,
    /// How results are printed
    #[command(flatten)]
    pub shown: Shown,
    /// The coordinator
    #[command(flatten)]
    pub contact: Contact,
}

/// What can be done with schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleAction {
    /// Show a schedule, its next times and its last slots
    Show {
        /// The schedule: its document's name
        name: String,
    },
    /// Start nothing of it any more, until it is resumed
    Pause {
        /// The schedule: its document's name
        name: String,
    },
    /// Go on with the slots after now
    Resume {
        /// The schedule: its document's name
        name: String,
    },
    /// End a schedule; what runs goes on
    Remove {
        /// The schedule: its document's name
        name: String,
    },
}

/// Where a submission or run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateWord {
    /// It waits for its turn
    Queued,
    /// It is being worked on
    Running,
    /// Its processes are being stopped
    Stopping,
    /// It was stopped and can go on
    Interrupted,
    /// Somebody cancelled it
    Cancelled,
    /// It failed
    Failed,
    /// It is done
    Succeeded,
    /// It is done, and guards held something back
    HeldBack,
}

impl From<StateWord> for v1::State {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Queued => Self::Queued,
            StateWord::Running => Self::Running,
            StateWord::Stopping => Self::Stopping,
            StateWord::Interrupted => Self::Interrupted,
            StateWord::Cancelled => Self::Cancelled,
            StateWord::Failed => Self::Failed,
            StateWord::Succeeded => Self::Succeeded,
            StateWord::HeldBack => Self::HeldBack,
        }
    }
}

/// What a document asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindWord {
    /// Fit a model
    Training,
    /// Score a population
    Scoring,
    /// Fit many models and the best of them
    Search,
}

impl From<KindWord> for v1::Kind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Training => Self::Training,
            KindWord::Scoring => Self::Scoring,
            KindWord::Search => Self::Search,
        }
    }
}
