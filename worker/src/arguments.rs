//! The command line that coordinators start workers with.

use std::time::Duration;

use proto::{Generation, Registration, Stage, TOKEN_VARIABLE, Token};
use spec::RunId;

use crate::error::WorkerError;

/// Arguments of a worker process's `work` command. Coordinators write them; people rarely do.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkArguments {
    /// The coordinator's address, such as http://127.0.0.1:4000
    #[arg(long, value_name = "URL")]
    pub coordinator: String,
    /// Where everything durable lies
    #[arg(long, value_name = "URL")]
    pub workspace: String,
    /// The run
    #[arg(long)]
    pub run: RunId,
    /// The stage: train, plan, score or publish
    #[arg(long)]
    pub stage: Stage,
    /// Which launch of processes for the stage
    #[arg(long)]
    pub generation: u64,
    /// Index among the processes of that launch
    #[arg(long, default_value_t = 0)]
    pub process: u32,
}

/// Everything that a worker process is told when it starts.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The coordinator's address.
    pub coordinator: String,
    /// The run's secret.
    pub token: Token,
    /// What the process was started for.
    pub registration: Registration,
    /// How long it tries to reach the coordinator at the start.
    pub connect_within: Duration,
    /// How long the work may take to stop once it is told to.
    pub grace: Duration,
}

impl WorkArguments {
    /// The options that these arguments and the token in the environment mean.
    pub fn options(&self) -> Result<WorkerOptions, WorkerError> {
        let token = std::env::var(TOKEN_VARIABLE).ok().and_then(|token| Token::parse(&token));
        Ok(WorkerOptions {
            coordinator: self.coordinator.clone(),
            token: token.ok_or(WorkerError::Token)?,
            registration: Registration {
                run: self.run.clone(),
                stage: self.stage,
                generation: Generation(self.generation),
                process: self.process,
                pid: std::process::id().into(),
                version: proto::PROGRAM_VERSION.to_owned(),
            },
            connect_within: Duration::from_secs(30),
            grace: Duration::from_secs(15),
        })
    }
}
