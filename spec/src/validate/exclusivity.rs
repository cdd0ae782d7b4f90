//! Audiences of one run that nobody is in both of.

use super::{Checker, spec};
use crate::contradiction::AudienceContradiction;
use crate::ids::AudienceName;
use crate::node::Path;
use crate::scoring::ScoringSpec;

/// Reports audiences that are exclusive with what is no other audience, and priorities that decide nothing.
pub(super) fn check(checker: &mut Checker<'_>, scoring: &ScoringSpec) {
    let known = checker.names_written("audiences").unwrap_or_default();
    for (name, audience) in &scoring.audiences {
        let path = spec("audiences").name(name);
        let others = path.name("exclusive_with");
        checker.check_unique(&others, audience.exclusive_with.iter().map(AudienceName::as_str));
        for (index, other) in audience.exclusive_with.iter().enumerate() {
            check_other(checker, &others.item(index), (name, other), &known);
        }
        if audience.priority.is_some() && !is_exclusive(scoring, name) && !checker.has_damage(&others) {
            checker.report(&path.name("priority"), AudienceContradiction::PriorityAlone.into());
        }
    }
}

fn check_other(
    checker: &mut Checker<'_>,
    path: &Path,
    (name, other): (&AudienceName, &AudienceName),
    known: &[String],
) {
    if other == name {
        checker.report(path, AudienceContradiction::ExclusiveWithItself.into());
    } else if !known.iter().any(|known| known == other.as_str()) {
        let known = known.iter().filter(|known| *known != name.as_str()).cloned().collect();
        checker.report(path, AudienceContradiction::UnknownAudience { name: other.to_string(), known }.into());
    }
}

/// Whether an audience names another one, or is named by it.
fn is_exclusive(scoring: &ScoringSpec, name: &AudienceName) -> bool {
    let is_named =
        |(other, audience): (&AudienceName, &crate::Audience)| other != name && audience.exclusive_with.contains(name);
    let names_one = |audience: &crate::Audience| !audience.exclusive_with.is_empty();
    scoring.audiences.get(name).is_some_and(names_one) || scoring.audiences.iter().any(is_named)
}

#[cfg(test)]
mod tests {
    use crate::testing::{SCORING, check_edits};

    const ABOVE: &str = "above: {rank_by: best, size: {threshold: 0.3}}";

    fn above(more: &str) -> String {
        ABOVE.replace("0.3}}", &format!("0.3}}, {more}}}"))
    }

    #[test]
    fn exclusive_audiences_are_others_of_the_document() {
        let path = "spec.audiences.above";
        check_edits(
            SCORING,
            &[
                (ABOVE, &above("exclusive_with: [share-of-all, likely-buyers], priority: 3"), &[]),
                (ABOVE, &above("exclusive_with: []"), &[]),
                (
                    ABOVE,
                    &above("exclusive_with: [§above, share-of-all, §share-of-all, §likely_buyers, §zoo]"),
                    &[
                        &format!("{path}.exclusive_with[0]: an audience cannot be exclusive with itself"),
                        &format!("{path}.exclusive_with[2]: `share-of-all` is listed twice"),
                        &format!(
                            "{path}.exclusive_with[3]: there is no audience `likely_buyers` (did you mean `likely-buyers`?)"
                        ),
                        &format!(
                            "{path}.exclusive_with[4]: there is no audience `zoo` (audiences: likely-buyers, share-of-all)"
                        ),
                    ],
                ),
            ],
        );
    }

    #[test]
    fn a_priority_is_between_exclusive_audiences() {
        let alone = "spec.audiences.above.priority: `priority` decides between audiences that are exclusive, and none is \
                     with this one: add `exclusive_with`";
        let one = "share-of-all: {rank_by: best, size: {share: 5%}}";
        let whole = format!("{one}\n    {ABOVE}");
        let named = format!("{}\n    {}", one.replace("5%}}", "5%}, exclusive_with: [above]}"), above("priority: 2"));
        check_edits(SCORING, &[(ABOVE, &above("priority: §2"), &[alone]), (&whole, &named, &[])]);
    }

    #[test]
    fn mutual_exclusion_is_no_contradiction() {
        let one = "share-of-all: {rank_by: best, size: {share: 5%}}";
        let whole = format!("{one}\n    {ABOVE}");
        let both = format!(
            "{}\n    {}",
            one.replace("5%}}", "5%}, exclusive_with: [above]}"),
            above("exclusive_with: [share-of-all], priority: 1")
        );
        check_edits(SCORING, &[(&whole, &both, &[])]);
    }
}
