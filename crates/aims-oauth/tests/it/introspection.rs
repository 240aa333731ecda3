//! Opaque tokens: what their issuer says of them.

use std::time::Duration;

use aims_credential::LineageId;
use aims_keys::backend;
use aims_oauth::{AccessToken, AccessTokenError, TokenBinding, VerifiedAccessToken};
use aims_testkit::assert_refused;

use crate::world::*;

const TYPE: &str = "token-introspection+jwt";

fn opaque() -> AccessToken {
    "an-opaque-token".parse().unwrap()
}

/// What is said of it, with other members in place of the usual, or besides.
fn said(of: &[(&str, &str)]) -> String {
    let (tool, agent) = (r#""https://tools.example/v1""#, r#""spiffe://acme.example/agents/travel""#);
    let usual = [
        ("active", "true"),
        ("iss", r#""https://as.example""#),
        ("sub", r#""user-1""#),
        ("client_id", agent),
        ("aud", tool),
        ("exp", "1790000300"),
    ];
    let other = |name: &str| of.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let members = usual.iter().map(|(name, value)| (*name, other(name).unwrap_or(value)));
    let more = of.iter().copied().filter(|(name, _)| !usual.iter().any(|(known, _)| known == name));
    let all = members.chain(more).filter(|(_, value)| !value.is_empty());
    format!("{{{}}}", all.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(","))
}

fn judge(server: &Server, body: &str) -> Result<VerifiedAccessToken, AccessTokenError> {
    server.verifier().build().introspected(&opaque(), &issuer(), body.as_bytes(), NOW)
}

#[test]
fn int_2_azr_7_what_is_said_of_a_token_means_what_the_token_would_say() {
    let server = Server::new();
    let verified = judge(
        &server,
        &said(&[
            ("scope", r#""trips:book""#),
            ("jti", r#""at-1""#),
            ("iat", "1790000000"),
            ("cnf", r#"{"jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#),
            ("act", r#"{"sub":"spiffe://acme.example/x"}"#),
            ("authorization_details", r#"[{"type":"booking"}]"#),
            ("token_type", r#""DPoP""#),
            ("username", "7"),
        ]),
    )
    .unwrap();
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, AGENT));
    assert_eq!(verified.scope().as_str(), "trips:book");
    assert!(matches!(verified.binding(), Some(TokenBinding::Key(_))));
    assert_eq!(verified.actors().current().unwrap().subject(), "spiffe://acme.example/x");
    assert_eq!(verified.details().unwrap().len(), 1);
    assert_eq!(verified.lineage_id(), &LineageId::of(ISSUER, "at-1", backend::ring()));
    assert_eq!((verified.issued_at(), verified.begun()), (Some(NOW), NOW));

    // What servers leave out: every cut ends it then, and it has a name of its own.
    let bare = judge(&server, &said(&[("iss", "")])).unwrap();
    assert_eq!((bare.token_id(), bare.issued_at(), bare.begun().as_secs()), (None, None, 0));
    assert_ne!(bare.lineage_id(), verified.lineage_id());
    assert_eq!(bare.fingerprint(), opaque().fingerprint());
}

#[test]
fn int_1_act_4_what_is_said_is_held_to_the_same_rules() {
    let server = Server::new();
    for (of, code, rule) in [
        (("active", "false"), "inactive", "INT-1"),
        (("active", ""), "malformed", "ACT-4"),
        (("active", r#""true""#), "malformed", "ACT-4"),
        (("sub", ""), "malformed", "ACT-4"),
        (("client_id", ""), "malformed", "ACT-4"),
        (("aud", ""), "malformed", "ACT-4"),
        (("exp", ""), "malformed", "ACT-4"),
        (("aud", r#""https://other.example""#), "audience_mismatch", "ACT-4"),
        (("iss", r#""https://as.other.example""#), "issuer_mismatch", "ACT-4"),
        (("exp", "1789999970"), "expired", "ACT-4"),
        (("nbf", "1790000031"), "not_yet_valid", "ACT-4"),
        (("iat", "1790000031"), "not_yet_valid", "ACT-4"),
        (("scope", r#""a  b""#), "scope_empty_token", "WIR-7"),
        (("act", "{}"), "bad_actor", "EXC-4"),
        (("cnf", r#"{"kid":"k"}"#), "bad_confirmation", "JO-KEY-10"),
        (("sub", r#""a","sub":"b""#), "malformed", "JO-JSON-02"),
    ] {
        assert_refused!(judge(&server, &said(&[of])), code, rule, "{of:?}");
    }
    // Nothing but that it does not count is read of what does not.
    assert_refused!(judge(&server, r#"{"active":false,"sub":7}"#), "inactive", "INT-1");
    for body in ["", "[]", "null", "{", r#"{"active":true,"active":false}"#] {
        assert!(judge(&server, body).is_err(), "{body}");
    }
    let elsewhere = "https://as.other.example".parse().unwrap();
    let refused = server.verifier().build().introspected(&opaque(), &elsewhere, said(&[]).as_bytes(), NOW);
    assert_refused!(refused, "issuer_mismatch", "ACT-4");
}

#[test]
fn int_4_what_was_said_is_asked_for_again_soon() {
    let server = Server::new();
    let checks = server.verifier().build();
    let token = judge(&server, &said(&[])).unwrap();
    assert_eq!(checks.verify_again(&token, NOW + Duration::from_secs(29)), Ok(()));
    assert_refused!(checks.verify_again(&token, NOW + Duration::from_secs(30)), "stale", "INT-4");
    assert_refused!(checks.verify_again(&token, NOW - Duration::from_secs(1)), "stale", "INT-4");
    // And no longer than the token lasts.
    let short = judge(&server, &said(&[("exp", "1789999980")])).unwrap();
    assert_refused!(checks.verify_again(&short, NOW + Duration::from_secs(10)), "expired", "ACT-4");
}

#[test]
fn int_3_a_signed_answer_is_for_this_resource_server_and_is_no_token() {
    let server = Server::new();
    let verifier = server.verifier().build();
    let answer = |typ: &str, of: &[(&str, &str)]| {
        let said = said(&[]);
        let usual = [
            ("iss", r#""https://as.example""#),
            ("aud", r#""https://tools.example/v1""#),
            ("iat", "1790000000"),
            ("token_introspection", said.as_str()),
        ];
        let other = |name: &str| of.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let members = usual.iter().map(|(name, value)| (*name, other(name).unwrap_or(value)));
        let more = of.iter().copied().filter(|(name, _)| !usual.iter().any(|(known, _)| known == name));
        let all = members.chain(more).filter(|(_, value)| !value.is_empty());
        let claims = all.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",");
        server.sign(typ, &format!("{{{claims}}}")).expose().to_owned()
    };
    let judge = |answer: &str| verifier.introspected_jwt(&opaque(), &issuer(), answer, NOW);
    assert_eq!(&*judge(&answer(TYPE, &[])).unwrap().subject(), USER);
    for (of, code, rule) in [
        (("iss", ""), "issuer_mismatch", "ACT-4"),
        (("iss", r#""https://as.other.example""#), "issuer_mismatch", "ACT-4"),
        (("aud", ""), "malformed", "ACT-4"),
        (("aud", r#""https://other.example""#), "audience_mismatch", "ACT-4"),
        (("iat", ""), "malformed", "ACT-4"),
        (("iat", "1790000031"), "not_yet_valid", "ACT-4"),
        (("sub", r#""user-1""#), "wrong_type", "ACT-1"),
        (("exp", "1790000300"), "wrong_type", "ACT-1"),
        (("events", "{}"), "events_claim", "SSF-14"),
        (("token_introspection", ""), "malformed", "ACT-4"),
        (("token_introspection", "7"), "malformed", "JO-JSON-01"),
        (("token_introspection", r#"{"active":false}"#), "inactive", "INT-1"),
    ] {
        assert_refused!(judge(&answer(TYPE, &[of])), code, rule, "{of:?}");
    }
    // For the client that asked, where the server knows this resource server as one: at that server alone, and no token is for that name.
    let other: aims_oauth::Issuer = "https://as.other.example".parse().unwrap();
    let asking = |at: &aims_oauth::Issuer| server.verifier().asks_as(at.clone(), "tool-1").build();
    let for_client = answer(TYPE, &[("aud", r#""tool-1""#)]);
    let asked = asking(&issuer()).introspected_jwt(&opaque(), &issuer(), &for_client, NOW);
    assert_eq!(&*asked.unwrap().subject(), USER);
    assert_refused!(judge(&for_client), "audience_mismatch", "ACT-4");
    let elsewhere = asking(&other).introspected_jwt(&opaque(), &issuer(), &for_client, NOW);
    assert_refused!(elsewhere, "audience_mismatch", "ACT-4");
    let about_client = said(&[("aud", r#""tool-1""#)]);
    let of_client = answer(TYPE, &[("token_introspection", &about_client)]);
    let refused = asking(&issuer()).introspected_jwt(&opaque(), &issuer(), &of_client, NOW);
    assert_refused!(refused, "audience_mismatch", "ACT-4");

    for typ in ["jwt", "at+jwt", "token-introspection"] {
        assert_refused!(judge(&answer(typ, &[])), "wrong_type", "ACT-1", "{typ}");
    }
    // A signed answer is no access token, and an access token no answer.
    let token = answer(TYPE, &[]).parse().unwrap();
    assert_refused!(verifier.verify(&token, NOW), "wrong_type", "ACT-1");
    assert_refused!(judge(server.issue(&request()).expose()), "wrong_type", "ACT-1");
    let foreign = Server::new().sign(TYPE, "{}");
    assert_refused!(judge(foreign.expose()), "bad_signature", "ACT-4");
}
