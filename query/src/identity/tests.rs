use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{ArrayRef, ListArray, ListBuilder, StringArray};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use spec::PrepareStep;

use super::interner::Interner;
use super::*;
use crate::sandbox::{Sandbox, batch, chain, integers, lines, name, source, step};

fn identity(json: Json) -> Identity {
    serde_json::from_value(json).unwrap()
}

fn joining(name: &str, json: Json) -> PrepareStep {
    PrepareStep { identity: Some(identity(json)), ..step(name, "") }
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// The ids of each person: sets of `kind=id`, by the smallest.
async fn people(session: &Session, table: &str) -> Vec<Vec<String>> {
    let rows = lines(session, &format!("SELECT person, kind || '=' || id FROM {table}")).await;
    let mut people: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let (person, id) = row.split_once('|').unwrap();
        people.entry(person.to_owned()).or_default().push(id.to_owned());
    }
    let mut people: Vec<Vec<String>> = people.into_values().collect();
    people.iter_mut().for_each(|ids| ids.sort());
    people.sort();
    people
}

fn kinds() -> Json {
    json!({
        "customer": {},
        "email": {"normalize": "email"},
        "phone": {"normalize": "e164", "country": "DE"},
        "device": {"normalize": "device_id", "max_records": 2},
    })
}

#[tokio::test]
async fn ids_of_several_tables_are_joined_over_any_number_of_rows() {
    let sandbox = Sandbox::new();
    let crm = batch(vec![
        ("id", integers([1, 2, 3, 0])),
        ("mail", texts(&[Some(" Ann@x.de"), Some("bob@x.de"), None, Some("zero@x.de")])),
        ("tel", texts(&[Some("030 111111"), None, Some("not given"), Some(" ")])),
    ]);
    let app = batch(vec![
        (
            "ad_id",
            texts(&[
                Some("AAAAAAAA-0000-0000-0000-000000000001"),
                Some("aaaaaaaa-0000-0000-0000-000000000001"),
                Some("00000000-0000-0000-0000-000000000000"),
            ]),
        ),
        ("email", texts(&[Some("ann@x.de"), Some("work@x.de"), Some("bob@x.de")])),
    ]);
    let mut mails = ListBuilder::new(StringBuilder::new());
    mails.append_value([Some("work@x.de"), None, Some("third@x.de")]);
    mails.append_null();
    let mails: ListArray = mails.finish();
    let calls =
        batch(vec![("mails", Arc::new(mails)), ("caller", texts(&[Some("+49 30 222222"), Some("030/222222")]))]);
    sandbox.write_parquet("crm.parquet", &[crm], 2);
    sandbox.write_parquet("app.parquet", &[app], 2);
    sandbox.write_parquet("calls.parquet", &[calls], 2);
    let mut session = sandbox.session();
    for table in ["crm", "app", "calls"] {
        let url = sandbox.url(&format!("{table}.parquet"));
        session.add_table(&name(table), &source(json!({"url": url}))).await.unwrap();
    }
    let made = joining(
        "people",
        json!({"kinds": kinds(), "tables": [
            {"table": "crm", "ids": {"customer": "id", "email": "mail", "phone": "tel"}},
            {"table": "app", "ids": {"device": "ad_id", "email": "email"}},
            {"table": "calls", "ids": {"email": "mails", "phone": "caller"}},
        ]}),
    );
    let table = session.prepare(0, &made, &sandbox.target()).await.unwrap();
    let device = "device=aaaaaaaa-0000-0000-0000-000000000001";
    let ann = [
        "customer=1",
        device,
        "email=ann@x.de",
        "email=third@x.de",
        "email=work@x.de",
        "phone=+4930111111",
        "phone=+4930222222",
    ];
    let expected = [&ann[..], &["customer=2", "email=bob@x.de"], &["customer=3"], &["email=zero@x.de"]];
    assert_eq!(
        people(&session, "people").await,
        expected.map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>())
    );
    assert_eq!(table.rows, 11);

    let stored = artifacts::runs::read_table(&sandbox.workspace, &sandbox.run, &name("people")).await.unwrap().unwrap();
    let counts = stored.identity.unwrap();
    assert_eq!((counts.rows, counts.ids, counts.people, counts.most_ids), (9, 11, 4, 7));
    let ignored: Vec<_> = counts.ignored.values().map(|kind| (kind.shared, kind.blank, kind.invalid)).collect();
    assert_eq!(ignored, [(0, 1, 0), (0, 0, 0), (0, 1, 1), (0, 1, 0)]);
    // A person's key is that of the first kind: more devices do not change it.
    let key = format!("{:032x}", hash_text(b"1", artifacts::keys::seed_of("identity", "customer")));
    assert_eq!(lines(&session, "SELECT DISTINCT person FROM people WHERE id = 'work@x.de'").await, [key]);
}

#[tokio::test]
async fn an_id_on_more_rows_than_its_kind_may_be_joins_nobody() {
    let sandbox = Sandbox::new();
    // The same row again is the same record; the family's tablet is on three.
    sandbox
        .write("rows.csv", "customer,device,email\na,t,a@x.de\na,t,a@x.de\nb,t,b@x.de\nc,t,\nc,,b@x.de\nd,u,\ne,u,\n");
    let mut session = sandbox.session();
    session.add_table(&name("rows"), &source(json!({"url": sandbox.url("rows.csv")}))).await.unwrap();
    let of = |most: u32| {
        json!({
            "kinds": {"customer": {}, "email": {}, "device": {"max_records": most}},
            "tables": [{"table": "rows", "ids": {"customer": "customer", "email": "email", "device": "device"}}],
        })
    };
    session.add_view(0, &joining("few", of(2))).await.unwrap();
    let (a, bc, de) = (
        ["customer=a", "email=a@x.de"],
        ["customer=b", "customer=c", "email=b@x.de"],
        ["customer=d", "customer=e", "device=u"],
    );
    assert_eq!(
        people(&session, "few").await,
        [a.map(str::to_owned).to_vec(), bc.map(str::to_owned).to_vec(), de.map(str::to_owned).to_vec()]
    );
    let origin = Origin::Query;
    let few = identity(of(2));
    let counts = session.resolve(&origin, &few).await.unwrap().counts;
    assert_eq!((counts.ignored["device"].shared, counts.ids, counts.people), (1, 8, 3));
    session.add_view(1, &joining("many", of(3))).await.unwrap();
    assert_eq!(people(&session, "many").await.len(), 2);
}

#[tokio::test]
async fn what_is_wrong_names_the_step_the_table_and_the_column() {
    let sandbox = Sandbox::new();
    sandbox.write("rows.csv", "customer,weight\na,1.5\n");
    let mut session = sandbox.session();
    session.add_table(&name("rows"), &source(json!({"url": sandbox.url("rows.csv")}))).await.unwrap();
    for (column, words) in [
        ("custmer", "table `rows` has no column `custmer`; did you mean `customer`?"),
        ("weight", "table `rows`: column `weight` cannot be a key: row 0 has the key 1.5"),
    ] {
        let made = joining("people", json!({"kinds": {"a": {}}, "tables": [{"table": "rows", "ids": {"a": column}}]}));
        let error = chain(&session.prepare(0, &made, &sandbox.target()).await.unwrap_err());
        assert!(error.contains(words), "{error}");
    }
    let many: Vec<String> = (0..5000).map(|row| format!("c{row},e{row}")).collect();
    sandbox.write("many.csv", format!("a,b\n{}\n", many.join("\n")));
    let mut small = sandbox.session_with_memory(64 << 10);
    small.add_table(&name("many"), &source(json!({"url": sandbox.url("many.csv")}))).await.unwrap();
    let made = joining(
        "people",
        json!({"kinds": {"a": {}, "b": {}}, "tables": [{"table": "many", "ids": {"a": "a", "b": "b"}}]}),
    );
    let error = chain(&small.prepare(2, &made, &sandbox.target()).await.unwrap_err());
    assert!(error.starts_with("spec.prepare[2].identity (table `people`) failed: its "), "{error}");
    assert!(error.contains(" ids so far and the rows that link them need more memory than the 65536 bytes"), "{error}");
}

/// Rows of up to three ids each, of two kinds: `None` where a row has none.
type Record = (Option<u8>, Option<u8>, Option<u8>);

fn records() -> impl Strategy<Value = Vec<Record>> {
    let id = || proptest::option::weighted(0.7, 0u8..30);
    proptest::collection::vec((id(), id(), id()), 0..60)
}

/// Ids of a record, as the kind's place and the value.
fn ids_of(record: &Record) -> Vec<(usize, u8)> {
    [(0, record.0), (1, record.1), (1, record.2)].into_iter().filter_map(|(kind, id)| Some((kind, id?))).collect()
}

/// Who is who by a search from every id, and the smallest of each by a plain comparison.
fn by_search(rows: &[Record], most: u32) -> BTreeMap<(usize, u8), u128> {
    let sets: BTreeSet<BTreeSet<(usize, u8)>> = rows.iter().map(|row| ids_of(row).into_iter().collect()).collect();
    let links: Vec<_> = sets.iter().filter(|ids| ids.len() > 1).collect();
    let all: BTreeSet<(usize, u8)> = sets.iter().flatten().copied().collect();
    let is_shared = |id: &(usize, u8)| links.iter().filter(|ids| ids.contains(id)).count() as u32 > most;
    let own: BTreeSet<_> = all.iter().copied().filter(|id| !is_shared(id)).collect();
    let mut found = BTreeMap::new();
    for id in &own {
        let mut seen = BTreeSet::from([*id]);
        let mut ahead = vec![*id];
        while let Some(next) = ahead.pop() {
            for other in links.iter().filter(|ids| ids.contains(&next)).flat_map(|ids| ids.iter()) {
                if own.contains(other) && seen.insert(*other) {
                    ahead.push(*other);
                }
            }
        }
        let smallest = seen.iter().map(|(kind, id)| (*kind, hash(*kind, *id))).min().unwrap();
        found.insert(*id, smallest.1);
    }
    found
}

fn hash(kind: usize, id: u8) -> u128 {
    hash_text(&[id], kind as u64)
}

fn by_groups(rows: &[Record], most: u32) -> BTreeMap<(usize, u8), u128> {
    let mut groups = Groups::default();
    for row in rows {
        let mut ids: Vec<u32> = ids_of(row).into_iter().map(|(kind, id)| groups.id(hash(kind, id), kind)).collect();
        groups.add_record(&mut ids);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut people = runtime.block_on(groups.resolve(&[most, most]));
    let all: BTreeSet<(usize, u8)> = rows.iter().flat_map(ids_of).collect();
    let met = |id: (usize, u8)| Some((id, people.meet(hash(id.0, id.1))?));
    let found: BTreeMap<_, _> = all.into_iter().filter_map(met).collect();
    let sizes = people.sizes();
    let persons: BTreeSet<u128> = found.values().copied().collect();
    let largest = persons.iter().map(|person| found.values().filter(|other| *other == person).count()).max();
    assert_eq!((sizes.ids, sizes.people), (found.len() as u64, persons.len() as u64));
    assert_eq!(sizes.most_ids, largest.unwrap_or(0) as u64);
    found
}

proptest! {
    #[test]
    fn people_are_those_of_a_search_whatever_the_order_of_rows(rows in records(), most in 1u32..8, seed in any::<u64>()) {
        let expected = by_search(&rows, most);
        prop_assert_eq!(&by_groups(&rows, most), &expected);
        let mut shuffled = rows.clone();
        shuffled.sort_by_key(|row| hash_text(format!("{row:?}").as_bytes(), seed));
        prop_assert_eq!(&by_groups(&shuffled, most), &expected);
        let doubled = [shuffled, rows].concat();
        prop_assert_eq!(&by_groups(&doubled, most), &expected);
    }

    #[test]
    fn numbers_of_hashes_are_those_of_a_map(hashes in proptest::collection::vec(0u128..5000, 0..6000)) {
        let (mut interner, mut map) = (Interner::default(), BTreeMap::new());
        for hash in hashes {
            // Hashes of the same lowest bits are told apart.
            let hash = hash << 32;
            let next = map.len() as u32;
            let is_new = !map.contains_key(&hash);
            let number = *map.entry(hash).or_insert(next);
            prop_assert_eq!(interner.insert(hash), (number, is_new));
            prop_assert_eq!(interner.find(hash), Some(number));
        }
        prop_assert_eq!(interner.find(u128::MAX), None);
    }
}

#[test]
fn the_same_ids_in_one_file_or_many_are_the_same_people() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let row = |number: u64| {
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            format!("c{},d{}", mixed % 700, (mixed >> 12) % 900)
        };
        let mut seen = Vec::new();
        for (files, is_reversed) in [(1, false), (7, false), (3, true)] {
            let sandbox = Sandbox::new();
            let mut rows: Vec<String> = (0..1000).map(row).collect();
            if is_reversed {
                rows.reverse();
            }
            for (number, part) in rows.chunks(1000usize.div_ceil(files)).enumerate() {
                sandbox.write(&format!("t/{number}.csv"), format!("customer,device\n{}\n", part.join("\n")));
            }
            let mut session = sandbox.session();
            session.add_table(&name("t"), &source(json!({"url": sandbox.url("t/")}))).await.unwrap();
            let made = joining("people", json!({"kinds": {"customer": {}, "device": {}}, "tables": [{"table": "t", "ids": {"customer": "customer", "device": "device"}}]}));
            session.prepare(0, &made, &sandbox.target()).await.unwrap();
            seen.push(lines(&session, "SELECT kind, id, person FROM people ORDER BY kind, id").await);
        }
        assert!(seen[0].len() > 1000);
        assert_eq!(seen[1], seen[0]);
        assert_eq!(seen[2], seen[0]);
    });
}
