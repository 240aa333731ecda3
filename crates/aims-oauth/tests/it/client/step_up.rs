//! Resources that want more.

use aims_oauth::{AuthorizationDetails, Challenges, StepUp, StepUps};
use aims_testkit::assert_refused;

fn challenges(line: &str) -> Challenges {
    Challenges::parse([line]).unwrap()
}

const BOOK: &str = r#"Bearer error="insufficient_scope", scope="trips:book""#;
const PAY: &str = r#"DPoP error="insufficient_scope", scope="trips:pay", algs="ES256""#;

#[test]
fn cha_5_mcp_12_at_most_two_step_ups_each_for_all_that_was_wanted() {
    let mut tries = StepUps::new();
    let StepUp::Scope(first) = tries.next(&challenges(BOOK), None).unwrap() else { panic!() };
    let StepUp::Scope(second) = tries.next(&challenges(PAY), None).unwrap() else { panic!() };
    assert_eq!((first.as_str(), second.as_str()), ("trips:book", "trips:book trips:pay"));
    assert_refused!(tries.next(&challenges(BOOK), None), "too_many_step_ups", "CHA-5");
}

#[test]
fn mcp_5_no_step_up_is_for_offline_access() {
    let mut tries = StepUps::new();
    let both = r#"Bearer error="insufficient_scope", scope="offline_access trips:book""#;
    let StepUp::Scope(scope) = tries.next(&challenges(both), None).unwrap() else { panic!() };
    assert_eq!(scope.as_str(), "trips:book");
    let alone = r#"Bearer error="insufficient_scope", scope="offline_access""#;
    assert_refused!(tries.next(&challenges(alone), None), "challenge", "CHA-2");
}

#[test]
fn cha_4_cha_5_a_user_is_asked_again_as_the_resource_wants() {
    let line = r#"Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="60""#;
    let mut tries = StepUps::new();
    let wanted = StepUp::User { acr_values: vec!["gold".into(), "silver".into()], max_age: Some(60) };
    assert_eq!(tries.next(&challenges(line), None).unwrap(), wanted);
    tries.next(&challenges(BOOK), None).unwrap();
    assert_refused!(tries.next(&challenges(line), None), "too_many_step_ups", "CHA-5");
}

#[test]
fn dpo_12_cha_5_a_nonce_and_a_new_token_are_tried_once() {
    let nonce = challenges(r#"DPoP error="use_dpop_nonce", Bearer error="invalid_token""#);
    let token = challenges(r#"Bearer error="invalid_token""#);
    let mut tries = StepUps::new();
    assert_eq!(tries.next(&nonce, None).unwrap(), StepUp::Nonce);
    assert_refused!(tries.next(&nonce, None), "too_many_step_ups", "CHA-5");
    assert_eq!(tries.next(&token, None).unwrap(), StepUp::Token);
    assert_refused!(tries.next(&token, None), "too_many_step_ups", "CHA-5");
    // Neither is a step up.
    tries.next(&challenges(BOOK), None).unwrap();
    tries.next(&challenges(PAY), None).unwrap();
}

#[test]
fn cha_2_what_no_token_gives_is_not_tried() {
    for line in [
        "Bearer",
        r#"Basic realm="x""#,
        r#"Bearer error="invalid_request""#,
        r#"Bearer error="insufficient_scope""#,
        r#"Bearer error="insufficient_scope", scope="a  b""#,
        r#"Bearer error="insufficient_user_authentication", max_age="+1""#,
        r#"Other error="insufficient_scope", scope="trips:book""#,
    ] {
        assert_refused!(StepUps::new().next(&challenges(line), None), "challenge", "CHA-2");
    }
}

#[test]
fn rar_1_cha_4_what_is_wanted_is_said_for_people() {
    let details = |text: &str| StepUp::Details(AuthorizationDetails::parse(text).unwrap());
    let user = |acr_values: &[&str], max_age| StepUp::User {
        acr_values: acr_values.iter().map(|acr| (*acr).into()).collect(),
        max_age,
    };
    let many = format!("[{}]", [r#"{"type":"a"}"#; 9].join(","));
    for (wanted, words) in [
        (StepUp::Nonce, "another nonce in the proof"),
        (StepUp::Token, "another token"),
        (StepUp::Scope("trips:book".parse().unwrap()), "the scope trips:book"),
        (
            details(r#"[{"type":"pay\u001b","iban":"DE89"},{"type":"book"}]"#),
            r#"details of authorization of type "pay\u{1b}", "book""#,
        ),
        (details(&many), r#"details of authorization of type "a", "a", "a", "a""#),
        (user(&[], None), "the user authenticated again"),
        (user(&["gold"], Some(60)), r#"the user authenticated again by one of ["gold"], at most 60 s ago"#),
    ] {
        assert_eq!(wanted.to_string(), words);
    }
}
