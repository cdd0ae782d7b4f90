//! The search of a Training document.

use super::training::{check_stopping_measure, parts};
use super::{Checker, spec, training};
use crate::contradiction::Contradiction;
use crate::mistake::Mistake;
use crate::node::{Node, Path};
use crate::preparation::Written;
use crate::problem::Problem;
use crate::search::{Domain, EPOCHS, Search, SearchMethod, SearchMistake, SearchPlan};
use crate::training::TrainingSpec;

/// Trials of a search whose documents are wrong that are reported, at the most.
const MOST_TRIALS: usize = 3;

pub(super) fn check(checker: &mut Checker<'_>, training: &TrainingSpec) {
    let Some(search) = &training.search else { return };
    let path = spec("search");
    if let Some(objective) = &search.objective {
        check_stopping_measure(checker, &path.name("objective"), training, objective);
    }
    if !parts(&training.split).0 {
        checker.report(&path, Contradiction::NoRows { what: "a search", part: "validation" });
    }
    if let SearchMethod::SuccessiveHalving(halving) = &search.method
        && halving.min_epochs > training.training.epochs
    {
        let (min_epochs, epochs) = (halving.min_epochs, training.training.epochs);
        let mistake = SearchMistake::LongestFirst { min_epochs, epochs };
        checker.report_mistake(&path.name("method").name("min_epochs"), Mistake::Search(mistake));
    }
    check_space(checker, search, &path.name("space"));
}

fn check_space(checker: &mut Checker<'_>, search: &Search, space: &Path) {
    for (name, domain) in &search.space {
        let path = space.name(name);
        let halves = matches!(search.method, SearchMethod::SuccessiveHalving(_));
        if name == EPOCHS && halves {
            let reason = "successive halving shares the epochs out; search it with method: {kind: random}";
            let mistake = SearchMistake::NotSearched { path: name.clone(), reason };
            checker.report_mistake(&path, Mistake::Search(mistake));
        }
        let holds = |other: &&String| name.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('.'));
        if let Some(of) = search.space.keys().find(holds) {
            checker.report_mistake(&path, Mistake::Search(SearchMistake::Overlap { of: of.clone() }));
        }
        if let Some((kind, mistake)) = wrong_ends(domain) {
            checker.report_mistake(&path.name(kind), Mistake::Search(mistake));
        }
    }
}

/// What is wrong with the ends of a range.
fn wrong_ends(domain: &Domain) -> Option<(&'static str, SearchMistake)> {
    let (kind, [low, high]) = match domain {
        Domain::Uniform(ends) => ("uniform", *ends),
        Domain::LogUniform([low, _]) if *low <= 0.0 => {
            return Some(("log_uniform", SearchMistake::NotPositive { low: *low }));
        }
        Domain::LogUniform(ends) => ("log_uniform", *ends),
        Domain::Choice(_) => return None,
    };
    (low >= high).then_some((kind, SearchMistake::EmptyRange { low, high }))
}

/// Reports trials whose settings make no valid document, in a document that is valid itself.
pub(crate) fn validate_trials(document: &Written, tree: &Node, problems: &mut Vec<Problem>) {
    let Written::Training(training) = document else { return };
    let spec = &training.spec;
    if spec.search.is_none() {
        return;
    }
    let Ok(plan) = SearchPlan::of(spec) else { return };
    let wrong = plan.trials.iter().filter_map(|trial| {
        let problem = match trial.document(spec) {
            Ok(drawn) => first_problem(&drawn, tree)?,
            Err(error) => error.to_string(),
        };
        Some(SearchMistake::Trial { trial: trial.number, settings: trial.words(), problem })
    });
    let path = super::spec("search").name("space");
    for mistake in wrong.take(MOST_TRIALS) {
        let place = Some(tree.nearest(&path).place.clone());
        problems.push(Problem { place, path: path.to_string(), mistake: Mistake::Search(mistake) });
    }
}

/// What is wrong with a trial's document, without a place: its values stand nowhere.
fn first_problem(drawn: &TrainingSpec, tree: &Node) -> Option<String> {
    let mut problems = Vec::new();
    training::check(&mut Checker { tree, damage: &[], problems: &mut problems }, drawn);
    problems.into_iter().next().map(|problem| Problem { place: None, ..problem }.to_string())
}
