//! Signed authorization requests.

use std::time::Duration;

use aims_jose::{JwkSet, Thumbprint};
use aims_keys::{Algorithm, AlgorithmSet, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AuthorizationDetails, AuthorizationRequest, ClientKey, ClientKeys, CodeVerifier, ErrorCode,
    NewParameters, Parameters, PresentedRequestObject, RequestObjectError, RequestObjectVerifier,
    RequestObjectVerifierBuilder, RequestOrigin, VerifiedRequestObject,
};
use aims_proof::ReplayMemory;
use aims_testkit::{assert_refused, vectors};

use crate::client_auth::support;
use crate::world::*;

const CLIENT: &str = "travel-app";
const TYPE: &str = r#"{"alg":"ES256","kid":"k","typ":"oauth-authz-req+jwt"}"#;
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn builder() -> RequestObjectVerifierBuilder {
    RequestObjectVerifier::builder(issuer())
}

fn keys(key: &SoftwareKey) -> ClientKeys {
    ClientKeys::new(support::keys(key, "k"))
}

fn form(parameters: &[(&str, &str)]) -> Parameters {
    support::form(parameters)
}

/// The usual claims, and these in their place or besides; one without a value is left out.
fn claims(of: &[(&str, &str)]) -> String {
    let usual = [
        ("iss", r#""travel-app""#),
        ("aud", r#""https://as.example""#),
        ("iat", "1790000000"),
        ("exp", "1790000060"),
        ("jti", r#""r-1""#),
        ("client_id", r#""travel-app""#),
        ("response_type", r#""code""#),
        ("redirect_uri", r#""https://agent.example/cb""#),
        ("code_challenge", &format!("\"{CHALLENGE}\"")),
        ("code_challenge_method", r#""S256""#),
        ("state", r#""inside""#),
    ];
    support::claims(&usual, of)
}

fn judge_text(
    verifier: &RequestObjectVerifier,
    key: &SoftwareKey,
    token: &str,
    now: UnixTime,
) -> Result<VerifiedRequestObject, RequestObjectError> {
    let query = form(&[("client_id", CLIENT), ("request", token)]);
    let presented = PresentedRequestObject::read(&query)?.expect("a signed request");
    verifier.verify(&presented, &keys(key), now)
}

fn judge(key: &SoftwareKey, of: &[(&str, &str)]) -> Result<VerifiedRequestObject, RequestObjectError> {
    judge_text(&builder().build(), key, &support::sign(TYPE, &claims(of), key), NOW)
}

#[tokio::test(flavor = "current_thread")]
async fn jar_1_jar_3_a_request_arrives_as_it_was_signed() {
    let key = std::sync::Arc::new(support::key());
    let client = ClientKey::new(CLIENT, key.clone(), Some("k")).unwrap();
    let challenge = CodeVerifier::generate(backend::ring()).unwrap().challenge(backend::ring());
    let details = AuthorizationDetails::parse(r#"[{"type":"booking","actions":["read"]}]"#).unwrap();
    let request = AuthorizationRequest::new(CLIENT, "https://agent.example/cb?x=1", challenge.clone())
        .resource(tool())
        .resource("urn:other".parse().unwrap())
        .scope("openid trips:book".parse().unwrap())
        .details(details.clone())
        .state("ü & ü")
        .bound_to(Thumbprint::of(Signer::public_key(&*key)))
        .nonce("n")
        .acr_values(["gold", "silver"])
        .max_age(0);
    let object = client.request_object(&issuer(), &request).sign(NOW).await.unwrap();
    let mut query = NewParameters::new();
    object.add_to(&mut query);
    let query = Parameters::parse(query.as_str().as_bytes()).unwrap();
    assert_eq!(query.names().collect::<Vec<_>>(), ["client_id", "request"]);
    let presented = PresentedRequestObject::read(&query).unwrap().unwrap();
    assert_eq!(presented.client_id(), CLIENT);
    let verified = builder().build().verify(&presented, &keys(&key), NOW).unwrap();
    assert_eq!((verified.client_id(), verified.not_after()), (CLIENT, NOW + Duration::from_secs(60)));
    let read = AuthorizationRequest::read(verified.parameters()).unwrap();
    let written = |request: &AuthorizationRequest| {
        let mut form = NewParameters::new();
        request.write(&mut form);
        form.as_str().to_owned()
    };
    assert_eq!(written(&read), written(&request));
    let one = AuthorizationRequest::new(CLIENT, "https://agent.example/cb", challenge).resource(tool());
    let here = issuer();
    let long = client.request_object(&here, &one).lifetime(Duration::from_secs(3600));
    let object = long.sign(NOW).await.unwrap();
    let verified = judge_text(&builder().build(), &key, object.expose(), NOW).unwrap();
    assert_eq!(verified.not_after(), NOW + Duration::from_secs(300));
    assert_eq!(AuthorizationRequest::read(verified.parameters()).unwrap().resources(), [tool()]);
    let shown = format!("{object:?} {presented:?} {verified:?}");
    assert!(!shown.contains(object.expose()) && !shown.contains("agent.example"), "{shown}");

    // Another's request is not signed with this client's key.
    let other = ClientKey::new("other", key.clone(), Some("k")).unwrap();
    assert_refused!(other.request_object(&issuer(), &one).sign(NOW).await, "wrong_use", "TPM-44");
    // In two steps, wherever the key is.
    let made = || client.request_object(&issuer(), &one).prepare(NOW).unwrap();
    let unsigned = made();
    let signature = key.sign(SignInput::Message(unsigned.signing_input())).unwrap();
    assert_refused!(made().attach(signature.as_bytes()), "bad_signature", "JO-B64-03");
    assert!(unsigned.attach(signature.as_bytes()).is_ok());
}

#[test]
fn jar_1_only_what_is_inside_counts() {
    let key = support::key();
    let token = support::sign(TYPE, &claims(&[]), &key);
    let query = form(&[
        ("client_id", CLIENT),
        ("request", &token),
        ("state", "outside"),
        ("scope", "everything"),
        ("redirect_uri", "https://evil.example/cb"),
        ("resource", "https://evil.example"),
        ("response_type", "token"),
    ]);
    // Who does not know of request objects takes none for a request without one.
    assert_refused!(AuthorizationRequest::read(&query), "parameter_value", "WIR-1");
    let presented = PresentedRequestObject::read(&query).unwrap().unwrap();
    let verified = builder().build().verify(&presented, &keys(&key), NOW).unwrap();
    let read = AuthorizationRequest::read(verified.parameters()).unwrap();
    assert_eq!((read.sent_state(), read.redirect_uri()), (Some("inside"), Some("https://agent.example/cb")));
    assert!(read.wanted_scope().is_none() && read.resources().is_empty());
    let origin = RequestOrigin::read(verified.parameters()).unwrap();
    assert_eq!(origin.redirect_uri(), Some("https://agent.example/cb"));
    // What it leaves out is not taken from outside.
    let token = support::sign(TYPE, &claims(&[("redirect_uri", ""), ("state", "")]), &key);
    let query = form(&[
        ("client_id", CLIENT),
        ("request", &token),
        ("state", "s"),
        ("redirect_uri", "https://evil.example"),
    ]);
    let presented = PresentedRequestObject::read(&query).unwrap().unwrap();
    let verified = builder().build().verify(&presented, &keys(&key), NOW).unwrap();
    let origin = RequestOrigin::read(verified.parameters()).unwrap();
    assert_eq!((origin.redirect_uri(), origin.state()), (None, None));
    assert!(PresentedRequestObject::read(&form(&[("client_id", CLIENT)])).unwrap().is_none());
}

#[test]
fn jar_1_jar_3_what_stands_beside_it() {
    for (parameters, code, rule) in [
        (&[("request", "a.b.c")][..], "parameter_missing", "WIR-2"),
        (&[("client_id", CLIENT), ("request", "a"), ("request", "a")], "parameter_repeated", "WIR-2"),
        (&[("client_id", CLIENT), ("client_id", CLIENT), ("request", "a")], "parameter_repeated", "WIR-2"),
        (&[("client_id", CLIENT), ("request", "a"), ("request_uri", "urn:x")], "request_and_uri", "JAR-3"),
    ] {
        let form = form(parameters);
        let refused = PresentedRequestObject::read(&form);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidRequest);
        assert_refused!(refused, code, rule, "{parameters:?}");
    }
}

#[test]
fn jar_1_par_1_what_is_pushed_is_of_who_authenticated() {
    use aims_oauth::{PresentedClient, RegisteredClient, RegisteredMethod};

    let key = support::key();
    let server = support::authenticator().build();
    let registered = RegisteredClient::new(CLIENT, RegisteredMethod::PrivateKeyJwt(keys(&key)));
    let other = RegisteredClient::public("other");
    let who = form(&[("client_id", "other")]);
    let other = server.authenticate(PresentedClient::read(&who, []).unwrap(), Some(&other), NOW).unwrap();
    let token = support::sign(TYPE, &claims(&[]), &key);
    let registered = registered.keys().unwrap();
    // Another client cannot push what this one signed, with or without saying so.
    let pushed = form(&[("request", &token)]);
    let presented = PresentedRequestObject::pushed(&pushed, &other).unwrap().unwrap();
    assert_refused!(builder().build().verify(&presented, registered, NOW), "other_client", "JAR-1");
    let said = form(&[("request", &token), ("client_id", CLIENT)]);
    assert_refused!(PresentedRequestObject::pushed(&said, &other), "other_client", "JAR-1");
    assert!(PresentedRequestObject::pushed(&who, &other).unwrap().is_none());
    let itself = RegisteredClient::public(CLIENT);
    let who = form(&[("client_id", CLIENT)]);
    let itself = server.authenticate(PresentedClient::read(&who, []).unwrap(), Some(&itself), NOW).unwrap();
    for query in [&pushed, &said] {
        let presented = PresentedRequestObject::pushed(query, &itself).unwrap().unwrap();
        builder().build().verify(&presented, registered, NOW).unwrap();
    }
}

#[test]
fn jar_1_jar_2_jar_3_what_is_inside() {
    let key = support::key();
    judge(&key, &[]).unwrap();
    judge(
        &key,
        &[
            ("aud", r#"["https://as.example"]"#),
            ("iat", ""),
            ("jti", ""),
            ("unknown", "{}"),
            ("claims", "{}"),
        ],
    )
    .unwrap();
    for (of, code, rule) in [
        (&[("iss", "")][..], "malformed", "JAR-1"),
        (&[("iss", r#""other""#)], "other_client", "JAR-1"),
        (&[("client_id", "")], "malformed", "JAR-1"),
        (&[("client_id", r#""other""#)], "other_client", "JAR-1"),
        (&[("client_id", r#""other""#), ("iss", r#""other""#)], "other_client", "JAR-1"),
        (&[("client_id", "1")], "malformed", "JAR-3"),
        (&[("aud", "")], "malformed", "JAR-1"),
        (&[("aud", r#""https://as.example/""#)], "audience_mismatch", "JAR-1"),
        (&[("aud", r#""https://as.example/token""#)], "audience_mismatch", "JAR-1"),
        (&[("aud", r#"["https://as.example","https://other.example"]"#)], "multiple_audiences", "JAR-2"),
        (&[("request", r#""a.b.c""#)], "nested_request", "JAR-1"),
        (&[("request", "null")], "nested_request", "JAR-1"),
        (&[("request_uri", r#""https://a.example""#)], "nested_request", "JAR-1"),
        (&[("exp", "")], "malformed", "JAR-2"),
        (&[("exp", "1789999970")], "expired", "JAR-2"),
        (&[("exp", "1790000301")], "lifetime_too_long", "JAR-2"),
        (&[("exp", "1790000331"), ("iat", "")], "lifetime_too_long", "JAR-2"),
        (&[("exp", "1790000330"), ("iat", "1790000029")], "lifetime_too_long", "JAR-2"),
        (&[("iat", "1790000031")], "not_yet_valid", "JAR-2"),
        (&[("nbf", "1790000031")], "not_yet_valid", "JAR-2"),
        (&[("sub", r#""travel-app""#)], "subject_claim", "JAR-2"),
        (&[("events", "{}")], "events_claim", "SSF-14"),
        (&[("cnf", "{}")], "bad_confirmation", "JO-KEY-10"),
        (&[("scope", "1")], "malformed", "JAR-3"),
        (&[("scope", r#"["a"]"#)], "malformed", "JAR-3"),
        (&[("state", "null")], "malformed", "JAR-3"),
        (&[("max_age", r#""5""#)], "malformed", "JAR-3"),
        (&[("max_age", "-1")], "malformed", "JAR-3"),
        (&[("authorization_details", r#""[]""#)], "malformed", "JAR-3"),
        (&[("authorization_details", "{}")], "malformed", "JAR-3"),
        (&[("resource", "1")], "malformed", "JAR-3"),
        (&[("resource", r#"["urn:a",1]"#)], "malformed", "JAR-3"),
    ] {
        let refused = judge(&key, of);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidRequestObject, "{of:?}");
        assert_refused!(refused, code, rule, "{of:?}");
    }
    for of in [("exp", "1789999971"), ("exp", "1790000300")] {
        judge(&key, &[of]).unwrap();
    }
    let twice = claims(&[]).replace(r#""state""#, r#""state":"a","state""#);
    let refused = judge_text(&builder().build(), &key, &support::sign(TYPE, &twice, &key), NOW);
    assert_refused!(refused, "malformed", "JO-JSON-02");
    // What a request cannot be, it cannot be inside either: the client is told so where it is.
    let verified = judge(&key, &[("code_challenge_method", r#""plain""#)]).unwrap();
    assert_refused!(AuthorizationRequest::read(verified.parameters()), "code_challenge_method", "PKC-1");
    let verified = judge(&key, &[("response_type", r#""token""#)]).unwrap();
    assert_refused!(AuthorizationRequest::read(verified.parameters()), "unknown_response_type", "AUT-1");
    let strict = builder().max_lifetime(Duration::from_secs(59)).build();
    let refused = judge_text(&strict, &key, &support::sign(TYPE, &claims(&[]), &key), NOW);
    assert_refused!(refused, "lifetime_too_long", "JAR-2");
    let patient = builder().max_lifetime(Duration::from_secs(3600)).leeway(Duration::from_secs(3600)).build();
    let judge_patient =
        |of: &[(&str, &str)]| judge_text(&patient, &key, &support::sign(TYPE, &claims(of), &key), NOW);
    assert_refused!(judge_patient(&[("exp", "1790000301")]), "lifetime_too_long", "JAR-2");
    judge_patient(&[("exp", "1789999941")]).unwrap();
    assert_refused!(judge_patient(&[("exp", "1789999940")]), "expired", "JAR-2");
}

#[test]
fn jar_1_jar_2_another_key_algorithm_or_type_is_refused() {
    let (key, other) = (support::key(), support::key());
    let verifier = builder().build();
    let judge = |header: &str, signer: &SoftwareKey| {
        judge_text(&verifier, &key, &support::sign(header, &claims(&[]), signer), NOW)
    };
    judge(TYPE, &key).unwrap();
    judge(r#"{"alg":"ES256","typ":"application/OAUTH-authz-req+jwt"}"#, &key).unwrap();
    assert_refused!(judge(TYPE, &other), "bad_signature", "JAR-1");
    let unknown = r#"{"alg":"ES256","kid":"j","typ":"oauth-authz-req+jwt"}"#;
    assert_refused!(judge(unknown, &key), "unknown_key", "JAR-1");
    for typ in [r#""JWT""#, r#""at+jwt""#, r#""client-authentication+jwt""#, r#""oauth-authz-req""#] {
        assert_refused!(
            judge(&format!(r#"{{"alg":"ES256","kid":"k","typ":{typ}}}"#), &key),
            "wrong_type",
            "JAR-2"
        );
    }
    assert_refused!(judge(r#"{"alg":"ES256","kid":"k"}"#, &key), "wrong_type", "JAR-2");
    let nested = r#"{"alg":"ES256","kid":"k","typ":"oauth-authz-req+jwt","cty":"JWT"}"#;
    assert_refused!(judge(nested, &key), "malformed", "JO-HDR-06");
    assert_refused!(judge(r#"{"alg":"none","typ":"oauth-authz-req+jwt"}"#, &key), "unsupported_alg", "JAR-1");
    let query = form(&[("client_id", CLIENT), ("request", &support::sign(TYPE, &claims(&[]), &key))]);
    let presented = PresentedRequestObject::read(&query).unwrap().unwrap();
    let strict = keys(&key).with_algorithms(AlgorithmSet::of(&[Algorithm::Es384]));
    assert_refused!(verifier.verify(&presented, &strict, NOW), "unsupported_alg", "JAR-1");
    let forged = support::forged(&support::sign(TYPE, &claims(&[]), &key));
    assert_refused!(judge_text(&verifier, &key, &forged, NOW), "bad_signature", "JAR-1");
    for text in ["a", "a.b.c.d.e", "..", &"a".repeat(17 * 1024)] {
        let refused = judge_text(&verifier, &key, text, NOW).unwrap_err();
        assert_eq!(refused.code(), "malformed");
    }
}

#[test]
fn jar_2_a_server_may_take_each_one_once() {
    let key = support::key();
    let verifier = builder().once(ReplayMemory::with_capacity(10)).build();
    let judge =
        |of: &[(&str, &str)], now| judge_text(&verifier, &key, &support::sign(TYPE, &claims(of), &key), now);
    judge(&[], NOW).unwrap();
    // Also when it would soon be forgotten.
    assert_refused!(judge(&[], NOW + Duration::from_secs(89)), "replay", "JAR-2");
    assert_refused!(judge(&[("jti", "")], NOW), "malformed", "JAR-2");
    judge(&[("jti", r#""r-2""#)], NOW).unwrap();
    // What was refused is not used up.
    assert_refused!(judge(&[("jti", r#""r-3""#), ("state", "1")], NOW), "malformed", "JAR-3");
    judge(&[("jti", r#""r-3""#)], NOW).unwrap();
    let full = builder().once(ReplayMemory::with_capacity(0)).build();
    let refused = judge_text(&full, &key, &support::sign(TYPE, &claims(&[]), &key), NOW);
    assert_eq!(refused.unwrap_err().error_code(), ErrorCode::TemporarilyUnavailable);
    // Without a memory it counts until it expires.
    let token = support::sign(TYPE, &claims(&[]), &key);
    for _ in 0..2 {
        judge_text(&builder().build(), &key, &token, NOW).unwrap();
    }
}

#[test]
fn jar_2_the_object_of_rfc_9126_has_no_type() {
    let Some(file) = vectors::json("oauth/par-rfc9126.json") else { return };
    let keys = format!(r#"{{"keys":[{}]}}"#, file["jwk"]);
    let keys = JwkSet::parse_as(&keys, Algorithm::Rs256, backend::ring()).unwrap();
    let keys = ClientKeys::new(keys).with_algorithms(AlgorithmSet::of(&[Algorithm::Rs256]));
    let verifier = RequestObjectVerifier::builder("https://server.example.com".parse().unwrap()).build();
    for jwt in file["jwts"].as_array().unwrap() {
        let query = form(&[("client_id", "s6BhdRkqt3"), ("request", jwt["jwt"].as_str().unwrap())]);
        let presented = PresentedRequestObject::read(&query).unwrap().unwrap();
        let refused = verifier.verify(&presented, &keys, UnixTime::from_secs(1_625_869_600));
        assert_refused!(refused, "wrong_type", "JAR-2");
    }
}
