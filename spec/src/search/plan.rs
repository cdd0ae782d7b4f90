//! What a search tries: the settings of each trial, and the rungs on which trials are trained.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use super::draw::Draw;
use super::{Search, SearchMethod, SuccessiveHalving, field};
use crate::parse::training_shape;
use crate::training::TrainingSpec;

/// Tries at settings that no trial had before; a space that is used up has fewer trials.
const TRIES: u32 = 64;

/// What rungs share out.
pub(crate) const EPOCHS: &str = "training.epochs";

/// Everything that a search tries.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPlan {
    /// The trials by number; the first one is the document as it is written.
    pub trials: Vec<Trial>,
    /// From the shortest to the longest training; one alone for random search.
    pub rungs: Vec<Rung>,
}

/// Settings to be tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its number, from 0.
    pub number: u32,
    /// A value for each field of the space, in its order; null where the document leaves the field out.
    pub settings: IndexMap<String, Json>,
}

/// A step of the search: so many trials trained for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// How many trials.
    pub trials: u32,
    /// Epochs that each is trained for at the most.
    pub epochs: u32,
}

/// A training of a search: the n-th place on a rung. On the first rung the place is the trial's number, on others it goes
/// to the n-th best of the rung before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 0.
    pub rung: usize,
    /// From 0.
    pub place: usize,
}

/// A search that this program would not have let through.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPlan {
    /// A document without a search.
    #[error("the document has no `search`")]
    NoSearch,
    /// A path that means nothing.
    #[error("search.space: `{path}` is no field of the document")]
    Field {
        /// The path.
        path: String,
    },
    /// Settings that make no document.
    #[error(transparent)]
    Document(#[from] serde_json::Error),
}

impl SearchPlan {
    /// What a document's search tries.
    ///
    /// # Errors
    /// For documents that [`crate::parse`] refuses.
    pub fn of(spec: &TrainingSpec) -> Result<Self, InvalidPlan> {
        let search = spec.search.as_ref().ok_or(InvalidPlan::NoSearch)?;
        let trials = trials(spec, search)?;
        let rungs = rungs(trials.len() as u32, &search.method, spec.training.epochs);
        Ok(Self { trials, rungs })
    }

    /// How many trainings there are, over all rungs; they are numbered from 0, rung by rung.
    pub fn trainings(&self) -> u64 {
        self.rungs.iter().map(|rung| u64::from(rung.trials)).sum()
    }

    /// The numbers of the trainings of each rung.
    pub fn by_rung(&self) -> Vec<std::ops::Range<u64>> {
        let mut first = 0;
        let numbers = self.rungs.iter().map(|rung| {
            let last = first + u64::from(rung.trials);
            std::mem::replace(&mut first, last)..last
        });
        numbers.collect()
    }

    /// Where a training is; none for a number that no training has.
    pub fn place(&self, training: u64) -> Option<Place> {
        let by_rung = self.by_rung();
        let rung = by_rung.iter().position(|numbers| numbers.contains(&training))?;
        Some(Place { rung, place: usize::try_from(training - by_rung[rung].start).ok()? })
    }
}

impl Trial {
    /// The document of this trial, without a search: what it would be if a user had written the settings.
    ///
    /// # Errors
    /// For documents that [`crate::parse`] refuses.
    pub fn document(&self, spec: &TrainingSpec) -> Result<TrainingSpec, InvalidPlan> {
        let mut json = plain(spec)?;
        for (path, value) in self.settings.iter().filter(|_| self.number > 0) {
            let steps = find(&json, path)?.steps;
            set(&mut json, &steps, value.clone());
        }
        Ok(serde_json::from_value(json)?)
    }

    /// The document of this trial as a rung trains it.
    ///
    /// # Errors
    /// For documents that [`crate::parse`] refuses.
    pub fn on_rung(&self, spec: &TrainingSpec, rung: Rung) -> Result<TrainingSpec, InvalidPlan> {
        let mut document = self.document(spec)?;
        if !self.settings.contains_key(EPOCHS) {
            document.training.epochs = rung.epochs;
        }
        Ok(document)
    }

    /// The settings in a line: `network.dropout 0.2, training.batch_size 512`.
    pub fn words(&self) -> String {
        self.settings.iter().map(|(path, value)| format!("{path} {value}")).collect::<Vec<_>>().join(", ")
    }
}

fn trials(spec: &TrainingSpec, search: &Search) -> Result<Vec<Trial>, InvalidPlan> {
    let json = plain(spec)?;
    let fields = search.space.iter().map(|(path, domain)| Ok((path, domain, find(&json, path)?)));
    let fields = fields.collect::<Result<Vec<_>, InvalidPlan>>()?;
    let own = fields.iter().map(|(path, _, field)| ((*path).clone(), get(&json, &field.steps)));
    let mut trials = vec![Trial { number: 0, settings: own.collect() }];
    for _ in 1..search.trials {
        let trial = trials.len() as u32;
        let mut tries = (0..TRIES).map(|again| {
            let drawn = fields.iter().map(|(path, domain, field)| {
                let draw = Draw { seed: search.seed, trial, again, path };
                ((*path).clone(), draw.value(domain, field.shape))
            });
            drawn.collect::<IndexMap<_, _>>()
        });
        let Some(settings) = tries.find(|settings| trials.iter().all(|trial| trial.settings != *settings)) else {
            break;
        };
        trials.push(Trial { number: trial, settings });
    }
    Ok(trials)
}

/// The last rung trains in full; every rung before it holds `factor` times as many trials for a `factor` less.
fn rungs(trials: u32, method: &SearchMethod, epochs: u32) -> Vec<Rung> {
    let SearchMethod::SuccessiveHalving(SuccessiveHalving { factor, min_epochs }) = method else {
        return vec![Rung { trials, epochs }];
    };
    let is_possible = |power: &u64| *power <= u64::from(trials) && u64::from(*min_epochs) * power <= u64::from(epochs);
    let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(u64::from(*factor)));
    let powers: Vec<u64> = powers.take_while(|power| *power == 1 || is_possible(power)).collect();
    let rung = |(lesser, longer): (&u64, &u64)| Rung {
        trials: (u64::from(trials) / lesser).max(1) as u32,
        epochs: (f64::from(epochs) / *longer as f64).round().max(1.0) as u32,
    };
    powers.iter().zip(powers.iter().rev()).map(rung).collect()
}

/// A document's `spec` without its search, all defaults written out.
fn plain(spec: &TrainingSpec) -> Result<Json, InvalidPlan> {
    let spec = TrainingSpec { search: None, ..spec.clone() };
    Ok(serde_json::to_value(spec)?)
}

fn find(json: &Json, path: &str) -> Result<field::Field<'static>, InvalidPlan> {
    let unknown = || InvalidPlan::Field { path: path.to_owned() };
    let record = training_shape().ok_or_else(unknown)?;
    field::find(record, json, path).map_err(|_| unknown())
}

fn get(json: &Json, steps: &[String]) -> Json {
    let found = steps.iter().try_fold(json, |json, step| json.get(step));
    found.cloned().unwrap_or(Json::Null)
}

/// Puts a value where the steps lead, making what is missing on the way.
fn set(json: &mut Json, steps: &[String], value: Json) {
    let Some((last, way)) = steps.split_last() else { return };
    let mut map = json;
    for step in way {
        map = below(map).entry(step).or_insert(Json::Null);
    }
    below(map).insert(last.clone(), value);
}

fn below(json: &mut Json) -> &mut Map<String, Json> {
    if !json.is_object() {
        *json = Json::Object(Map::new());
    }
    json.as_object_mut().expect("it has just been made one")
}
