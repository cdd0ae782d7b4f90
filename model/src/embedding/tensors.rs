//! Gather and row-wise Adagrad as libtorch operators, for a GPU. The kernels' formulas; rows of equal ids are added in
//! another order.

use tch::{Device, Kind, TchError, Tensor};

use super::gather::pool_scale;
use super::update::EPSILON;
use crate::attention::tensors::StepPlaces;
use crate::input::{Bag, InputLayout, Inputs, Pooling};

/// A batch on a device.
#[derive(Debug)]
pub(crate) struct InputTensors {
    rows: i64,
    /// `[rows, numeric_width]`
    numeric: Tensor,
    /// For each table `[rows·single slots]`, i32.
    ids: Vec<Tensor>,
    /// For each bag slot.
    bags: Vec<BagTensors>,
}

/// A bag's ids, one after another.
#[derive(Debug)]
struct BagTensors {
    /// `[ids]`, rows of the merged table.
    ids: Tensor,
    /// `[ids]`, the batch's row of each.
    rows: Tensor,
    /// `[ids, 1]`, what its embedding is multiplied by.
    scales: Tensor,
    /// Where its steps lie, if attention pools it.
    places: Option<StepPlaces>,
}

/// What a network reads.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// `[rows, layout.width()]`, zeros where attention is still to come.
    pub(crate) x: Tensor,
    /// For each bag that attention pools its ids' rows of the table, `[ids, width]`.
    pub(crate) steps: Vec<Option<Tensor>>,
}

impl Gathered {
    /// `x`, and the steps of one bag after the other.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        std::iter::once(&self.x).chain(self.steps.iter().flatten())
    }

    /// The same of each tensor, in the order of [`Self::tensors`].
    pub(crate) fn map(&self, mut of: impl FnMut(&Tensor) -> Result<Tensor, TchError>) -> Result<Self, TchError> {
        let x = of(&self.x)?;
        let steps = self.steps.iter().map(|steps| steps.as_ref().map(&mut of).transpose());
        Ok(Self { x, steps: steps.collect::<Result<_, _>>()? })
    }

    /// Tensors that gradients are taken of.
    pub(crate) fn with_gradient(&self) -> Result<Self, TchError> {
        self.map(|read| read.f_set_requires_grad(true))
    }
}

/// A copy of `data` on a device; from pinned memory and without waiting where the device is a GPU.
pub(crate) fn upload<T: tch::kind::Element>(data: &[T], device: Device) -> Result<Tensor, TchError> {
    let here = Tensor::f_from_slice(data)?;
    if device == Device::Cpu {
        return Ok(here);
    }
    let kind = here.kind();
    here.f_pin_memory(device)?.f_to_device_(device, kind, true, false)
}

impl InputTensors {
    pub(crate) fn upload(layout: &InputLayout, inputs: &Inputs, device: Device) -> Result<Self, TchError> {
        let rows = inputs.rows as i64;
        let numeric = upload(&inputs.numeric, device)?.f_reshape([rows, layout.numeric_width() as i64])?;
        let all = upload(&inputs.ids, device)?;
        let of_table = |table: usize| {
            let (first, slots) = (layout.slots_before(table), layout.tables[table].single_slots());
            all.f_narrow(0, first as i64 * rows, slots as i64 * rows)
        };
        let ids = (0..layout.tables.len()).map(of_table).collect::<Result<_, _>>()?;
        let slots = layout.tables.iter().flat_map(|table| table.bags());
        let bags = slots.zip(&inputs.bags).map(|(slot, bag)| {
            let pool = slot.pool.unwrap_or(Pooling::Mean);
            let lengths = bag.offsets.windows(2).map(|ends| (ends[1] - ends[0]) as usize);
            let rows: Vec<i32> = (0i32..).zip(lengths.clone()).flat_map(|(row, len)| vec![row; len]).collect();
            let scales: Vec<f32> = match pool {
                Pooling::Weighted => bag.weights.clone(),
                Pooling::Mean | Pooling::Sum | Pooling::Attention => {
                    lengths.flat_map(|len| vec![pool_scale(pool, len); len]).collect()
                }
            };
            let rows = upload(&rows, device)?;
            let places = (pool == Pooling::Attention).then(|| places(bag, &rows, device));
            Ok(BagTensors {
                ids: upload(&bag.ids, device)?,
                rows,
                scales: upload(&scales, device)?.f_unsqueeze(1)?,
                places: places.transpose()?,
            })
        });
        Ok(Self { rows, numeric, ids, bags: bags.collect::<Result<_, TchError>>()? })
    }

    /// Where each bag's steps lie, if attention pools it.
    pub(crate) fn places(&self) -> impl Iterator<Item = Option<&StepPlaces>> {
        self.bags.iter().map(|bag| bag.places.as_ref())
    }
}

/// Where a bag's steps lie, given the row of each.
fn places(bag: &Bag, rows: &Tensor, device: Device) -> Result<StepPlaces, TchError> {
    let lengths = || bag.offsets.windows(2).map(|ends| i64::from(ends[1] - ends[0]));
    let back: Vec<i64> = lengths().flat_map(|len| (0..len).rev()).collect();
    Ok(StepPlaces {
        rows: rows.f_to_kind(Kind::Int64)?,
        back: upload(&back, device)?,
        zeros: Tensor::f_zeros([bag.offsets.len() as i64 - 1, 1], (Kind::Float, device))?,
        longest: lengths().max().unwrap_or_default().max(1),
    })
}

/// What the network reads of a batch.
pub(crate) fn gather(layout: &InputLayout, tables: &[Tensor], inputs: &InputTensors) -> Result<Gathered, TchError> {
    let (mut parts, mut steps) = (vec![inputs.numeric.shallow_clone()], Vec::with_capacity(inputs.bags.len()));
    let mut bags = inputs.bags.iter();
    for ((layout, table), ids) in layout.tables.iter().zip(tables).zip(&inputs.ids) {
        let width = layout.width as i64;
        let columns = layout.single_slots() as i64 * width;
        parts.push(table.f_index_select(0, ids)?.f_reshape([inputs.rows, columns])?);
        for bag in bags.by_ref().take(layout.bags().len()) {
            let embeddings = table.f_index_select(0, &bag.ids)?;
            let mut pooled = Tensor::f_zeros([inputs.rows, width], (Kind::Float, table.device()))?;
            if bag.places.is_some() {
                parts.push(pooled);
                steps.push(Some(embeddings));
            } else {
                parts.push(pooled.f_index_add_(0, &bag.rows, &embeddings.f_mul(&bag.scales)?)?);
                steps.push(None);
            }
        }
    }
    Ok(Gathered { x: Tensor::f_cat(&parts, 1)?, steps })
}

/// What row-wise Adagrad knows of the tables' rows.
#[derive(Debug)]
pub(crate) struct RowStates {
    /// For each table `[rows]`, the sum of mean squared gradients.
    pub(crate) sums: Vec<Tensor>,
    /// For each table `[rows]`, the steps that have read a row; nothing where nobody asks.
    pub(crate) reads: Vec<Tensor>,
    decay: f64,
}

impl RowStates {
    pub(crate) fn new(tables: &[Tensor], decay: f64) -> Result<Self, TchError> {
        let a_row = |table: &Tensor| Tensor::f_zeros([table.size2()?.0], (Kind::Float, table.device()));
        let of_all = || tables.iter().map(a_row).collect::<Result<Vec<_>, _>>();
        Ok(Self { sums: of_all()?, reads: if decay > 0.0 { of_all()? } else { Vec::new() }, decay })
    }
}

/// One step of row-wise Adagrad over all tables, `[rows, width]`, and their states, down the gradient by what was gathered.
pub(crate) fn update(
    layout: &InputLayout,
    (tables, states): (&mut [Tensor], &mut RowStates),
    inputs: &InputTensors,
    by: &Gathered,
    rate: f64,
) -> Result<(), TchError> {
    let by_x = &by.x;
    let mut by_steps = by.steps.iter();
    let mut column = layout.numeric_width() as i64;
    let mut bags = inputs.bags.iter();
    for (index, table) in tables.iter_mut().enumerate() {
        let layout = &layout.tables[index];
        let (width, slots) = (layout.width as i64, layout.single_slots() as i64);
        let mut ids = vec![inputs.ids[index].shallow_clone()];
        let mut gradients = vec![by_x.f_narrow(1, column, slots * width)?.f_reshape([-1, width])?];
        column += slots * width;
        for (bag, by_steps) in bags.by_ref().zip(&mut by_steps).take(layout.bags().len()) {
            ids.push(bag.ids.shallow_clone());
            gradients.push(match by_steps {
                Some(by_steps) => by_steps.shallow_clone(),
                None => by_x.f_narrow(1, column, width)?.f_index_select(0, &bag.rows)?.f_mul(&bag.scales)?,
            });
            column += width;
        }
        let sums = sum_equal(&Tensor::f_cat(&ids, 0)?, &Tensor::f_cat(&gradients, 0)?)?;
        if let Some(reads) = states.reads.get_mut(index) {
            hold_back(table, reads, &sums.0, rate * states.decay)?;
        }
        descend(table, &mut states.sums[index], sums, rate)?;
    }
    Ok(())
}

/// Each id once, with the sum of its gradients.
fn sum_equal(ids: &Tensor, gradients: &Tensor) -> Result<(Tensor, Tensor), TchError> {
    let (ids, places, _) = ids.f_internal_unique2(true, true, false)?;
    let mut sums = Tensor::f_zeros([ids.size1()?, gradients.size2()?.1], (Kind::Float, gradients.device()))?;
    let sums = sums.f_index_add_(0, &places, gradients)?;
    Ok((ids, sums))
}

/// Takes its share from rows that are read, the less the more often they have been.
fn hold_back(table: &mut Tensor, reads: &mut Tensor, ids: &Tensor, share: f64) -> Result<(), TchError> {
    let once = Tensor::f_ones([ids.size1()?], (Kind::Float, reads.device()))?;
    let reads = reads.f_index_add_(0, ids, &once)?.f_index_select(0, ids)?;
    let lost = reads.f_reciprocal()?.f_mul_scalar(share)?.f_clamp_max(1.0)?.f_unsqueeze(1)?;
    let lost = table.f_index_select(0, ids)?.f_mul(&lost)?;
    let _ = table.f_index_add_(0, ids, &lost.f_neg()?)?;
    Ok(())
}

fn descend(table: &mut Tensor, state: &mut Tensor, (ids, sums): (Tensor, Tensor), rate: f64) -> Result<(), TchError> {
    let _ = state.f_index_add_(0, &ids, &sums.f_square()?.f_mean_dim(1, false, Kind::Float)?)?;
    let deviations = state.f_index_select(0, &ids)?.f_sqrt()?.f_add_scalar(f64::from(EPSILON))?.f_unsqueeze(1)?;
    let _ = table.f_index_add_(0, &ids, &sums.f_div(&deviations)?.f_mul_scalar(-rate)?)?;
    Ok(())
}
