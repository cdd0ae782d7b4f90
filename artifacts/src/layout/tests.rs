use proptest::prelude::*;

use super::*;

fn model_name() -> ModelName {
    "repurchase".parse().unwrap()
}

fn run_id() -> RunId {
    "nightly-0123456789ab".parse().unwrap()
}

fn audience_name() -> AudienceName {
    "likely-buyers".parse().unwrap()
}

#[test]
fn keys_are_those_of_the_design() {
    let (model, run_id, audience) = (model_name(), run_id(), audience_name());
    let attempt: Attempt = "a1".parse().unwrap();
    let tier = "high".parse().unwrap();
    let table = "customers".parse().unwrap();
    let v = Version(7);
    let n = "00000000000000000007";
    let zero = "00000000000000000000";
    let cases = [
        (model_claim(&model, v), format!("models/repurchase/versions/{n}/claim.json")),
        (model_manifest(&model, v), format!("models/repurchase/versions/{n}/manifest.json")),
        (
            model_file(&model, v, "weights.safetensors").unwrap(),
            format!("models/repurchase/versions/{n}/weights.safetensors"),
        ),
        (
            model_alias_value(&model, &"production".parse().unwrap(), 7),
            format!("models/repurchase/aliases/production/{n}.json"),
        ),
        (coordinator(7), format!("coordinators/{n}.json")),
        (submission_record(&"3f2a".parse().unwrap()), "submissions/3f2a/submission.json".to_owned()),
        (submission_log_entry(&"3f2a".parse().unwrap(), 7), format!("submissions/3f2a/log/{n}.json")),
        (run_log_entry(&run_id, 7), format!("runs/nightly-0123456789ab/log/{n}.json")),
        (
            schedule_log_entry(&"nightly".parse().unwrap(), 7007),
            format!("schedules/nightly/log/{n}/00000000000000007007.json"),
        ),
        (run_epoch(&run_id, 7), format!("runs/nightly-0123456789ab/epochs/{n}.json")),
        (run_document(&run_id), "runs/nightly-0123456789ab/document.json".to_owned()),
        (run_plan(&run_id), "runs/nightly-0123456789ab/plan.json".to_owned()),
        (run_segments(&run_id), "runs/nightly-0123456789ab/segments.json".to_owned()),
        (
            run_segment_profile(&run_id, &"life".parse().unwrap()),
            "runs/nightly-0123456789ab/segments/life.json".to_owned(),
        ),
        (
            prepared_part(&run_id, &table, &attempt, 0),
            format!("runs/nightly-0123456789ab/tables/customers/a1/part-{zero}.parquet"),
        ),
        (prepared_commit(&run_id, &table), "runs/nightly-0123456789ab/tables/customers.json".to_owned()),
        (shard_part(&run_id, ShardId(7), &attempt), format!("runs/nightly-0123456789ab/data/{n}/a1/part.parquet")),
        (shard_commit(&run_id, ShardId(7)), format!("runs/nightly-0123456789ab/commit/{n}.json")),
        (search_training(&run_id, 7), format!("runs/nightly-0123456789ab/search/{n}.json")),
        (audience_claim(&audience, v), format!("audiences/likely-buyers/versions/{n}/claim.json")),
        (audience_manifest(&audience, v), format!("audiences/likely-buyers/versions/{n}/manifest.json")),
        (audience_success(&audience, v), format!("audiences/likely-buyers/versions/{n}/_SUCCESS")),
        (
            audience_part(&audience, v, &tier, 0, "csv.gz").unwrap(),
            format!("audiences/likely-buyers/versions/{n}/tier=high/part-{zero}.csv.gz"),
        ),
        (
            holdout_part(&audience, v, &tier, 0, "parquet").unwrap(),
            format!("audiences/likely-buyers/versions/{n}/holdout/tier=high/part-{zero}.parquet"),
        ),
        (audience_pointer(&audience, 7), format!("audiences/likely-buyers/pointers/{n}.json")),
        (audience_latest(&audience), "audiences/likely-buyers/latest.json".to_owned()),
    ];
    for (key, expected) in cases {
        assert_eq!(key.as_str(), expected);
        assert_eq!(expected.parse(), Ok(key));
    }
}

#[test]
fn file_names_that_leave_their_folder_are_refused() {
    for name in ["", ".", "..", "a/b", "../a", "_SUCCESS", ".hidden", "a b", "a\nb", "a%2fb", "é"] {
        assert!(model_file(&model_name(), Version(1), name).is_err(), "{name:?}");
    }
    for text in ["", "/a", "a/", "a//b", "a/../b", "./a", "a\\b", "a?b", "s3://b/a"] {
        assert!(text.parse::<Key>().is_err(), "{text:?}");
    }
}

#[test]
fn hostile_table_names_stay_one_segment() {
    for (name, expected) in [
        ("customers", "customers"),
        ("My Table", "My=20Table"),
        ("../x", "=2E=2E=2Fx"),
        ("_hidden", "=5Fhidden"),
        ("a=b", "a=3Db"),
        ("é", "=C3=A9"),
    ] {
        assert_eq!(escape(name), expected);
    }
}

#[test]
fn attempts_are_never_alike() {
    let attempts: std::collections::BTreeSet<_> = (0..1000).map(|_| Attempt::new()).collect();
    assert_eq!(attempts.len(), 1000);
    assert!(attempts.iter().all(|attempt| attempt.as_str().parse::<Attempt>().as_ref() == Ok(attempt)));
    assert!("A".parse::<Attempt>().is_err() && "".parse::<Attempt>().is_err() && "../a".parse::<Attempt>().is_err());
}

#[test]
fn only_padded_numbers_are_numbers() {
    assert_eq!(number_of("00000000000000000042.json"), Some(42));
    assert_eq!(number_of("18446744073709551615"), Some(u64::MAX));
    for name in
        ["42.json", "00000000000000000042.json.tmp", "latest.json", "99999999999999999999", "+0000000000000000042"]
    {
        assert_eq!(number_of(name), None, "{name}");
    }
}

proptest! {
    #[test]
    fn numbers_sort_as_their_keys_do(left: u64, right: u64) {
        let (run, shard) = (run_id(), ShardId);
        prop_assert_eq!(left.cmp(&right), shard_commit(&run, shard(left)).cmp(&shard_commit(&run, shard(right))));
        prop_assert_eq!(number_of(&padded(left)), Some(left));
    }

    #[test]
    fn any_table_name_makes_a_key_of_its_own(left in "\\PC{1,120}", right in "\\PC{1,120}") {
        let (Ok(left), Ok(right)) = (left.parse::<TableName>(), right.parse::<TableName>()) else { return Ok(()) };
        let keys = [&left, &right].map(|table| prepared_commit(&run_id(), table));
        for key in &keys {
            prop_assert_eq!(key.as_str().parse(), Ok(key.clone()));
            prop_assert!(key.as_str().split('/').all(|segment| segment.len() < 200));
        }
        prop_assert_eq!(left == right, keys[0] == keys[1]);
    }
}
