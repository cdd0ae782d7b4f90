//! What the document says of a task, in a line.

use indexmap::IndexMap;
use spec::task::{BinaryLoss, BinaryTask, LookalikeLoss, LookalikeTask, MulticlassTask, RegressionLoss};
use spec::{Task, TaskName, TrainingSpec};

/// A line for each task, in the document's order.
pub(super) fn lines(spec: &TrainingSpec) -> IndexMap<TaskName, String> {
    spec.tasks.iter().map(|(name, task)| (name.clone(), line(task))).collect()
}

fn line(task: &Task) -> String {
    let mut parts = vec![match task {
        Task::Lookalike(task) => seeds(task),
        Task::Binary(_) | Task::Value(_) | Task::Regression(_) | Task::Multiclass(_) => {
            task.label().map_or_else(String::new, |label| format!("Label: {label}"))
        }
    }];
    parts.push(match task {
        Task::Binary(task) => binary(task),
        Task::Value(_) => "zero-inflated log-normal loss".to_owned(),
        Task::Regression(task) => regression(task.loss),
        Task::Multiclass(task) => multiclass(task),
        Task::Lookalike(task) => lookalike(task),
    });
    parts.extend(task.when().map(|when| format!("rows where {when}")));
    parts.extend(task.weight().map(|weight| format!("rows weigh {weight}")));
    if task.negative_rate() < 1.0 {
        let percent = (task.negative_rate() * 1e6).round() / 1e4;
        parts.push(format!("learns from {percent} % of the negative rows, put back in its predictions"));
    }
    parts.extend(task.after().map(|before| format!("after {before}")));
    parts.extend(task.group_by().map(|group| format!("grouped by {group}")));
    format!("{}.", parts.join("; "))
}

fn binary(task: &BinaryTask) -> String {
    match task.loss {
        BinaryLoss::CrossEntropy(_) if task.positive_weight == 1.0 => "cross-entropy".to_owned(),
        BinaryLoss::CrossEntropy(_) => format!("cross-entropy, positive rows times {}", task.positive_weight),
        BinaryLoss::Focal(focal) => format!("focal loss, gamma {}, alpha {}", focal.gamma, focal.alpha),
    }
}

fn regression(loss: RegressionLoss) -> String {
    match loss {
        RegressionLoss::Squared(_) | RegressionLoss::Poisson(_) => format!("{} loss", loss.kind()),
        RegressionLoss::Huber(huber) => format!("huber loss, delta {}", huber.delta),
        RegressionLoss::Tweedie(tweedie) => format!("tweedie loss, power {}", tweedie.power),
    }
}

fn multiclass(task: &MulticlassTask) -> String {
    let MulticlassTask { min_count, max_classes, .. } = task;
    format!("softmax cross-entropy over at most {max_classes} classes of {min_count} rows or more, the rest as one")
}

fn seeds(task: &LookalikeTask) -> String {
    let mut words = format!("Seeds: {}", task.seeds.table);
    if let (Some(column), Some(value)) = (&task.seeds.campaign, &task.seeds.value) {
        words.push_str(&format!(" where {column} is {value}"));
    }
    if !task.exclude.is_empty() {
        let tables: Vec<&str> = task.exclude.iter().map(|table| table.table.as_str()).collect();
        words.push_str(&format!("; without people of {}", tables.join(", ")));
    }
    words
}

fn lookalike(task: &LookalikeTask) -> String {
    let prior = task.prior.map_or_else(|| "estimated".to_owned(), |prior| prior.to_string());
    match task.loss {
        LookalikeLoss::Plain => "rows that are no seeds count as negatives".to_owned(),
        LookalikeLoss::Nnpu => format!("non-negative risk of unlabelled rows (nnpu), prior {prior}"),
        LookalikeLoss::ElkanNoto => format!("unlabelled rows by Elkan and Noto, prior {prior}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_what_is_learned_from_which_rows() {
        let cases = [
            (json!({"kind": "binary", "label": "bought"}), "Label: bought; cross-entropy."),
            (
                json!({"kind": "binary", "label": "bought", "when": "clicked = 1", "weight": "days", "negative_rate": 0.07,
                       "positive_weight": 2.5, "group_by": "person"}),
                "Label: bought; cross-entropy, positive rows times 2.5; rows where clicked = 1; rows weigh days; \
                 learns from 7 % of the negative rows, put back in its predictions; grouped by person.",
            ),
            (
                json!({"kind": "binary", "label": "bought", "loss": {"kind": "focal"}, "after": "click"}),
                "Label: bought; focal loss, gamma 2, alpha 0.25; after click.",
            ),
            (json!({"kind": "value", "label": "spend"}), "Label: spend; zero-inflated log-normal loss."),
            (
                json!({"kind": "regression", "label": "visits", "loss": {"kind": "huber", "delta": 2}}),
                "Label: visits; huber loss, delta 2.",
            ),
            (
                json!({"kind": "multiclass", "label": "next", "min_count": 20}),
                "Label: next; softmax cross-entropy over at most 100 classes of 20 rows or more, the rest as one.",
            ),
            (
                json!({"kind": "lookalike", "seeds": {"table": "best", "campaign": "campaign", "value": "18"},
                       "exclude": [{"table": "staff"}]}),
                "Seeds: best where campaign is 18; without people of staff; rows that are no seeds count as negatives.",
            ),
            (
                json!({"kind": "lookalike", "seeds": {"table": "best"}, "loss": "nnpu"}),
                "Seeds: best; non-negative risk of unlabelled rows (nnpu), prior estimated.",
            ),
        ];
        for (task, expected) in cases {
            assert_eq!(line(&serde_json::from_value(task).unwrap()), expected);
        }
    }
}
