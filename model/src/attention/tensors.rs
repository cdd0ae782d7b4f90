//! The same formulas in libtorch's operators, for a GPU and for modules. Nothing depends on how many rows a batch has, or
//! how many steps.

use tch::{Kind, TchError, Tensor};

use super::among::SelfAttention;
use super::unit::{Target, UNITS, Unit};
use super::{Attention, Member, Rule};
use crate::network::parameters::Block;

/// Where the steps of a sequence lie.
#[derive(Debug)]
pub(crate) struct StepPlaces {
    /// `[steps]` i64: the batch's row of each.
    pub(crate) rows: Tensor,
    /// `[steps]` i64: how many steps of its row come after it.
    pub(crate) back: Tensor,
    /// `[rows, 1]` f32 zeros.
    pub(crate) zeros: Tensor,
    /// At least as many steps as a row has.
    pub(crate) longest: i64,
}

/// The steps of a bag: its rows of the table, `[steps, width of the table]`, and where they lie.
pub(crate) type Steps<'a> = (Tensor, &'a StepPlaces);

/// `x` with what steps become in its place, `[rows, width]`. `steps` are those of each bag; none for bags that attention
/// does not pool.
pub(crate) fn attend(
    attentions: &[Attention],
    weights: &[Tensor],
    x: &Tensor,
    steps: &[Option<Steps<'_>>],
) -> Result<Tensor, TchError> {
    let mut pooled: Vec<(usize, Tensor)> = Vec::new();
    for attention in attentions {
        let Some((_, places)) = &steps[attention.members[0].bag] else { continue };
        let read = |member: &Member| {
            let rows = steps[member.bag].as_ref().map(|(rows, _)| rows);
            rows.map(|rows| rows.f_narrow(1, member.first as i64, member.width as i64)).transpose()
        };
        let parts = attention.members.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let parts: Vec<Tensor> = parts.into_iter().flatten().collect();
        let whole = Tensor::f_cat(&parts, 1)?;
        let became = match &attention.rule {
            Rule::Unit(unit) => unit.attend(weights, x, &whole, places)?,
            Rule::Among(among) => among.attend(weights, &whole, places)?,
        };
        let mut column = 0;
        for member in &attention.members {
            pooled.push((member.column, became.f_narrow(1, column, member.width as i64)?));
            column += member.width as i64;
        }
    }
    replace(x, pooled)
}

/// `x` with other columns from some places on.
fn replace(x: &Tensor, mut columns: Vec<(usize, Tensor)>) -> Result<Tensor, TchError> {
    if columns.is_empty() {
        return Ok(x.shallow_clone());
    }
    columns.sort_by_key(|(column, _)| *column);
    let (mut parts, mut next) = (Vec::new(), 0);
    for (column, part) in columns {
        let column = column as i64;
        if column > next {
            parts.push(x.f_narrow(1, next, column - next)?);
        }
        next = column + part.size()[1];
        parts.push(part);
    }
    let width = x.size()[1];
    if next < width {
        parts.push(x.f_narrow(1, next, width - next)?);
    }
    Tensor::f_cat(&parts, 1)
}

/// A block of weights as a matrix of so many columns.
fn matrix(block: Block, weights: &[Tensor], columns: usize) -> Result<Tensor, TchError> {
    block.of(weights).f_view([block.rows as i64, block.stride as i64])?.f_narrow(1, 0, columns as i64)
}

impl StepPlaces {
    /// `[rows, columns]`: the sum of each row's steps.
    fn sum(&self, steps: &Tensor) -> Result<Tensor, TchError> {
        self.zeros.f_repeat([1, steps.size()[1]])?.f_index_add(0, &self.rows, steps)
    }

    /// `[rows, longest, columns]` from `[steps, columns]`: each row's steps at its end, zeros before them.
    fn padded(&self, steps: &Tensor) -> Result<Tensor, TchError> {
        let columns = steps.size()[1];
        let places = self.rows.f_mul_scalar(self.longest)?.f_add_scalar(self.longest - 1)?.f_sub(&self.back)?;
        let room = self.zeros.f_repeat([1, self.longest * columns])?.f_reshape([-1, columns])?;
        room.f_index_add(0, &places, steps)?.f_reshape([-1, self.longest, columns])
    }
}

impl Unit {
    fn attend(&self, weights: &[Tensor], x: &Tensor, steps: &Tensor, places: &StepPlaces) -> Result<Tensor, TchError> {
        let units = UNITS as i64;
        let mut read = vec![steps.shallow_clone()];
        if let Some(target) = &self.target {
            let query = target.embedding(weights, x)?.f_index_select(0, &places.rows)?;
            read.push(steps.f_narrow(1, 0, target.own as i64)?.f_mul(&query)?);
            read.push(query);
        }
        let hidden = Tensor::f_cat(&read, 1)?.f_matmul(&matrix(self.weight, weights, UNITS)?)?;
        let hidden = hidden.f_add(&self.bias.of(weights).f_narrow(0, 0, units)?)?.f_relu()?;
        let scores = hidden.f_matmul(&self.score.of(weights).f_narrow(0, 0, units)?)?;
        let recency = self.recency.of(weights).f_narrow(0, 0, self.max_length as i64)?;
        let scores = scores.f_add(&recency.f_index_select(0, &places.back)?)?;
        let shares = shares(&scores.f_unsqueeze(1)?, places)?;
        places.sum(&steps.f_mul(&shares)?)
    }
}

/// A softmax over the steps of each row, `[steps, 1]`.
fn shares(scores: &Tensor, places: &StepPlaces) -> Result<Tensor, TchError> {
    let least = places.zeros.f_sub_scalar(f64::from(f32::MAX))?;
    let largest = least.f_index_reduce(0, &places.rows, &scores.f_detach()?, "amax", true)?;
    let powers = scores.f_sub(&largest.f_index_select(0, &places.rows)?)?.f_exp()?;
    powers.f_div(&places.sum(&powers)?.f_index_select(0, &places.rows)?)
}

impl Target {
    /// `[rows, own]`
    fn embedding(&self, weights: &[Tensor], x: &Tensor) -> Result<Tensor, TchError> {
        let embedding = x.f_narrow(1, self.column as i64, self.width as i64)?;
        match self.projection {
            Some(block) => embedding.f_matmul(&matrix(block, weights, self.own)?),
            None => Ok(embedding),
        }
    }
}

impl SelfAttention {
    fn attend(&self, weights: &[Tensor], steps: &Tensor, places: &StepPlaces) -> Result<Tensor, TchError> {
        let positions = matrix(self.positions, weights, self.width)?.f_index_select(0, &places.back)?;
        let placed = steps.f_add(&positions)?;
        let ones = placed.f_narrow(1, 0, 1)?.f_detach()?.f_ones_like()?;
        let (mask, count) = (places.padded(&ones)?, places.sum(&ones)?.f_clamp_min(1.0)?);
        let projected = places.padded(&placed.f_matmul(&matrix(self.projections, weights, 3 * self.inner())?)?)?;
        let heads = [-1, places.longest, 3, self.heads as i64, self.head_width as i64];
        // [3, rows, heads, longest, k]
        let parts = projected.f_reshape(heads)?.f_permute([2, 0, 3, 1, 4])?;
        let [query, key, value] = [0, 1, 2].map(|part| parts.f_select(0, part));
        let scores = query?.f_matmul(&key?.f_transpose(2, 3)?)?.f_mul_scalar(f64::from(self.scale()))?;
        // Steps that are not there are far below all others, and those who would ask are left out.
        let absent = mask.f_sub_scalar(1.0)?.f_mul_scalar(1e30)?.f_reshape([-1, 1, 1, places.longest])?;
        let asking = mask.f_reshape([-1, 1, places.longest, 1])?;
        let shares = scores.f_add(&absent)?.f_softmax(3, Kind::Float)?.f_mul(&asking)?;
        let sums = shares.f_sum_dim_intlist([2i64].as_slice(), true, Kind::Float)?.f_matmul(&value?)?;
        let means = sums.f_reshape([-1, self.inner() as i64])?.f_div(&count)?;
        places.sum(&placed)?.f_div(&count)?.f_add(&means.f_matmul(&matrix(self.output, weights, self.width)?)?)
    }
}
