//! What a create does next: a pure function of what it has seen so far and how long it has taken.

use std::time::Duration;

use bytes::Bytes;

use super::Outcome;

/// How long a create is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// After this long without an outcome it is unknown.
    pub deadline: Duration,
    /// A request without an answer counts as failed after this long.
    pub request: Duration,
    /// The first pause between two tries; each further one is twice as long, give or take a quarter.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(120),
            request: Duration::from_secs(30),
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(5),
        }
    }
}

impl Patience {
    /// The pause before try `number` + 1: doubling, spread by a quarter either way so that racing writers, whose seeds
    /// differ, do not stay in step.
    pub(crate) fn pause(&self, number: u32, seed: u64) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << number.min(16));
        let whole = doubled.min(self.longest_pause);
        let mix = seed.wrapping_add(u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let spread = 0.75 + 0.5 * ((mix >> 40) as f64 / f64::from(1 << 24));
        whole.mul_f64(spread)
    }
}

/// What was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// The put said that the object was created.
    Created,
    /// The put failed; `never` when it certainly wrote nothing, and never will.
    PutFailed { never: bool },
    /// The object is there.
    Found(Bytes),
    /// The object is not there.
    Absent,
    /// Whether the object is there could not be read.
    GetFailed,
    /// A pause is over.
    Waited,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Put the entry, if nothing is there.
    Put,
    /// Read what is there.
    Get,
    /// Let some time pass.
    Wait(Duration),
    /// The race is decided.
    Done(Outcome),
    /// The deadline has passed, and nobody knows.
    Unknown,
    /// Nothing was written, and trying again is of no use.
    Refused,
}

/// A create on its way.
#[derive(Debug, Clone)]
pub(super) struct Course {
    body: Bytes,
    patience: Patience,
    seed: u64,
    pauses: u32,
    /// A put may have been applied, or may yet be.
    in_doubt: bool,
    /// The last put certainly wrote nothing, and never will.
    refused: bool,
    /// The step after a pause.
    after_pause: Step,
}

impl Course {
    pub(super) fn new(body: Bytes, patience: Patience, seed: u64) -> Self {
        Self { body, patience, seed, pauses: 0, in_doubt: false, refused: false, after_pause: Step::Put }
    }

    pub(super) fn first(&self) -> Step {
        Step::Put
    }

    pub(super) fn next(&mut self, seen: &Seen, elapsed: Duration) -> Step {
        match seen {
            Seen::Created => Step::Done(Outcome::Won),
            Seen::PutFailed { never } => {
                self.in_doubt |= !never;
                self.refused = *never;
                Step::Get
            }
            Seen::Found(bytes) if *bytes == self.body => Step::Done(Outcome::Won),
            Seen::Found(bytes) => Step::Done(Outcome::Lost { winner: bytes.clone() }),
            Seen::Absent if self.refused && !self.in_doubt => Step::Refused,
            Seen::Absent => self.pause(elapsed, Step::Put),
            Seen::GetFailed if self.refused && !self.in_doubt => Step::Refused,
            Seen::GetFailed => self.pause(elapsed, Step::Get),
            Seen::Waited => self.after_pause.clone(),
        }
    }

    fn pause(&mut self, elapsed: Duration, then: Step) -> Step {
        let pause = self.next_pause();
        if elapsed + pause >= self.patience.deadline {
            return Step::Unknown;
        }
        self.after_pause = then;
        Step::Wait(pause)
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.patience.pause(self.pauses, self.seed);
        self.pauses += 1;
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course() -> Course {
        Course::new(Bytes::from_static(b"mine"), Patience::default(), 7)
    }

    fn found(text: &'static str) -> Seen {
        Seen::Found(Bytes::from_static(text.as_bytes()))
    }

    const FAILED: Seen = Seen::PutFailed { never: false };
    const REFUSED: Seen = Seen::PutFailed { never: true };
    const NOW: Duration = Duration::ZERO;

    #[test]
    fn an_answered_put_has_won() {
        assert_eq!(course().next(&Seen::Created, NOW), Step::Done(Outcome::Won));
    }

    #[test]
    fn a_failed_put_is_looked_up_and_my_entry_has_won() {
        let mut course = course();
        assert_eq!(course.next(&FAILED, NOW), Step::Get);
        assert_eq!(course.next(&found("mine"), NOW), Step::Done(Outcome::Won));
    }

    #[test]
    fn anothers_entry_has_won_whatever_happened_to_mine() {
        for failure in [FAILED, REFUSED] {
            let mut course = course();
            course.next(&failure, NOW);
            let winner = Bytes::from_static(b"theirs");
            assert_eq!(course.next(&found("theirs"), NOW), Step::Done(Outcome::Lost { winner }));
        }
    }

    #[test]
    fn an_absent_object_is_put_again_after_a_pause() {
        let mut course = course();
        course.next(&FAILED, NOW);
        assert!(matches!(course.next(&Seen::Absent, NOW), Step::Wait(_)));
        assert_eq!(course.next(&Seen::Waited, NOW), Step::Put);
    }

    #[test]
    fn an_unreadable_object_is_read_again_after_a_pause() {
        let mut course = course();
        course.next(&FAILED, NOW);
        assert!(matches!(course.next(&Seen::GetFailed, NOW), Step::Wait(_)));
        assert_eq!(course.next(&Seen::Waited, NOW), Step::Get);
    }

    #[test]
    fn past_the_deadline_the_outcome_is_unknown() {
        for seen in [Seen::Absent, Seen::GetFailed] {
            let mut course = course();
            course.next(&FAILED, NOW);
            assert_eq!(course.next(&seen, Duration::from_secs(120)), Step::Unknown);
        }
    }

    #[test]
    fn a_refusal_is_final_only_while_no_put_is_in_doubt() {
        let mut refused_at_once = course();
        refused_at_once.next(&REFUSED, NOW);
        assert_eq!(refused_at_once.next(&Seen::Absent, NOW), Step::Refused);

        let mut refused_later = course();
        refused_later.next(&FAILED, NOW);
        refused_later.next(&Seen::Absent, NOW);
        refused_later.next(&Seen::Waited, NOW);
        refused_later.next(&REFUSED, NOW);
        assert!(matches!(refused_later.next(&Seen::Absent, NOW), Step::Wait(_)));
    }

    #[test]
    fn pauses_grow_to_the_longest_and_differ_between_writers() {
        let pauses = |seed| {
            let mut course = Course::new(Bytes::new(), Patience::default(), seed);
            (0..40).map(|_| course.next_pause()).collect::<Vec<_>>()
        };
        let patience = Patience::default();
        assert!(pauses(1)[0] >= patience.first_pause.mul_f64(0.75));
        assert!(pauses(1).iter().all(|pause| *pause <= patience.longest_pause.mul_f64(1.25)));
        assert!(pauses(1)[39] >= patience.longest_pause.mul_f64(0.75));
        assert_ne!(pauses(1), pauses(2));
        assert_eq!(pauses(1), pauses(1));
    }
}
