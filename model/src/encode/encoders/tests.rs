use spec::feature::Pool;

use super::super::ids::Vocabulary;
use super::super::numeric::{NumericEncoding, Scaling};
use super::*;

fn feature(name: &str, encoding: Encoding) -> FittedFeature {
    FittedFeature { name: name.parse().unwrap(), columns: vec![name.parse().unwrap()], missing: None, encoding }
}

fn hashed(width: u16, buckets: u32) -> Encoding {
    Encoding::Categorical(CategoricalEncoding { width, ids: Ids::Hash { buckets, seed: 3 }.into() })
}

fn numeric(scaling: Scaling) -> Encoding {
    Encoding::Numeric(NumericEncoding { impute: 0.1, missing_flag: true, scaling })
}

fn all_kinds() -> Vec<FittedFeature> {
    let texts = Vocabulary::Texts(vec!["a b?".into(), "".into(), "\u{fffd}\"\\".into()]);
    let integers = Vocabulary::Integers(vec![i128::from(u64::MAX), -3]);
    let mut cross =
        feature("cross", Encoding::Cross(CrossEncoding { width: 4, buckets: 9, seed: u64::MAX, table: None }));
    cross.columns.push("other".parse().unwrap());
    vec![
        feature(
            "bag",
            Encoding::Bag(BagEncoding {
                width: 4,
                ids: Ids::Vocabulary(integers).into(),
                pool: Pool::Sum,
                max_length: 5,
            }),
        ),
        feature(
            "number",
            numeric(Scaling::Quantile { edges: vec![0.1, 0.30000000000000004], normals: vec![-1.0, 1.0] }),
        ),
        feature(
            "category",
            Encoding::Categorical(CategoricalEncoding { width: 4, ids: Ids::Vocabulary(texts).into() }),
        ),
        cross,
        feature("wide", hashed(64, 10)),
    ]
}

#[test]
fn layout_puts_tables_by_width_and_bags_last() {
    let layout = Encoders::new(5, vec![], all_kinds()).unwrap().layout();
    let slots = |table: usize| {
        let slots = layout.tables[table].slots.iter();
        slots.map(|slot| (slot.feature.as_str().to_owned(), slot.first_row, slot.rows)).collect::<Vec<_>>()
    };
    assert_eq!(layout.tables.iter().map(|table| (table.width, table.rows)).collect::<Vec<_>>(), [(4, 19), (64, 11)]);
    assert_eq!(slots(0), [("category".into(), 0, 5), ("cross".into(), 5, 10), ("bag".into(), 15, 4)]);
    assert_eq!(slots(1), [("wide".into(), 0, 11)]);
    assert_eq!(layout.numeric_width(), 2);
}

#[test]
fn json_gives_back_what_was_written() {
    let encoders = Encoders::new(5, vec![], all_kinds()).unwrap();
    let json = serde_json::to_string(&encoders).unwrap();
    assert_eq!(serde_json::from_str::<Encoders>(&json).unwrap(), encoders);
    assert!(json.starts_with(
        r#"{"format":1,"rows":5,"features":[{"name":"bag","columns":["bag"],"missing":null,"encoding":{"bag":{"#
    ));
    assert!(json.contains(r#""vocabulary":{"integers":[18446744073709551615,-3]}"#));
}

#[test]
fn every_contradiction_is_refused() {
    let problem = |features: Vec<FittedFeature>| Encoders::new(1, vec![], features).unwrap_err().to_string();
    let points = |edges: &[f64]| numeric(Scaling::Quantile { edges: edges.to_vec(), normals: vec![0.0; 2] });
    let repeated = Ids::Vocabulary(Vocabulary::Texts(vec!["a".into(), "a".into()]));
    for (encoding, words) in [
        (hashed(0, 5), "width 0"),
        (hashed(4, 0), "no buckets"),
        (points(&[2.0, 1.0]), "not ascending"),
        (points(&[2.0]), "as many normals"),
        (points(&[2.0, f64::INFINITY]), "not finite"),
        (numeric(Scaling::MinMax { min: 2.0, max: 1.0 }), "no range"),
        (numeric(Scaling::Standardize { mean: 0.0, deviation: -1.0 }), "deviation"),
        (Encoding::Categorical(CategoricalEncoding { width: 4, ids: repeated.into() }), "appears twice"),
    ] {
        let message = problem(vec![feature("f", encoding)]);
        assert!(message.contains("`f`") && message.contains(words), "{message}");
    }
    assert!(problem(vec![feature("f", hashed(4, 5)), feature("f", hashed(4, 5))]).contains("`f` appears twice"));
    let huge = problem(vec![feature("f", hashed(8, u32::MAX)), feature("g", hashed(9, 5))]);
    assert!(huge.contains("width 8 need 4294967296 rows"), "{huge}");
}

#[test]
fn another_format_is_refused_by_number() {
    let error = serde_json::from_str::<Encoders>(r#"{"format":2,"rows":1,"features":[]}"#).unwrap_err();
    assert!(error.to_string().contains("encoders of format 2; this program reads format 1"), "{error}");
}

/// `seen` (a bag) and `last` in the table `product`, beside a feature of its own.
fn sharing() -> (Vec<FittedTable>, Vec<FittedFeature>) {
    let name: EmbeddingTableName = "product".parse().unwrap();
    let ids = Ids::Vocabulary(Vocabulary::Integers(vec![5, 7]));
    let shared = || FeatureIds::Table(name.clone());
    let bag = BagEncoding { width: 4, ids: shared(), pool: Pool::Mean, max_length: 5 };
    let features = vec![
        feature("seen", Encoding::Bag(bag)),
        feature("own", hashed(4, 10)),
        feature("last", Encoding::Categorical(CategoricalEncoding { width: 4, ids: shared() })),
    ];
    (vec![FittedTable { name: name.clone(), width: 4, ids }], features)
}

#[test]
fn features_of_one_table_have_the_same_rows() {
    let (tables, features) = sharing();
    let encoders = Encoders::new(5, tables, features).unwrap();
    let layout = encoders.layout();
    let slots: Vec<_> = layout.tables[0].slots.iter().map(|s| (s.feature.as_str(), s.first_row, s.rows)).collect();
    assert_eq!(slots, [("own", 0, 11), ("last", 11, 4), ("seen", 11, 4)]);
    assert_eq!(layout.tables[0].rows, 15);
    let sections = layout.tables[0].sections();
    assert_eq!(sections.iter().map(|section| section.slots.clone()).collect::<Vec<_>>(), [vec![0], vec![1, 2]]);
    let json = serde_json::to_string(&encoders).unwrap();
    assert!(json.contains(r#""ids":{"table":"product"}"#), "{json}");
    assert_eq!(serde_json::from_str::<Encoders>(&json).unwrap(), encoders);
}

#[test]
fn features_that_do_not_fit_their_table_are_refused() {
    let problem = |change: fn(&mut Vec<FittedTable>, &mut Vec<FittedFeature>)| {
        let (mut tables, mut features) = sharing();
        change(&mut tables, &mut features);
        Encoders::new(5, tables, features).unwrap_err().to_string()
    };
    assert_eq!(problem(|tables, _| tables.clear()), "feature `seen`: its table is not there");
    assert_eq!(problem(|tables, _| tables[0].width = 5), "feature `seen`: its table has another width");
    assert_eq!(problem(|tables, _| tables.push(tables[0].clone())), "table `product`: its name is taken");
    let cross = |_: &mut Vec<FittedTable>, features: &mut Vec<FittedFeature>| {
        let table = features[0].encoding.table().cloned();
        features[2].encoding = Encoding::Cross(CrossEncoding { width: 4, buckets: 9, seed: 0, table });
    };
    assert_eq!(problem(cross), "feature `last`: its table has other ids");
    let weighted = |_: &mut Vec<FittedTable>, features: &mut Vec<FittedFeature>| {
        let Encoding::Bag(bag) = &mut features[0].encoding else { panic!("a bag") };
        bag.pool = Pool::Weighted;
    };
    assert_eq!(problem(weighted), "feature `seen`: it reads another number of columns");
}
