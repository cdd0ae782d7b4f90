//! Lines for logs and pipes: what changes, and now and then how far it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use coordinator::{ChildName, Notice};
use proto::{Progress, Stage};

use super::{announcement, line};
use crate::show;

/// A process's progress is told this often, and whenever its phase changes.
const INTERVAL: Duration = Duration::from_secs(10);

/// Writes lines to stderr.
pub(crate) struct Lines {
    run: String,
    told: BTreeMap<ChildName, (String, Instant)>,
    tenths: usize,
}

impl Lines {
    pub(crate) fn new(run: String) -> Self {
        Self { run, told: BTreeMap::new(), tenths: 0 }
    }

    pub(crate) fn show(&mut self, notice: &Notice) {
        for text in self.lines(notice, Instant::now()) {
            show::tell(&format!("{}: {text}", self.run));
        }
    }

    fn lines(&mut self, notice: &Notice, now: Instant) -> Vec<String> {
        match notice {
            Notice::Progressed { child, progress, .. } => {
                let mut lines: Vec<String> =
                    progress.notes.iter().map(|note| format!("{}: {note}", child.stage)).collect();
                if self.is_news(child, &progress.phase, now) {
                    lines.push(format!("{}{}", place(child), within(child, progress)));
                }
                lines
            }
            Notice::UnitDone { unit, done, units } if unit.stage() == Stage::Score => {
                let tenths = done * 10 / (*units).max(1);
                let is_news = tenths > self.tenths;
                self.tenths = tenths;
                if is_news { vec![format!("score: {done} of {units} shards")] } else { vec![] }
            }
            other => announcement(other).into_iter().collect(),
        }
    }

    /// Phases that differ in their numbers alone, such as epochs, are of one kind.
    fn is_news(&mut self, child: &ChildName, phase: &str, now: Instant) -> bool {
        let kind: String = phase.chars().filter(|c| !c.is_ascii_digit()).collect();
        let told = self.told.get(child);
        let is_same = told.is_some_and(|(last, at)| *last == kind && now.duration_since(*at) < INTERVAL);
        if is_same || phase.is_empty() {
            return false;
        }
        self.told.insert(child.clone(), (kind, now));
        true
    }
}

/// A worker's progress, without its phase where that says no more than the stage.
fn within(child: &ChildName, progress: &Progress) -> String {
    if progress.phase == child.stage.as_str() {
        return line(&Progress { phase: String::new(), ..progress.clone() });
    }
    line(progress)
}

/// Scorers and trials work side by side; the other stages have one process.
fn place(child: &ChildName) -> String {
    match child.stage {
        Stage::Score | Stage::Search => format!("{}, process {}: ", child.stage, child.process),
        Stage::Train | Stage::Plan | Stage::Publish | Stage::Prepare => format!("{}: ", child.stage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{Generation, Shard, Unit};

    fn progressed(phase: &str, done: u64) -> Notice {
        let (run, stage, generation) = ("r-1".parse().unwrap(), Stage::Train, Generation(1));
        let child = ChildName { run, stage, generation, process: 0 };
        let progress = Progress { phase: phase.to_owned(), done, item: "rows".to_owned(), ..Progress::default() };
        Notice::Progressed { child, unit: Some(Unit::Train), progress }
    }

    #[test]
    fn a_phase_is_told_when_it_begins_and_then_now_and_then() {
        let mut lines = Lines::new("r-1".to_owned());
        let start = Instant::now();
        assert_eq!(lines.lines(&progressed("prepare", 5), start), ["train: prepare: 5 rows"]);
        assert!(lines.lines(&progressed("prepare", 6), start + Duration::from_secs(9)).is_empty());
        assert_eq!(lines.lines(&progressed("prepare", 7), start + INTERVAL), ["train: prepare: 7 rows"]);
        assert_eq!(lines.lines(&progressed("fit", 0), start + INTERVAL), ["train: fit"]);
        assert!(lines.lines(&progressed("", 0), start + 9 * INTERVAL).is_empty(), "a worker that has not begun");
        assert_eq!(lines.lines(&progressed("epoch 1/30", 7), start + 9 * INTERVAL), ["train: epoch 1/30: 7 rows"]);
        assert!(
            lines.lines(&progressed("epoch 2/30", 7), start + 9 * INTERVAL).is_empty(),
            "one epoch is like another"
        );
        assert_eq!(lines.lines(&progressed("train", 7), start + 9 * INTERVAL), ["train: 7 rows"]);
    }

    #[test]
    fn notes_are_always_told() {
        let mut lines = Lines::new("r-1".to_owned());
        let mut notice = progressed("", 0);
        if let Notice::Progressed { progress, .. } = &mut notice {
            progress.notes = vec!["stopped early".to_owned()];
        }
        assert_eq!(lines.lines(&notice, Instant::now()), ["train: stopped early"]);
    }

    #[test]
    fn ten_thousand_shards_are_ten_lines() {
        let mut lines = Lines::new("r-1".to_owned());
        let told = (1..=10_000).flat_map(|done| {
            let notice = Notice::UnitDone { unit: Unit::Score(Shard(0)), done, units: 10_000 };
            lines.lines(&notice, Instant::now())
        });
        assert_eq!(told.count(), 10);
    }
}
