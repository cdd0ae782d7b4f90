//! Bars for terminals: one for the shards of a run or the trainings of a search, one for each process at work.

use std::collections::BTreeMap;
use std::time::Duration;

use coordinator::{ChildName, Notice};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use proto::{Progress, Stage};

use super::announcement;

/// Draws bars on stderr.
pub(crate) struct Bars {
    run: String,
    all: MultiProgress,
    units: Option<ProgressBar>,
    children: BTreeMap<ChildName, ProgressBar>,
}

const COUNTED: &str = "  {prefix:<24} {bar:24} {percent:>3} %  {msg}";
const UNCOUNTED: &str = "  {prefix:<24} {spinner} {elapsed:>4}  {msg}";
const TICK: Duration = Duration::from_millis(120);

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━━─")
}

impl Bars {
    pub(crate) fn new(run: String) -> Self {
        // MultiProgress draws on stderr.
        Self { run, all: MultiProgress::new(), units: None, children: BTreeMap::new() }
    }

    pub(crate) fn show(&mut self, notice: &Notice) {
        if let Some(text) = announcement(notice) {
            self.say(&text);
        }
        match notice {
            Notice::StageBegan { stage: stage @ (Stage::Score | Stage::Search), units, done } => {
                let bar = self.all.add(ProgressBar::new(*units as u64).with_style(style(COUNTED)));
                bar.set_prefix(if *stage == Stage::Search { "trainings" } else { "shards" });
                bar.set_message(format!("{done} of {units}"));
                bar.set_position(*done as u64);
                self.units = Some(bar);
            }
            Notice::UnitDone { done, units, .. } => {
                if let Some(bar) = &self.units {
                    bar.set_position(*done as u64);
                    bar.set_message(format!("{done} of {units}"));
                }
            }
            Notice::Progressed { child, progress, .. } => self.move_bar(child, progress),
            Notice::Ended { child } => self.children.remove(child).iter().for_each(ProgressBar::finish_and_clear),
            Notice::StageFinished { stage } => self.drop_bars(*stage),
            Notice::StageBegan { .. }
            | Notice::Opened { .. }
            | Notice::Launched { .. }
            | Notice::AttemptFailed { .. }
            | Notice::Straggler { .. }
            | Notice::Waiting { .. }
            | Notice::Leftover { .. }
            | Notice::Stopping { .. } => {}
        }
    }

    pub(crate) fn clear(&self) {
        // A terminal that cannot be cleared is left as it is.
        let _ = self.all.clear();
    }

    fn say(&self, text: &str) {
        // A terminal that went away is no reason to stop.
        let _ = self.all.println(format!("{}: {text}", self.run));
    }

    fn move_bar(&mut self, child: &ChildName, progress: &Progress) {
        for note in &progress.notes {
            self.say(&format!("{}: {note}", child.stage));
        }
        if progress.phase.is_empty() {
            return;
        }
        let bar = self.children.entry(child.clone()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length().with_style(style(UNCOUNTED)));
            bar.enable_steady_tick(TICK);
            bar
        });
        // Scorers and trials work side by side; the other stages have one process.
        bar.set_prefix(match child.stage {
            Stage::Score | Stage::Search => format!("process {}: {}", child.process, progress.phase),
            Stage::Train | Stage::Plan | Stage::Publish | Stage::Prepare => progress.phase.clone(),
        });
        match progress.total {
            Some(total) => {
                bar.set_style(style(COUNTED));
                bar.set_length(total);
                bar.set_position(progress.done.min(total));
                bar.set_message(progress.message.clone());
            }
            None => {
                bar.set_style(style(UNCOUNTED));
                bar.set_message(super::line(&Progress { phase: String::new(), ..progress.clone() }));
            }
        }
    }

    fn drop_bars(&mut self, stage: Stage) {
        if matches!(stage, Stage::Score | Stage::Search) {
            self.units.take().iter().for_each(ProgressBar::finish_and_clear);
        }
        let (ended, others) =
            std::mem::take(&mut self.children).into_iter().partition(|(child, _)| child.stage == stage);
        self.children = others;
        let ended: BTreeMap<ChildName, ProgressBar> = ended;
        ended.values().for_each(ProgressBar::finish_and_clear);
    }
}
