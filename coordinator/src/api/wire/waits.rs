//! What a queued submission waits for, in a line.

use spec::SubmissionId;

use crate::house::Wait;

/// Submissions that are named; the others are counted.
const MOST_NAMED: usize = 5;

/// The lines of `waits_for`.
pub(super) fn lines(wait: Option<&Wait>) -> Vec<String> {
    wait.map(line).into_iter().collect()
}

fn line(wait: &Wait) -> String {
    match wait {
        Wait::Total { limit, running, ahead } => {
            format!("{limit} submissions may run at once: {}{}", named(running), behind(*ahead))
        }
        Wait::Kind { kind, limit, running, ahead } => {
            format!("{limit} of kind {} may run at once: {}{}", kind.as_str(), named(running), behind(*ahead))
        }
        Wait::Owner { owner, limit, running, ahead } => {
            format!("{limit} of {owner} may run at once: {}{}", named(running), behind(*ahead))
        }
        Wait::Run { run, submission } => format!("submission {submission} is carrying the same run {run}"),
        Wait::Turn => "it is its turn".to_owned(),
    }
}

fn named(running: &[SubmissionId]) -> String {
    let named: Vec<&str> = running.iter().take(MOST_NAMED).map(SubmissionId::as_str).collect();
    let others = running.len().saturating_sub(MOST_NAMED);
    let others = if others > 0 { format!(" and {others} more") } else { String::new() };
    format!("behind {}{others}", named.join(", "))
}

fn behind(ahead: usize) -> String {
    match ahead {
        0 => String::new(),
        1 => "; 1 that waits goes first".to_owned(),
        more => format!("; {more} that wait go first"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn a_wait_says_what_it_is_behind() {
        let ids: Vec<SubmissionId> = (0..7).map(|n| format!("s-{n}").parse().unwrap()).collect();
        let limit = NonZeroU32::new(2).unwrap();
        let wait = Wait::Owner { owner: "ana".parse().unwrap(), limit, running: ids[..2].to_vec(), ahead: 1 };
        assert_eq!(lines(Some(&wait)), ["2 of ana may run at once: behind s-0, s-1; 1 that waits goes first"]);
        let wait = Wait::Total { limit, running: ids, ahead: 0 };
        let line = &lines(Some(&wait))[0];
        assert!(line.ends_with("s-4 and 2 more"), "{line}");
        assert!(lines(None).is_empty());
    }
}
