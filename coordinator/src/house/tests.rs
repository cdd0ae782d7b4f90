//! The house with processes that do nothing until they are stopped, over a store that fails as it is told.

mod furniture;

use std::time::Duration;

use artifacts::faults::Fault;
use futures::StreamExt;

use super::{LogSelector, Page, SubmissionStatus};
use crate::error::CoordinatorError;
use furniture::{Home, Trouble, new, owner, token};

#[tokio::test]
async fn nobody_has_more_submissions_waiting_than_one_may_have() {
    let home = Home::with(2);
    let (house, _ended) = home.open().await;
    let first = house.submit(token(new("ana", "one"), "t-1")).await.unwrap();
    house.submit(new("ana", "two")).await.unwrap();
    let error = house.submit(new("ana", "three")).await.unwrap_err();
    assert!(matches!(&error, CoordinatorError::TooManySubmissions { most: 2, .. }), "{error}");
    assert!(!house.submit(token(new("ana", "one"), "t-1")).await.unwrap().is_new, "it is here already");
    house.submit(new("ben", "four")).await.unwrap();
    house.cancel(&first.id, owner("ana")).await.unwrap();
    home.until(&house, &first.id, SubmissionStatus::Cancelled).await;
    house.submit(new("ana", "three")).await.unwrap();
}

#[tokio::test]
async fn a_cancel_that_the_store_does_not_take_at_once_leaves_the_run_alone_until_it_does() {
    let home = Home::with(9);
    let (house, _ended) = home.open().await;
    let id = house.submit(new("ana", "one")).await.unwrap().id;
    home.launched(1).await;
    home.trouble(Trouble::at("/log/", Fault::Before));
    let cancelling = tokio::spawn({
        let (house, id) = (house.clone(), id.clone());
        async move { house.cancel(&id, owner("ana")).await }
    });
    home.troubled(60).await;
    assert!(!cancelling.is_finished());
    home.trouble(Trouble::None);
    cancelling.await.unwrap().unwrap();
    let view = home.until(&house, &id, SubmissionStatus::Cancelled).await;
    assert_eq!(view.cancelled_by, Some(owner("ana")));
    assert_eq!(home.launches(), 1, "what ran went on meanwhile");
}

#[tokio::test]
async fn a_submission_whose_task_breaks_down_gets_another_one() {
    let home = Home::with(9);
    let (house, _ended) = home.open().await;
    home.trouble(Trouble::breakdowns("document.json", 2));
    let id = house.submit(new("ana", "one")).await.unwrap().id;
    home.until(&house, &id, SubmissionStatus::Running).await;
    home.launched(1).await;
}

#[tokio::test]
async fn a_submission_whose_task_breaks_down_each_time_fails_and_says_so() {
    let home = Home::with(9);
    let (house, _ended) = home.open().await;
    home.trouble(Trouble::breakdowns("document.json", usize::MAX));
    let id = house.submit(new("ana", "one")).await.unwrap().id;
    let view = home.until(&house, &id, SubmissionStatus::Failed).await;
    let Some(super::DocumentEnd::Failed { failure }) = &view.documents[0].ended else { panic!("{view:?}") };
    assert!(failure.message.contains("the coordinator made a mistake"), "{}", failure.message);
    home.trouble(Trouble::None);
    house.retry(&id, owner("ana")).await.unwrap();
    home.until(&house, &id, SubmissionStatus::Running).await;
}

#[tokio::test]
async fn output_of_a_run_that_waits_for_its_turn_again_is_followed_to_its_end() {
    let home = Home::with(9);
    let (house, _ended) = home.open().await;
    let first = house.submit(new("ana", "one")).await.unwrap().id;
    home.launched(1).await;
    let run = house.submission(&first).await.unwrap().documents[0].run.clone().unwrap();
    house.cancel(&first, owner("ana")).await.unwrap();
    home.until(&house, &first, SubmissionStatus::Cancelled).await;
    let second = house.submit(new("ana", "two")).await.unwrap().id;
    home.launched(2).await;
    house.retry(&first, owner("ana")).await.unwrap();
    let mut following = house.logs(&run, LogSelector::default(), 0, true).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(50), following.next()).await;
    assert!(waits.is_err(), "it waits for its turn: {waits:?}");
    house.cancel(&second, owner("ana")).await.unwrap();
    home.launched(3).await;
    house.cancel(&first, owner("ana")).await.unwrap();
    assert!(following.next().await.is_none());
}

#[tokio::test]
async fn runs_are_listed_by_what_is_known_of_them_without_reading_those_of_others() {
    let home = Home::with(9);
    let (house, _ended) = home.open().await;
    for (who, name) in [("ana", "one"), ("ben", "two")] {
        let id = house.submit(new(who, name)).await.unwrap().id;
        home.until(&house, &id, SubmissionStatus::Running).await;
        house.cancel(&id, owner(who)).await.unwrap();
        home.until(&house, &id, SubmissionStatus::Cancelled).await;
    }
    home.trouble(Trouble::at("runs/two", Fault::Before));
    let page = || Page::first(10.try_into().unwrap());
    let of_ana = super::RunFilter { owner: Some(owner("ana")), ..Default::default() };
    assert_eq!(house.runs(of_ana, page()).await.unwrap().items.len(), 1);
    let named = super::RunFilter { name: Some("one".to_owned()), ..Default::default() };
    assert_eq!(house.runs(named, page()).await.unwrap().items.len(), 1);
    let none = super::RunFilter { name: Some("three".to_owned()), ..Default::default() };
    assert!(house.runs(none, page()).await.unwrap().items.is_empty());
    assert!(house.runs(Default::default(), page()).await.is_err(), "all of them cannot be read");
}
