//! Published files as others read them: DuckDB and pyarrow, with a plain sort in Python as the judge.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::night::{Office, people, publish_one, tied_ranks};
use crate::publishing::tiered;

/// Python libraries that tests compare with; none where `scripts/setup.py peers` has not been run.
pub(crate) fn peers() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join(".setup/peers");
    folder.join("duckdb").is_dir().then_some(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_pyarrow_find_the_people_that_a_plain_sort_finds() {
    let Some(peers) = peers() else {
        eprintln!("skipped: .setup/peers is missing; run `python3 scripts/setup.py peers`");
        return;
    };
    let office = Office::new();
    let mut people = people(tied_ranks(7000));
    people.iter_mut().step_by(13).for_each(|person| person.rank = None);
    let run = office.scored("one", &people, 1900, tiered(3001)).await;
    assert!(publish_one(&run).await.published);
    let judged = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge.py"))
        .args([office.folder.path().to_str().unwrap(), run.id.as_str(), "likely"])
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    let (told, complaint) = (String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
    assert!(judged.status.success(), "{complaint}");
    assert_eq!(told.trim(), "judged 3001 people of 7000");
}
