//! `kindred lift` and `kindred review`: the scorer reads packages and outcomes, this shows what it found.

use anyhow::anyhow;
use artifacts::Workspace;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spec::{AudienceName, ColumnName, Version};

use crate::arguments::{Chosen, Format, Lift, Outcomes, Review};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::interrupt;
use crate::show;
use crate::show::lift::{one, side_by_side};
use crate::workers::{self, Worker};

/// What the scorer's `lift` reads on stdin.
#[derive(Debug, Serialize)]
struct Request<'a> {
    workspace: String,
    audiences: Vec<Asked>,
    outcomes: Table<'a>,
    confidence: f64,
}

#[derive(Debug, Serialize)]
struct Asked {
    audience: AudienceName,
    version: Option<Version>,
    cost: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Table<'a> {
    url: String,
    key: &'a Option<ColumnName>,
    id: &'a Option<ColumnName>,
    converted: &'a Option<ColumnName>,
    value: &'a Option<ColumnName>,
    exposed: &'a Option<ColumnName>,
}

/// What it prints on stdout.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Lift(Vec<Value>),
    Refused { message: String, causes: Vec<String> },
}

pub(super) async fn lift(workspace: &Workspace, arguments: Lift) -> Result<Ending, Failure> {
    let Lift { audience, version, outcomes, shown } = arguments;
    let asked = vec![Asked { audience, version, cost: None }];
    let lifts = ask(workspace, asked, &outcomes).await?;
    let Some(value) = lifts.into_iter().next() else {
        return Err(Failure::Failed(anyhow!("the scorer answered without an audience")));
    };
    print(shown.format, &value, one)
}

pub(super) async fn review(workspace: &Workspace, arguments: Review) -> Result<Ending, Failure> {
    let Review { audiences, costs, outcomes, shown } = arguments;
    let lifts = ask(workspace, asked(audiences, &costs)?, &outcomes).await?;
    print(shown.format, &json!({"audiences": lifts}), |value: &Value| {
        let lifts: Vec<Value> = value["audiences"].as_array().cloned().unwrap_or_default();
        side_by_side(&lifts)
    })
}

fn print(format: Format, value: &Value, table: impl FnOnce(&Value) -> String) -> Result<Ending, Failure> {
    show::result(format, value, || table(value))?;
    Ok(Ending::Done)
}

/// The audiences with their costs; a cost of none of them is a mistake.
fn asked(audiences: Vec<Chosen>, costs: &[(Chosen, f64)]) -> Result<Vec<Asked>, Failure> {
    let words = |chosen: &Chosen| match chosen.version {
        Some(version) => format!("{}@{version}", chosen.audience),
        None => chosen.audience.to_string(),
    };
    let twice = |place: &usize| audiences[..*place].contains(&audiences[*place]);
    if let Some(place) = (0..audiences.len()).find(twice) {
        return Err(Failure::Usage(anyhow!("audience {} is named twice", words(&audiences[place]))));
    }
    for (place, (chosen, _)) in costs.iter().enumerate() {
        if !audiences.contains(chosen) {
            let known: Vec<String> = audiences.iter().map(words).collect();
            let (chosen, known) = (words(chosen), known.join(", "));
            return Err(Failure::Usage(anyhow!(
                "--cost {chosen} is of no audience of this review; there are: {known}"
            )));
        }
        if costs[..place].iter().any(|(earlier, _)| earlier == chosen) {
            return Err(Failure::Usage(anyhow!("--cost {} is given twice", words(chosen))));
        }
    }
    let cost_of = |chosen: &Chosen| costs.iter().find(|(of, _)| of == chosen).map(|(_, cost)| *cost);
    let asked = audiences.into_iter().map(|chosen| {
        let cost = cost_of(&chosen);
        Asked { audience: chosen.audience, version: chosen.version, cost }
    });
    Ok(asked.collect())
}

async fn ask(workspace: &Workspace, audiences: Vec<Asked>, outcomes: &Outcomes) -> Result<Vec<Value>, Failure> {
    let Outcomes { url, key, id, converted, value, exposed, confidence } = outcomes;
    let outcomes = Table { url: url.clone(), key, id, converted, value, exposed };
    let request = Request { workspace: workspace.url(), audiences, outcomes, confidence: *confidence };
    let controlled = interrupt::listen()?;
    let answer: Answer = interrupt::or_interrupted(&controlled, workers::ask(Worker::Scorer, "lift", &request)).await?;
    match answer {
        Answer::Lift(lifts) => Ok(lifts),
        Answer::Refused { message, causes } => {
            let lines = causes.into_iter().rev().chain([message]);
            let error = lines.fold(None, |cause: Option<anyhow::Error>, line| {
                Some(match cause {
                    Some(cause) => cause.context(line),
                    None => anyhow!(line),
                })
            });
            Err(Failure::Usage(error.unwrap_or_else(|| anyhow!("the scorer refused and did not say why"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(audience: &str, version: Option<u64>) -> Chosen {
        Chosen { audience: audience.parse().unwrap(), version: version.map(Version) }
    }

    #[test]
    fn a_cost_goes_to_the_audience_that_it_names() {
        let audiences = vec![chosen("a", None), chosen("b", Some(3))];
        let found = asked(audiences.clone(), &[(chosen("b", Some(3)), 12.5)]).unwrap();
        assert_eq!(found.iter().map(|asked| asked.cost).collect::<Vec<_>>(), [None, Some(12.5)]);
        let error = asked(audiences.clone(), &[(chosen("b", None), 1.0)]).unwrap_err().message();
        assert_eq!(error, "error: --cost b is of no audience of this review; there are: a, b@3");
        let error = asked(vec![chosen("a", None), chosen("a", None)], &[]).unwrap_err().message();
        assert_eq!(error, "error: audience a is named twice");
        let twice = [(chosen("a", None), 1.0), (chosen("a", None), 2.0)];
        assert_eq!(asked(audiences, &twice).unwrap_err().message(), "error: --cost a is given twice");
    }
}
