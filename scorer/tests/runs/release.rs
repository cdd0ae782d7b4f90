//! Versions that a guard held back, and what becomes of them when a person has looked.

use artifacts::audience::{held_back_by, latest, list_held_back};
use artifacts::{ArtifactsError, layout};
use kindred_scorer::release::{ReleaseRequest, Released, release_in};
use kindred_scorer::run::Run;
use kindred_scorer::{Result, ScorerError};
use serde_json::{Value, json};
use spec::{AudienceName, Version};

use crate::night::{Office, people, plan_of, publish_one, tied_ranks};

fn guarded() -> Value {
    json!({"likely": {"size": {"top": 500}, "guards": {"min_size": 300}, "holdout": {"share": 0.1, "salt": "spring"}}})
}

fn likely() -> AudienceName {
    "likely".parse().unwrap()
}

async fn release(office: &Office, run: &Run) -> Result<Released> {
    let request = ReleaseRequest {
        workspace: office.workspace.url(),
        run: run.id.clone(),
        audience: likely(),
        by: "ana".to_owned(),
        reason: "a public holiday".to_owned(),
    };
    release_in(&office.workspace, &request).await
}

async fn current(office: &Office) -> Option<Version> {
    latest(&office.workspace, &likely()).await.unwrap().map(|last| last.manifest.version)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guard_held_back_is_published_once_a_person_released_it() {
    let office = Office::new();
    let first = office.scored("one", &people(tied_ranks(900)), 400, guarded()).await;
    assert!(publish_one(&first).await.published);
    let before = office.bytes_below("audiences");

    let second = office.scored("two", &people(tied_ranks(200)), 70, guarded()).await;
    let outcome = publish_one(&second).await;
    assert_eq!(outcome.held_back, ["200 people are fewer than guards.min_size, 300"]);
    assert_eq!((outcome.published, outcome.version, outcome.held_version), (false, None, Some(Version(2))));
    let mut after = office.bytes_below("audiences");
    after.retain(|name, _| !name.starts_with("likely/versions/00000000000000000002"));
    assert_eq!(after, before, "the last good version is untouched");
    assert_eq!(publish_one(&second).await.held_version, Some(Version(2)), "done again, it has the same number");
    assert_eq!(list_held_back(&office.workspace, &likely(), None).await.unwrap().len(), 1);

    let released = release(&office, &second).await.unwrap();
    assert!(released.outcome.published && !released.already);
    let last = latest(&office.workspace, &likely()).await.unwrap().expect("published");
    assert_eq!(
        (last.manifest.version, last.manifest.selected, last.manifest.previous),
        (Version(2), 200, Some(Version(1)))
    );
    let signed = last.manifest.released.expect("who released it");
    assert_eq!((signed.by.as_str(), signed.reason.as_str()), ("ana", "a public holiday"));
    assert_eq!(signed.held_back, ["200 people are fewer than guards.min_size, 300"]);

    let whole = office.bytes_below("audiences");
    let again = release(&office, &second).await.unwrap();
    assert!(again.already && again.outcome.published);
    assert_eq!(office.bytes_below("audiences"), whole, "a second release changes nothing");
    assert!(publish_one(&second).await.published, "the run has published by now");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_an_earlier_day_never_replace_those_of_a_later_one() {
    let office = Office::new();
    let held = office.scored("one", &people(tied_ranks(200)), 70, guarded()).await;
    assert_eq!(publish_one(&held).await.held_version, Some(Version(1)));
    assert_eq!(current(&office).await, None);
    let later = office.scored("two", &people(tied_ranks(900)), 400, guarded()).await;
    assert!(publish_one(&later).await.published);
    let before = office.bytes_below("audiences");
    let refused = release(&office, &held).await.unwrap_err();
    assert!(matches!(refused, ScorerError::Superseded { version: Version(1), by: Version(2), .. }), "{refused}");
    assert_eq!(office.bytes_below("audiences"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_held_back_or_does_not_reconcile_is_not_released() {
    let office = Office::new();
    let fine = office.scored("one", &people(tied_ranks(900)), 400, guarded()).await;
    assert!(matches!(release(&office, &fine).await.unwrap_err(), ScorerError::NotHeldBack { .. }));

    let held = office.scored("two", &people(tied_ranks(200)), 70, guarded()).await;
    publish_one(&held).await;
    let commit = layout::shard_commit(&held.id, plan_of(&held).await.shards[1].id);
    let kept = office.workspace.read(&commit).await.unwrap();
    office.workspace.delete(&commit).await.unwrap();
    let refused = release(&office, &held).await.unwrap_err();
    let ScorerError::Artifacts(stored) = &refused else { panic!("{refused}") };
    assert!(matches!(stored.as_ref(), ArtifactsError::Uncommitted { .. }), "{refused}");
    assert_eq!(current(&office).await, None);
    office.workspace.write(&commit, kept).await.unwrap();
    assert!(release(&office, &held).await.unwrap().outcome.published);
    assert!(
        held_back_by(&office.workspace, &likely(), &held.id).await.unwrap().is_some(),
        "what happened stays on record"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_without_an_id_hold_a_version_back_after_its_files_are_written() {
    let office = Office::new();
    let mut people = people(tied_ranks(400));
    people.iter_mut().step_by(4).for_each(|person| person.email = None);
    let audience = |max: f64| {
        json!({"likely": {
            "size": {"top": 400},
            "ids": [{"column": "email", "normalize": "email"}],
            "guards": {"max_null_ids": max},
        }})
    };
    let held = office.scored("one", &people, 150, audience(0.2)).await;
    let outcome = publish_one(&held).await;
    assert_eq!(outcome.held_back, ["100 of 400 people have no `sha256_email`, beyond guards.max_null_ids, 20 %"]);
    assert_eq!(current(&office).await, None);
    let fine = office.scored("two", &people, 150, audience(0.25)).await;
    assert!(publish_one(&fine).await.published);
}
