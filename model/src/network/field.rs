//! Fields: where each feature stands in the input `x`.

use spec::FeatureName;

use crate::input::InputLayout;
use crate::layers::{INPUT, View};

/// A feature's columns of `x`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) feature: FeatureName,
    pub(crate) view: View,
    /// Whether they are an embedding, pooled or not; else numbers.
    pub(crate) is_embedding: bool,
}

/// Every feature's, in the order of `x`.
pub(crate) fn fields(layout: &InputLayout) -> Vec<Field> {
    let numbers = layout.numeric.iter().map(|slot| (&slot.feature, slot.width, false));
    let tables = layout.tables.iter().flat_map(|table| table.slots.iter().map(move |slot| (slot, table.width)));
    let embeddings = tables.map(|(slot, width)| (&slot.feature, width, true));
    let mut column = 0;
    let mut field = |(feature, width, is_embedding): (&FeatureName, usize, bool)| {
        let view = View { buffer: INPUT, column, width };
        column += width;
        Field { feature: feature.clone(), view, is_embedding }
    };
    numbers.chain(embeddings).map(&mut field).collect()
}
