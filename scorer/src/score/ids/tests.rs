use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int64Array, LargeListArray, ListArray, RecordBatch,
    StringArray,
};
use arrow::datatypes::{Int32Type, Int64Type, Schema};
use serde_json::json;
use spec::Country;

use super::*;

fn recipe(rule: IdNormalization, hash: IdHash) -> IdRecipe {
    let hashing = match hash {
        IdHash::None => Hashing::None,
        IdHash::Sha256 => Hashing::Sha256,
        IdHash::Md5 => Hashing::Md5,
        IdHash::HmacSha256 => Hashing::HmacSha256(Box::new(SecretKey::new(b"0123456789abcdef0123456789abcdef"))),
    };
    IdRecipe { column: "email".parse().expect("a name"), normalizer: Normalizer { rule, country: None }, hashing }
}

fn texts(recipe: &IdRecipe, values: ArrayRef) -> Vec<Option<String>> {
    let stored = recipe.derive(&values).expect("a type that ids are made of").ids;
    assert_eq!(*stored.data_type(), recipe.stored_type(values.data_type()));
    let published = published(&stored);
    published.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

// printf '%s' jane.doe@example.com | sha256sum
const JANE: &str = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d";

#[test]
fn emails_are_trimmed_and_lowered_before_hashing() {
    let emails: ArrayRef = Arc::new(StringArray::from(vec![
        Some(" Jane.Doe@Example.com\t"),
        Some("jane.doe@example.com"),
        None,
        Some("   "),
        Some(""),
    ]));
    let hashed = texts(&recipe(IdNormalization::Email, IdHash::Sha256), emails);
    assert_eq!(hashed, [Some(JANE.to_owned()), Some(JANE.to_owned()), None, None, None]);
}

#[test]
fn md5_and_raw_values_are_as_asked() {
    let values: ArrayRef = Arc::new(StringArray::from(vec![" Ab "]));
    let of = |normalize, hash| texts(&recipe(normalize, hash), Arc::clone(&values)).remove(0).expect("a value");
    assert_eq!(of(IdNormalization::None, IdHash::None), " Ab ");
    assert_eq!(of(IdNormalization::Trim, IdHash::None), "Ab");
    assert_eq!(of(IdNormalization::Lower, IdHash::None), "ab");
    assert_eq!(of(IdNormalization::Lower, IdHash::Md5), "187ef4436122d1cc2f40dc2b92f0eba0");
}

#[test]
fn letters_beyond_ascii_are_lowered_too() {
    let values: ArrayRef = Arc::new(StringArray::from(vec!["ÄÖ@X.de"]));
    assert_eq!(texts(&recipe(IdNormalization::Email, IdHash::None), values), [Some("äö@x.de".to_owned())]);
}

#[test]
fn a_dictionary_gives_the_same_ids_as_its_values() {
    let plain = StringArray::from(vec![Some("a"), Some("B"), None, Some("a")]);
    let dictionary: DictionaryArray<Int32Type> = plain.iter().collect();
    let recipe = recipe(IdNormalization::Lower, IdHash::Sha256);
    assert_eq!(texts(&recipe, Arc::new(dictionary)), texts(&recipe, Arc::new(plain)));
}

#[test]
fn integers_are_hashed_as_their_digits() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(42), Some(-7), None]));
    let words: ArrayRef = Arc::new(StringArray::from(vec![Some("42"), Some("-7"), None]));
    let recipe = recipe(IdNormalization::None, IdHash::Sha256);
    assert_eq!(texts(&recipe, numbers), texts(&recipe, words));
}

#[test]
fn raw_integers_stay_integers_until_they_are_normalized() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![42]));
    let raw = recipe(IdNormalization::None, IdHash::None).derive(&numbers).expect("an id").ids;
    assert_eq!(raw.data_type(), &DataType::Int64);
    assert_eq!(texts(&recipe(IdNormalization::Trim, IdHash::None), numbers), [Some("42".to_owned())]);
}

#[test]
fn whole_numbers_that_came_as_floats_are_the_same_ids() {
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(42.0), None]));
    let words: ArrayRef = Arc::new(StringArray::from(vec![Some("42"), None]));
    let recipe = recipe(IdNormalization::None, IdHash::Sha256);
    assert_eq!(texts(&recipe, floats), texts(&recipe, words));
}

#[test]
fn what_is_no_id_is_refused_with_its_column() {
    let recipe = recipe(IdNormalization::None, IdHash::Sha256);
    let fraction: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
    let error = recipe.derive(&fraction).expect_err("no id has a fraction");
    assert!(matches!(&error, ScorerError::Key { column, .. } if column.as_str() == "email"), "{error}");
    let list = DataType::new_list(DataType::new_list(DataType::Utf8, true), true);
    let error = recipe.check(&list).expect_err("a list of lists is no id");
    assert!(error.to_string().contains("`email`") && error.to_string().contains("List"), "{error}");
}

// printf '%s' jane.doe@example.com | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
const JANE_HMAC: &str = "3df35d89db698ff001ad76feea7c7835e8e88189dfaaf76cd9005ce0500105cf";

#[test]
fn hmacs_are_made_with_the_key_and_named_by_it() {
    let emails: ArrayRef = Arc::new(StringArray::from(vec![Some("Jane.Doe@example.com "), None]));
    let recipe = recipe(IdNormalization::Email, IdHash::HmacSha256);
    assert_eq!(texts(&recipe, emails), [Some(JANE_HMAC.to_owned()), None]);
    assert_eq!(recipe.stored_name(), format!("id:email:hmac_sha256({}):email", recipe.key_id().expect("a key")));
    assert_eq!(recipe.default_name(), "hmac_sha256_email");
    assert_eq!(recipe.invalid_name(), None);
}

// The pairs of numbers and digests that Meta publishes for its customer information parameters.
#[test]
fn numbers_and_addresses_of_the_channels_examples_have_their_digests() {
    let number: ArrayRef = Arc::new(StringArray::from(vec!["(650)555-1212"]));
    let mut of_meta = recipe(IdNormalization::E164Digits, IdHash::Sha256);
    of_meta.normalizer.country = Some(Country::Us);
    let digest = "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176";
    assert_eq!(texts(&of_meta, number), [Some(digest.to_owned())]);
    let email: ArrayRef = Arc::new(StringArray::from(vec!["John_Smith@gmail.com"]));
    let digest = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";
    assert_eq!(texts(&recipe(IdNormalization::Email, IdHash::Sha256), email), [Some(digest.to_owned())]);
}

#[test]
fn what_is_no_id_is_null_and_marked_apart_from_what_is_missing() {
    let written = [Some("+4930123456"), Some("call me"), None, Some(" "), Some("call me")];
    let plain: ArrayRef = Arc::new(StringArray::from(written.to_vec()));
    let dictionary: ArrayRef = Arc::new(written.into_iter().collect::<DictionaryArray<Int32Type>>());
    let recipe = recipe(IdNormalization::E164, IdHash::None);
    assert_eq!(recipe.invalid_name().as_deref(), Some("invalid:e164:none:email"));
    for values in [plain, dictionary] {
        let derived = recipe.derive(&values).expect("ids");
        let invalid: Vec<_> = derived.invalid.as_ref().expect("marks").iter().collect();
        assert_eq!(invalid, [Some(false), Some(true), Some(false), Some(false), Some(true)]);
        assert_eq!(texts(&recipe, values), [Some("+4930123456".to_owned()), None, None, None, None]);
    }
}

fn lists(stored: &ArrayRef) -> Vec<Option<Vec<String>>> {
    let lists = published(stored);
    let of_list = |list: ArrayRef| list.as_string::<i32>().iter().map(|id| id.expect("an id").to_owned()).collect();
    lists.as_list::<i32>().iter().map(|list| list.map(of_list)).collect()
}

#[test]
fn a_list_gives_each_id_once_in_its_order_and_nobody_an_empty_list() {
    let rows = || {
        [
            Some(vec![Some("+4930222222"), None, Some("(030) 111111"), Some("+49 30 222222")]),
            None,
            Some(vec![]),
            Some(vec![Some("call me"), None]),
            Some(vec![Some("+4930333333"), Some("call me")]),
        ]
    };
    let texts = || rows().into_iter().flatten().flatten().collect::<StringArray>();
    let lengths = [4, 0, 0, 2, 2];
    let validity = arrow::buffer::NullBuffer::from(vec![true, false, true, true, true]);
    let item = || Arc::new(Field::new_list_field(DataType::Utf8, true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
    let small: ArrayRef = Arc::new(ListArray::new(item(), offsets, Arc::new(texts()), Some(validity.clone())));
    let offsets = arrow::buffer::OffsetBuffer::<i64>::from_lengths(lengths);
    let large: ArrayRef = Arc::new(LargeListArray::new(item(), offsets, Arc::new(texts()), Some(validity)));
    let mut recipe = recipe(IdNormalization::E164, IdHash::None);
    recipe.normalizer.country = Some(Country::De);
    let expected = [
        Some(vec!["+4930222222".to_owned(), "+4930111111".to_owned()]),
        None,
        None,
        None,
        Some(vec!["+4930333333".to_owned()]),
    ];
    for values in [small, large] {
        let derived = recipe.derive(&values).expect("ids");
        assert_eq!(*derived.ids.data_type(), recipe.stored_type(values.data_type()));
        assert_eq!(lists(&derived.ids), expected);
        let invalid: Vec<_> = derived.invalid.expect("marks").iter().map(|mark| mark == Some(true)).collect();
        assert_eq!(invalid, [false, false, false, true, true]);
        // A part of the rows gives the same: lists may begin anywhere among their values.
        let part = recipe.derive(&values.slice(3, 2)).expect("ids");
        assert_eq!(lists(&part.ids), expected[3..]);
    }
}

#[test]
fn hashed_lists_are_lists_of_hex() {
    let numbers: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(42), Some(42), None])]));
    let hashed = recipe(IdNormalization::None, IdHash::Md5).derive(&numbers).expect("ids").ids;
    assert_eq!(*hashed.data_type(), DataType::new_list(DataType::FixedSizeBinary(16), true));
    // printf '%s' 42 | md5sum
    assert_eq!(lists(&hashed), [Some(vec!["a1d0c6e83f027327d8461063f4ac58a6".to_owned()])]);
    assert_eq!(*published(&hashed).data_type(), published_type(hashed.data_type()));
}

#[test]
fn each_id_of_a_list_gets_a_row_and_who_has_none_keeps_one() {
    let ids: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![Some(3)]),
        Some(vec![]),
    ]));
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
    let people = RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("key", keys, true)]).expect("rows");
    let fields = vec![Field::new("id", DataType::Int64, true), Field::new("key", DataType::Utf8, true)];
    let rows = exploded(&people, 0, &Arc::new(Schema::new(fields))).expect("rows");
    let ids: Vec<_> = rows.column(0).as_primitive::<Int64Type>().iter().collect();
    let keys: Vec<_> = rows.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!((ids, keys), (vec![Some(1), Some(2), None, Some(3), None], vec!["a", "a", "b", "c", "d"]));
}

#[test]
fn a_key_that_is_not_there_is_refused_by_its_source() {
    let id: IdColumn = serde_json::from_value(json!({
        "column": "email", "hash": "hmac_sha256", "key": {"env": "KINDRED_NO_SUCH_KEY"},
    }))
    .expect("an id column");
    let error = IdRecipe::of(&id).expect_err("there is no key");
    assert!(matches!(error, ScorerError::Secret(_)), "{error}");
    assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("KINDRED_NO_SUCH_KEY")));
}
