//! The learning rate over time: linear warm-up, then a constant, half a cosine or steps.

use std::f64::consts::PI;

use spec::training::{Schedule, ScheduleKind};

/// What the learning rates are multiplied by at a step, 0..1.
///
/// Step `t` of `total` (from 0) has `(t + 1) / warm` while `t < warm`; then 1, or `½(1 + cos(π (t - warm) / (total -
/// warm)))`, or 1, 0.1 from half of the steps on and 0.01 from three quarters on. A warm-up is never longer than half of the planned steps.
pub(crate) fn factor(schedule: &Schedule, step: u64, total: u64) -> f64 {
    let warm = u64::from(schedule.warmup_steps).min(total / 2);
    if step < warm {
        return (step + 1) as f64 / warm as f64;
    }
    match schedule.kind {
        ScheduleKind::Constant => 1.0,
        ScheduleKind::Step if 4 * step >= 3 * total => 0.01,
        ScheduleKind::Step if 2 * step >= total => 0.1,
        ScheduleKind::Step => 1.0,
        ScheduleKind::Cosine => {
            let progress = (step - warm) as f64 / total.saturating_sub(warm).max(1) as f64;
            0.5 * (1.0 + (PI * progress.min(1.0)).cos())
        }
    }
}

#[cfg(test)]
mod tests {
    use spec::training::{Schedule, ScheduleKind};

    use super::factor;

    #[test]
    fn the_rate_warms_up_and_falls_to_zero_along_a_cosine() {
        let schedule = Schedule { warmup_steps: 4, kind: ScheduleKind::Cosine };
        let course: Vec<f64> = (0..=12).map(|step| factor(&schedule, step, 12)).collect();
        assert_eq!(course[..5], [0.25, 0.5, 0.75, 1.0, 1.0]);
        assert!((course[8] - 0.5).abs() < 1e-12 && course[12].abs() < 1e-12);
        assert!(course[4..].windows(2).all(|pair| pair[1] < pair[0]));
        assert_eq!(factor(&schedule, 100, 12), factor(&schedule, 12, 12));
    }

    #[test]
    fn steps_are_a_tenth_after_half_and_a_hundredth_after_three_quarters() {
        let schedule = Schedule { warmup_steps: 2, kind: ScheduleKind::Step };
        let course: Vec<f64> = (0..9).map(|step| factor(&schedule, step, 8)).collect();
        assert_eq!(course, [0.5, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01, 0.01]);
    }

    #[test]
    fn a_constant_rate_stays_and_warm_up_is_at_most_half_of_the_steps() {
        let schedule = Schedule { warmup_steps: 100, kind: ScheduleKind::Constant };
        assert_eq!(factor(&schedule, 9, 20), 1.0);
        assert_eq!(factor(&schedule, 4, 20), 0.5);
        assert_eq!(factor(&schedule, 0, 1), 1.0);
    }
}
