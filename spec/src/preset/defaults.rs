//! What a preset means where it does not say it: lengths of time, and the cut-offs that follow from them.

use chrono::{Datelike, Days as CalendarDays, NaiveDate};

use super::{Days, Preset, PresetKind};

/// What the filled document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To learn from people whose outcome is known.
    Training,
    /// To look at people as of today.
    Scoring,
}

impl Preset {
    /// How long from a cut-off on outcomes are looked for.
    pub fn horizon(&self) -> Days {
        self.horizon.unwrap_or(Days::new(match self.kind {
            PresetKind::HighIntent => 7,
            PresetKind::Response => 14,
            PresetKind::Purchase
            | PresetKind::Repurchase
            | PresetKind::Churn
            | PresetKind::Value
            | PresetKind::Upsell
            | PresetKind::CrossSell
            | PresetKind::Acquisition
            | PresetKind::NewProduct => 90,
        }))
    }

    /// How far back from a cut-off features look.
    pub fn window(&self) -> Days {
        self.window.unwrap_or(Days::new(if self.kind == PresetKind::HighIntent { 90 } else { 365 }))
    }

    /// Within which time before a cut-off somebody has to have been active.
    pub(super) fn active_within(&self) -> Days {
        self.active_within.unwrap_or(Days::new(if self.kind == PresetKind::HighIntent { 7 } else { 90 }))
    }

    /// The days that are looked from, the newest first; nothing where one has no date that SQL can write.
    pub(crate) fn cut_offs(&self, purpose: Purpose) -> Option<Vec<NaiveDate>> {
        let cut_offs = match purpose {
            Purpose::Scoring => vec![self.as_of],
            Purpose::Training => {
                let every = self.cut_offs.every.unwrap_or(self.horizon());
                let newest = before(self.as_of, self.horizon().count())?;
                (0..self.cut_offs.count)
                    .map(|index| before(newest, index.checked_mul(every.count())?))
                    .collect::<Option<Vec<_>>>()?
            }
        };
        let oldest = cut_offs.last()?;
        before(*oldest, self.window().count()).map(|_| cut_offs)
    }
}

/// The day so many days before; nothing before the year 1.
fn before(day: NaiveDate, days: u32) -> Option<NaiveDate> {
    day.checked_sub_days(CalendarDays::new(days.into())).filter(|day| day.year() >= 1)
}
