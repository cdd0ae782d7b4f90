//! Looking for what a slot waits for.

use std::time::Duration;

use artifacts::clock::Clock;
use artifacts::source;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::{Either, join_all, select};
use spec::{WaitFor, duration};

use super::decide::Inputs;

/// A store that does not answer within this is asked again later.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether everything is there that a slot waits for, since some time. What is missing and times out first is said.
pub(super) async fn look(waits: &[WaitFor], since: DateTime<Utc>, clock: &dyn Clock) -> Inputs {
    let mut missing: Option<Inputs> = None;
    let seen = join_all(waits.iter().map(|wait| is_there(&wait.url, clock))).await;
    for (wait, is_there) in waits.iter().zip(seen) {
        let problem = match is_there {
            Ok(true) => continue,
            Ok(false) => None,
            Err(problem) => Some(problem),
        };
        let until = deadline(wait, since);
        if !matches!(&missing, Some(Inputs::Missing { until: earlier, .. }) if *earlier <= until) {
            missing = Some(Inputs::Missing { url: wait.url.clone(), until, problem });
        }
    }
    missing.unwrap_or(Inputs::There)
}

fn deadline(wait: &WaitFor, since: DateTime<Utc>) -> DateTime<Utc> {
    let timeout = duration::parse(&wait.timeout).ok().and_then(|timeout| TimeDelta::from_std(timeout).ok());
    timeout.and_then(|timeout| since.checked_add_signed(timeout)).unwrap_or(since)
}

/// Whether something is there, or why that cannot be told.
async fn is_there(url: &str, clock: &dyn Clock) -> Result<bool, String> {
    match select(std::pin::pin!(source::is_there(url)), clock.sleep(PATIENCE)).await {
        Either::Left((Ok(is_there), _)) => Ok(is_there),
        Either::Left((Err(error), _)) => Err(with_causes(&error)),
        Either::Right(_) => Err(format!("the store of {url} did not answer within {PATIENCE:?}")),
    }
}

/// An error and what it came of, in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
