//! Gather and row-wise Adagrad as libtorch operators, for a GPU. The kernels' formulas; rows of equal ids are added in
//! another order.

use spec::feature::Pool;
use tch::{Device, Kind, TchError, Tensor};

use super::gather::pool_scale;
use super::update::EPSILON;
use crate::input::{InputLayout, Inputs};

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
            let pool: Pool = slot.pool.unwrap_or_default();
            let lengths = bag.offsets.windows(2).map(|ends| (ends[1] - ends[0]) as usize);
            let rows: Vec<i32> = (0i32..).zip(lengths.clone()).flat_map(|(row, len)| vec![row; len]).collect();
            let scales: Vec<f32> = match pool {
                Pool::Weighted => bag.weights.clone(),
                Pool::Mean | Pool::Sum => lengths.flat_map(|len| vec![pool_scale(pool, len); len]).collect(),
            };
            Ok(BagTensors {
                ids: upload(&bag.ids, device)?,
                rows: upload(&rows, device)?,
                scales: upload(&scales, device)?.f_unsqueeze(1)?,
            })
        });
        Ok(Self { rows, numeric, ids, bags: bags.collect::<Result<_, TchError>>()? })
    }
}

/// `x`, `[rows, layout.width()]`.
pub(crate) fn gather(layout: &InputLayout, tables: &[Tensor], inputs: &InputTensors) -> Result<Tensor, TchError> {
    let mut parts = vec![inputs.numeric.shallow_clone()];
    let mut bags = inputs.bags.iter();
    for ((layout, table), ids) in layout.tables.iter().zip(tables).zip(&inputs.ids) {
        let width = layout.width as i64;
        let columns = layout.single_slots() as i64 * width;
        parts.push(table.f_index_select(0, ids)?.f_reshape([inputs.rows, columns])?);
        for bag in bags.by_ref().take(layout.bags().len()) {
            let embeddings = table.f_index_select(0, &bag.ids)?.f_mul(&bag.scales)?;
            let mut pooled = Tensor::f_zeros([inputs.rows, width], (Kind::Float, table.device()))?;
            parts.push(pooled.f_index_add_(0, &bag.rows, &embeddings)?);
        }
    }
    Tensor::f_cat(&parts, 1)
}

/// One step of row-wise Adagrad over all tables, `[rows, width]`, and their states, `[rows]`.
pub(crate) fn update(
    layout: &InputLayout,
    (tables, states): (&mut [Tensor], &mut [Tensor]),
    inputs: &InputTensors,
    by_x: &Tensor,
    rate: f64,
) -> Result<(), TchError> {
    let mut column = layout.numeric_width() as i64;
    let mut bags = inputs.bags.iter();
    for (index, (table, state)) in tables.iter_mut().zip(states).enumerate() {
        let layout = &layout.tables[index];
        let (width, slots) = (layout.width as i64, layout.single_slots() as i64);
        let mut ids = vec![inputs.ids[index].shallow_clone()];
        let mut gradients = vec![by_x.f_narrow(1, column, slots * width)?.f_reshape([-1, width])?];
        column += slots * width;
        for bag in bags.by_ref().take(layout.bags().len()) {
            let by_row = by_x.f_narrow(1, column, width)?.f_index_select(0, &bag.rows)?;
            ids.push(bag.ids.shallow_clone());
            gradients.push(by_row.f_mul(&bag.scales)?);
            column += width;
        }
        descend(table, state, &Tensor::f_cat(&ids, 0)?, &Tensor::f_cat(&gradients, 0)?, rate)?;
    }
    Ok(())
}

fn descend(
    table: &mut Tensor,
    state: &mut Tensor,
    ids: &Tensor,
    gradients: &Tensor,
    rate: f64,
) -> Result<(), TchError> {
    let (ids, places, _) = ids.f_internal_unique2(true, true, false)?;
    let mut sums = Tensor::f_zeros([ids.size1()?, gradients.size2()?.1], (Kind::Float, gradients.device()))?;
    let sums = sums.f_index_add_(0, &places, gradients)?;
    let _ = state.f_index_add_(0, &ids, &sums.f_square()?.f_mean_dim(1, false, Kind::Float)?)?;
    let deviations = state.f_index_select(0, &ids)?.f_sqrt()?.f_add_scalar(f64::from(EPSILON))?.f_unsqueeze(1)?;
    let _ = table.f_index_add_(0, &ids, &sums.f_div(&deviations)?.f_mul_scalar(-rate)?)?;
    Ok(())
}
