use crate::testing::{SCORING, check_edits, mistakes};

const IDS: &str =
    "ids: [{column: email, normalize: email, hash: sha256, as: hashed_email}, {column: customer_id, hash: none}]";
const STEP: &str = "- {name: consenting, sql: SELECT * FROM customers WHERE consent}";

fn ids(columns: &str) -> String {
    format!("ids: [{columns}]")
}

fn step(identity: &str) -> String {
    format!("{STEP}\n    - {{name: people, {identity}}}")
}

#[test]
fn id_columns_for_every_channel_are_accepted() {
    for good in [
        "{column: email, normalize: google_email}, {column: phone, normalize: e164, country: DE, as: p}",
        "{column: phone, normalize: e164}, {column: phone, normalize: e164_digits, country: US, hash: md5}",
        "{column: device, normalize: device_id_upper, hash: none}, {column: device, normalize: device_id}",
        "{column: email, hash: hmac_sha256, key: {env: PARTNER_KEY}}",
        "{column: email, hash: hmac_sha256, key: {file: /run/secrets/partner}, explode: true}",
    ] {
        check_edits(SCORING, &[(IDS, &ids(good), &[])]);
    }
}

#[test]
fn parts_of_an_id_column_that_do_not_go_together_are_told() {
    let at = "spec.audiences.likely-buyers.ids[0]";
    check_edits(
        SCORING,
        &[
            (
                IDS,
                &ids("{column: email, normalize: email, country: §DE}"),
                &[&format!("{at}.country: `country` belongs to telephone numbers: `normalize: e164` or `e164_digits`")],
            ),
            (
                IDS,
                &ids("§{column: email, hash: hmac_sha256}"),
                &[&format!(
                    "{at}: `hmac_sha256` needs a secret key: add `key: {{env: NAME}}` or `key: {{file: PATH}}`"
                )],
            ),
            (
                IDS,
                &ids("{column: email, §key: {env: A}}"),
                &[&format!("{at}.key: `key` belongs to `hash: hmac_sha256`")],
            ),
            (
                IDS,
                &ids("{column: email, explode: true}, {column: phone, explode: §true}"),
                &[
                    "spec.audiences.likely-buyers.ids[1].explode: another column of the audience has `explode` already: a row is one id of one column",
                ],
            ),
            (
                IDS,
                &ids("{column: email, hash: hmac_sha256, key: {env: §not a name}}"),
                &[&format!(
                    "{at}.key.env: `…` is not an environment variable: use letters, digits and `_`, not starting with a digit"
                )],
            ),
        ],
    );
    let unknown = SCORING.replace(IDS, &ids("{column: p, normalize: e164, country: XX}"));
    let told = mistakes(&unknown);
    assert!(told.len() == 1 && told[0].contains("ids[0].country: unknown country `XX`"), "{told:?}");
}

#[test]
fn a_key_that_is_written_into_the_document_is_not_repeated_in_the_message() {
    for key in ["hunter2hunter2hunter2", "{env: hunter2 hunter2}", "[hunter2]", "{secret: hunter2}", "{env: [hunter2]}"]
    {
        let told = mistakes(&SCORING.replace(IDS, &ids(&format!("{{column: email, hash: hmac_sha256, key: {key}}}"))));
        assert!(!told.is_empty() && told.iter().all(|message| !message.contains("hunter2")), "{told:?}");
    }
}

#[test]
fn steps_join_ids_of_tables_that_are_there() {
    let good = "identity: {kinds: {customer: {}, email: {normalize: email, max_records: 20}}, tables: [{table: customers, ids: {customer: customer_id, email: email}}]}";
    check_edits(SCORING, &[(STEP, &step(good), &[])]);
    let at = "spec.prepare[1].identity";
    check_edits(
        SCORING,
        &[
            (
                STEP,
                &step("identity: {kinds: {a: {}, §b: {}}, tables: [{table: §people, ids: {a: x, c: §x}}]}"),
                &[
                    &format!("{at}.kinds.b: no table has ids of the kind `b`"),
                    &format!(
                        "{at}.tables[0].table: there is no table `people` (tables so far: customers, recent_buyers, consenting)"
                    ),
                    &format!("{at}.tables[0].ids.c: there is no kind `c` of ids (kinds: a, b)"),
                ],
            ),
            (
                STEP,
                &step("identity: {kinds: {a: {country: §DE}}, tables: [{table: customers, ids: {a: x}}]}"),
                &[&format!(
                    "{at}.kinds.a.country: `country` belongs to telephone numbers: `normalize: e164` or `e164_digits`"
                )],
            ),
        ],
    );
}

#[test]
fn a_step_is_a_query_or_an_identity() {
    let both = "sql: SELECT 1, identity: {kinds: {a: {}}, tables: [{table: customers, ids: {a: x}}]}";
    let told = mistakes(&SCORING.replace(STEP, &step(both)));
    assert_eq!(told, ["11:7: spec.prepare[1]: expected exactly one of sql, identity, found sql, identity"]);
    let told = mistakes(&SCORING.replace(STEP, &format!("{STEP}\n    - name: people")));
    assert_eq!(told, ["11:7: spec.prepare[1]: expected exactly one of sql, identity, found none"]);
}
