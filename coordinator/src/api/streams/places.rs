//! Places of streams: so many in all, and of them so many for one who asks.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::status::ApiError;
use crate::names::Owner;

/// How many streams there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct MostStreams {
    /// In all.
    pub(in crate::api) in_all: usize,
    /// Of one caller.
    pub(in crate::api) of_one: usize,
}

/// Streams of one machine that shows no token.
const OF_ONE_STRANGER: usize = 16;

/// Whose a stream is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::api) enum Holder {
    /// Of who has a token of this name.
    Caller(Owner),
    /// Of who needs no token, by the address; absent where it is not known.
    Stranger(Option<IpAddr>),
}

/// The places that are taken.
#[derive(Debug, Clone)]
pub(super) struct Places {
    most: MostStreams,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    by: BTreeMap<Holder, usize>,
}

/// A stream's place; free again once this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    holder: Holder,
}

impl Places {
    pub(super) fn new(most: MostStreams) -> Self {
        Self { most, taken: Arc::default() }
    }

    pub(super) fn take(&self, holder: Holder) -> Result<Place, ApiError> {
        let mut taken = self.taken();
        if taken.in_all >= self.most.in_all {
            return Err(ApiError::TooManyStreams { most: self.most.in_all });
        }
        let most = match &holder {
            Holder::Caller(_) => self.most.of_one,
            Holder::Stranger(_) => OF_ONE_STRANGER,
        };
        let by = taken.by.get(&holder).copied().unwrap_or(0);
        if by >= most {
            return Err(ApiError::TooManyStreamsOfOne { most });
        }
        taken.by.insert(holder.clone(), by + 1);
        taken.in_all += 1;
        Ok(Place { places: self.clone(), holder })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Every change leaves the counts whole, so a panic elsewhere does no harm.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.in_all -= 1;
        match taken.by.get_mut(&self.holder) {
            Some(by) if *by > 1 => *by -= 1,
            _ => _ = taken.by.remove(&self.holder),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_places_than_one_may_have_and_all_together_no_more_than_there_are() {
        let places = Places::new(MostStreams { in_all: OF_ONE_STRANGER + 3, of_one: 2 });
        let (ana, ben) = (Holder::Caller("ana".parse().unwrap()), Holder::Caller("ben".parse().unwrap()));
        let one = places.take(ana.clone()).unwrap();
        let _two = places.take(ana.clone()).unwrap();
        assert!(matches!(places.take(ana.clone()), Err(ApiError::TooManyStreamsOfOne { most: 2 })));
        let stranger = Holder::Stranger(Some("192.0.2.1".parse().unwrap()));
        let strangers: Vec<Place> = (0..OF_ONE_STRANGER).map(|_| places.take(stranger.clone()).unwrap()).collect();
        assert!(matches!(places.take(stranger), Err(ApiError::TooManyStreamsOfOne { .. })));
        let _third = places.take(ben.clone()).unwrap();
        assert!(matches!(places.take(ben.clone()), Err(ApiError::TooManyStreams { .. })));
        drop((one, strangers));
        assert!(places.take(ana).is_ok() && places.take(ben).is_ok());
        assert_eq!(places.taken().in_all, 2);
        assert_eq!(places.taken().by.len(), 2);
    }
}
