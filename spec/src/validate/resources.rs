//! What a run may use of a machine.

use super::{Checker, spec};
use crate::contradiction::Contradiction;
use crate::scoring::Resources;
use crate::size::parse_bytes;

/// A process holds its SQL's memory and more.
pub(super) fn check(checker: &mut Checker<'_>, resources: &Resources) {
    let Some((limit, bytes)) = resources.memory_limit.clone().zip(resources.memory_limit_bytes()) else {
        return;
    };
    if parse_bytes(&resources.memory).is_ok_and(|memory| memory >= bytes) {
        let memory = resources.memory.clone();
        checker.report(&spec("resources").name("memory_limit"), Contradiction::NoRoomForSql { limit, memory });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{SCORING, check_edits};

    const MEMORY: &str = "memory: 64GiB";

    #[test]
    fn a_process_has_room_for_its_sql() {
        check_edits(
            SCORING,
            &[
                (MEMORY, "memory: 64GiB, memory_limit: 65GiB", &[]),
                (
                    MEMORY,
                    "memory: 64GiB, memory_limit: §64GiB",
                    &[
                        "spec.resources.memory_limit: a process that may hold 64GiB has no room for the 64GiB that `resources.memory` gives to its SQL: raise this above it, or write less there",
                    ],
                ),
                (
                    MEMORY,
                    "memory_limit: §2GiB",
                    &[
                        "spec.resources.memory_limit: a process that may hold 2GiB has no room for the 4GiB that `resources.memory` gives to its SQL: raise this above it, or write less there",
                    ],
                ),
                (
                    MEMORY,
                    "memory_limit: §lots",
                    &[
                        "spec.resources.memory_limit: `lots` is not an amount of memory of at least 1MiB: write a number and a unit, such as 4GiB or 512MB",
                    ],
                ),
            ],
        );
    }
}
