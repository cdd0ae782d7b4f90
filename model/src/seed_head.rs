//! Scores of people for seed lists that no task was trained for, from their embeddings alone: a model's embeddings are frozen,
//! and each list gets a small classifier and what its seeds look like (Pinterest: deWet and Ou, Finding Users Who Act Alike,
//! KDD 2019; similarity as in RALM: Liu, Real-time Attention Based Look-alike Model, KDD 2019).
//!
//! `x` is the embedding `e`, each number of it standardized over a sample of the population: `(e - mean) / deviation`.
//!
//! ```text
//! p = σ(w·x + b)                                                                     the classifier
//! s = 0.3·cos(x, g) + 0.7·Σ_j a_j·cos(x, c_j),  a_j = softmax_j(10·cos(x, c_j))      the similarity
//! score = (1 - λ)·p + λ·(1 + s) / 2
//! ```
//!
//! `g` is the mean direction of the seeds, `c_j` are the centres of their directions' clusters. The classifier is fitted to seeds
//! and others who weigh as much together, so `p` is ½ for a person who is as like the one as the other.

mod centres;
mod logistic;

use serde::{Deserialize, Serialize};
use spec::TaskName;

use centres::{centres, unit};
use logistic::{Example, Logistic};

/// What RALM gives the seeds' common direction; the rest is their clusters'.
const GLOBAL: f64 = 0.3;

/// How sharply the nearest clusters are listened to.
const SHARPNESS: f64 = 10.0;

/// Embeddings one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct Embeddings<'a> {
    /// `[people, width]`
    pub numbers: &'a [f32],
    /// Numbers of each.
    pub width: usize,
}

impl<'a> Embeddings<'a> {
    /// One after the other.
    pub fn people(self) -> impl Iterator<Item = &'a [f32]> {
        self.numbers.chunks_exact(self.width.max(1))
    }
}

/// Mean and deviation of each number of an embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standard {
    mean: Vec<f32>,
    /// One over the deviation; 0 where all are equal.
    scale: Vec<f32>,
}

impl Standard {
    /// That of a sample.
    pub fn of(sample: Embeddings<'_>) -> Self {
        let count = sample.people().count().max(1) as f64;
        let (mut mean, mut squares) = (vec![0.0; sample.width], vec![0.0; sample.width]);
        for person in sample.people() {
            mean.iter_mut().zip(person).for_each(|(sum, number)| *sum += f64::from(*number) / count);
        }
        for person in sample.people() {
            let off = person.iter().zip(&mean).map(|(number, mean)| f64::from(*number) - mean);
            squares.iter_mut().zip(off).for_each(|(sum, off)| *sum += off * off / count);
        }
        let scale = |variance: f64| if variance > 1e-12 { variance.sqrt().recip() as f32 } else { 0.0 };
        Self {
            mean: mean.into_iter().map(|mean| mean as f32).collect(),
            scale: squares.into_iter().map(scale).collect(),
        }
    }

    fn apply(&self, person: &[f32]) -> Vec<f64> {
        let standardized = person.iter().zip(&self.mean).zip(&self.scale);
        standardized.map(|((number, mean), scale)| f64::from(*number - *mean) * f64::from(*scale)).collect()
    }
}

/// How a list is learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadOptions {
    /// λ, 0..1: what similarity counts in a score; 1 for similarity alone.
    pub similarity: f64,
    /// Clusters of seeds at the most.
    pub centres: usize,
}

/// What is known of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedHead {
    /// The column of its scores.
    pub name: TaskName,
    similarity: f64,
    classifier: Logistic,
    /// `g`, of length 1.
    direction: Vec<f32>,
    /// `c_j`, of length 1 each.
    centres: Vec<Vec<f32>>,
}

impl SeedHead {
    /// Learns a list from its seeds and from others.
    pub fn fit(
        name: TaskName,
        standard: &Standard,
        (seeds, others): (Embeddings<'_>, Embeddings<'_>),
        options: HeadOptions,
    ) -> Self {
        let prepared =
            |people: Embeddings<'_>| people.people().map(|person| standard.apply(person)).collect::<Vec<_>>();
        let (seeds, others) = (prepared(seeds), prepared(others));
        let weight_of_others = seeds.len() as f64 / others.len().max(1) as f64;
        let mut examples = Vec::with_capacity(seeds.len() + others.len());
        examples.extend(seeds.iter().map(|x| Example { x, is_seed: true, weight: 1.0 }));
        examples.extend(others.iter().map(|x| Example { x, is_seed: false, weight: weight_of_others }));
        let classifier = Logistic::fit(&examples, standard.mean.len());
        let directions: Vec<Vec<f64>> = seeds.iter().map(|x| unit(x)).collect();
        let sum = directions.iter().fold(vec![0.0; standard.mean.len()], |mut sum: Vec<f64>, direction| {
            sum.iter_mut().zip(direction).for_each(|(sum, number)| *sum += number);
            sum
        });
        let centres = centres(&directions, options.centres);
        let centres = centres.iter().map(|centre| stored(centre)).collect();
        Self { name, similarity: options.similarity, classifier, direction: stored(&unit(&sum)), centres }
    }

    /// The score of a person, given as `x` and its direction.
    fn score(&self, x: &[f64], direction: &[f64]) -> f32 {
        let (p, similar) = (self.classifier.probability(x), self.similarity_of(direction));
        ((1.0 - self.similarity) * p + self.similarity * (1.0 + similar) / 2.0).clamp(0.0, 1.0) as f32
    }

    /// `s`, -1..1
    fn similarity_of(&self, direction: &[f64]) -> f64 {
        let near: Vec<f64> = self.centres.iter().map(|centre| product(direction, centre)).collect();
        let heard: Vec<f64> = near.iter().map(|cosine| (SHARPNESS * (cosine - 1.0)).exp()).collect();
        let local = near.iter().zip(&heard).map(|(cosine, heard)| cosine * heard).sum::<f64>();
        GLOBAL * product(direction, &self.direction) + (1.0 - GLOBAL) * local / heard.iter().sum::<f64>().max(1e-300)
    }
}

/// Lists that were learned over one population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedHeads {
    /// What makes `x` of an embedding.
    pub standard: Standard,
    /// The lists.
    pub heads: Vec<SeedHead>,
}

impl SeedHeads {
    /// Each list's scores of some people, 0..1, `[lists][people]`.
    pub fn scores(&self, people: Embeddings<'_>) -> Vec<Vec<f32>> {
        let mut scores = vec![Vec::with_capacity(people.numbers.len() / people.width.max(1)); self.heads.len()];
        for person in people.people() {
            let x = self.standard.apply(person);
            let direction = unit(&x);
            let of_lists = self.heads.iter().zip(&mut scores);
            of_lists.for_each(|(head, scores)| scores.push(head.score(&x, &direction)));
        }
        scores
    }
}

/// Numbers as they are kept: every JSON reader gets the same ones.
fn stored(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|number| *number as f32).collect()
}

/// `a·b`
fn product(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * f64::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Dice;

    /// People around a point.
    fn people(dice: &mut Dice, around: [f32; 3], count: usize) -> Vec<f32> {
        (0..count).flat_map(|_| around.map(|middle| middle + dice.number())).collect()
    }

    fn of(numbers: &[f32]) -> Embeddings<'_> {
        Embeddings { numbers, width: 3 }
    }

    #[test]
    fn people_near_the_seeds_score_higher_by_classifier_and_by_similarity_and_by_both() {
        let mut dice = Dice::new(5);
        let others = people(&mut dice, [0.0, 0.0, 0.0], 500);
        let mut seeds = people(&mut dice, [2.0, 0.0, 0.0], 30);
        seeds.extend(people(&mut dice, [0.0, 2.0, 0.0], 30));
        let standard = Standard::of(of(&others));
        for similarity in [0.0, 0.3, 1.0] {
            let options = HeadOptions { similarity, centres: 4 };
            let head = SeedHead::fit("new".parse().unwrap(), &standard, (of(&seeds), of(&others)), options);
            let heads = SeedHeads { standard: standard.clone(), heads: vec![head.clone()] };
            let mean = |numbers: &[f32]| {
                let scores = heads.scores(of(numbers)).remove(0);
                assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
                scores.iter().sum::<f32>() / scores.len() as f32
            };
            let (near, far) =
                (mean(&people(&mut dice, [2.0, 0.0, 0.0], 200)), mean(&people(&mut dice, [0.0, 0.0, 0.0], 200)));
            assert!(near > far + 0.1, "{similarity}: {near} and {far}");
            let again = SeedHead::fit("new".parse().unwrap(), &standard, (of(&seeds), of(&others)), options);
            assert_eq!(again, head);
            let stored: SeedHead = serde_json::from_str(&serde_json::to_string(&head).unwrap()).unwrap();
            assert_eq!(stored, head);
        }
    }

    #[test]
    fn a_number_that_is_always_the_same_tells_nothing() {
        let sample = [1.0, 5.0, 0.0, 3.0, 5.0, 0.0];
        let standard = Standard::of(of(&sample));
        assert_eq!(standard.apply(&[3.0, 9.0, 0.0]), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn similarity_by_hand() {
        let head = SeedHead {
            name: "new".parse().unwrap(),
            similarity: 1.0,
            classifier: Logistic::fit(&[], 2),
            direction: vec![1.0, 0.0],
            centres: vec![vec![1.0, 0.0], vec![0.0, 1.0]],
        };
        // cos to g and c_1 is 0.8, to c_2 0.6: a_1 = e^8 / (e^8 + e^6).
        let first = 1.0 / (1.0 + (-2.0f64).exp());
        let expected = 0.3 * 0.8 + 0.7 * (first * 0.8 + (1.0 - first) * 0.6);
        assert!((head.similarity_of(&[0.8, 0.6]) - expected).abs() < 1e-12);
        let standard = Standard { mean: vec![0.0; 2], scale: vec![1.0; 2] };
        let heads = SeedHeads { standard, heads: vec![head] };
        let score = f64::from(heads.scores(Embeddings { numbers: &[8.0, 6.0], width: 2 })[0][0]);
        assert!((score - (1.0 + expected) / 2.0).abs() < 1e-6);
    }
}
