use proto::{Generation, Shard, Stage};

use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn child(process: u32) -> ChildName {
    ChildName { run: "nightly-1".parse().unwrap(), stage: Stage::Score, generation: Generation(2), process }
}

fn working(last_seen: u64, advanced: u64) -> Sight {
    Sight { launched: at(0), is_registered: true, last_seen: at(last_seen), advanced: at(advanced) }
}

fn shard(number: u64) -> Unit {
    Unit::Score(Shard(number))
}

fn said(view: &View<'_>) -> Vec<String> {
    waits_for(view, at(100)).iter().map(ToString::to_string).collect()
}

#[test]
fn a_run_says_what_it_waits_for() {
    let (one, two) = (child(1), child(2));
    let starting = Sight { launched: at(30), is_registered: false, last_seen: at(30), advanced: at(30) };
    let cases: Vec<(View<'_>, &[&str])> = vec![
        (View { ready: 7, ..View::default() }, &["a process to ask for work: 7 units could begin"]),
        (
            View { children: [(&one, starting)].into(), ready: 7, ..View::default() },
            &["process score-g2-p1, launched 70 s ago, to register"],
        ),
        (
            View {
                children: [(&one, working(99, 90)), (&two, working(99, 10))].into(),
                held: vec![(shard(4), &one, at(80)), (shard(5), &two, at(5))],
                ..View::default()
            },
            &[
                "shard 5, held for 95 s by process score-g2-p2, which has made no progress for 90 s",
                "shard 4, held for 20 s by process score-g2-p1, which has made no progress for 10 s",
            ],
        ),
        (
            View {
                children: [(&one, working(75, 75))].into(),
                held: vec![(shard(4), &one, at(60))],
                ..View::default()
            },
            &["shard 4, held for 40 s by process score-g2-p1, which has been silent for 25 s"],
        ),
        (View { delayed: vec![(at(108), shard(1))], ..View::default() }, &["the next try at shard 1 in 8 s"]),
        (
            View { store_silent_since: Some(at(60)), delayed: vec![(at(101), shard(1))], ..View::default() },
            &["the store, which has not answered for 40 s", "the next try at shard 1 in 1 s"],
        ),
        (
            View { is_stopping: true, children: [(&one, starting)].into(), ..View::default() },
            &["1 of its processes to end"],
        ),
    ];
    for (view, expected) in cases {
        assert_eq!(said(&view), expected, "{view:?}");
    }
}

#[test]
fn a_thousand_processes_are_not_all_listed() {
    let names: Vec<ChildName> = (0..1000).map(child).collect();
    let children = names.iter().map(|name| (name, working(100, 40))).collect();
    let held = names.iter().enumerate().map(|(number, name)| (shard(number as u64), name, at(1))).collect();
    assert_eq!(waits_for(&View { children, held, ..View::default() }, at(100)).len(), 3);
}
