//! Access tokens at a resource server.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aims_credential::{LineageId, Mark, MarkKey, MarkTable};
use aims_jose::{JwkSet, Thumbprint};
use aims_keys::{Algorithm, AlgorithmSet, SignInput, UnixTime, backend};
use aims_oauth::{
    AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier, AuthorizationDetails, Derivation, ErrorCode,
    Lineage, NewActor, Resource, TokenBinding, TrustedIssuer, VerifiedAccessToken,
};
use aims_testkit::{assert_refused, vectors};
use proptest::prelude::*;

use crate::world::*;

#[test]
fn act_4_sec_5_every_case_of_the_vectors_is_judged_as_it_says() {
    let Some(file) = vectors::json("oauth/generated/access-token-cases.json") else { return };
    let text = |name: &str| file[name].as_str().unwrap();
    let keys = JwkSet::parse(&file["jwks"].to_string(), backend::ring()).unwrap();
    let issuer = TrustedIssuer::new(text("issuer").parse().unwrap(), keys)
        .with_algorithms(AlgorithmSet::of(&[Algorithm::Es256, Algorithm::EdDsa]));
    let checks =
        AccessTokenVerifier::builder(text("audience").parse().unwrap(), issuer, backend::ring()).build();
    let now = UnixTime::from_secs(file["now"].as_u64().unwrap());
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 45);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let judged = case["token"].as_str().unwrap().parse().map_err(Into::into);
        let judged = judged.and_then(|token| checks.verify(&token, now));
        if case["expect"] == "accept" {
            let verified = judged.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(
                (&*verified.subject(), &*verified.client_id()),
                ("user-1", "spiffe://a.example/agents/planner")
            );
            continue;
        }
        let (code, rule) = REFUSED.iter().find(|(known, _)| *known == name).expect(name).1;
        assert_eq!(judged.as_ref().unwrap_err().error_code(), ErrorCode::InvalidToken, "{name}");
        assert_refused!(judged, code, rule, "{name}");
    }
}

/// Why each of the cases is refused.
const REFUSED: [(&str, (&str, &str)); 38] = [
    ("typ-jwt", ("wrong_type", "ACT-1")),
    ("typ-absent", ("wrong_type", "ACT-1")),
    ("typ-txntoken", ("wrong_type", "ACT-1")),
    ("typ-idjag", ("wrong_type", "ACT-1")),
    ("alg-none", ("malformed", "JO-B64-01")),
    ("alg-hs256-with-public-key", ("unsupported_alg", "ACT-1")),
    ("wrong-key-same-kid", ("bad_signature", "ACT-4")),
    ("unknown-kid", ("unknown_key", "ACT-6")),
    ("embedded-jwk-ignored", ("unknown_key", "ACT-6")),
    ("der-signature", ("bad_signature", "ACT-4")),
    ("zero-signature", ("bad_signature", "ACT-4")),
    ("short-signature", ("malformed", "JO-B64-02")),
    ("two-segments", ("malformed", "JO-B64-01")),
    ("four-segments", ("malformed", "JO-B64-01")),
    ("padding", ("malformed", "JO-B64-02")),
    ("crit-unknown", ("malformed", "JO-HDR-03")),
    ("issuer-other", ("issuer_mismatch", "ACT-4")),
    ("issuer-trailing-slash", ("issuer_mismatch", "ACT-4")),
    ("aud-other", ("audience_mismatch", "ACT-4")),
    ("aud-prefix", ("audience_mismatch", "ACT-4")),
    ("aud-number", ("malformed", "ACT-4")),
    ("aud-empty-array", ("malformed", "ACT-4")),
    ("expired", ("expired", "ACT-4")),
    ("exp-string", ("malformed", "ACT-4")),
    ("exp-huge", ("malformed", "ACT-4")),
    ("iat-future", ("not_yet_valid", "ACT-4")),
    ("nbf-future", ("not_yet_valid", "ACT-4")),
    ("missing-iss", ("malformed", "ACT-4")),
    ("missing-exp", ("malformed", "ACT-4")),
    ("missing-aud", ("malformed", "ACT-4")),
    ("missing-sub", ("malformed", "ACT-4")),
    ("missing-client_id", ("malformed", "ACT-4")),
    ("missing-iat", ("malformed", "ACT-4")),
    ("missing-jti", ("malformed", "ACT-4")),
    ("scope-array", ("scope_type", "WIR-7")),
    ("duplicate-member", ("malformed", "JO-JSON-02")),
    ("act-too-deep", ("too_many_actors", "WIR-9")),
    ("act-not-object", ("bad_actor", "EXC-4")),
];

#[test]
fn azr_1_arch_7_a_token_says_who_acts_and_for_whom() {
    let server = Server::new();
    let checks = server.verifier().build();
    let details = AuthorizationDetails::parse(r#"[{"type":"booking","actions":["book"]}]"#).unwrap();
    let token =
        server.issue(&request().details(details).transaction("txn-1").authenticated(NOW, Some("phr")));
    let verified = checks.verify(&token, NOW).unwrap();
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, AGENT));
    assert_eq!(verified.agent().unwrap().as_str(), AGENT);
    assert!(!verified.is_autonomous());
    assert_eq!(verified.scope(), &"trips:book trips:read".parse().unwrap());
    assert_eq!(verified.details().unwrap().iter().next().unwrap().actions().next().unwrap(), "book");
    assert_eq!((verified.issuer().as_str(), verified.resource()), (ISSUER, &tool()));
    assert_eq!((verified.issued_at(), verified.not_after()), (Some(NOW), NOW + Duration::from_secs(300)));
    assert_eq!((verified.auth_time(), verified.acr().as_deref()), (Some(NOW), Some("phr")));
    assert_eq!(verified.transaction().as_deref(), Some("txn-1"));
    assert_eq!((verified.binding(), verified.actors().is_empty()), (None, true));
    assert_eq!(verified.fingerprint(), token.fingerprint());
    assert_eq!(verified.lineage_id(), &LineageId::of(ISSUER, &verified.token_id().unwrap(), backend::ring()));
    assert!(verified.claims().get("exp").is_some() && !format!("{verified:?}").contains("booking"));

    let autonomous = server.issue(&AccessTokenRequest::new(AGENT, AGENT, tool()));
    let autonomous = checks.verify(&autonomous, NOW).unwrap();
    assert!(autonomous.is_autonomous() && autonomous.scope().is_empty() && autonomous.details().is_none());
    // Where somebody acts for it, it is not by itself.
    let acted = server.issue(
        &AccessTokenRequest::new(AGENT, AGENT, tool()).acting(NewActor::new("spiffe://acme.example/x")),
    );
    assert!(!checks.verify(&acted, NOW).unwrap().is_autonomous());
    // A client that is no workload has a name and no identifier.
    let plain = server.issue(&AccessTokenRequest::new(USER, "client-1", tool()));
    assert_eq!(checks.verify(&plain, NOW).unwrap().agent(), None);
}

#[test]
fn aims_44_a_token_says_what_its_issuer_was_told_of_a_user_and_nothing_else() {
    let server = Server::new();
    let checks = server.verifier().build();
    let said = |token: &VerifiedAccessToken| -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(token.claims().as_text()).unwrap()
    };
    let least = ["aud", "client_id", "exp", "iat", "iss", "jti", "sub"];
    let bare = server.issue(&AccessTokenRequest::new(USER, AGENT, tool()));
    let bare = said(&checks.verify(&bare, NOW).unwrap());
    assert_eq!(bare.keys().map(String::as_str).collect::<HashSet<_>>(), HashSet::from(least));
    // For one resource server, and not for long.
    assert_eq!(bare["aud"], tool().as_str());
    assert_eq!(bare["exp"].as_u64().unwrap() - bare["iat"].as_u64().unwrap(), 300);
    let long = server.issuer().issue(&request().lifetime(Duration::from_secs(3601)), NOW);
    assert_refused!(long, "bad_lifetime", "ACT-7");

    // What another token says of the user does not come along: nor does how they were authenticated.
    let talkative = server.token_with(
        r#","email":"ada@example.org","name":"Ada","auth_time":1790000000,"acr":"phr","scope":"trips:read""#,
    );
    let talkative = checks.verify(&talkative, NOW).unwrap();
    assert_eq!(said(&talkative)["email"], "ada@example.org");
    let inner: Resource = "https://inner.example".parse().unwrap();
    let derived = Derivation::of(&talkative, AGENT, inner.clone()).derive(NOW).unwrap();
    let derived = server.issue(derived.request());
    let derived = server.verifier().also_known_as(inner).build().verify(&derived, NOW).unwrap();
    let derived = said(&derived);
    assert_eq!(derived["sub"], USER);
    for name in ["email", "name", "auth_time", "acr"] {
        assert!(!derived.contains_key(name), "{name}");
    }
}

#[test]
fn exc_4_exc_8_each_exchange_puts_its_actor_outside() {
    let server = Server::new();
    let checks = server.verifier().build();
    let mut token = server.issue(&request());
    let mut verified = checks.verify(&token, NOW).unwrap();
    for depth in 1..=7 {
        let name = format!("spiffe://acme.example/hop/{depth}");
        token = server
            .issue(&request().acting(NewActor::new(&name).known_to("https://idp.example").after(&verified)));
        verified = checks.verify(&token, NOW).unwrap();
        let names: Vec<_> = verified.actors().iter().map(|actor| actor.subject().into_owned()).collect();
        // The client that had the first token stands at the end.
        assert_eq!((names.len(), &names[0], names.last().unwrap().as_str()), (depth + 1, &name, AGENT));
        assert_eq!(verified.actors().current().unwrap().issuer().as_deref(), Some("https://idp.example"));
    }
    token = server.issue(&request().acting(NewActor::new("nine").after(&verified)));
    assert_refused!(checks.verify(&token, NOW), "too_many_actors", "WIR-9");
    for act in [
        "1",
        "[]",
        "{}",
        r#"{"sub":""}"#,
        r#"{"sub":1}"#,
        r#"{"sub":"a","iss":1}"#,
        r#"{"sub":"a","iss":""}"#,
        r#"{"sub":"a","act":null}"#,
        r#"{"sub":"a","act":{"sub":"b","act":{}}}"#,
    ] {
        let token = server.token_with(&format!(r#","act":{act}"#));
        assert_refused!(checks.verify(&token, NOW), "bad_actor", "EXC-4", "{act}");
    }
    let token = server.token_with(r#","act":{"sub":"a","exp":1,"aud":7,"nbf":"x"}"#);
    assert!(checks.verify(&token, NOW).is_ok(), "what means nothing inside is ignored");
    let token = server.token_with(r#","may_act":{}"#);
    assert_refused!(checks.verify(&token, NOW), "bad_actor", "EXC-4");
}

#[test]
fn jo_key_10_a_binding_that_is_not_verified_here_is_refused_whatever_the_scheme() {
    let server = Server::new();
    let checks = server.verifier().build();
    let thumbprint: Thumbprint = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
    for binding in [TokenBinding::Key(thumbprint), TokenBinding::Certificate([7; 32])] {
        let token = server.issue(&request().bound_to(binding));
        assert_eq!(checks.verify(&token, NOW).unwrap().binding(), Some(&binding));
    }
    let jkt = r#""jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    for (cnf, code) in [
        (r#"{"kid":"k"}"#.to_owned(), "bad_confirmation"),
        (format!(r#"{{"jwk":{}}}"#, server.jwk.to_json()), "bad_confirmation"),
        ("{}".to_owned(), "malformed"),
        (format!("{{{jkt},\"x5t#S256\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}"), "malformed"),
        (format!("{{{jkt},\"jku\":\"https://a\"}}"), "malformed"),
        (r#"{"jkt":"short"}"#.to_owned(), "malformed"),
        ("null".to_owned(), "malformed"),
    ] {
        let token = server.token_with(&format!(r#","cnf":{cnf}"#));
        let refused = checks.verify(&token, NOW).unwrap_err();
        assert_eq!(refused.code(), code, "{cnf}");
    }
    let token = server.token_with(r#","cnf":{"kid":"k"}"#);
    assert_refused!(checks.verify(&token, NOW), "bad_confirmation", "JO-KEY-10");
}

#[test]
fn act_4_claims_are_of_the_type_they_must_be() {
    let server = Server::new();
    let checks = server.verifier().build();
    for (members, code, rule) in [
        (r#","scope":"a  b""#, "scope_empty_token", "WIR-7"),
        (r#","scope":"""#, "scope_empty", "WIR-7"),
        (r#","scope":["a"]"#, "scope_type", "WIR-7"),
        (r#","authorization_details":{}"#, "details_not_an_array", "RAR-1"),
        (r#","authorization_details":[{"type":"a","actions":1}]"#, "details_member", "RAR-2"),
        (r#","events":{}"#, "events_claim", "SSF-14"),
        (r#","auth_time":"1""#, "malformed", "ACT-4"),
        (r#","acr":1"#, "malformed", "ACT-4"),
        (r#","amr":"pwd""#, "malformed", "ACT-4"),
        (r#","amr":[1]"#, "malformed", "ACT-4"),
        (r#","txn":"""#, "malformed", "ACT-4"),
        (r#","aims_lineage":"a""#, "malformed_lineage", "WIR-9"),
        (r#","aims_lineage":[]"#, "malformed_lineage", "WIR-9"),
        (r#","aims_lineage":[1]"#, "malformed_lineage", "WIR-9"),
        (r#","aims_lineage":["AAAA"]"#, "malformed_lineage", "WIR-9"),
        (r#","sub":"x""#, "malformed", "JO-JSON-02"),
    ] {
        assert_refused!(checks.verify(&server.token_with(members), NOW), code, rule, "{members}");
    }
    let nine = [r#""AAAAAAAAAAAAAAAAAAAAAA""#; 9].join(",");
    let token = server.token_with(&format!(r#","aims_lineage":[{nine}]"#));
    assert_refused!(checks.verify(&token, NOW), "lineage_too_long", "WIR-9");
    assert!(checks.verify(&server.token_with(r#","amr":["pwd"],"groups":["a"],"more":{}"#), NOW).is_ok());
}

#[test]
fn sec_7_act_6_a_token_counts_by_its_own_issuer_alone() {
    let (server, other) = (Server::new(), Server::new());
    let elsewhere = TrustedIssuer::new("https://as.other.example".parse().unwrap(), other.keys());
    let checks = server.verifier().trust(elsewhere.clone()).build();
    assert!(checks.verify(&server.issue(&request()), NOW).is_ok());
    // The other is trusted, too, and not for this issuer.
    assert_refused!(checks.verify(&other.issue(&request()), NOW), "bad_signature", "ACT-4");
    // What is not on the list of one issuer is not taken because it is on that of another.
    let narrow = server.trusted().with_algorithms(AlgorithmSet::of(&[Algorithm::Ps256]));
    let narrow = AccessTokenVerifier::builder(tool(), narrow, backend::ring()).trust(elsewhere).build();
    assert_refused!(narrow.verify(&server.issue(&request()), NOW), "unsupported_alg", "ACT-1");
    // A resource server may have two names, and a token is for one of them.
    let other_name: Resource = "https://tools.example/v2".parse().unwrap();
    let token = server.issue(&AccessTokenRequest::new(USER, AGENT, other_name.clone()));
    assert_refused!(checks.verify(&token, NOW), "audience_mismatch", "ACT-4");
    let both = server.verifier().also_known_as(other_name.clone()).build();
    assert_eq!(both.verify(&token, NOW).unwrap().resource(), &other_name);
}

#[test]
fn azr_10_act_6_what_was_verified_is_asked_again_at_every_use() {
    let server = Server::new();
    let trusted = server.trusted();
    let marks = Arc::new(MarkTable::with_capacity(100));
    let checks = AccessTokenVerifier::builder(tool(), trusted.clone(), backend::ring())
        .marks(Arc::clone(&marks))
        .build();
    let key: Thumbprint = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
    let grant = LineageId::of(ISSUER, "grant-1", backend::ring());
    let wanted = request()
        .bound_to(TokenBinding::Key(key))
        .transaction("txn-1")
        .from(Lineage::none().and(grant).unwrap());
    let issued = server.issuer().issue(&wanted, NOW).unwrap();
    let later = NOW + Duration::from_secs(60);
    let verified = checks.verify(issued.token(), later).unwrap();
    assert_eq!(checks.verify_again(&verified, later), Ok(()));
    let agent = AGENT.parse().unwrap();
    for mark in [
        MarkKey::Token(&issued.lineage_id()),
        MarkKey::Token(&grant),
        MarkKey::Subject { issuer: ISSUER, subject: USER },
        MarkKey::Client { issuer: ISSUER, client: AGENT },
        MarkKey::Transaction { issuer: ISSUER, id: "txn-1" },
        MarkKey::Agent(&agent),
        MarkKey::Key(&key),
    ] {
        marks.add(&mark, Mark::suspended()).unwrap();
        assert_refused!(checks.verify_again(&verified, later), "suspended", "AIMS-55", "{mark:?}");
        assert_refused!(checks.verify(issued.token(), later), "suspended", "AIMS-55", "{mark:?}");
        assert_refused!(verified.still_valid(later, &*marks), "suspended", "AIMS-55", "{mark:?}");
        assert!(marks.clear(&mark));
        assert_eq!(checks.verify_again(&verified, later), Ok(()));
    }
    // What began before the cut, clocks considered, and not what began later.
    let user = MarkKey::Subject { issuer: ISSUER, subject: USER };
    marks.set(&user, Mark::not_before(NOW)).unwrap();
    assert_refused!(checks.verify_again(&verified, later), "superseded", "AIMS-55");
    let newer = server.issuer().issue(&request(), later).unwrap();
    assert!(checks.verify(newer.token(), later).is_ok());
    marks.clear(&user);
    // Its time passes, and its key goes.
    let end = NOW + Duration::from_secs(330);
    assert_refused!(checks.verify_again(&verified, end), "expired", "ACT-4");
    assert_refused!(verified.still_valid(end, &*marks), "expired", "AIMS-8");
    trusted.replace_keys(Server::new().keys());
    assert_refused!(checks.verify_again(&verified, later), "bad_signature", "ACT-4");
    trusted.replace_keys(JwkSet::new(Vec::new()).unwrap());
    assert_refused!(checks.verify_again(&verified, later), "unknown_key", "ACT-6");
}

#[test]
fn act_7_sec_16_what_is_issued_is_short_lived_and_no_longer_than_what_it_comes_from() {
    let server = Server::new();
    let issuer = server.issuer();
    let issue = |request: AccessTokenRequest<'_>| issuer.issue(&request, NOW);
    let secs = |seconds| Duration::from_secs(seconds);
    assert_eq!(issue(request()).unwrap().not_after(), NOW + secs(300));
    assert_eq!(
        issue(request().not_after(NOW + secs(20)).not_after(NOW + secs(90))).unwrap().not_after(),
        NOW + secs(20)
    );
    assert_eq!(issue(request().lifetime(secs(3600))).unwrap().not_after(), NOW + secs(3600));
    assert_refused!(issue(request().lifetime(secs(3601))), "bad_lifetime", "ACT-7");
    assert_refused!(issue(request().lifetime(secs(0))), "bad_lifetime", "ACT-7");
    assert_refused!(issue(request().not_after(NOW)), "bad_lifetime", "ACT-7");
    let short = server.issuer().with_max_lifetime(secs(60));
    assert_eq!(short.issue(&request(), NOW).unwrap().not_after(), NOW + secs(60));
    assert_refused!(issue(AccessTokenRequest::new("", AGENT, tool())), "bad_claims", "JO-CLM-06");
    assert_refused!(
        AccessTokenIssuer::new(issuer.issuer().clone(), server.key.clone(), "").map(drop),
        "malformed_key_id",
        "JO-HDR-05"
    );
    let ids: HashSet<_> = (0..100).map(|_| issue(request()).unwrap().token_id().to_owned()).collect();
    assert_eq!(ids.len(), 100);

    // In two steps, wherever the key is.
    let external =
        AccessTokenIssuer::external(issuer.issuer().clone(), server.key.public_key().clone(), "as-1")
            .unwrap();
    let unsigned = || external.prepare(&request(), NOW).unwrap();
    let one = unsigned();
    let signature = server.key.sign(SignInput::Message(one.signing_input())).unwrap();
    assert_refused!(unsigned().attach(signature.as_bytes()), "bad_signature", "JO-SIGN-02");
    let token = one.attach(signature.as_bytes()).unwrap().into_token();
    assert!(server.verifier().build().verify(&token, NOW).is_ok());
    assert_refused!(unsigned().sign(&*Server::new().key), "wrong_use", "TPM-44");
    let long = "x".repeat(16 * 1024);
    assert_refused!(issue(AccessTokenRequest::new(&long, AGENT, tool())), "token_too_long", "WIR-9");
    let eight = (0..8).try_fold(Lineage::none(), |all, _| all.and(LineageId::from_bytes([7; 16]))).unwrap();
    assert_refused!(eight.and(LineageId::from_bytes([7; 16])), "lineage_too_long", "WIR-9");
}

proptest! {
    /// Whatever byte of a token is another, it is refused.
    #[test]
    fn act_4_a_changed_token_is_refused(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
        let server = &*SERVER;
        let token = server.issue(&request());
        let text = token.expose();
        let at = at.index(text.len());
        let changed = [text.get(..at).unwrap(), &letter, text.get(at + 1..).unwrap()].concat();
        if changed != text {
            let changed = changed.parse().unwrap();
            prop_assert!(server.verifier().build().verify(&changed, NOW).is_err());
        }
    }
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::new);
