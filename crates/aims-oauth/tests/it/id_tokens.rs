//! ID Tokens: who the user is.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Mark, MarkKey, MarkTable};
use aims_jose::{Jwk, JwkSet, NewHeader};
use aims_keys::{Algorithm, AlgorithmSet, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AccessToken, AuthRequestId, AuthorizationCode, ErrorCode, ExpectedIdToken, IdToken, IdTokenError,
    IdTokenIssuer, IdTokenRequest, IdTokenVerifier, IdTokenVerifierBuilder, IssuedIdToken, RefreshToken,
    SecurityToken, TrustedIssuer, VerifiedIdToken,
};
use aims_testkit::{assert_refused, vectors};

use crate::world::*;

const CLIENT: &str = "travel-app";
const NONCE: &str = "n-0S6_WzA2Mj";

fn builder(server: &Server) -> IdTokenVerifierBuilder {
    IdTokenVerifier::builder(CLIENT, server.trusted(), backend::ring())
}

fn issuer_of(server: &Server) -> IdTokenIssuer {
    IdTokenIssuer::new(issuer(), server.key.clone(), "as-1").unwrap()
}

fn expected() -> ExpectedIdToken<'static> {
    ExpectedIdToken::with_nonce(NONCE)
}

/// A token of the usual claims, and these in their place or besides; one without a value is left out.
fn with(server: &Server, of: &[(&str, &str)]) -> IdToken {
    let usual = [
        ("iss", r#""https://as.example""#),
        ("sub", r#""user-1""#),
        ("aud", r#""travel-app""#),
        ("exp", "1790000300"),
        ("iat", "1790000000"),
        ("nonce", r#""n-0S6_WzA2Mj""#),
    ];
    server.sign("JWT", &crate::client_auth::support::claims(&usual, of)).expose().parse().unwrap()
}

fn judge(server: &Server, of: &[(&str, &str)]) -> Result<VerifiedIdToken, IdTokenError> {
    builder(server).build().verify(&with(server, of), &expected(), NOW)
}

#[test]
fn idt_1_idt_5_hil_14_the_tokens_of_openid_connect_core_verify() {
    let Some(file) = vectors::json("oauth/id-token-oidc-core.json") else { return };
    let keys = format!(r#"{{"keys":[{}]}}"#, file["jwk"]);
    let keys = JwkSet::parse_as(&keys, Algorithm::Rs256, backend::ring()).unwrap();
    let issuer = TrustedIssuer::new("https://server.example.com".parse().unwrap(), keys);
    let verifier = IdTokenVerifier::builder("s6BhdRkqt3", issuer.clone(), backend::ring()).build();
    let access_token: AccessToken = file["access_token"].as_str().unwrap().parse().unwrap();
    let code: AuthorizationCode = file["code"].as_str().unwrap().parse().unwrap();
    let expected = expected().access_token(&access_token).code(&code);
    let now = UnixTime::from_secs(1_311_281_000);
    let (other_token, other_code) = ("other".parse().unwrap(), "other".parse().unwrap());
    let tokens = file["id_tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 4);
    for case in tokens {
        let token: IdToken = case["jwt"].as_str().unwrap().parse().unwrap();
        let read = verifier.verify(&token, &expected, now).unwrap();
        assert_eq!((&*read.subject(), read.client_id()), ("248289761001", "s6BhdRkqt3"));
        assert_eq!(read.not_after(), UnixTime::from_secs(1_311_281_970));
        let has = |name: &str| case["payload"][name].is_string();
        let judged = verifier.verify(&token, &expected.access_token(&other_token), now);
        assert_eq!(judged.is_ok(), !has("at_hash"));
        if has("at_hash") {
            assert_refused!(judged, "at_hash_mismatch", "IDT-5");
        }
        let judged = verifier.verify(&token, &expected.code(&other_code), now);
        assert_eq!(judged.is_ok(), !has("c_hash"));
        if has("c_hash") {
            assert_refused!(judged, "c_hash_mismatch", "IDT-5");
        }
        let judged = verifier.verify(&token, &expected.with_hashes(), now);
        assert_eq!(judged.is_ok(), has("at_hash") && has("c_hash"));
        if judged.is_err() {
            assert_refused!(judged, "malformed", "IDT-5");
        }
    }
    let token: IdToken = tokens[0]["jwt"].as_str().unwrap().parse().unwrap();
    let strict = issuer.with_algorithms(AlgorithmSet::STANDARD);
    let strict = IdTokenVerifier::builder("s6BhdRkqt3", strict, backend::ring()).build();
    assert_refused!(strict.verify(&token, &expected, now), "unsupported_alg", "IDT-1");
}

#[test]
fn hil_14_the_hashes_of_ciba_are_those_of_its_example() {
    // The keys of its tokens are not published: the hashes are compared with ours.
    let Some(file) = vectors::json("oauth/ciba-core.json") else { return };
    let server = Server::new();
    let access_token: AccessToken = file["access_token"].as_str().unwrap().parse().unwrap();
    let hash = format!("{}", file["at_hash"]);
    let token = with(&server, &[("at_hash", &hash)]);
    let verifier = builder(&server).build();
    verifier.verify(&token, &expected().access_token(&access_token).with_hashes(), NOW).unwrap();
}

#[test]
fn idt_5_hil_14_each_algorithm_has_its_hash() {
    let access_token: AccessToken = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y".parse().unwrap();
    for (algorithm, len) in
        [(Algorithm::Es256, 22), (Algorithm::Es384, 32), (Algorithm::Ed25519, 43), (Algorithm::EdDsa, 43)]
    {
        let key = Arc::new(SoftwareKey::generate(algorithm, backend::ring()).unwrap());
        let jwk = Jwk::new(Signer::public_key(&*key).clone()).with_key_id("k").unwrap();
        let server = IdTokenIssuer::new(issuer(), key, "k").unwrap();
        let request = IdTokenRequest::new(USER, CLIENT).nonce(NONCE).with_access_token(&access_token);
        let token = server.issue(&request, NOW).unwrap().into_token();
        let trusted = TrustedIssuer::new(issuer(), JwkSet::new(vec![jwk]).unwrap());
        let verifier = IdTokenVerifier::builder(CLIENT, trusted, backend::ring()).build();
        let expected = expected().access_token(&access_token).with_hashes();
        let read = verifier.verify(&token, &expected, NOW).unwrap();
        assert_eq!(read.claims().get("at_hash").unwrap().as_str().unwrap().len(), len, "{algorithm}");
        let other = "other".parse().unwrap();
        let refused = verifier.verify(&token, &expected.access_token(&other), NOW);
        assert_refused!(refused, "at_hash_mismatch", "IDT-5");
    }
    // Half of the hash is not a part of the half, nor the whole.
    let server = Server::new();
    let whole = aims_jose::base64url::encode(backend::ring().sha256(access_token.expose().as_bytes()));
    for hash in [format!("\"{whole}\""), format!("\"{}\"", whole.get(..21).unwrap()), "\"\"".into()] {
        let token = with(&server, &[("at_hash", &hash)]);
        let judged = builder(&server).build().verify(&token, &expected().access_token(&access_token), NOW);
        assert_refused!(judged, "at_hash_mismatch", "IDT-5", "{hash}");
    }
}

#[test]
fn idt_1_another_issuer_or_key_is_refused() {
    let (server, other) = (Server::new(), Server::new());
    let read = judge(&server, &[]).unwrap();
    assert_eq!((read.issuer(), &*read.subject()), (&issuer(), USER));
    let verifier = builder(&server).build();
    let judge_text = |token: IdToken| verifier.verify(&token, &expected(), NOW);
    assert_refused!(judge_text(with(&other, &[])), "bad_signature", "IDT-1");
    let header = NewHeader::with_key_id("JWT", other.key.public_key(), "as-2").unwrap();
    let stranger = header.unsigned("{}").sign(&*other.key).unwrap();
    assert_refused!(judge_text(stranger.parse().unwrap()), "unknown_key", "IDT-1");
    let header = NewHeader::new("JWT", server.key.public_key()).unwrap();
    let nameless = header.unsigned("{}").sign(&*server.key).unwrap();
    assert_refused!(judge_text(nameless.parse().unwrap()), "unknown_key", "IDT-1");
    for iss in [
        r#""https://as.example/""#,
        r#""https://AS.example""#,
        r#""http://as.example""#,
        r#""https://as.example.evil""#,
        r#""""#,
    ] {
        assert_refused!(judge(&server, &[("iss", iss)]), "issuer_mismatch", "IDT-1", "{iss}");
    }
    for typ in ["at+jwt", "jose", "id+jwt", "logout+jwt", "secevent+jwt", "JWTX"] {
        let token = server.sign(typ, "{}").expose().parse().unwrap();
        assert_refused!(judge_text(token), "wrong_type", "IDT-6", "{typ}");
    }
    // A token without a type is one, and so is one that spells it otherwise (TYP-1).
    let claims = with(&server, &[]);
    let payload = claims.expose().split('.').nth(1).unwrap();
    let payload = String::from_utf8(aims_jose::base64url::decode(payload).unwrap()).unwrap();
    for header in
        [r#"{"alg":"ES256","kid":"as-1"}"#, r#"{"alg":"ES256","kid":"as-1","typ":"application/jwt"}"#]
    {
        let token = crate::client_auth::support::sign(header, &payload, &server.key);
        judge_text(token.parse().unwrap()).unwrap();
    }
    let header = r#"{"alg":"ES256","kid":"as-1","cty":"JWT"}"#;
    let nested = crate::client_auth::support::sign(header, &payload, &server.key);
    assert_refused!(judge_text(nested.parse().unwrap()), "malformed", "JO-HDR-06");
    let unsigned = format!(
        "{}.{}.",
        aims_jose::base64url::encode(r#"{"alg":"none"}"#),
        claims.expose().split('.').nth(1).unwrap()
    );
    assert!(judge_text(unsigned.parse().unwrap()).is_err());
    let broken = format!("{}.a", claims.expose());
    assert_refused!(judge_text(broken.parse().unwrap()), "malformed", "JO-B64-01");
    let twice = server.sign("JWT", r#"{"iss":"https://as.example","iss":"https://as.example"}"#);
    assert_refused!(judge_text(twice.expose().parse().unwrap()), "malformed", "JO-JSON-02");
}

#[test]
fn idt_2_the_audience_is_this_client_and_nobody_who_is_not_trusted() {
    let server = Server::new();
    for (aud, azp) in [
        (r#""travel-app""#, r#""travel-app""#),
        (r#"["travel-app"]"#, ""),
        (r#"["travel-app"]"#, r#""travel-app""#),
        (r#"["travel-app","travel-app"]"#, r#""travel-app""#),
    ] {
        judge(&server, &[("aud", aud), ("azp", azp)]).unwrap();
    }
    for (aud, azp, code) in [
        (r#""other""#, "", "audience_mismatch"),
        (r#""travel-app2""#, "", "audience_mismatch"),
        (r#""Travel-App""#, "", "audience_mismatch"),
        (r#"["other"]"#, "", "audience_mismatch"),
        (r#"["travel-app","other"]"#, "", "other_audience"),
        (r#"["travel-app","other"]"#, r#""travel-app""#, "other_audience"),
        (r#"["other","travel-app"]"#, r#""other""#, "other_audience"),
        (r#"["travel-app","travel-app"]"#, "", "azp_mismatch"),
        (r#""travel-app""#, r#""other""#, "azp_mismatch"),
    ] {
        let refused = judge(&server, &[("aud", aud), ("azp", azp)]);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidGrant);
        assert_refused!(refused, code, "IDT-2", "{aud} {azp}");
    }
    for (name, value) in
        [("aud", ""), ("aud", "1"), ("aud", "[]"), ("aud", r#"["travel-app",1]"#), ("azp", "1")]
    {
        assert_refused!(judge(&server, &[(name, value)]), "malformed", "IDT-3", "{name} {value}");
    }
    let trusting = builder(&server).trust_audience("other").build();
    let both = |azp| with(&server, &[("aud", r#"["travel-app","other"]"#), ("azp", azp)]);
    trusting.verify(&both(r#""travel-app""#), &expected(), NOW).unwrap();
    for azp in ["", r#""other""#] {
        let refused = trusting.verify(&both(azp), &expected(), NOW);
        assert_refused!(refused, "azp_mismatch", "IDT-2", "{azp}");
    }
    let third = with(&server, &[("aud", r#"["travel-app","other","third"]"#), ("azp", r#""travel-app""#)]);
    assert_refused!(trusting.verify(&third, &expected(), NOW), "other_audience", "IDT-2");
}

#[test]
fn idt_3_the_times_and_the_required_claims() {
    let server = Server::new();
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        assert_refused!(judge(&server, &[(name, "")]), "malformed", "IDT-3", "{name}");
        assert_refused!(judge(&server, &[(name, "true")]), "malformed", "IDT-3", "{name}");
    }
    for (name, value, code) in [
        ("exp", "1789999970", "expired"),
        ("iat", "1790000031", "not_yet_valid"),
        ("nbf", "1790000031", "not_yet_valid"),
        ("auth_time", "1790000031", "not_yet_valid"),
    ] {
        assert_refused!(judge(&server, &[(name, value)]), code, "IDT-3", "{name}");
    }
    for (name, value) in [("exp", "1789999971"), ("iat", "1790000030"), ("auth_time", "1790000030")] {
        judge(&server, &[(name, value)]).unwrap();
    }
    for (name, value) in [
        ("exp", r#""1790000300""#),
        ("auth_time", r#""1790000000""#),
        ("auth_time", "null"),
        ("acr", "1"),
        ("amr", r#""pwd""#),
        ("amr", "[1]"),
        ("nonce", "1"),
    ] {
        assert_refused!(judge(&server, &[(name, value)]), "malformed", "IDT-3", "{name}");
    }
    judge(&server, &[("sub", &format!("\"{}\"", "u".repeat(255)))]).unwrap();
    for sub in [format!("\"{}\"", "u".repeat(256)), "\"ü\"".into()] {
        assert_refused!(judge(&server, &[("sub", &sub)]), "bad_subject", "IDT-3", "{sub}");
    }
    let patient = builder(&server).leeway(Duration::from_secs(3600)).build();
    let judge_at = |now| patient.verify(&with(&server, &[]), &expected(), NOW + Duration::from_secs(now));
    judge_at(359).unwrap();
    assert_refused!(judge_at(360), "expired", "IDT-3");
}

#[test]
fn idt_4_the_nonce_is_that_of_the_request() {
    let server = Server::new();
    let verifier = builder(&server).build();
    for nonce in [r#""n-0S6_WzA2Mk""#, r#""n-0S6_WzA2M""#, r#""""#, r#""N-0S6_WzA2Mj""#] {
        assert_refused!(judge(&server, &[("nonce", nonce)]), "nonce_mismatch", "IDT-4", "{nonce}");
    }
    assert_refused!(judge(&server, &[("nonce", "")]), "malformed", "IDT-4");
    // One that nobody sent is that of another's request.
    let without = ExpectedIdToken::without_nonce();
    verifier.verify(&with(&server, &[("nonce", "")]), &without, NOW).unwrap();
    assert_refused!(verifier.verify(&with(&server, &[]), &without, NOW), "nonce_mismatch", "IDT-4");
}

#[test]
fn idt_4_a_refreshed_token_is_about_the_same_user() {
    let server = Server::new();
    let verifier = builder(&server).build();
    let first = judge(&server, &[("auth_time", "1789999000")]).unwrap();
    let refreshed =
        |of: &[(&str, &str)]| verifier.verify(&with(&server, of), &ExpectedIdToken::refreshed(&first), NOW);
    refreshed(&[("nonce", "")]).unwrap();
    refreshed(&[("auth_time", "1789999000")]).unwrap();
    assert_refused!(refreshed(&[("sub", r#""user-2""#)]), "other_user", "IDT-4");
    assert_refused!(refreshed(&[("nonce", r#""another""#)]), "nonce_mismatch", "IDT-4");
    assert_refused!(refreshed(&[("auth_time", "1789999001")]), "other_authentication", "IDT-4");
    assert_refused!(refreshed(&[("azp", r#""other""#)]), "azp_mismatch", "IDT-2");
    // The same name at another server is another user.
    let elsewhere = TrustedIssuer::new("https://as.b.example".parse().unwrap(), server.keys());
    let elsewhere = IdTokenVerifier::builder(CLIENT, elsewhere, backend::ring()).build();
    let there = with(&server, &[("iss", r#""https://as.b.example""#)]);
    assert!(elsewhere.verify(&there, &expected(), NOW).is_ok());
    let refused = elsewhere.verify(&there, &ExpectedIdToken::refreshed(&first), NOW);
    assert_refused!(refused, "other_user", "IDT-4");
    // Nor has a first token without a nonce one that comes later.
    let bare =
        verifier.verify(&with(&server, &[("nonce", "")]), &ExpectedIdToken::without_nonce(), NOW).unwrap();
    let refused = verifier.verify(&with(&server, &[]), &ExpectedIdToken::refreshed(&bare), NOW);
    assert_refused!(refused, "nonce_mismatch", "IDT-4");
}

#[test]
fn idt_6_typ_2_ssf_14_claims_of_other_tokens_are_refused() {
    let server = Server::new();
    for (name, value, code, rule) in [
        ("events", "{}", "events_claim", "SSF-14"),
        ("events", r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#, "events_claim", "SSF-14"),
        ("events", "null", "events_claim", "SSF-14"),
        ("cnf", r#"{"jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#, "bad_confirmation", "JO-KEY-10"),
        ("act", r#"{"sub":"a"}"#, "foreign_claim", "IDT-6"),
        ("authorization_details", "[]", "foreign_claim", "IDT-6"),
        ("client_id", r#""travel-app""#, "foreign_claim", "IDT-6"),
        ("may_act", r#"{"sub":"a"}"#, "foreign_claim", "IDT-6"),
        ("scope", r#""openid""#, "foreign_claim", "IDT-6"),
        ("txn", r#""t""#, "foreign_claim", "IDT-6"),
        ("sub", r#""https://as.example""#, "self_issued", "IDT-6"),
        ("sub", r#""spiffe://acme.example/agents/travel""#, "workload_subject", "IDT-6"),
        ("sub", r#""wimse://acme.example/agents/travel""#, "workload_subject", "IDT-6"),
        ("sub", r#""SPIFFE://Acme.example/agents/travel""#, "workload_subject", "IDT-6"),
        ("sub", r#""Wimse:""#, "workload_subject", "IDT-6"),
    ] {
        let refused = judge(&server, &[(name, value)]);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidRequest);
        assert_refused!(refused, code, rule, "{name} {value}");
    }
}

#[test]
fn cha_4_the_user_was_authenticated_as_was_asked_for() {
    let server = Server::new();
    let verifier = builder(&server).build();
    let judge = |of: &[(&str, &str)], expected: &ExpectedIdToken<'_>| {
        verifier.verify(&with(&server, of), expected, NOW)
    };
    let recent = expected().max_age(Duration::from_secs(60));
    let read =
        judge(&[("auth_time", "1789999910"), ("acr", r#""gold""#), ("amr", r#"["pwd","otp"]"#)], &recent);
    let read = read.unwrap();
    assert_eq!(
        (read.auth_time(), read.acr().as_deref()),
        (Some(UnixTime::from_secs(1_789_999_910)), Some("gold"))
    );
    assert_eq!(read.amr().collect::<Vec<_>>(), ["pwd", "otp"]);
    assert_refused!(judge(&[("auth_time", "1789999909")], &recent), "authentication_too_old", "CHA-4");
    let refused = judge(&[], &recent);
    assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InsufficientUserAuthentication);
    assert_refused!(refused, "malformed", "CHA-4");
    let strong = expected().acr_values(&["gold", "silver"]);
    judge(&[("acr", r#""silver""#)], &strong).unwrap();
    for acr in ["", r#""bronze""#, r#""Gold""#, r#""gold silver""#] {
        assert_refused!(judge(&[("acr", acr)], &strong), "acr_mismatch", "CHA-4", "{acr}");
    }
}

#[test]
fn hil_12_a_token_names_the_request_that_it_answers() {
    const CLAIM: &str = "urn:openid:params:jwt:claim:auth_req_id";

    let server = Server::new();
    let id: AuthRequestId = "1c266114-a1be-4252-8ad1-04986c5b9ac1".parse().unwrap();
    let verifier = builder(&server).build();
    let judge = |value: &str| {
        let token = with(&server, &[(CLAIM, value)]);
        verifier.verify(&token, &expected().auth_req_id(&id), NOW)
    };
    judge(r#""1c266114-a1be-4252-8ad1-04986c5b9ac1""#).unwrap();
    assert_refused!(judge(r#""1c266114-a1be-4252-8ad1-04986c5b9ac2""#), "other_request", "HIL-12");
    assert_refused!(judge(""), "malformed", "HIL-12");
    assert_refused!(judge("1"), "malformed", "IDT-3");
    let request = IdTokenRequest::new(USER, CLIENT).answering(&id);
    let token = issuer_of(&server).issue(&request, NOW).unwrap().into_token();
    verifier.verify(&token, &ExpectedIdToken::without_nonce().auth_req_id(&id), NOW).unwrap();
}

#[test]
fn hil_12_a_token_names_the_refresh_token_that_came_with_it() {
    const CLAIM: &str = "urn:openid:params:jwt:claim:rt_hash";

    let server = Server::new();
    let (one, other): (RefreshToken, RefreshToken) =
        ("refresh-1".parse().unwrap(), "refresh-2".parse().unwrap());
    let verifier = builder(&server).build();
    let token = issuer_of(&server)
        .issue(&IdTokenRequest::new(USER, CLIENT).with_refresh_token(&one), NOW)
        .unwrap()
        .into_token();
    let judge = |token, came: Option<&RefreshToken>| {
        verifier.verify(token, &ExpectedIdToken::without_nonce().refresh_token(came), NOW)
    };
    judge(&token, Some(&one)).unwrap();
    judge(&token, None).unwrap();
    assert_refused!(judge(&token, Some(&other)), "rt_hash_mismatch", "HIL-12");
    // Where it says nothing of one, as servers that are polled need not.
    let silent = with(&server, &[]);
    verifier.verify(&silent, &expected().refresh_token(Some(&one)), NOW).unwrap();
    let whole = with(&server, &[(CLAIM, r#""""#)]);
    assert_refused!(
        verifier.verify(&whole, &expected().refresh_token(Some(&one)), NOW),
        "rt_hash_mismatch",
        "HIL-12"
    );
}

#[test]
fn jag_2_hil_15_what_a_client_shows_is_its_own() {
    let server = Server::new();
    let token = with(&server, &[]);
    let shown = |client: &str, expected: &ExpectedIdToken<'_>, after: u64| {
        let verifier = IdTokenVerifier::builder(client, server.trusted(), backend::ring()).build();
        verifier.verify(&token, expected, NOW + Duration::from_secs(after))
    };
    // Whatever its nonce was: that is between the client and who issued it.
    shown(CLIENT, &ExpectedIdToken::shown(), 0).unwrap();
    let refused = shown("another-app", &ExpectedIdToken::shown(), 0);
    assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidGrant);
    assert_refused!(refused, "audience_mismatch", "IDT-2");
    assert_refused!(shown(CLIENT, &ExpectedIdToken::shown(), 330), "expired", "IDT-3");
    let hint = ExpectedIdToken::hint(Duration::from_secs(3600));
    shown(CLIENT, &hint, 330 + 3599).unwrap();
    assert_refused!(shown(CLIENT, &hint, 330 + 3600), "expired", "IDT-3");
    let month = 30 * 24 * 3600;
    let hint = ExpectedIdToken::hint(Duration::from_secs(2 * month));
    shown(CLIENT, &hint, 330 + month - 1).unwrap();
    assert_refused!(shown(CLIENT, &hint, 330 + month), "expired", "IDT-3");
}

#[test]
fn azr_10_a_user_who_was_cut_off_is_nobody() {
    let server = Server::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let verifier = builder(&server).marks(Arc::clone(&marks)).build();
    let token = with(&server, &[]);
    let read = verifier.verify(&token, &expected(), NOW).unwrap();
    assert!(read.still_valid(NOW, &*marks).is_ok());
    assert!(read.still_valid(NOW + Duration::from_secs(330), &*marks).is_err());
    let subject = MarkKey::Subject { issuer: ISSUER, subject: USER };
    marks.set(&subject, Mark::dead()).unwrap();
    let refused = verifier.verify(&token, &expected(), NOW);
    assert_refused!(refused, "revoked", "AIMS-55");
    assert!(read.still_valid(NOW, &*marks).is_err());
}

#[test]
fn idt_2_idt_6_our_tokens_say_what_was_asked_for() {
    let server = Server::new();
    let issuer = issuer_of(&server).with_lifetime(Duration::from_secs(24 * 3600));
    let issue = |request: &IdTokenRequest<'_>| issuer.issue(request, NOW);
    let (access_token, code) = ("a.b.c".parse().unwrap(), "a code".parse().unwrap());
    let request = IdTokenRequest::new(USER, CLIENT)
        .nonce(NONCE)
        .authenticated(NOW, Some("gold"))
        .methods(&["pwd", "otp"])
        .session("s-1")
        .with_access_token(&access_token)
        .with_code(&code);
    let made: IssuedIdToken = issue(&request).unwrap();
    assert_eq!(made.not_after(), NOW + Duration::from_secs(3600));
    let expected = expected()
        .access_token(&access_token)
        .code(&code)
        .with_hashes()
        .acr_values(&["gold"])
        .max_age(Duration::ZERO);
    let read = builder(&server).build().verify(made.token(), &expected, NOW).unwrap();
    assert_eq!(
        (read.issued_at(), read.auth_time(), read.session().as_deref()),
        (NOW, Some(NOW), Some("s-1"))
    );
    assert_eq!(read.amr().collect::<Vec<_>>(), ["pwd", "otp"]);
    // It is another's where it is not this one's, and always says so.
    assert!(read.claims().get("azp").unwrap().is_str(CLIENT));
    assert_eq!(read.fingerprint(), made.token().fingerprint());
    let short = issue(&request.not_after(NOW + Duration::from_secs(5))).unwrap();
    assert_eq!(short.not_after(), NOW + Duration::from_secs(5));

    assert_refused!(issue(&request.not_after(NOW)), "bad_lifetime", "IDT-3");
    for subject in [AGENT, ISSUER, "ü", &"u".repeat(256)] {
        assert_refused!(issue(&IdTokenRequest::new(subject, CLIENT)), "bad_subject", "IDT-6", "{subject}");
    }
    assert_refused!(issue(&IdTokenRequest::new("", CLIENT)), "bad_claims", "JO-CLM-06");
    assert_refused!(issue(&IdTokenRequest::new(USER, "")), "bad_claims", "JO-CLM-05");
    let long = "n".repeat(16 * 1024);
    assert_refused!(issue(&IdTokenRequest::new(USER, CLIENT).nonce(&long)), "token_too_long", "WIR-9");
    let key = server.key.clone();
    assert_refused!(IdTokenIssuer::new(crate::world::issuer(), key, ""), "malformed_key_id", "JO-HDR-05");

    // In two steps, wherever the key is.
    let external =
        IdTokenIssuer::external(crate::world::issuer(), server.key.public_key().clone(), "as-1").unwrap();
    let unsigned = || external.prepare(&request, NOW).unwrap();
    let one = unsigned();
    let signature = server.key.sign(SignInput::Message(one.signing_input())).unwrap();
    let other = external.prepare(&request, NOW + Duration::from_secs(1)).unwrap();
    assert_refused!(other.attach(signature.as_bytes()), "bad_signature", "JO-SIGN-02");
    let token = one.attach(signature.as_bytes()).unwrap().into_token();
    assert!(builder(&server).build().verify(&token, &expected, NOW).is_ok());
    assert_refused!(unsigned().sign(&*Server::new().key), "wrong_use", "TPM-44");
}

#[test]
fn azr_8_sec_14_nothing_shows_a_token() {
    let server = Server::new();
    let token = with(&server, &[("email", r#""someone@example.com""#)]);
    let read = builder(&server).build().verify(&token, &expected(), NOW).unwrap();
    let shown = format!("{token:?} {read:?} {:?}", SecurityToken::from(token.clone()));
    assert!(!shown.contains(token.expose()) && !shown.contains("someone") && shown.contains("user-1"));
    assert!(token.is_same(&token.clone()));
}
