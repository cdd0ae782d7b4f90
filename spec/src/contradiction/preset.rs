//! Presets whose parts do not go together.

use crate::node::quoted;

/// Parts of a preset that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PresetContradiction {
    /// A preset without a column or table that its kind needs.
    #[error("the preset {kind} needs {words}")]
    Needs {
        /// The preset's kind.
        kind: &'static str,
        /// What states it.
        words: &'static str,
    },
    /// A field of a preset that belongs to another kind.
    #[error("`{option}` belongs to the preset {}, and the kind is {kind}", .of.join(" and "))]
    OptionOfAnother {
        /// The field.
        option: &'static str,
        /// The kinds that have it.
        of: Vec<&'static str>,
        /// The preset's kind.
        kind: &'static str,
    },
    /// A brand or category for the first purchase of anything.
    #[error("`of` is for `scope: brand` and `scope: category`, and the scope is site")]
    OfSite,
    /// Cut-offs for a kind that has its own.
    #[error("the preset {kind} has no choice of cut-offs: {why}")]
    CutOffs {
        /// The preset's kind.
        kind: &'static str,
        /// Why there is none.
        why: &'static str,
    },
    /// A table of customers that nothing is taken from.
    #[error("the preset {kind} takes nothing from this table: state columns to `keep`, or leave it out")]
    TableUnused {
        /// The preset's kind.
        kind: &'static str,
    },
    /// A stated column that has the name of one that the preset makes.
    #[error("the preset makes a column {} itself: give this one another name in a prepare step", quoted(.column))]
    ColumnTaken {
        /// The column.
        column: String,
    },
    /// Cut-offs before all calendars.
    #[error("the cut-offs and the window before them reach back beyond the year 1")]
    TooEarly,
}
