//! JSON in its one spelling (RFC 8785).

use aims_jose::json::{Limits, Object};
use proptest::prelude::*;

fn canonical(text: &str) -> String {
    Object::parse(text, &Limits::new()).unwrap().as_value().to_canonical().unwrap()
}

/// The example of RFC 8785 §3.2.2 and §3.2.4, but for a number of 23 digits, which is refused.
#[test]
fn hil_40_the_example_of_the_rfc_is_spelt_as_there() {
    let text = r#"{
        "numbers": [1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = r#"{"literals":[null,true,false],"numbers":[1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(canonical(text), expected);
}

/// RFC 8785 §3.2.3: by UTF-16, not by code points.
#[test]
fn hil_40_members_are_sorted_by_their_utf_16() {
    let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let order = ["Carriage Return", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
    let spelt = canonical(text);
    let places: Vec<_> = order.iter().map(|name| spelt.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{spelt}");
}

#[test]
fn hil_40_numbers_are_refused_that_doubles_make_one_of() {
    for written in
        ["9007199254740993", "0.12345678901234567", "1e400", "1e-400", "5e-324", "-12345678901234567890"]
    {
        let refused = Object::parse(format!(r#"{{"n":{written}}}"#), &Limits::new());
        // What is no double is refused by the reader already.
        let Ok(object) = refused else { continue };
        let refused = object.as_value().to_canonical().unwrap_err();
        assert_eq!((refused.code(), refused.rule()), ("json_number_precision", "HIL-40"), "{written}");
    }
    for (written, spelt) in [
        ("9007199254740991", "9007199254740991"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e9", "0"),
        ("100000000000000000000", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("123456789012345e-20", "0.00000123456789012345"),
    ] {
        assert_eq!(canonical(&format!(r#"{{"n":{written}}}"#)), format!(r#"{{"n":{spelt}}}"#));
    }
}

proptest! {
    /// What has one spelling is spelt like that.
    #[test]
    fn hil_40_spelling_twice_changes_nothing(text in "\\PC{0,20}", number in -1_000_000_000_i64..1_000_000_000, scale in 0_u32..6) {
        let number = format!("{number}e-{scale}");
        let mut writer = aims_jose::json::ObjectWriter::new();
        writer.str("b", &text).str("a", "");
        let object = writer.finish().unwrap();
        let object = format!("{},\"n\":{number}}}", object.strip_suffix('}').unwrap());
        let once = canonical(&object);
        prop_assert_eq!(canonical(&once), once);
    }
}
