//! The documents that these tests run.

/// Trains on `people/` and registers `buyers@candidate`.
pub(crate) fn training(network: &str) -> String {
    format!(
        r#"apiVersion: kindred.dev/v1
kind: Training
metadata: {{name: buyers}}
spec:
  tables:
    people: {{url: people}}
  prepare:
    - name: best
      sql: SELECT person FROM people WHERE spend > 150
  examples: people
  key: person
  split: {{by: key, validation: 0.2, test: 0.2}}
  features:
    age: {{kind: numeric}}
    income: {{kind: numeric, transform: standardize}}
    city: {{kind: categorical}}
    channel: {{kind: categorical, hash: {{buckets: 16}}}}
    city_x_channel: {{kind: cross, of: [city, channel], hash: {{buckets: 64}}, width: 4}}
  tasks:
    repurchase: {{kind: binary, label: bought}}
    spend: {{kind: value, label: spend}}
    best: {{kind: lookalike, seeds: {{table: best, key: person}}}}
  network: {network}
  training: {{epochs: 4, members: 1, batch_size: 256, device: cpu}}
  register: {{aliases: [candidate], promote: {{alias: production, when: "repurchase.auc >= 0.5"}}}}
"#
    )
}

/// Scores `people/` with `buyers@candidate` and publishes two audiences.
pub(crate) fn scoring(processes: u32) -> String {
    format!(
        r#"apiVersion: kindred.dev/v1
kind: Scoring
metadata: {{name: nightly}}
spec:
  model: buyers@candidate
  tables:
    people: {{url: people}}
  prepare:
    - name: best
      sql: SELECT person FROM people WHERE spend > 150
  population: people
  key: person
  keep: [city]
  device: cpu
  shard_rows: 500
  resources: {{processes: {processes}}}
  audiences:
    likely-buyers:
      rank_by: repurchase * spend
      where: age >= 21
      size: {{top: 1000}}
      tiers: {{high: 0.2, mid: 0.3, low: rest}}
      holdout: {{share: 0.1, salt: spring}}
      ids: [{{column: email, normalize: email, as: hashed_email}}]
      guards: {{min_size: 100, max_change: 0.5}}
    like-the-best:
      rank_by: best
      size: {{share: 0.05}}
      exclude: [{{table: best, key: person}}]
      format: {{kind: csv, compression: gzip}}
"#
    )
}

/// The network that most tests train.
pub(crate) const MMOE: &str = "{kind: mmoe, experts: 3, expert_layers: [16, 8], tower_layers: [8], dropout: 0.1}";

/// Features of lists and vectors, and of one table.
pub(crate) const LISTS: &str = r#"    seen: {kind: bag, table: item, vocabulary: {min_count: 1}, width: 6}
    last_seen: {kind: sequence, column: seen, max_length: 2, table: item}
    often_seen: {kind: bag, column: seen, table: item, pool: weighted, weights: seen_times}
    seen_by_channel:
      {kind: sequence, column: seen, table: item, pool: attention, target: channel_item, with: [seen_beside], max_length: 3}
    seen_beside: {kind: sequence, column: seen, vocabulary: {min_count: 1}, width: 4, max_length: 3}
    seen_among: {kind: sequence, column: seen, vocabulary: {min_count: 1}, width: 5, pool: self_attention}
    channel_item: {kind: categorical, column: channel, table: item}
    taste: {kind: vector}
    short_taste: {kind: vector, column: taste, width: 4, impute: mean}
    age_bucket: {kind: numeric, column: age, transform: buckets, buckets: 5}
    three: {kind: cross, of: [city, channel, age], hash: {buckets: 64}, width: 4}
"#;

/// A training with [`LISTS`] among its features.
pub(crate) fn with_lists(training: &str) -> String {
    let age = "    age: {kind: numeric}\n";
    assert!(training.contains(age));
    training.replace(age, &format!("{age}{LISTS}"))
}
