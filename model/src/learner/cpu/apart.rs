//! The gradient of each task by itself, for rules that look at how tasks pull at what they share.

use super::gradients::InputGradients;
use super::{Counts, CpuLearner, Found, LaneLosses, Pass};
use crate::architecture::Architecture;
use crate::error::Error;
use crate::learner::Course;
use crate::loss::weighting::surgery;

impl CpuLearner {
    /// A pass for each task; a joint loss goes with [its task](crate::loss::joint::Joint::task). What is gone down is left in the
    /// first lane, and with the embeddings' in the input's gradient. There are rows.
    pub(super) fn apart(
        &mut self,
        architecture: &Architecture,
        course: &Course<'_>,
        pass: Pass<'_>,
        counts: Counts<'_>,
    ) -> Result<Found, Error> {
        let tasks = counts.factors.len();
        let (mut gradients, mut input, mut losses) =
            (Vec::with_capacity(tasks), None::<InputGradients>, LaneLosses::default());
        for task in 0..tasks {
            let (factors, totals) = counts.of_task(architecture, task);
            let joint = losses.joint;
            losses = self.pass(architecture, pass, Counts { factors: &factors, totals: &totals })?;
            losses.joint += joint;
            self.pool.install(|| self.dense.sum_lanes(&mut self.lanes[..pass.lanes.len()]));
            gradients.push(self.lanes[0].clone());
            match &mut input {
                None => input = Some(self.input.clone()),
                Some(sum) => sum.add(&self.input),
            }
        }
        self.input = input.unwrap_or_default();
        let views: Vec<&[f32]> = gradients.iter().map(|gradient| &gradient[..]).collect();
        let norms = views.iter().map(|gradient| surgery::dot(gradient, gradient, &self.shared).sqrt()).collect();
        let order = |task| surgery::order(course.fit.seed, course.step, task, tasks);
        // Without projections the tasks meet nobody, and are summed.
        let orders: Vec<_> =
            (0..tasks).map(|task| if course.weighting.projects() { order(task) } else { Vec::new() }).collect();
        self.lanes[0].copy_from_slice(&surgery::project(&views, &self.shared, &orders));
        Ok(Found { losses, lanes: 1, norms })
    }
}

impl Counts<'_> {
    /// What losses count in the pass of one task.
    fn of_task(self, architecture: &Architecture, task: usize) -> (Vec<f64>, Vec<f64>) {
        let factors = self.factors.iter().enumerate();
        let factors = factors.map(|(other, factor)| if other == task { *factor } else { 0.0 }).collect();
        let joints = architecture.graph.joints.iter().zip(self.totals);
        let totals = joints.map(|(joint, total)| if joint.task() == task { *total } else { 0.0 }).collect();
        (factors, totals)
    }
}
