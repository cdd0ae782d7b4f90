//! Measures of a table of seed lists as a whole: the mean over its lists.

use indexmap::IndexMap;
use spec::TaskName;

/// A task's value; where there is no such task, the mean over the tasks that are seed lists of its table. None where no value is
/// defined.
pub fn of_task_or_lists<T>(
    tasks: &IndexMap<TaskName, T>,
    name: &TaskName,
    value: impl Fn(&T) -> Option<f64>,
) -> Option<f64> {
    if let Some(task) = tasks.get(name) {
        return value(task);
    }
    let lists = tasks.iter().filter(|(task, _)| task.is_list_of(name));
    let values: Vec<f64> = lists.filter_map(|(_, task)| value(task)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_mean_of_its_lists_and_a_task_its_own() {
        let tasks: IndexMap<TaskName, Option<f64>> = [
            ("campaign_8", Some(0.6)),
            ("campaign_13", Some(0.8)),
            ("campaign_20", None),
            ("campaigns", Some(0.1)),
            ("buy", Some(0.9)),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value))
        .collect();
        let of = |name: &str| of_task_or_lists(&tasks, &name.parse().unwrap(), |value| *value);
        assert_eq!((of("buy"), of("campaign_20"), of("other")), (Some(0.9), None, None));
        assert!((of("campaign").unwrap() - 0.7).abs() < 1e-12);
    }
}
