use proptest::prelude::*;

use super::*;

fn normalized(rule: IdNormalization, country: Option<Country>, text: &str) -> Option<String> {
    match (Normalizer { rule, country }).normalize(text) {
        Normalized::Id(id) => Some(id.into_owned()),
        Normalized::Missing => None,
        Normalized::Invalid => Some("invalid".to_owned()),
    }
}

fn phone(country: Option<Country>, text: &str) -> Option<String> {
    normalized(IdNormalization::E164, country, text)
}

// Numbers that regulators reserve for examples (Ofcom, NANPA, ACMA), or of public authorities and libphonenumber's tests.
#[test]
fn numbers_as_they_are_dialled_in_their_country_are_e164() {
    use Country as C;
    let cases: &[(C, &str, &str)] = &[
        (C::De, "030 123456", "+4930123456"),
        (C::De, "0151/12 34 56 78", "+4915112345678"),
        (C::De, "0049 (0)151 12345678", "+4915112345678"),
        (C::De, "15112345678", "+4915112345678"),
        (C::De, "4915112345678", "+4915112345678"),
        (C::De, "+43 664 1234567", "+436641234567"),
        (C::At, "0664 1234567", "+436641234567"),
        (C::Ch, "044 668 18 00", "+41446681800"),
        (C::Gb, "(020) 7946 0958", "+442079460958"),
        (C::Gb, "07700 900123", "+447700900123"),
        (C::Gb, "+44 (0)7700 900123", "+447700900123"),
        (C::Fr, "01.23.45.67.89", "+33123456789"),
        (C::Be, "0470 12 34 56", "+32470123456"),
        (C::Nl, "06-12345678", "+31612345678"),
        (C::Es, "612 34 56 78", "+34612345678"),
        (C::Es, "34612345678", "+34612345678"),
        (C::It, "06 12345678", "+390612345678"),
        (C::It, "+39 06 12345678", "+390612345678"),
        (C::It, "312 3456789", "+393123456789"),
        (C::Pl, "512 345 678", "+48512345678"),
        (C::Cz, "601 123 456", "+420601123456"),
        (C::Hu, "06 20 123 4567", "+36201234567"),
        (C::Hu, "+36 20 123 4567", "+36201234567"),
        (C::Dk, "32 12 34 56", "+4532123456"),
        (C::No, "406 12 345", "+4740612345"),
        (C::No, "4740612345", "+4740612345"),
        (C::Se, "070-123 45 67", "+46701234567"),
        (C::Fi, "041 2345678", "+358412345678"),
        (C::Us, "(650) 555-1212", "+16505551212"),
        (C::Us, "1-650-555-1212", "+16505551212"),
        (C::Us, "011 44 20 7946 0958", "+442079460958"),
        (C::Ca, "506 234 5678", "+15062345678"),
        (C::Mx, "222 123 4567", "+522221234567"),
        (C::Cn, "138 1234 5678", "+8613812345678"),
        (C::Cn, "010 1234 5678", "+861012345678"),
        (C::Cn, "8613812345678", "+8613812345678"),
        (C::Hk, "5123 4567", "+85251234567"),
        (C::Jp, "090-1234-5678", "+819012345678"),
        (C::Jp, "010 1 650 555 1212", "+16505551212"),
        (C::Kr, "010-2000-0000", "+821020000000"),
        (C::Sg, "8123 4567", "+6581234567"),
        (C::In, "081234 56789", "+918123456789"),
        (C::In, "919876543210", "+919876543210"),
        (C::Au, "0491 570 006", "+61491570006"),
        (C::Au, "0011 1 650 555 1212", "+16505551212"),
        (C::Nz, "021 123 4567", "+64211234567"),
        (C::Za, "071 123 4567", "+27711234567"),
        (C::Tr, "0501 234 56 78", "+905012345678"),
        (C::Ae, "050 123 4567", "+971501234567"),
        (C::Il, "050-234-5678", "+972502345678"),
    ];
    for (country, written, expected) in cases {
        assert_eq!(phone(Some(*country), written).as_deref(), Some(*expected), "{} {written}", country.code());
    }
}

#[test]
fn example_numbers_of_every_country_are_what_libphonenumber_makes_of_them() {
    let lines = include_str!("tests/numbers.csv").lines().skip(1);
    let mut countries = std::collections::BTreeSet::new();
    for line in lines {
        let [code, written, expected] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let country = Country::ALL.iter().find(|country| country.code() == code).copied();
        assert_eq!(phone(country, written).as_deref(), Some(expected), "{line}");
        countries.insert(code);
    }
    assert_eq!(countries.len(), Country::ALL.len());
}

#[test]
fn what_is_no_number_is_invalid_and_what_is_blank_is_missing() {
    for (country, text) in [
        (Some(Country::De), "none"),
        (Some(Country::De), "030 123456 ext 7"),
        (Some(Country::De), "123"),
        (Some(Country::De), "00"),
        (Some(Country::De), "+"),
        (Some(Country::De), "0000000000"),
        (Some(Country::De), "++4930123456"),
        (Some(Country::De), "+49 30 +123456"),
        (Some(Country::De), "+49 1234567890123456"),
        (Some(Country::Us), "555-1212"),
        (Some(Country::Us), "150 555 1212"),
        (Some(Country::Us), "650 155 1212"),
        (Some(Country::Fr), "1 23 45 67 89 01"),
        // 04931 23456 with its zero lost, or 031 23456 behind the calling code: nobody can tell.
        (Some(Country::De), "493123456"),
        (None, "030 123456"),
        (None, "6505551212"),
        (None, "+123"),
        (None, "+1234567890123456"),
    ] {
        assert_eq!(phone(country, text).as_deref(), Some("invalid"), "{text}");
    }
    for blank in ["", "  \t", "\u{a0}"] {
        assert_eq!(phone(Some(Country::De), blank), None);
    }
}

#[test]
fn numbers_of_other_countries_need_their_calling_code_alone() {
    assert_eq!(phone(None, "+55 11 96123-4567").as_deref(), Some("+5511961234567"));
    assert_eq!(phone(Some(Country::De), "0055 11 96123 4567").as_deref(), Some("+5511961234567"));
    assert_eq!(phone(None, "0049 30 123456").as_deref(), Some("+4930123456"));
    let digits = normalized(IdNormalization::E164Digits, Some(Country::Us), "(650)555-1212");
    assert_eq!(digits.as_deref(), Some("16505551212"));
}

#[test]
fn no_calling_code_is_the_beginning_of_another_and_plans_make_numbers_that_e164_has_room_for() {
    for one in Country::ALL {
        let plan = one.plan();
        assert!(plan.calling_code.len() + plan.digits.end() <= 15, "{}", one.code());
        for other in Country::ALL.iter().map(|other| other.plan()) {
            let is_same = plan.calling_code == other.calling_code;
            assert!(is_same || !other.calling_code.starts_with(plan.calling_code), "{}", one.code());
            assert!(!is_same || plan == other, "{}", one.code());
        }
    }
}

#[test]
fn devices_are_uuids_in_one_case_and_zeros_are_nobody() {
    let of = |rule, text| normalized(rule, None, text);
    let (lower, upper) = (IdNormalization::DeviceId, IdNormalization::DeviceIdUpper);
    let id = "38400000-8cf0-11bd-b23e-10b96e40000d";
    for written in [
        id,
        " 38400000-8CF0-11BD-B23E-10B96E40000D",
        "384000008cf011bdb23e10b96e40000d",
        "{38400000-8cf0-11bd-b23e-10b96e40000D}",
    ] {
        assert_eq!(of(lower, written).as_deref(), Some(id));
        assert_eq!(of(upper, written), Some(id.to_uppercase()));
    }
    for nobody in ["00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000", " "] {
        assert_eq!(of(lower, nobody), None, "{nobody}");
    }
    for wrong in [
        "0",
        "38400000-8cf0-11bd-b23e-10b96e40000",
        "3840000-08cf0-11bd-b23e-10b96e40000d",
        "g8400000-8cf0-11bd-b23e-10b96e40000d",
        "38400000-8cf0-11bd-b23e-10b96e4000é",
        "--------------------------------",
    ] {
        assert_eq!(of(lower, wrong).as_deref(), Some("invalid"), "{wrong}");
    }
}

#[test]
fn dots_of_google_addresses_alone_do_not_count() {
    let of = |text| normalized(IdNormalization::GoogleEmail, None, text);
    assert_eq!(of(" Jane.Q.Doe@Gmail.com").as_deref(), Some("janeqdoe@gmail.com"));
    assert_eq!(of("jane.doe+x@googlemail.com").as_deref(), Some("janedoe+x@googlemail.com"));
    assert_eq!(of("Jane.Doe@example.com").as_deref(), Some("jane.doe@example.com"));
    for wrong in ["jane", "@gmail.com", "jane@", "a@b@c", "a b@c.de", "...@gmail.com"] {
        assert_eq!(of(wrong).as_deref(), Some("invalid"), "{wrong}");
    }
    assert_eq!(normalized(IdNormalization::Email, None, " Jane.Doe@GMAIL.com ").as_deref(), Some("jane.doe@gmail.com"));
    assert_eq!(normalized(IdNormalization::Email, None, "no address").as_deref(), Some("no address"));
}

proptest! {
    #[test]
    fn a_number_in_e164_is_itself_in_every_country(index in 0..Country::ALL.len(), text in "[0-9 +()-]{0,20}") {
        let country = Country::ALL[index];
        if let Some(number) = phone(Some(country), &text).filter(|number| number != "invalid") {
            prop_assert!(number.len() <= 16 && number[1..].bytes().all(|digit| digit.is_ascii_digit()));
            for other in Country::ALL {
                prop_assert_eq!(phone(Some(*other), &number), Some(number.clone()));
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,40}", index in 0..Country::ALL.len()) {
        for rule in [IdNormalization::E164, IdNormalization::DeviceId, IdNormalization::GoogleEmail, IdNormalization::Lower] {
            let normalizer = Normalizer { rule, country: Some(Country::ALL[index]) };
            if let Normalized::Id(id) = normalizer.normalize(&text) {
                prop_assert_eq!(normalizer.normalize(&id), Normalized::Id(id.clone()));
            }
        }
    }
}
