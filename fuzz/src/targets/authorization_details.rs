//! `authorization_details`: what is read is within itself, and within nothing that has less.

use aims_oauth::{AuthorizationDetails, CommonMembers};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let details = match AuthorizationDetails::parse(text) {
        Ok(details) => details,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            return;
        }
    };
    assert_eq!(details.iter().count(), details.len());
    assert!(!details.is_empty() && details.iter().all(|detail| !detail.kind().is_empty()));
    assert!(details.is_within(&details, &CommonMembers), "more than itself");
    let again = AuthorizationDetails::parse(details.as_json()).expect("what was read is read again");
    assert_eq!(again.as_json(), details.as_json(), "a second spelling");
    assert!(again.is_within(&details, &CommonMembers));
    for detail in details.iter() {
        let values = detail.actions().chain(detail.locations()).chain(detail.datatypes());
        assert!(values.chain(detail.privileges()).count() <= text.len());
    }
    let other = AuthorizationDetails::parse(r#"[{"type":"another type"}]"#).expect("a list");
    let is_other = details.iter().all(|detail| detail.kind() == "another type");
    assert!(is_other || !details.is_within(&other, &CommonMembers), "within another type");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let many = |count: usize| format!("[{}]", vec![r#"{"type":"a","actions":["r","w"]}"#; count].join(","));
    super::texts(&[
        r#"[{"type":"booking","actions":["read","book"],"locations":["https://a"],"datatypes":["d"],"privileges":["p"]}]"#,
        r#"[{"type":"account","identifier":"7","limit":{"amount":1e1,"in":["EU\u0052"]}},{"type":"account"}]"#,
        r#"[{"type":"a"}],"x":[1]"#,
        r#" [ {"type":"another type"} ] "#,
        "{}",
        &many(64),
        &many(65),
    ])
}
