//! The domains of a space against the fields that they are for.

use serde_json::Value as Json;

use super::{SearchMistake, field};
use crate::mistake::Mistake;
use crate::node::{Entry, Node, Path, Value};
use crate::parse::training_shape;
use crate::problem::Problem;
use crate::shape::Shape;
use crate::structure::{check_value, describe};

/// Checks every value that a space names against its field, and puts it into the document as the field takes it (`5%` as
/// 0.05). `damage` grows by the domains that are wrong, which are reported.
pub(crate) fn check(tree: &Node, json: &mut Json, damage: &mut Vec<Path>, problems: &mut Vec<Problem>) {
    let space = Path::default().name("spec").name("search").name("space");
    let spec = tree.get("spec");
    let written = spec.and_then(|spec| spec.get("search")?.get("space")).map(|space| &space.value);
    let (Some(Value::Map(entries)), Some(record)) = (written, training_shape()) else { return };
    for entry in entries {
        let path = space.name(&entry.name);
        if damage.iter().any(|damaged| damaged.leads_to(&path) || path.leads_to(damaged)) {
            continue;
        }
        let before = problems.len();
        let found = json.get("spec").map(|spec| field::find(record, spec, &entry.name));
        let checked = match found {
            Some(Ok(field)) => domain(field.shape, entry, &path, problems),
            Some(Err(mistake)) => {
                if !is_hidden(&entry.name, damage) {
                    problems.push(Problem { place: Some(entry.place.clone()), path: path.to_string(), mistake });
                }
                damage.push(path);
                continue;
            }
            None => None,
        };
        if problems.len() > before {
            damage.push(path);
        } else if let Some(values) = checked
            && let Some(choice) = json.pointer_mut("/spec/search/space").and_then(|space| space.get_mut(&entry.name))
        {
            choice["choice"] = Json::Array(values);
        }
    }
}

/// Whether a field cannot be told because something on the way to it is wrong, which is reported.
fn is_hidden(name: &str, damage: &[Path]) -> bool {
    let root = Path::default().name("spec").name(name.split('.').next().unwrap_or(name));
    damage.iter().any(|damaged| damaged.leads_to(&root) || root.leads_to(damaged))
}

/// The values of a choice as their field takes them; nothing for bounds, which stay numbers.
fn domain(shape: &Shape, entry: &Entry, path: &Path, problems: &mut Vec<Problem>) -> Option<Vec<Json>> {
    let Value::Map(kinds) = &entry.node.value else { return None };
    let kind = kinds.first()?;
    let Value::List(items) = &kind.node.value else { return None };
    let path = path.name(&kind.name);
    let is_choice = kind.name == "choice";
    if !is_choice && !is_number(shape) {
        let mistake = Mistake::Search(SearchMistake::NoNumber { expected: describe(shape) });
        problems.push(Problem { place: Some(kind.place.clone()), path: path.to_string(), mistake });
        return None;
    }
    let items = items.iter().enumerate();
    let checked = items.map(|(index, item)| check_value(shape, item, path.item(index), problems));
    let checked: Option<Vec<Json>> = checked.collect::<Vec<_>>().into_iter().collect();
    checked.filter(|_| is_choice)
}

fn is_number(shape: &Shape) -> bool {
    match shape {
        Shape::Optional(shape) => is_number(shape),
        shape => matches!(shape, Shape::Whole { .. } | Shape::Decimal { .. }),
    }
}
