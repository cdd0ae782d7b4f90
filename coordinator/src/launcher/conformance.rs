//! What every launcher does, whatever it launches: one suite, run on each of them.

use std::collections::BTreeSet;

use proto::{FailureClass, Generation, Stage, Token};

use super::{ChildName, Contact, Force, Launcher};

/// What the children of a rig do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// End well at once.
    EndsWell,
    /// End with a failure at once.
    Fails,
    /// Go on until they are asked to end.
    Runs,
    /// Go on until they are killed.
    Ignores,
    /// Have no program.
    NoProgram,
}

/// A place where children of one conduct can be launched.
pub(crate) trait Rig {
    type Launcher: Launcher;

    fn new(conduct: Conduct) -> impl Future<Output = Self>;

    fn launcher(&self) -> &Self::Launcher;

    /// Another launcher in the same place, such as that of a coordinator after a crash.
    fn another(&self) -> Self::Launcher;

    /// How many children have been started.
    fn starts(&self) -> usize;
}

/// A workspace of the test alone: tests run at the same time, and launchers find children by workspace and name.
pub(crate) fn workspace() -> String {
    let thread = std::thread::current();
    format!("memory://{}/workspace", thread.name().unwrap_or("test").replace("::", "/"))
}

fn child(process: u32) -> ChildName {
    ChildName { run: "conformance-1".parse().unwrap(), stage: Stage::Score, generation: Generation(2), process }
}

fn contact() -> Contact {
    Contact {
        coordinator: "http://127.0.0.1:9".to_owned(),
        workspace: workspace(),
        token: Token::parse("0123456789abcdef").unwrap(),
    }
}

async fn launch(launcher: &impl Launcher, process: u32) {
    launcher.launch(&child(process), &contact()).await.unwrap();
}

async fn observed(launcher: &impl Launcher) -> Vec<ChildName> {
    launcher.observe(&workspace(), &child(0).run).await
}

pub(crate) async fn a_name_is_started_once<R: Rig>() {
    let rig = R::new(Conduct::EndsWell).await;
    launch(rig.launcher(), 0).await;
    launch(rig.launcher(), 0).await;
    assert_eq!(rig.launcher().ended().await.child, child(0));
    launch(rig.launcher(), 0).await;
    launch(rig.launcher(), 1).await;
    assert_eq!(rig.launcher().ended().await.child, child(1), "one that has ended is not started again");
    assert_eq!(rig.starts(), 2);
}

pub(crate) async fn every_end_is_told_once<R: Rig>() {
    let rig = R::new(Conduct::EndsWell).await;
    for process in 0..5 {
        launch(rig.launcher(), process).await;
    }
    let mut told = BTreeSet::new();
    for _ in 0..5 {
        let exit = rig.launcher().ended().await;
        assert_eq!(exit.failure, None);
        assert!(told.insert(exit.child.clone()), "{} twice", exit.child);
    }
    assert_eq!(told, (0..5).map(child).collect());
}

pub(crate) async fn an_end_that_nobody_waited_for_is_told_to_who_asks_later<R: Rig>() {
    let rig = R::new(Conduct::EndsWell).await;
    launch(rig.launcher(), 0).await;
    tokio::select! {
        biased;
        _ = rig.launcher().ended() => return,
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(rig.launcher().ended().await.child, child(0));
}

pub(crate) async fn a_failure_is_told_with_the_end<R: Rig>() {
    let rig = R::new(Conduct::Fails).await;
    launch(rig.launcher(), 0).await;
    let failure = rig.launcher().ended().await.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Bug, "{failure}");
}

pub(crate) async fn one_that_is_asked_ends_and_may_be_asked_again<R: Rig>() {
    let rig = R::new(Conduct::Runs).await;
    launch(rig.launcher(), 0).await;
    launch(rig.launcher(), 1).await;
    rig.launcher().stop(&child(0), Force::Ask);
    rig.launcher().stop(&child(0), Force::Ask);
    let exit = rig.launcher().ended().await;
    assert_eq!((exit.child, exit.failure.unwrap().class), (child(0), FailureClass::Preempted));
    rig.launcher().stop(&child(0), Force::Kill);
    assert_eq!(observed(rig.launcher()).await, [child(1)], "the other goes on");
    rig.launcher().stop(&child(1), Force::Kill);
    assert_eq!(rig.launcher().ended().await.child, child(1));
}

pub(crate) async fn one_that_does_not_listen_is_killed<R: Rig>() {
    let rig = R::new(Conduct::Ignores).await;
    launch(rig.launcher(), 0).await;
    rig.launcher().stop(&child(0), Force::Kill);
    let exit = rig.launcher().ended().await;
    assert_eq!((exit.child, exit.failure.unwrap().class), (child(0), FailureClass::Preempted));
    assert_eq!(observed(rig.launcher()).await, []);
}

pub(crate) async fn one_that_was_never_launched_can_be_stopped_and_removed<R: Rig>() {
    let rig = R::new(Conduct::EndsWell).await;
    rig.launcher().stop(&child(7), Force::Kill);
    rig.launcher().remove(&workspace(), &child(7)).await;
    launch(rig.launcher(), 7).await;
    assert_eq!(rig.launcher().ended().await.failure, None);
}

pub(crate) async fn without_a_program_there_is_no_child<R: Rig>() {
    let rig = R::new(Conduct::NoProgram).await;
    let error = rig.launcher().launch(&child(0), &contact()).await.unwrap_err();
    assert!(error.to_string().contains("kindred-scorer"), "{error}");
    assert_eq!(observed(rig.launcher()).await, []);
    assert_eq!(rig.starts(), 0);
}

pub(crate) async fn another_launcher_finds_and_removes_what_is_left<R: Rig>() {
    let rig = R::new(Conduct::Ignores).await;
    for process in 0..3 {
        launch(rig.launcher(), process).await;
    }
    let successor = rig.another();
    assert_eq!(observed(&successor).await, [child(0), child(1), child(2)]);
    assert_eq!(successor.observe("memory://conformance/other", &child(0).run).await, []);
    assert_eq!(successor.observe(&workspace(), &"conformance-2".parse().unwrap()).await, []);
    successor.remove(&workspace(), &child(1)).await;
    assert_eq!(rig.launcher().ended().await.child, child(1));
    assert_eq!(observed(&successor).await, [child(0), child(2)]);
    for process in [0, 2] {
        successor.remove(&workspace(), &child(process)).await;
        assert_eq!(rig.launcher().ended().await.child, child(process));
    }
}

/// The suite as tests of one rig.
macro_rules! suite {
    ($rig:ty: $($claim:ident)+) => {$(
        #[tokio::test]
        async fn $claim() {
            $crate::launcher::conformance::$claim::<$rig>().await;
        }
    )+};
    ($rig:ty) => {
        $crate::launcher::conformance::suite! { $rig:
            a_name_is_started_once
            every_end_is_told_once
            an_end_that_nobody_waited_for_is_told_to_who_asks_later
            a_failure_is_told_with_the_end
            one_that_is_asked_ends_and_may_be_asked_again
            one_that_does_not_listen_is_killed
            one_that_was_never_launched_can_be_stopped_and_removed
            without_a_program_there_is_no_child
            another_launcher_finds_and_removes_what_is_left
        }
    };
}
pub(crate) use suite;
