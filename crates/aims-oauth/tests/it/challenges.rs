//! `WWW-Authenticate`.

use aims_oauth::{Challenge, Challenges, ErrorCode};
use aims_testkit::{assert_refused, vectors};
use proptest::prelude::*;

fn parse(line: &str) -> Result<Challenges, aims_oauth::ChallengeError> {
    Challenges::parse([line])
}

#[test]
fn cha_2_every_line_of_the_vectors_is_read_as_it_says() {
    let Some(file) = vectors::json("oauth/generated/http-cases.json") else { return };
    let mut count = 0;
    for case in file["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "www-authenticate") {
        count += 1;
        let line = case["value"].as_str().unwrap();
        let Some(expected) = case["challenges"].as_array() else {
            assert!(parse(line).is_err(), "{line}");
            continue;
        };
        let read = parse(line).unwrap();
        assert_eq!(read.iter().count(), expected.len(), "{line}");
        for (challenge, expected) in read.iter().zip(expected) {
            assert_eq!(challenge.scheme(), expected["scheme"].as_str().unwrap(), "{line}");
            for (name, value) in expected["params"].as_object().unwrap() {
                assert_eq!(challenge.text(name), value.as_str(), "{line}");
            }
        }
    }
    assert_eq!(count, 9);
}

#[test]
fn cha_2_what_is_malformed_anywhere_makes_all_of_it_malformed() {
    for line in [
        "=",
        "a=1",
        "Bearer realm",
        "Bearer realm=",
        "Bearer realm=,",
        "bearer abc==",
        "DPoP abc",
        "WPT abc",
        "Bearer realm=\"a\" b=c",
        "Bearer realm=a b",
        "Bearer realm=\"a",
        "Bearer realm=\"a\\",
        "Bearer realm=\"a\u{7}\"",
        "Basic abc, x=1",
        "Basic abc def",
        "Bearer \"a\"",
        "Bearer, \u{0}",
        "Bearer é",
    ] {
        assert_refused!(parse(line), "malformed_challenge", "CHA-2", "{line:?}");
    }
    assert_refused!(Challenges::parse(["Bearer", "DPoP x"]), "malformed_challenge", "CHA-2");
    for line in ["Bearer a=1, A=2", "Bearer a=1, b=2, a=\"1\""] {
        assert_refused!(parse(line), "challenge_parameter_repeated", "CHA-2", "{line}");
    }
}

#[test]
fn cha_2_challenges_are_read_however_they_are_spaced() {
    let two = Challenges::parse([
        " ,, Negotiate abc== ,Bearer realm = \"x, \\\"y\\\"\" ,\tscope=a ,",
        "",
        "DPoP , NTLM",
    ]);
    let all: Vec<_> = two.unwrap().iter().map(|one| (one.scheme().to_owned(), one.clone())).collect();
    let schemes: Vec<_> = all.iter().map(|(scheme, _)| scheme.as_str()).collect();
    assert_eq!(schemes, ["Negotiate", "Bearer", "DPoP", "NTLM"]);
    let bearer = &all.get(1).unwrap().1;
    assert_eq!((bearer.text("realm"), bearer.text("scope")), (Some("x, \"y\""), Some("a")));
    assert_eq!(all.first().unwrap().1.token68(), Some("abc=="));
    // Opaque where nobody looks, malformed where somebody does.
    let opaque = Challenges::parse([&b"Bearer realm=\"\xff\", scope=\"\xff\""[..]]).unwrap();
    let bearer = opaque.of("BEARER").next().unwrap();
    assert_eq!((bearer.bytes("realm"), bearer.text("realm")), (Some(&[0xff][..]), None));
    assert_refused!(bearer.scope(), "challenge_parameter", "CHA-2");
}

#[test]
fn cha_3_cha_4_what_is_wanted_is_read_by_its_type() {
    let read = parse(
        "Bearer error=insufficient_user_authentication, scope=\"a b\", acr_values=\"x y\", max_age=5, \
         resource_metadata=\"https://t.example/.well-known/oauth-protected-resource\"",
    );
    let read = read.unwrap();
    let bearer = read.iter().next().unwrap();
    assert_eq!(bearer.error(), Ok(Some(ErrorCode::InsufficientUserAuthentication)));
    assert_eq!(bearer.scope().unwrap().unwrap(), "b a".parse().unwrap());
    assert_eq!(bearer.acr_values().unwrap().unwrap(), ["x", "y"]);
    assert_eq!(bearer.max_age(), Ok(Some(5)));
    assert!(bearer.resource_metadata().unwrap().unwrap().ends_with("oauth-protected-resource"));
    for (line, read) in [
        ("Bearer max_age=\"-1\"", "max_age"),
        ("Bearer max_age=\"+1\"", "max_age"),
        ("Bearer max_age=\"\"", "max_age"),
        ("Bearer max_age=99999999999999999999", "max_age"),
        ("Bearer scope=\"a  b\"", "scope"),
        ("Bearer scope=\"\"", "scope"),
    ] {
        let challenges = parse(line).unwrap();
        let bearer = challenges.iter().next().unwrap();
        let refused = if read == "scope" { bearer.scope().map(drop) } else { bearer.max_age().map(drop) };
        assert_refused!(refused, "challenge_parameter", "CHA-2", "{line}");
    }
    let unknown = parse("Bearer error=other, x=1").unwrap();
    assert_eq!(unknown.iter().next().unwrap().error(), Ok(None));
}

#[test]
fn wir_9_challenges_are_bounded() {
    assert_refused!(parse(&"Bearer,".repeat(3000)), "challenges_too_long", "WIR-9");
    assert_refused!(parse(&"A,".repeat(33)), "challenges_too_long", "WIR-9");
    let many = (0..33).map(|at| format!("a{at}=1")).collect::<Vec<_>>().join(",");
    assert_refused!(parse(&format!("Bearer {many}")), "challenges_too_long", "WIR-9");
    assert_eq!(parse(&"A,".repeat(32)).unwrap().iter().count(), 32);
}

proptest! {
    #[test]
    fn cha_2_what_is_written_is_read(
        scheme in "[A-Za-z][A-Za-z0-9-]{0,7}",
        parameters in prop::collection::btree_map("[a-z][a-z_]{0,7}", "[ -~]{0,20}", 0..5),
    ) {
        let challenge = parameters.iter().fold(Challenge::new(&scheme), |all, (name, value)| all.with(name, value));
        let lines = [challenge.to_string(), format!("{challenge}, {challenge}")];
        for line in &lines {
            let read = parse(line).unwrap();
            for one in read.iter() {
                prop_assert_eq!(one, &challenge);
            }
        }
        prop_assert_eq!(parse(lines.last().unwrap()).unwrap().iter().count(), 2);
    }

    #[test]
    fn cha_2_nothing_panics(line in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Challenges::parse([line]);
    }
}
