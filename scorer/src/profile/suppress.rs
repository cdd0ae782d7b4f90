//! Which counts of a column may be told: none below a minimum, and none from which such a one could be had by subtraction.
//!
//! What is known anyway: how many people the population, the audience, each tier and the seeds have. A column divides all of them by
//! its groups of values, so whoever knows all groups but one knows the last one; and who knows the audience knows the rest of the
//! population. Therefore
//!
//! - a group is told only where the audience has enough people of it, and those outside are enough or none;
//! - groups that are not told are enough people together, in the audience and outside, or nobody; else the smallest of the others is
//!   not told either (complementary suppression);
//! - of a told group, the tiers that have too few people of it are not told. Then another tier of it is not told either, and what is not
//!   told of a group or of a tier is enough people together. One row, that of all groups which are not told, or the smallest group, is told of
//!   no tier: every count that is not told then lies on a cycle of such counts, and sums of rows and columns do not determine it
//!   (Kelly, Golden and Assad 1992).
//!
//! That nobody of the audience has a value is no secret, though it is not told; that nobody of a tier has is.

/// People of a column by group of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<'a> {
    /// Of the population.
    pub population: &'a [u64],
    /// Of the audience.
    pub audience: &'a [u64],
    /// Of each tier that has people.
    pub tiers: &'a [Vec<u64>],
    /// Of the seeds.
    pub seeds: Option<&'a [u64]>,
}

/// What may be told, by group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Of population and audience.
    pub audience: Vec<bool>,
    /// Of each tier.
    pub tiers: Vec<Vec<bool>>,
    /// Of the seeds; nothing without seeds.
    pub seeds: Vec<bool>,
}

impl Table<'_> {
    /// What may be told where a count stands for `least` people at least; all of it for 1.
    pub fn told(&self, least: u64) -> Told {
        let is_there = self.population.iter().map(|people| *people > 0).collect::<Vec<bool>>();
        let tiers = self.tiers.len();
        if least <= 1 {
            let seeds = self.seeds.map_or_else(Vec::new, |_| is_there.clone());
            return Told { tiers: vec![is_there.clone(); tiers], seeds, audience: is_there };
        }
        let audience = self.rows(self.audience, &is_there, &is_there, least);
        let tiers = match tiers {
            0 => Vec::new(),
            1 => vec![audience.clone()],
            _ => Tiers::new(self, &audience).told(least),
        };
        let seeds = self.seeds.map_or_else(Vec::new, |seeds| self.rows(seeds, &audience, &is_there, least));
        Told { audience, tiers, seeds }
    }

    /// The groups to tell of a part of the population, among those that may be.
    fn rows(&self, part: &[u64], may: &[bool], is_there: &[bool], least: u64) -> Vec<bool> {
        let outside = |row: usize| self.population[row] - part[row];
        let is_few = |people: u64| people > 0 && people < least;
        let mut told: Vec<bool> =
            (0..part.len()).map(|row| may[row] && part[row] >= least && !is_few(outside(row))).collect();
        loop {
            let hidden = || (0..part.len()).filter(|row| is_there[*row] && !told[*row]);
            let is_safe = !is_few(hidden().map(|row| part[row]).sum()) && !is_few(hidden().map(outside).sum());
            let smallest = (0..part.len()).filter(|row| told[*row]).min_by_key(|row| part[*row]);
            match smallest {
                Some(row) if !is_safe => told[row] = false,
                Some(_) | None => return told,
            }
        }
    }
}

/// The told groups by tier.
struct Tiers<'a> {
    counts: &'a [Vec<u64>],
    rows: Vec<usize>,
    /// People of each tier in groups that are not told at all; nothing where there is nobody in them.
    others: Option<Vec<u64>>,
    told: Vec<Vec<bool>>,
}

impl<'a> Tiers<'a> {
    fn new(table: &Table<'a>, audience: &[bool]) -> Self {
        let rows: Vec<usize> = (0..audience.len()).filter(|row| audience[*row]).collect();
        let is_hidden = |row: &usize| !audience[*row] && table.audience[*row] > 0;
        let hidden: Vec<usize> = (0..audience.len()).filter(is_hidden).collect();
        let others = |tier: &Vec<u64>| hidden.iter().map(|row| tier[*row]).sum();
        let others = (!hidden.is_empty()).then(|| table.tiers.iter().map(others).collect());
        let told = vec![audience.to_vec(); table.tiers.len()];
        Self { counts: table.tiers, rows, others, told }
    }

    fn told(mut self, least: u64) -> Vec<Vec<bool>> {
        for (tier, counts) in self.told.iter_mut().zip(self.counts) {
            self.rows.iter().for_each(|row| tier[*row] = counts[*row] >= least);
        }
        if self.others.is_none() && self.hides_any() {
            self.hide_smallest_row();
        }
        while self.protect_rows(least) | self.protect_tiers(least) {
            if self.others.is_none() && !self.has_row_of_no_tier() {
                self.hide_smallest_row();
            }
        }
        self.told
    }

    fn hides_any(&self) -> bool {
        self.told.iter().any(|tier| self.rows.iter().any(|row| !tier[*row]))
    }

    fn has_row_of_no_tier(&self) -> bool {
        self.rows.iter().any(|row| self.told.iter().all(|tier| !tier[*row]))
    }

    fn hide_smallest_row(&mut self) {
        let people = |row: &&usize| self.counts.iter().map(|tier| tier[**row]).sum::<u64>();
        if let Some(row) = self.rows.iter().min_by_key(people).copied() {
            self.told.iter_mut().for_each(|tier| tier[row] = false);
        }
    }

    /// Hides one more tier of every group of which too little is hidden; whether there was one.
    fn protect_rows(&mut self, least: u64) -> bool {
        let mut has_hidden = false;
        for row in &self.rows {
            let tiers = 0..self.counts.len();
            let hidden: Vec<u64> =
                tiers.clone().filter(|tier| !self.told[*tier][*row]).map(|tier| self.counts[tier][*row]).collect();
            let is_safe = hidden.is_empty() || (hidden.len() > 1 && hidden.iter().sum::<u64>() >= least);
            let smallest = tiers.filter(|tier| self.told[*tier][*row]).min_by_key(|tier| self.counts[*tier][*row]);
            if let Some(tier) = smallest.filter(|_| !is_safe) {
                self.told[tier][*row] = false;
                has_hidden = true;
            }
        }
        has_hidden
    }

    /// Hides one more group of every tier of which too little is hidden; whether there was one.
    fn protect_tiers(&mut self, least: u64) -> bool {
        let mut has_hidden = false;
        for (tier, counts) in self.counts.iter().enumerate() {
            let hidden: Vec<u64> =
                self.rows.iter().filter(|row| !self.told[tier][**row]).map(|row| counts[*row]).collect();
            let people = hidden.iter().sum::<u64>() + self.others.as_ref().map_or(0, |others| others[tier]);
            let is_safe = (hidden.is_empty() && self.others.is_none()) || people >= least;
            let smallest = self.rows.iter().filter(|row| self.told[tier][**row]).min_by_key(|row| counts[**row]);
            if let Some(row) = smallest.copied().filter(|_| !is_safe) {
                self.told[tier][row] = false;
                has_hidden = true;
            }
        }
        has_hidden
    }
}

#[cfg(test)]
mod tests;
