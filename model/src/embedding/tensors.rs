//! Batches on a device and what is gathered of the tables for them, by libtorch's operators, for a GPU.

pub(crate) mod update;

use tch::{Device, Kind, TchError, Tensor};

use super::Table;
use super::gather::pool_scale;
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

/// A copy of a table on a device, `[rows, width]`.
pub(crate) fn upload_table(table: &Table, device: Device) -> Result<Tensor, TchError> {
    let rows = table.numbers.len() / table.stride;
    let padded = upload(&table.numbers, device)?.f_reshape([rows as i64, table.stride as i64])?;
    padded.f_narrow(1, 0, table.width as i64)?.f_contiguous()
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
