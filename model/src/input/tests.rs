use super::*;

fn slot(name: &str, first_row: u32, pool: Option<Pooling>) -> Slot {
    Slot { feature: name.parse().unwrap(), table: None, first_row, rows: 10, pool }
}

fn layout() -> InputLayout {
    InputLayout {
        numeric: vec![
            NumericSlot { feature: "age".parse().unwrap(), width: 2 },
            NumericSlot { feature: "spend".parse().unwrap(), width: 1 },
        ],
        tables: vec![
            TableLayout { width: 4, rows: 20, slots: vec![slot("a", 0, None), slot("b", 10, None)] },
            TableLayout { width: 8, rows: 20, slots: vec![slot("c", 0, None), slot("list", 10, Some(Pooling::Mean))] },
        ],
        attended: Vec::new(),
    }
}

/// Two batches whose every number tells its batch, row and place.
fn batch(number: i32, rows: usize) -> Inputs {
    let value = |row: usize, place: i32| number * 1000 + row as i32 * 10 + place;
    let mut inputs = Inputs::default();
    inputs.reset(&layout(), rows);
    inputs.ids.clear();
    (0..rows).for_each(|row| inputs.ids.extend([value(row, 0), value(row, 1)]));
    (0..rows).for_each(|row| inputs.ids.push(value(row, 2)));
    inputs.numeric = (0..rows).flat_map(|row| [3, 4, 5].map(|place| value(row, place) as f32)).collect();
    (0..rows).for_each(|row| inputs.bags[0].push(&vec![value(row, 6); row]));
    (0..rows).for_each(|row| inputs.bags[0].weights.extend(vec![value(row, 7) as f32; row]));
    inputs
}

#[test]
fn widths_follow_the_slots() {
    let layout = layout();
    assert_eq!(layout.numeric_width(), 3);
    assert_eq!(layout.width(), 3 + 2 * 4 + 2 * 8);
    assert_eq!(layout.single_slots(), 3);
    assert_eq!(layout.bag_slots(), 1);
    assert_eq!(layout.tables[1].bags()[0].feature.as_str(), "list");
}

#[test]
fn gather_takes_whole_rows_in_the_order_asked() {
    let (layout, first, second) = (layout(), batch(1, 3), batch(2, 4));
    let mut taken = Inputs::default();
    taken.gather(&layout, &[&first, &second], &[(1, 3), (0, 0), (1, 2), (0, 2)]);
    assert_eq!(taken.table_ids(&layout, 0, 0..4), [2030, 2031, 1000, 1001, 2020, 2021, 1020, 1021]);
    assert_eq!(taken.table_ids(&layout, 1, 1..3), [1002, 2022]);
    assert_eq!(taken.numeric_rows(&layout, 3..4), [1023.0, 1024.0, 1025.0]);
    assert_eq!(taken.bags[0].offsets, [0, 3, 3, 5, 7]);
    assert_eq!(taken.bags[0].row(3), [1026, 1026]);
    assert_eq!(taken.bags[0].row_weights(3), [1027.0, 1027.0]);
}

#[test]
fn a_reused_buffer_keeps_nothing_of_its_last_rows() {
    let (layout, first) = (layout(), batch(1, 3));
    let (mut fresh, mut reused) = (Inputs::default(), batch(9, 50));
    fresh.gather(&layout, &[&first], &[(0, 1)]);
    reused.gather(&layout, &[&first], &[(0, 1)]);
    assert_eq!(fresh, reused);
}

#[test]
fn sequences_that_share_their_places_are_dealt_out_together() {
    let mut layout = layout();
    layout.tables[1].slots.push(slot("beside", 0, Some(Pooling::Attention)));
    layout.tables[1].slots[1].pool = Some(Pooling::Attention);
    let features = ["list", "beside"].map(|name| name.parse().unwrap()).to_vec();
    layout.attended = vec![Attended { features, kind: AttentionKind::Among { heads: 1 }, max_length: 9 }];
    let mut whole = batch(1, 4);
    whole.bags[0].weights.clear();
    whole.bags.push(whole.bags[0].clone());
    for feature in ["list", "beside"] {
        let mut dealt = whole.clone();
        dealt.take_feature(&layout, &feature.parse().unwrap(), &whole, &[2, 0, 3, 1]);
        assert_eq!(dealt.bags[0], dealt.bags[1]);
        assert_ne!(dealt.bags[0], whole.bags[0]);
    }
}

#[test]
fn targets_are_gathered_by_task() {
    let first = Targets {
        labels: vec![1.0, 2.0, 10.0, 20.0],
        observed: vec![1.0, 1.0, 0.0, 1.0],
        weights: Some(vec![0.5, 2.0]),
    };
    let second = Targets { labels: vec![3.0, 30.0], observed: vec![0.0, 1.0], weights: Some(vec![7.0]) };
    let mut taken = Targets::default();
    taken.gather(2, &[&first, &second], &[(1, 0), (0, 1)]);
    assert_eq!(taken.labels, [3.0, 2.0, 30.0, 20.0]);
    assert_eq!(taken.observed, [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(taken.weights, Some(vec![7.0, 2.0]));
}

#[test]
fn a_feature_is_dealt_out_anew_and_the_others_stay() {
    let (layout, whole) = (layout(), batch(1, 4));
    let order = [2, 0, 3, 1];
    for feature in ["age", "spend", "a", "b", "c", "list"] {
        let feature: FeatureName = feature.parse().unwrap();
        let mut dealt = whole.clone();
        dealt.take_feature(&layout, &feature, &whole, &order);
        let of = |row: usize| match feature.as_str() {
            "age" => dealt.numeric_rows(&layout, row..row + 1)[..2].iter().map(|number| *number as i32).collect(),
            "spend" => vec![dealt.numeric_rows(&layout, row..row + 1)[2] as i32],
            "a" => vec![dealt.table_ids(&layout, 0, row..row + 1)[0]],
            "b" => vec![dealt.table_ids(&layout, 0, row..row + 1)[1]],
            "c" => dealt.table_ids(&layout, 1, row..row + 1).to_vec(),
            _ => dealt.bags[0].row(row).to_vec(),
        };
        let expected = |row: i32| match feature.as_str() {
            "age" => vec![1003 + 10 * row, 1004 + 10 * row],
            "spend" => vec![1005 + 10 * row],
            "a" => vec![1000 + 10 * row],
            "b" => vec![1001 + 10 * row],
            "c" => vec![1002 + 10 * row],
            _ => vec![1006 + 10 * row; row as usize],
        };
        let rows: Vec<_> = (0..4).map(of).collect();
        assert_eq!(rows, order.map(|row| expected(row as i32)), "{feature}");
        assert_ne!(dealt, whole);
        let unchanged = [0, 1, 2, 3];
        dealt.take_feature(&layout, &feature, &whole, &unchanged);
        assert_eq!(dealt, whole, "{feature}: nothing else was touched");
    }
}
