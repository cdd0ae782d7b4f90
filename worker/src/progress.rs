//! How far a unit of work is, written by the work and sent along with heartbeats.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Notes kept between two heartbeats; older ones give way.
const MOST_NOTES: usize = 64;

/// Characters of a note or message; the rest is cut.
const MOST_CHARACTERS: usize = 2000;

/// Where a unit of work says how far it is. Cheap to clone; [`Progress::advance`] costs one atomic addition.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    done: AtomicU64,
    words: Mutex<Words>,
}

#[derive(Debug, Default)]
struct Words {
    phase: String,
    item: String,
    total: Option<u64>,
    message: String,
    notes: VecDeque<String>,
    dropped: usize,
}

impl Progress {
    /// One that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a phase, such as `train`, that counts `item`s from zero to `total`.
    pub fn phase(&self, phase: &str, item: &str, total: Option<u64>) {
        let mut words = self.words();
        self.shared.done.store(0, Ordering::Relaxed);
        phase.clone_into(&mut words.phase);
        item.clone_into(&mut words.item);
        words.total = total;
        words.message.clear();
    }

    /// Counts items done.
    pub fn advance(&self, items: u64) {
        self.shared.done.fetch_add(items, Ordering::Relaxed);
    }

    /// Sets how many items of this phase are done.
    pub fn set_done(&self, items: u64) {
        self.shared.done.store(items, Ordering::Relaxed);
    }

    /// Sets how many items this phase has, once that is known.
    pub fn set_total(&self, items: u64) {
        self.words().total = Some(items);
    }

    /// Sets the line that tells the latest state, such as `epoch 3 · repurchase.auc 0.712`.
    pub fn message(&self, message: impl Into<String>) {
        self.words().message = line(message.into());
    }

    /// Adds a line that every reader should see once.
    pub fn note(&self, note: impl Into<String>) {
        let mut words = self.words();
        words.notes.push_back(line(note.into()));
        if words.notes.len() > MOST_NOTES {
            words.notes.pop_front();
            words.dropped += 1;
        }
    }

    /// The state to send; the notes are taken out of it.
    pub(crate) fn take(&self) -> proto::Progress {
        let mut words = self.words();
        let dropped = std::mem::take(&mut words.dropped);
        let notice = (dropped > 0).then(|| format!("({dropped} earlier notes left out)"));
        let notes = notice.into_iter().chain(words.notes.drain(..)).collect();
        proto::Progress {
            phase: words.phase.clone(),
            done: self.shared.done.load(Ordering::Relaxed),
            total: words.total,
            item: words.item.clone(),
            message: words.message.clone(),
            notes,
        }
    }

    /// Puts notes back that could not be sent.
    pub(crate) fn put_back(&self, notes: Vec<String>) {
        let mut words = self.words();
        for note in notes.into_iter().rev() {
            if words.notes.len() < MOST_NOTES {
                words.notes.push_front(note);
            } else {
                words.dropped += 1;
            }
        }
    }

    fn words(&self) -> MutexGuard<'_, Words> {
        // Every update leaves the words whole, so a panic elsewhere does not spoil them.
        self.shared.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line of bounded length.
fn line(text: String) -> String {
    let legal = text.chars().all(|c| !c.is_control()) && text.len() <= MOST_CHARACTERS;
    if legal {
        return text;
    }
    text.chars().take(MOST_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_counts_from_zero_and_notes_are_sent_once() {
        let progress = Progress::new();
        progress.advance(7);
        progress.phase("train", "rows", Some(10));
        progress.advance(2);
        progress.clone().advance(1);
        progress.message("epoch 1\nauc 0.7");
        progress.note("learning rate halved");
        let sent = progress.take();
        assert_eq!((sent.phase.as_str(), sent.done, sent.total), ("train", 3, Some(10)));
        assert_eq!(sent.message, "epoch 1 auc 0.7");
        assert_eq!(sent.notes, ["learning rate halved"]);
        assert!(progress.take().notes.is_empty());
    }

    #[test]
    fn notes_that_could_not_be_sent_come_first_the_next_time() {
        let progress = Progress::new();
        progress.note("a");
        progress.note("b");
        let unsent = progress.take().notes;
        progress.note("c");
        progress.put_back(unsent);
        assert_eq!(progress.take().notes, ["a", "b", "c"]);
    }

    #[test]
    fn a_flood_of_notes_stays_bounded_and_is_owned_up_to() {
        let progress = Progress::new();
        for number in 0..MOST_NOTES + 5 {
            progress.note(number.to_string());
        }
        let notes = progress.take().notes;
        assert_eq!(notes.len(), MOST_NOTES + 1);
        assert_eq!(notes[0], "(5 earlier notes left out)");
        assert_eq!(notes[1], "5");
    }
}
