//! `authorization_details`.

use aims_oauth::{AuthorizationDetails, CommonMembers, Detail, DetailRule};
use aims_testkit::assert_refused;
use proptest::prelude::*;

fn parse(text: &str) -> AuthorizationDetails {
    AuthorizationDetails::parse(text).unwrap()
}

#[test]
fn rar_1_details_are_objects_with_a_type() {
    for (text, code) in [
        ("{}", "details_not_an_array"),
        ("1", "details_not_an_array"),
        ("[]", "details_empty"),
        ("[1]", "details_type"),
        ("[{}]", "details_type"),
        (r#"[{"type":1}]"#, "details_type"),
        (r#"[{"type":""}]"#, "details_type"),
        (r#"[{"type":"a"}],"x":[1]"#, "details_not_an_array"),
        (r#"[{"type":"a"}]} "#, "json_trailing_data"),
        (r#"[{"type":"a","type":"b"}]"#, "json_duplicate_name"),
        ("", "json_syntax"),
    ] {
        let refused = AuthorizationDetails::parse(text).unwrap_err();
        assert_eq!(refused.code(), code, "{text}");
    }
    assert_refused!(AuthorizationDetails::parse("{}"), "details_not_an_array", "RAR-1");
    assert_refused!(AuthorizationDetails::parse("[{}]"), "details_type", "RAR-1");
    assert_refused!(AuthorizationDetails::parse("[]"), "details_empty", "RAR-1");
    for (member, name) in [
        ("actions", "1"),
        ("locations", "[1]"),
        ("datatypes", "{}"),
        ("privileges", "\"a\""),
        ("identifier", "[]"),
    ] {
        let text = format!(r#"[{{"type":"a","{member}":{name}}}]"#);
        assert_refused!(AuthorizationDetails::parse(&text), "details_member", "RAR-2", "{text}");
    }
    let many = |count: usize| format!("[{}]", vec![r#"{"type":"a"}"#; count].join(","));
    assert_eq!(parse(&many(64)).len(), 64);
    assert_refused!(AuthorizationDetails::parse(&many(65)), "too_many_details", "WIR-9");

    let text = r#" [{"type":"pay\u006dent","actions":["a"],"locations":["l"],"datatypes":["d"],"privileges":["p"],"identifier":"i","more":{"x":1}}] "#;
    let details = parse(text);
    assert_eq!(details.as_json(), text.trim());
    let one = details.iter().next().unwrap();
    assert_eq!((one.kind().as_ref(), one.identifier().as_deref()), ("payment", Some("i")));
    let lists =
        [one.actions().next(), one.locations().next(), one.datatypes().next(), one.privileges().next()];
    assert_eq!(lists.map(|text| text.unwrap().into_owned()), ["a", "l", "d", "p"]);
    assert_eq!(one.get("more").unwrap().raw(), r#"{"x":1}"#);
    assert!(!details.is_empty() && !format!("{details:?}").contains("identifier"));
}

#[test]
fn rar_4_common_members_may_be_narrower_and_others_are_the_same() {
    let granted = parse(
        r#"[{"type":"booking","actions":["read","book"],"locations":["https://a"],"limit":{"amount":10,"in":["EUR"]}},
            {"type":"account","identifier":"7"},{"type":"account","identifier":"7"}]"#,
    );
    let within = |text: &str| parse(text).is_within(&granted, &CommonMembers);
    for text in [
        r#"[{"type":"booking","actions":["book"],"locations":["https://a"],"limit":{"amount":10,"in":["EUR"]}}]"#,
        r#"[{"limit":{"in":["EU\u0052"],"amount":1e1},"locations":["https://a"],"actions":["read"],"type":"booking"}]"#,
        r#"[{"type":"account","identifier":"7"},{"type":"account","identifier":"7"}]"#,
    ] {
        assert!(within(text), "{text}");
    }
    for text in [
        r#"[{"type":"booking","actions":["cancel"],"locations":["https://a"],"limit":{"amount":10,"in":["EUR"]}}]"#,
        r#"[{"type":"booking","actions":["book"],"locations":["https://b"],"limit":{"amount":10,"in":["EUR"]}}]"#,
        r#"[{"type":"booking","actions":["book"],"locations":[],"limit":{"amount":10,"in":["EUR"]}}]"#,
        r#"[{"type":"booking","actions":[],"locations":["https://a"],"limit":{"amount":10,"in":["EUR"]}}]"#,
        r#"[{"type":"booking","actions":["book"],"limit":{"amount":10,"in":["EUR"]}}]"#,
        r#"[{"type":"booking","actions":["book"],"locations":["https://a"],"limit":{"amount":11,"in":["EUR"]}}]"#,
        r#"[{"type":"booking","actions":["book"],"locations":["https://a"],"limit":{"amount":10,"in":["EUR","USD"]}}]"#,
        r#"[{"type":"booking","actions":["book"],"locations":["https://a"],"limit":{"amount":10,"in":"EUR"}}]"#,
        r#"[{"type":"booking","actions":["book"],"locations":["https://a"],"limit":{"amount":10}}]"#,
        r#"[{"type":"booking","actions":["book"],"locations":["https://a"],"limit":{"amount":10,"in":["EUR"]},"more":1}]"#,
        r#"[{"type":"account","identifier":"8"}]"#,
        r#"[{"type":"account"}]"#,
        r#"[{"type":"Account","identifier":"7"}]"#,
        r#"[{"type":"account","identifier":"7"},{"type":"other"}]"#,
        r#"[{"type":"account","identifier":"7"},{"type":"account","identifier":"7"},{"type":"account","identifier":"7"}]"#,
    ] {
        assert!(!within(text), "{text}");
    }
}

#[test]
fn rar_4_exc_3_two_are_not_within_one() {
    let list = |details: &[&str]| {
        let one = |actions: &&str| format!(r#"{{"type":"t","actions":[{actions}]}}"#);
        parse(&format!("[{}]", details.iter().map(one).collect::<Vec<_>>().join(",")))
    };
    let (a, b, both, many) = (r#""a""#, r#""b""#, r#""a","b""#, r#""a","b","c""#);
    for (asked, granted, is_within) in [
        (&[a, a][..], &[a][..], false),
        (&[a, a], &[a, a], true),
        (&[a, b], &[both], false),
        (&[a, a], &[a, b], false),
        // Whichever is looked at first, each finds the one that it needs.
        (&[a, both], &[both, a], true),
        (&[a, both], &[a, both], true),
        (&[a, b, both], &[many, both, b], true),
        (&[a, b, both], &[many, both, a], true),
        (&[both, both, a], &[many, a, b], false),
        (&[a, b, both], &[many, both, both], true),
        (&[a, a, both, b], &[many, a, both, b], true),
        (&[a, a, a], &[a, b, many], false),
    ] {
        assert_eq!(list(asked).is_within(&list(granted), &CommonMembers), is_within, "{asked:?} {granted:?}");
    }
    // The most that there can be, where all fit all but one.
    let mut granted = vec![a; 64];
    granted[63] = b;
    let mut asked = granted.clone();
    asked.reverse();
    assert!(list(&asked).is_within(&list(&granted), &CommonMembers));
    assert!(!list(&[a; 64]).is_within(&list(&granted), &CommonMembers));
}

#[test]
fn rar_4_numbers_are_the_same_where_every_reader_has_them_the_same() {
    let with =
        |number: &str| AuthorizationDetails::parse(&format!(r#"[{{"type":"t","n":[{{"n":{number}}}]}}]"#));
    for (asked, granted, is_within) in [
        ("10", "1e1", true),
        ("10.0", "10", true),
        ("0.10", "1E-1", true),
        ("9007199254740991", "9007199254740991.0", false),
        ("9007199254740993", "9007199254740993", true),
        ("9007199254740993", "9007199254740992", false),
        ("9007199254740992", "9007199254740993", false),
        ("123456789012345678", "123456789012345680", false),
        ("0.1000000000000000055", "0.1", false),
        ("100", "100.00000000000000001", false),
        ("1e-400", "0", false),
        ("1", "-1", false),
        ("1", "\"1\"", false),
    ] {
        let (asked, granted) = (with(asked).unwrap(), with(granted).unwrap());
        let is = asked.is_within(&granted, &CommonMembers);
        assert_eq!(is, is_within, "{} {}", asked.as_json(), granted.as_json());
    }
    // What no double holds is no number of a detail.
    assert_refused!(with("1e309"), "json_number_overflow", "JO-JSON-04");
}

/// RFC 9396 §2.2 has lists of texts, also of none. Whoever reads a list of none as one that is not there must not find more in it than was granted.
#[test]
fn rar_4_a_list_of_nothing_is_within_another_alone() {
    for name in ["actions", "datatypes", "locations", "privileges"] {
        let with = |list: &str| parse(&format!(r#"[{{"type":"t","{name}":{list}}}]"#));
        let (none, one, without) = (with("[]"), with(r#"["a"]"#), parse(r#"[{"type":"t"}]"#));
        assert!(none.is_within(&none, &CommonMembers) && one.is_within(&one, &CommonMembers));
        for (asked, granted) in
            [(&none, &one), (&one, &none), (&none, &without), (&without, &none), (&without, &one)]
        {
            assert!(!asked.is_within(granted, &CommonMembers), "{asked:?} {granted:?}");
        }
    }
}

/// A type whose amounts may be smaller.
struct Amounts;

impl DetailRule for Amounts {
    fn is_within(&self, asked: &Detail<'_>, granted: &Detail<'_>) -> bool {
        let amount = |detail: &Detail<'_>| detail.get("amount").and_then(|value| value.as_number()?.as_u64());
        amount(asked).zip(amount(granted)).is_some_and(|(asked, granted)| asked <= granted)
    }
}

#[test]
fn rar_4_each_type_may_have_a_rule_of_its_own() {
    let granted = parse(r#"[{"type":"payment","amount":10}]"#);
    for (text, is_within) in [
        (r#"[{"type":"payment","amount":7}]"#, true),
        (r#"[{"type":"payment","amount":11}]"#, false),
        (r#"[{"type":"refund","amount":7}]"#, false),
    ] {
        assert_eq!(parse(text).is_within(&granted, &Amounts), is_within, "{text}");
    }
}

proptest! {
    #[test]
    fn rar_4_everything_is_within_itself(
        actions in prop::collection::vec("[a-c]", 0..4),
        identifier in "[ -~&&[^\"\\\\]]{0,8}",
        number in any::<i64>(),
    ) {
        let actions = actions.iter().map(|action| format!("\"{action}\"")).collect::<Vec<_>>().join(",");
        let text = format!(r#"[{{"type":"t","actions":[{actions}],"identifier":"{identifier}","n":{number},"l":[null,true,{{}}]}}]"#);
        let details = parse(&text);
        prop_assert!(details.is_within(&details, &CommonMembers));
        prop_assert!(parse(details.as_json()).is_within(&details, &CommonMembers));
    }

    #[test]
    fn rar_1_nothing_panics(text in ".{0,60}") {
        let _ = AuthorizationDetails::parse(&text);
    }
}
