//! Messages of the token endpoint and of those about tokens.

use std::time::Duration;

use aims_keys::backend;
use aims_oauth::{
    AuthorizationDetails, CodeGrant, CodeVerifier, ErrorCode, ErrorResponse, Grant, MessageError,
    NewParameters, Parameters, RefreshToken, TokenExchange, TokenHint, TokenQuery, TokenRequest,
    TokenResponse, TokenTypeUrn, TokenUse, TypedToken,
};
use aims_testkit::assert_refused;

use crate::world::*;

fn read(form: &str) -> Result<TokenRequest, MessageError> {
    TokenRequest::read(&Parameters::parse(form.as_bytes()).unwrap())
}

/// As it arrives.
fn sent(request: &TokenRequest) -> TokenRequest {
    let mut form = NewParameters::new();
    request.write(&mut form);
    read(form.as_str()).unwrap()
}

#[test]
fn aut_1_wir_2_every_grant_arrives_as_it_was_sent() {
    let details = AuthorizationDetails::parse(r#"[{"type":"booking"}]"#).unwrap();
    let asked = |grant: Grant| {
        let scope = "trips:book trips:read".parse().unwrap();
        sent(&TokenRequest::new(grant).resource(tool()).scope(scope).details(details.clone()))
    };
    let verifier = CodeVerifier::generate(backend::ring()).unwrap();
    let code = CodeGrant::new("a code".parse().unwrap(), verifier.clone())
        .with_redirect_uri("https://a.example/cb?x=1");
    let request = asked(Grant::AuthorizationCode(code));
    let Grant::AuthorizationCode(grant) = request.grant() else { panic!("{request:?}") };
    assert_eq!((grant.code().expose(), grant.verifier().expose()), ("a code", verifier.expose()));
    assert_eq!(grant.redirect_uri(), Some("https://a.example/cb?x=1"));
    assert_eq!(
        (request.resources(), request.wanted_scope().unwrap().as_str()),
        (&[tool()][..], "trips:book trips:read")
    );
    assert_eq!(request.wanted_details().unwrap().as_json(), details.as_json());

    assert!(matches!(asked(Grant::ClientCredentials).grant(), Grant::ClientCredentials));
    let request = asked(Grant::Refresh("r-1".parse().unwrap()));
    assert!(matches!(request.grant(), Grant::Refresh(token) if token.expose() == "r-1"));
    let request = asked(Grant::JwtBearer("a.b.c".parse().unwrap()));
    assert!(matches!(request.grant(), Grant::JwtBearer(token) if token.expose() == "a.b.c"));
    let request = asked(Grant::Backchannel("1c266114-a1be".parse().unwrap()));
    assert!(matches!(request.grant(), Grant::Backchannel(id) if id.expose() == "1c266114-a1be"));
    let typed = |text: &str, kind| TypedToken::new(text.parse().unwrap(), kind);
    let exchange = TokenExchange::of(typed("s", TokenTypeUrn::AccessToken))
        .by(typed("a", TokenTypeUrn::Other("urn:x".into())))
        .requesting(TokenTypeUrn::TransactionToken)
        .audience("https://as.b.example")
        .audience("b");
    let request = asked(Grant::TokenExchange(exchange));
    let Grant::TokenExchange(exchange) = request.grant() else { panic!("{request:?}") };
    assert_eq!(
        (exchange.subject().token().expose(), exchange.subject().kind()),
        ("s", &TokenTypeUrn::AccessToken)
    );
    let actor = exchange.actor().unwrap();
    assert_eq!((actor.token().expose(), actor.kind().as_str()), ("a", "urn:x"));
    assert_eq!(exchange.requested(), Some(&TokenTypeUrn::TransactionToken));
    assert_eq!(exchange.audiences(), ["https://as.b.example", "b"]);
    // Nothing is as good as absent.
    let bare = sent(&TokenRequest::new(Grant::ClientCredentials));
    assert!(bare.resources().is_empty() && bare.wanted_scope().is_none() && bare.wanted_details().is_none());
}

#[test]
fn aut_1_aims_33_pkc_3_sec_12_wir_2_wir_9_a_request_is_whole() {
    let verifier = "v".repeat(43);
    let code = format!("grant_type=authorization_code&code=c&code_verifier={verifier}");
    assert!(read(&format!("{code}&unknown=1&unknown=2")).is_ok());
    for (form, code, rule, error) in [
        (String::new(), "parameter_missing", "WIR-2", ErrorCode::InvalidRequest),
        (
            "grant_type=password&username=a&password=b".into(),
            "unknown_grant_type",
            "AUT-1",
            ErrorCode::UnsupportedGrantType,
        ),
        ("grant_type=implicit".into(), "unknown_grant_type", "AUT-1", ErrorCode::UnsupportedGrantType),
        (format!("{code}&code=d"), "parameter_repeated", "WIR-2", ErrorCode::InvalidRequest),
        (
            format!("{code}&grant_type=refresh_token"),
            "parameter_repeated",
            "WIR-2",
            ErrorCode::InvalidRequest,
        ),
        (
            "grant_type=authorization_code&code=c".into(),
            "parameter_missing",
            "WIR-2",
            ErrorCode::InvalidRequest,
        ),
        (
            "grant_type=authorization_code&code=c&code_verifier=short".into(),
            "code_verifier",
            "PKC-2",
            ErrorCode::InvalidRequest,
        ),
        (
            format!("grant_type=authorization_code&code=%00&code_verifier={verifier}"),
            "parameter_value",
            "WIR-1",
            ErrorCode::InvalidGrant,
        ),
        (
            "grant_type=refresh_token&refresh_token=".into(),
            "parameter_missing",
            "WIR-2",
            ErrorCode::InvalidRequest,
        ),
        (
            "grant_type=refresh_token&refresh_token=%0A".into(),
            "parameter_value",
            "WIR-1",
            ErrorCode::InvalidGrant,
        ),
        (
            "grant_type=urn:openid:params:grant-type:ciba&auth_req_id=a/b".into(),
            "parameter_value",
            "WIR-1",
            ErrorCode::InvalidGrant,
        ),
        (
            "grant_type=client_credentials&scope=a++b".into(),
            "scope_empty_token",
            "WIR-7",
            ErrorCode::InvalidScope,
        ),
        (
            "grant_type=client_credentials&resource=a".into(),
            "resource_not_absolute",
            "RSI-1",
            ErrorCode::InvalidTarget,
        ),
        (
            "grant_type=client_credentials&authorization_details={}".into(),
            "details_not_an_array",
            "RAR-1",
            ErrorCode::InvalidAuthorizationDetails,
        ),
        (
            format!("grant_type=client_credentials{}", "&resource=urn:x".repeat(17)),
            "too_many_values",
            "WIR-9",
            ErrorCode::InvalidRequest,
        ),
    ] {
        let refused = read(&form).unwrap_err();
        assert_eq!(refused.error_code(), error, "{form}");
        assert_refused!(Err::<(), _>(refused), code, rule, "{form}");
    }
    let exchange = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange";
    let subject = "&subject_token=s&subject_token_type=urn:ietf:params:oauth:token-type:access_token";
    assert!(read(&format!("{exchange}{subject}")).is_ok());
    for form in [
        exchange.to_owned(),
        format!("{exchange}&subject_token=s"),
        format!("{exchange}&subject_token_type=t"),
        format!("{exchange}{subject}&actor_token=a"),
        format!("{exchange}{subject}&actor_token_type=t"),
    ] {
        assert_refused!(read(&form), "parameter_missing", "WIR-2", "{form}");
    }
    let many = format!("{exchange}{subject}{}", "&audience=a".repeat(17));
    assert_refused!(read(&many), "too_many_values", "WIR-9");
}

#[test]
fn wir_8_rar_3_exc_10_a_response_says_what_was_granted() {
    let response = TokenResponse::new("a.b.c".parse().unwrap(), TokenUse::NotApplicable)
        .expires_in(Duration::from_secs(60))
        .with_refresh_token("r".parse().unwrap())
        .scope("a b".parse().unwrap())
        .with_id_token("i.d.t".parse().unwrap())
        .of_type(TokenTypeUrn::IdJag)
        .details(AuthorizationDetails::parse(r#"[{"type":"booking"}]"#).unwrap());
    let json = response.to_json().unwrap();
    let read = TokenResponse::parse(json.as_bytes()).unwrap();
    assert_eq!((read.token().expose(), read.token_use()), ("a.b.c", &TokenUse::NotApplicable));
    assert_eq!(read.lifetime(), Some(Duration::from_secs(60)));
    assert_eq!(read.refresh_token().unwrap().expose(), "r");
    assert_eq!(read.granted_scope().unwrap().as_str(), "a b");
    assert_eq!(read.id_token().unwrap().expose(), "i.d.t");
    assert_eq!(read.issued_type(), Some(&TokenTypeUrn::IdJag));
    assert_eq!(read.granted_details().unwrap().len(), 1);
    assert!(!format!("{read:?}").contains("a.b.c"));

    let parse = |text: &str| TokenResponse::parse(text.as_bytes());
    for (used, known) in
        [("bearer", TokenUse::Bearer), ("DPOP", TokenUse::Dpop), ("n_a", TokenUse::NotApplicable)]
    {
        let text = format!(r#"{{"access_token":"a","token_type":"{used}","scope":"","more":[]}}"#);
        let read = parse(&text).unwrap();
        assert_eq!((read.token_use(), read.granted_scope(), read.lifetime()), (&known, None, None));
    }
    assert_eq!(parse(r#"{"access_token":"a","token_type":"mac"}"#).unwrap().token_use().as_str(), "mac");
    for (members, rule) in [
        (r#""token_type":"Bearer""#, "WIR-1"),
        (r#""access_token":"a""#, "WIR-1"),
        (r#""access_token":1,"token_type":"Bearer""#, "WIR-1"),
        (r#""access_token":"","token_type":"Bearer""#, "WIR-1"),
        (r#""access_token":"\n","token_type":"Bearer""#, "WIR-1"),
        (r#""access_token":"a","token_type":1"#, "WIR-1"),
        (r#""access_token":"a","token_type":"Bearer","expires_in":-1"#, "WIR-8"),
        (r#""access_token":"a","token_type":"Bearer","expires_in":1.5"#, "WIR-8"),
        (r#""access_token":"a","token_type":"Bearer","expires_in":"60""#, "WIR-8"),
        (r#""access_token":"a","token_type":"Bearer","refresh_token":1"#, "WIR-1"),
        (r#""access_token":"a","token_type":"Bearer","id_token":[]"#, "WIR-1"),
    ] {
        assert_refused!(parse(&format!("{{{members}}}")), "member", rule, "{members}");
    }
    assert_refused!(
        parse(r#"{"access_token":"a","token_type":"Bearer","scope":"a  b"}"#),
        "scope_empty_token",
        "WIR-7"
    );
    assert_refused!(
        parse(r#"{"access_token":"a","token_type":"Bearer","token_type":"DPoP"}"#),
        "json_duplicate_name",
        "JO-JSON-02"
    );
    assert!(parse("").is_err() && parse("[]").is_err());
}

#[test]
fn wir_4_sec_15_errors_have_their_characters() {
    let error = ErrorResponse::new(ErrorCode::InvalidClient).describe("no \"such\" client\n\\ü\u{202e}.");
    assert_eq!(error.to_json(), r#"{"error":"invalid_client","error_description":"no such client."}"#);
    assert_eq!((error.status(), error.error()), (401, "invalid_client"));
    let read = ErrorResponse::parse(error.to_json().as_bytes()).unwrap();
    assert_eq!(read, error);
    assert_eq!(read.description().unwrap().to_string(), "no such client.");
    let other = ErrorResponse::parse(br#"{"error":"of_their_own","interval":7}"#).unwrap();
    assert_eq!((other.error_code(), other.error(), other.status()), (None, "of_their_own", 400));
    assert_eq!(other.interval(), Some(7));
    for body in [r"{}", r#"{"error":1}"#, r#"{"error":""}"#, r#"{"error":"a\"b"}"#, r#"{"error":"ü"}"#] {
        assert_refused!(ErrorResponse::parse(body.as_bytes()), "member", "WIR-1", "{body}");
    }
    let twice = br#"{"error":"invalid_grant","error":"slow_down"}"#;
    assert_refused!(ErrorResponse::parse(twice), "json_duplicate_name", "JO-JSON-02");
    let long = ErrorResponse::new(ErrorCode::InvalidGrant).describe(&"x".repeat(5000));
    assert_eq!(long.description().unwrap().as_str().len(), 512);
}

#[test]
fn rev_1_int_1_a_token_is_asked_about() {
    let query = |form: &str| TokenQuery::read(&Parameters::parse(form.as_bytes()).unwrap());
    let read = query("token=t&token_type_hint=refresh_token").unwrap();
    assert_eq!((read.token().expose(), read.hint()), ("t", Some(TokenHint::RefreshToken)));
    assert_eq!(query("token=t&token_type_hint=saml").unwrap().hint(), None);
    assert_refused!(query("token_type_hint=access_token"), "parameter_missing", "WIR-2");
    assert_refused!(query("token=a&token=b"), "parameter_repeated", "WIR-2");
    assert_refused!(query("token=%00"), "parameter_value", "WIR-1");
    let mut form = NewParameters::new();
    let refresh: RefreshToken = "t".parse().unwrap();
    TokenQuery::about(refresh.into()).thought_to_be(TokenHint::RefreshToken).write(&mut form);
    assert_eq!(form.as_str(), "token=t&token_type_hint=refresh_token");
}

#[test]
fn every_token_type_is_read_as_it_is_written() {
    for kind in [
        TokenTypeUrn::AccessToken,
        TokenTypeUrn::IdJag,
        TokenTypeUrn::IdToken,
        TokenTypeUrn::Jwt,
        TokenTypeUrn::RefreshToken,
        TokenTypeUrn::SelfSigned,
        TokenTypeUrn::TransactionToken,
        TokenTypeUrn::UnsignedJson,
        TokenTypeUrn::Other("urn:x".into()),
    ] {
        assert_eq!(TokenTypeUrn::from_text(&kind.to_string()), kind);
    }
}
