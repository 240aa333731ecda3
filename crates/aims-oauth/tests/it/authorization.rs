//! The authorization endpoint.

use std::time::Duration;

use aims_keys::backend;
use aims_oauth::{
    AuthorizationError, AuthorizationRequest, AuthorizationResponse, CodeChallenge, CodeVerifier, ErrorCode,
    ExpectedAuthorization, MessageError, NewParameters, Parameters, PushedResponse, RequestOrigin,
    RequestUri,
};
use aims_testkit::{assert_refused, vectors};

use crate::world::*;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn parameters(text: &str) -> Parameters {
    Parameters::parse(text.as_bytes()).unwrap()
}

#[test]
fn pkc_1_pkc_2_pkc_3_a_challenge_is_of_its_verifier() {
    if let Some(file) = vectors::json("oauth/pkce-rfc7636.json") {
        let verifier: CodeVerifier = file["code_verifier"].as_str().unwrap().parse().unwrap();
        let challenge: CodeChallenge = file["code_challenge"].as_str().unwrap().parse().unwrap();
        assert!(challenge.is_of(&verifier, backend::ring()));
        assert_eq!(verifier.challenge(backend::ring()), challenge);
        let wrong = file["invalid_verifiers"].as_array().unwrap();
        assert!(!wrong.is_empty());
        for case in wrong {
            let text = case["v"].as_str().unwrap();
            assert_refused!(text.parse::<CodeVerifier>(), "code_verifier", "PKC-2", "{}", case["why"]);
        }
    }
    let (one, other) =
        (CodeVerifier::generate(backend::ring()).unwrap(), CodeVerifier::generate(backend::ring()).unwrap());
    assert_eq!(one.expose().len(), 43);
    assert!(one.expose().parse::<CodeVerifier>().is_ok());
    assert!(!one.challenge(backend::ring()).is_of(&other, backend::ring()));
    assert!(!format!("{one:?}").contains(one.expose()));
    for text in [
        "",
        "short",
        &format!("{CHALLENGE}="),
        &CHALLENGE.replace('-', "+"),
        &CHALLENGE.replace("-cM", "-cN"),
    ] {
        assert_refused!(text.parse::<CodeChallenge>(), "code_challenge", "PKC-2", "{text}");
    }
}

#[test]
fn aut_1_pkc_1_a_request_arrives_as_it_was_sent() {
    let key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
    let request = AuthorizationRequest::new(AGENT, "https://agent.example/cb", CHALLENGE.parse().unwrap())
        .resource(tool())
        .scope("a b".parse().unwrap())
        .details(aims_oauth::AuthorizationDetails::parse(r#"[{"type":"booking"}]"#).unwrap())
        .state("s-1")
        .bound_to(key)
        .nonce("n-1")
        .acr_values(["phr", "mfa"])
        .max_age(60);
    let mut form = NewParameters::new();
    request.write(&mut form);
    let read = AuthorizationRequest::read(&parameters(form.as_str())).unwrap();
    assert_eq!((read.client_id(), read.redirect_uri()), (AGENT, Some("https://agent.example/cb")));
    assert_eq!((read.challenge().as_str(), read.sent_state()), (CHALLENGE, Some("s-1")));
    assert_eq!((read.resources(), read.wanted_scope().unwrap().as_str()), (&[tool()][..], "a b"));
    assert_eq!((read.wanted_details().unwrap().len(), read.bound_key()), (1, Some(&key)));
    assert_eq!((read.sent_nonce(), read.wanted_max_age()), (Some("n-1"), Some(60)));
    assert_eq!(read.wanted_acr_values(), ["phr", "mfa"]);
    let with = parameters(&format!("{}&prompt=login&login_hint=me", form.as_str()));
    let read = AuthorizationRequest::read(&with).unwrap();
    assert_eq!((read.prompt(), read.login_hint()), (Some("login"), Some("me")));
}

#[test]
fn aut_1_aut_3_par_2_pkc_1_a_request_is_for_a_code_with_a_challenge() {
    let base =
        format!("response_type=code&client_id=c&code_challenge={CHALLENGE}&code_challenge_method=S256");
    let read = |text: &str| AuthorizationRequest::read(&parameters(text));
    assert!(read(&base).is_ok());
    for (text, code, rule, error) in [
        (
            base.replace("=code&", "=token&"),
            "unknown_response_type",
            "AUT-1",
            ErrorCode::UnsupportedResponseType,
        ),
        (
            base.replace("=code&", "=code+id_token&"),
            "unknown_response_type",
            "AUT-1",
            ErrorCode::UnsupportedResponseType,
        ),
        (base.replace("S256", "plain"), "code_challenge_method", "PKC-1", ErrorCode::InvalidRequest),
        (
            base.replace("&code_challenge_method=S256", ""),
            "parameter_missing",
            "WIR-2",
            ErrorCode::InvalidRequest,
        ),
        (base.replace(CHALLENGE, "x"), "code_challenge", "PKC-2", ErrorCode::InvalidRequest),
        (base.replace("client_id=c&", ""), "parameter_missing", "WIR-2", ErrorCode::InvalidRequest),
        (format!("{base}&client_id=d"), "parameter_repeated", "WIR-2", ErrorCode::InvalidRequest),
        (
            format!("{base}&redirect_uri=a&redirect_uri=b"),
            "parameter_repeated",
            "WIR-2",
            ErrorCode::InvalidRequest,
        ),
        (format!("{base}&request=a.b.c"), "parameter_value", "WIR-1", ErrorCode::InvalidRequest),
        (format!("{base}&request_uri=urn:x"), "parameter_value", "WIR-1", ErrorCode::InvalidRequest),
        (format!("{base}&max_age=-1"), "parameter_value", "WIR-1", ErrorCode::InvalidRequest),
        (format!("{base}&dpop_jkt=x"), "parameter_value", "WIR-1", ErrorCode::InvalidRequest),
        (format!("{base}&scope=+"), "scope_empty_token", "WIR-7", ErrorCode::InvalidScope),
        (format!("{base}&resource=%23"), "resource_not_absolute", "RSI-1", ErrorCode::InvalidTarget),
        (
            format!("{base}{}", "&resource=urn:x".repeat(17)),
            "too_many_values",
            "WIR-9",
            ErrorCode::InvalidRequest,
        ),
    ] {
        let refused: MessageError = read(&text).unwrap_err();
        assert_eq!(refused.error_code(), error, "{text}");
        assert_refused!(Err::<(), _>(refused), code, rule, "{text}");
    }
    // Who asks and where the answer goes can be read of a request that is refused, and only where it is said once.
    let origin =
        RequestOrigin::read(&parameters("client_id=c&redirect_uri=https%3A%2F%2Fa.example&state=s&scope=+"))
            .unwrap();
    assert_eq!(
        (origin.client_id(), origin.redirect_uri(), origin.state()),
        ("c", Some("https://a.example"), Some("s"))
    );
    for text in ["", "client_id=a&client_id=b", "client_id=a&redirect_uri=a&redirect_uri=b"] {
        assert!(RequestOrigin::read(&parameters(text)).is_err(), "{text}");
    }
}

fn answer(location: &str) -> Parameters {
    parameters(location.split_once('?').unwrap().1)
}

#[test]
fn iss_1_iss_2_sec_3_aut_6_an_answer_is_of_the_issuer_that_was_asked_and_to_this_request() {
    let issuer = issuer();
    let code = "c-1".parse().unwrap();
    let expected = || ExpectedAuthorization::new(issuer.clone(), "s-1", true);
    let granted = AuthorizationResponse::granted(&issuer, &code).with_state(Some("s-1"));
    let location = granted.location("https://agent.example/cb");
    assert_eq!(location, "https://agent.example/cb?code=c-1&state=s-1&iss=https%3A%2F%2Fas.example");
    assert_eq!(
        granted.location("https://a.example/?x=1"),
        "https://a.example/?x=1&code=c-1&state=s-1&iss=https%3A%2F%2Fas.example"
    );
    assert!(granted.location("https://a.example/?").starts_with("https://a.example/?code=c-1"));
    assert_eq!(expected().code(&answer(&location)).unwrap().expose(), "c-1");

    let refused = AuthorizationResponse::refused(&issuer, ErrorCode::AccessDenied, Some("not today"))
        .with_state(Some("s-1"));
    let refused = expected().code(&answer(&refused.location("https://a.example"))).unwrap_err();
    assert!(
        matches!(&refused, AuthorizationError::Refused { error, description: Some(text), .. } if error.as_str() == "access_denied" && text.as_str() == "not today")
    );
    assert_eq!(
        refused.to_string(),
        r#"the server https://as.example refuses the authorization: access_denied, in its words "not today""#
    );
    assert_refused!(Err::<(), _>(refused), "authorization_refused", "AUT-3");

    let at = |text: &str| expected().code(&parameters(text));
    let iss = "iss=https%3A%2F%2Fas.example";
    for (text, code, rule) in [
        ("code=c&state=s-1".to_owned(), "issuer_missing", "ISS-2"),
        ("code=c&state=s-1&iss=https%3A%2F%2Fas.example%2F".into(), "issuer_mismatch", "ISS-2"),
        ("error=access_denied&iss=https%3A%2F%2Fevil.example".into(), "issuer_mismatch", "ISS-2"),
        (format!("code=c&state=s-1&{iss}&{iss}"), "parameter_repeated", "WIR-2"),
        (format!("code=c&{iss}"), "state_mismatch", "AUT-6"),
        (format!("code=c&state=s-2&{iss}"), "state_mismatch", "AUT-6"),
        (format!("error=access_denied&state=s-2&{iss}"), "state_mismatch", "AUT-6"),
        (format!("state=s-1&{iss}"), "parameter_missing", "WIR-2"),
        (format!("code=c&code=d&state=s-1&{iss}"), "parameter_repeated", "WIR-2"),
        (format!("code=%00&state=s-1&{iss}"), "token_character", "ACT-4"),
    ] {
        assert_refused!(at(&text), code, rule, "{text}");
    }
    assert!(!format!("{:?}", expected()).contains("s-1"));
}

#[test]
fn iss_2_mcp_11_every_case_of_the_vectors_is_judged_as_it_says() {
    let Some(file) = vectors::json("oauth/generated/http-cases.json") else { return };
    let mut count = 0;
    for case in
        file["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "authorization-response-iss")
    {
        let recorded = case["recorded"].as_str().unwrap().parse().unwrap();
        let expected = ExpectedAuthorization::new(recorded, "s", case["advertised"].as_bool().unwrap());
        let mut form = NewParameters::new();
        form.add("code", "c").add("state", "s").add_some("iss", case["iss"].as_str());
        let judged = expected.code(&parameters(form.as_str()));
        assert_eq!(judged.is_ok(), case["proceed"].as_bool().unwrap(), "{case}");
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn par_1_par_3_a_pushed_request_has_a_name() {
    let uri: RequestUri = "urn:ietf:params:oauth:request_uri:abc".parse().unwrap();
    assert!(uri.expose().starts_with(RequestUri::PREFIX) && !format!("{uri:?}").contains("abc"));
    let response = PushedResponse::new(uri, Duration::from_secs(60));
    let read = PushedResponse::parse(response.to_json().as_bytes()).unwrap();
    assert_eq!(read.request_uri().expose(), "urn:ietf:params:oauth:request_uri:abc");
    assert_eq!(read.lifetime(), Duration::from_secs(60));
    for body in [
        "{}",
        r#"{"request_uri":"urn:x"}"#,
        r#"{"expires_in":1}"#,
        r#"{"request_uri":1,"expires_in":1}"#,
        r#"{"request_uri":"urn:x","expires_in":-1}"#,
    ] {
        assert_refused!(
            PushedResponse::parse(body.as_bytes()),
            "member",
            if body.contains("uri\":\"") { "WIR-8" } else { "WIR-1" },
            "{body}"
        );
    }
    for text in ["x", "urn:a b", "", &format!("urn:{}", "a".repeat(2048))] {
        assert_refused!(text.parse::<RequestUri>(), "parameter_value", "WIR-1", "{text}");
    }
}
