//! `kindred coordinator`

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use coordinator::{Owner, Role};

use super::Shown;

/// A long-lived coordinator.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Serve {
    /// What to do; coordinate when absent
    #[command(subcommand)]
    pub action: Option<ServeAction>,
    /// Where clients reach it
    #[arg(long, env = "KINDRED_LISTEN", default_value = "127.0.0.1:7460", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Where /healthz, /readyz and /metrics are
    #[arg(long, env = "KINDRED_HTTP_LISTEN", default_value = "127.0.0.1:7461", value_name = "ADDRESS")]
    pub http_listen: SocketAddr,
    /// Who may do what; without it everybody may, on the loopback interface alone
    #[arg(long, env = "KINDRED_TOKENS", value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// The certificate chain that clients are shown, as PEM
    #[arg(long, env = "KINDRED_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, env = "KINDRED_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Whose certificates clients have to show, as PEM (mutual TLS)
    #[arg(long, env = "KINDRED_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub client_ca: Option<PathBuf>,
    /// Whose certificate a coordinator has to show that has the workspace, serves over TLS and is asked whether it is alive, as PEM
    #[arg(long, env = "KINDRED_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Begin though another coordinator works in the workspace, or may; that one then stops
    #[arg(long)]
    pub take_over: bool,
    /// How long processes may take to end once it is told to stop, in seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    pub grace: u64,
    /// How the log on stderr is written; json where stderr is no terminal
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// How many runs at once
    #[command(flatten)]
    pub most: Most,
}

/// How many runs at once.
#[derive(Debug, Args)]
pub struct Most {
    /// How many submissions run at once
    #[arg(long, value_name = "N")]
    pub max_runs: Option<NonZeroU32>,
    /// How many of them train
    #[arg(long, value_name = "N")]
    pub max_training: Option<NonZeroU32>,
    /// How many of them score
    #[arg(long, value_name = "N")]
    pub max_scoring: Option<NonZeroU32>,
    /// How many of them search
    #[arg(long, value_name = "N")]
    pub max_search: Option<NonZeroU32>,
    /// How many of them are of one owner
    #[arg(long, value_name = "N")]
    pub max_runs_per_owner: Option<NonZeroU32>,
    /// How many submissions of one owner may wait or run
    #[arg(long, value_name = "N")]
    pub max_submissions_per_owner: Option<NonZeroU32>,
}

/// What can be done beside coordinating.
#[derive(Debug, Subcommand)]
pub enum ServeAction {
    /// Make a token: prints it, once, and its line for the tokens file
    Token {
        /// Whose it is; owns what is submitted with it
        name: Owner,
        /// What it allows: viewer, submitter or admin
        role: Role,
        /// How the result is printed
        #[command(flatten)]
        shown: Shown,
    },
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// A JSON object a line
    Json,
}
