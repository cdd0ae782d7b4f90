//! Lookalike tasks: their seeds, and the people that they learn from.

use super::{Checker, spec, tables};
use crate::contradiction::LookalikeContradiction;
use crate::ids::ColumnName;
use crate::node::Path;
use crate::task::{LookalikeLoss, LookalikeTask, SeedTable};
use crate::training::TrainingSpec;

pub(super) fn check(
    checker: &mut Checker<'_>,
    path: &Path,
    (task, key): (&LookalikeTask, &ColumnName),
    known: &tables::Known,
) {
    check_seeds(checker, &path.name("seeds"), (&task.seeds, key), known);
    for (index, table) in task.exclude.iter().enumerate() {
        tables::check_exists(checker, &path.name("exclude").item(index).name("table"), &table.table, known);
    }
    if task.prior.is_some() && task.loss == LookalikeLoss::Plain && !checker.is_damaged(&path.name("loss")) {
        checker.report(&path.name("prior"), LookalikeContradiction::PriorOfPlainLoss.into());
    }
    let has_rate = task.negative_rate < 1.0 && !checker.is_damaged(&path.name("negative_rate"));
    if has_rate && task.negatives.is_some() {
        checker.report(&path.name("negative_rate"), LookalikeContradiction::RateAndRatio.into());
    }
    let sampled = match (has_rate, task.negatives) {
        (_, Some(_)) => Some("negatives"),
        (true, None) => Some("negative_rate"),
        (false, None) => None,
    };
    if let Some(field) = sampled.filter(|_| task.loss == LookalikeLoss::ElkanNoto) {
        checker.report(&path.name(field), LookalikeContradiction::SampledElkanNoto.into());
    }
}

/// A table of seeds; `key` is the document's key.
pub(super) fn check_seeds(
    checker: &mut Checker<'_>,
    path: &Path,
    (seeds, key): (&SeedTable, &ColumnName),
    known: &tables::Known,
) {
    if seeds.campaign.as_ref() == Some(seeds.key.as_ref().unwrap_or(key)) {
        checker.report(&path.name("campaign"), LookalikeContradiction::CampaignIsKey.into());
    }
    tables::check_exists(checker, &path.name("table"), &seeds.table, known);
    if seeds.value.is_some() && seeds.campaign.is_none() && !checker.is_damaged(&path.name("campaign")) {
        checker.report(&path.name("value"), LookalikeContradiction::CampaignOfNoColumn.into());
    }
    if seeds.max_lists.is_some() && seeds.lists().is_none() && !checker.has_damage(path) {
        checker.report(&path.name("max_lists"), LookalikeContradiction::MaxListsOfOneList.into());
    }
}

/// No task is named like a list of another one's table.
pub(super) fn check_names(checker: &mut Checker<'_>, training: &TrainingSpec) {
    for (table, _) in
        training.tasks.iter().filter(|(_, task)| task.seeds().is_some_and(|seeds| seeds.lists().is_some()))
    {
        for name in training.tasks.keys().filter(|name| name.is_list_of(table)) {
            let table = table.to_string();
            checker.report(&spec("tasks").name(name), LookalikeContradiction::NamedLikeList { table }.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{TRAINING, check_edits};

    const BEST: &str =
        "best: {kind: lookalike, seeds: {table: best_customers, key: customer_id}, prior: 5%, loss: nnpu}";

    #[test]
    fn a_table_of_seed_lists_is_told_apart_by_a_column() {
        let seeds = "{table: best_customers, campaign: city, min_size: 30, max_lists: 12}";
        let of =
            |seeds: &str| format!("best: {{kind: lookalike, seeds: {seeds}, loss: nnpu, negatives: {{ratio: 5}}}}");
        check_edits(
            TRAINING,
            &[
                (BEST, &of(seeds), &[]),
                (BEST, &of("{table: best_customers, campaign: city, value: Bonn, min_size: 30}"), &[]),
                (
                    BEST,
                    &of("{table: best_customers, value: §Bonn}"),
                    &["spec.tasks.best.seeds.value: `value` is a value of the column `campaign`: name that column"],
                ),
                (
                    BEST,
                    &of("{table: best_customers, campaign: §customer_id}"),
                    &[
                        "spec.tasks.best.seeds.campaign: `campaign` is the seeds' key: name the column that tells campaigns apart",
                    ],
                ),
                (
                    BEST,
                    &of("{table: best_customers, max_lists: §12}"),
                    &[
                        "spec.tasks.best.seeds.max_lists: `max_lists` is for tables of many lists: name their column with `campaign`, without `value`",
                    ],
                ),
                (
                    BEST,
                    &of("{table: best_customers, campaign: city, max_lists: §1001}"),
                    &["spec.tasks.best.seeds.max_lists: 1001 is out of range: expected 1 to 1000"],
                ),
            ],
        );
    }

    #[test]
    fn negatives_are_said_once_and_not_where_all_are_needed() {
        let of = |rest: &str| format!("best: {{kind: lookalike, seeds: {{table: best_customers}}, {rest}}}");
        check_edits(
            TRAINING,
            &[
                (BEST, &of("exclude: [{table: stores, key: customer_id}], negative_rate: 10%"), &[]),
                (
                    BEST,
                    &of("exclude: [{table: §shops}]"),
                    &[
                        "spec.tasks.best.exclude[0].table: there is no table `shops` (tables so far: transactions, stores, raw, customers, best_customers)",
                    ],
                ),
                (
                    BEST,
                    &of("negatives: {ratio: 3}, negative_rate: §0.1"),
                    &["spec.tasks.best.negative_rate: `negatives` and `negative_rate` exclude one another: keep one"],
                ),
                (
                    BEST,
                    &of("loss: elkan_noto, §negatives: {ratio: 3}"),
                    &[
                        "spec.tasks.best.negatives: the loss elkan_noto learns from all people that are no seeds; leave some out with the loss plain or nnpu",
                    ],
                ),
                (
                    BEST,
                    &of("negatives: {ratio: §0}"),
                    &["spec.tasks.best.negatives.ratio: 0 is out of range: expected above 0"],
                ),
            ],
        );
    }

    #[test]
    fn lists_are_named_in_measures_and_no_task_is_named_like_one() {
        let lists = "best: {kind: lookalike, seeds: {table: best_customers, campaign: city}}";
        let text = TRAINING.replace(BEST, lists);
        check_edits(
            &text,
            &[
                ("measure: repurchase.auc", "measure: best.recall_at_10_percent", &[]),
                ("measure: repurchase.auc", "measure: best_bonn.auc", &[]),
                (
                    "measure: repurchase.auc",
                    "measure: §bestbonn.auc",
                    &[
                        "spec.training.early_stopping.measure: there is no task `bestbonn` (tasks: repurchase, spend, best)",
                    ],
                ),
                (
                    lists,
                    &format!("{lists}\n    §best_bonn: {{kind: binary, label: x}}"),
                    &[
                        "spec.tasks.best_bonn: the seed lists of task `best` become tasks named `best_…`: give this task another name",
                    ],
                ),
            ],
        );
    }
}
