//! Asking a user elsewhere.

use std::time::Duration;

use aims_keys::backend;
use aims_oauth::{
    AuthRequestId, AuthorizationDetails, BackchannelClient, BackchannelError, BackchannelRequest,
    BackchannelResponse, BindingMessage, ClientMetadata, ErrorCode, NewParameters, NotificationToken,
    Parameters, PingError, PingNotification, PresentedPing, UserCode, UserHint,
};
use aims_testkit::{assert_refused, vectors};

use crate::world::*;

fn read_by(client: BackchannelClient, form: &str) -> Result<BackchannelRequest, BackchannelError> {
    BackchannelRequest::read(&Parameters::parse(form.as_bytes()).unwrap(), client)
}

fn read(form: &str) -> Result<BackchannelRequest, BackchannelError> {
    read_by(BackchannelClient::polling(), form)
}

fn sent(request: &BackchannelRequest) -> String {
    let mut form = NewParameters::new();
    request.write(&mut form);
    form.as_str().to_owned()
}

#[test]
fn hil_4_a_request_arrives_as_it_was_sent() {
    let details = AuthorizationDetails::parse(r#"[{"type":"aims_action_confirmation"}]"#).unwrap();
    let token: NotificationToken = "8d67dc78-7faa-4d41-aabd-67707b374255".parse().unwrap();
    let request = |hint: UserHint| {
        BackchannelRequest::new("openid trips:book".parse().unwrap(), hint)
            .resource(tool())
            .details(details.clone())
            .acr_values(["gold", "silver"])
            .binding_message("W4SCT – zwei".parse().unwrap())
            .user_code("geheim ü".parse().unwrap())
            .requested_expiry(Duration::from_secs(120))
            .notify_with(token.clone())
    };
    let hint = request(UserHint::Login("user@example.com".into()));
    let read = read_by(BackchannelClient::notified(), &sent(&hint)).unwrap();
    assert!(matches!(read.hint(), UserHint::Login(name) if name == "user@example.com"));
    assert_eq!(read.wanted_scope().unwrap().as_str(), "openid trips:book");
    assert!(read.wants_id_token());
    assert_eq!(read.resources(), [tool()]);
    assert_eq!(read.wanted_details().unwrap().as_json(), details.as_json());
    assert_eq!(read.wanted_acr_values(), ["gold", "silver"]);
    assert_eq!(read.shown_message().unwrap().to_string(), "W4SCT – zwei");
    assert_eq!(read.sent_user_code().unwrap().expose(), "geheim ü");
    assert_eq!(read.wanted_expiry(), Some(Duration::from_secs(120)));
    assert_eq!(read.notification_token().unwrap().expose(), token.expose());
    let shown = format!("{read:?}");
    for secret in ["user@example", "geheim", "8d67dc78"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let hint = request(UserHint::IdToken("i.d.t".parse().unwrap()));
    let read = read_by(BackchannelClient::notified(), &sent(&hint)).unwrap();
    assert!(matches!(read.hint(), UserHint::IdToken(token) if token.expose() == "i.d.t"));
    let hint = request(UserHint::Token("l.h.t".parse().unwrap()));
    let read = read_by(BackchannelClient::notified(), &sent(&hint)).unwrap();
    assert!(matches!(read.hint(), UserHint::Token(token) if token.expose() == "l.h.t"));
    // Who asks now and then is not told: its token means nothing.
    assert!(read_by(BackchannelClient::polling(), &sent(&hint)).unwrap().notification_token().is_none());
    let short = BackchannelRequest::new("openid".parse().unwrap(), UserHint::Login("u".into()));
    let short = short.requested_expiry(Duration::ZERO);
    assert_eq!(self::read(&sent(&short)).unwrap().wanted_expiry(), Some(Duration::from_secs(1)));
}

#[test]
fn hil_4_hil_7_a_request_is_whole() {
    let base = "scope=openid&login_hint=u";
    let least = read(&format!("{base}&unknown=1&unknown=2&resource=&acr_values=&user_code=")).unwrap();
    assert!(
        least.resources().is_empty() && least.wanted_details().is_none() && least.wanted_expiry().is_none()
    );
    assert!(
        least.sent_user_code().is_none()
            && least.shown_message().is_none()
            && least.wanted_acr_values().is_empty()
    );
    let request = ErrorCode::InvalidRequest;
    for (form, code, rule, error) in [
        ("login_hint=u", "parameter_missing", "WIR-2", request),
        ("scope=openid&scope=openid&login_hint=u", "parameter_repeated", "WIR-2", request),
        ("scope=openid++a&login_hint=u", "scope_empty_token", "WIR-7", ErrorCode::InvalidScope),
        ("scope=openid", "not_one_hint", "HIL-4", request),
        ("scope=openid&login_hint=", "not_one_hint", "HIL-4", request),
        ("scope=openid&login_hint=u&id_token_hint=i.d.t", "not_one_hint", "HIL-4", request),
        ("scope=openid&login_hint=u&login_hint_token=l", "not_one_hint", "HIL-4", request),
        ("scope=openid&id_token_hint=i&login_hint_token=l", "not_one_hint", "HIL-4", request),
        ("scope=openid&login_hint=u&login_hint=u", "parameter_repeated", "WIR-2", request),
        ("scope=openid&login_hint=u%0A", "parameter_value", "WIR-1", request),
        ("scope=openid&id_token_hint=%00", "parameter_value", "WIR-1", request),
        ("scope=openid&login_hint_token=%C3%A9", "parameter_value", "WIR-1", request),
        ("scope=openid&login_hint=u&user_code=%07", "parameter_value", "WIR-1", request),
        ("scope=openid&login_hint=u&requested_expiry=0", "requested_expiry", "HIL-4", request),
        ("scope=openid&login_hint=u&requested_expiry=-1", "requested_expiry", "HIL-4", request),
        ("scope=openid&login_hint=u&requested_expiry=%2B1", "requested_expiry", "HIL-4", request),
        ("scope=openid&login_hint=u&requested_expiry=1.5", "requested_expiry", "HIL-4", request),
        (
            "scope=openid&login_hint=u&requested_expiry=18446744073709551616",
            "requested_expiry",
            "HIL-4",
            request,
        ),
        ("scope=openid&login_hint=u&resource=a", "resource_not_absolute", "RSI-1", ErrorCode::InvalidTarget),
        (
            "scope=openid&login_hint=u&authorization_details={}",
            "details_not_an_array",
            "RAR-1",
            ErrorCode::InvalidAuthorizationDetails,
        ),
        (
            "scope=openid&login_hint=u&binding_message=%E2%80%AE",
            "binding_message_character",
            "HIL-32",
            ErrorCode::InvalidBindingMessage,
        ),
    ] {
        let refused = read(form);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), error, "{form}");
        assert_refused!(refused, code, rule, "{form}");
    }
    let name = |len: usize| format!("scope=openid&login_hint={}", "u".repeat(len));
    assert!(read(&name(512)).is_ok());
    assert_refused!(read(&name(513)), "parameter_value", "WIR-1");
    assert_eq!(BackchannelRequest::status_of(ErrorCode::AccessDenied), 403);
    assert_eq!(BackchannelRequest::status_of(ErrorCode::InvalidClient), 401);
    assert_eq!(BackchannelRequest::status_of(ErrorCode::UnknownUserId), 400);
    assert_eq!(ErrorCode::AccessDenied.status(), 400);
}

#[test]
fn hil_4_whoever_is_told_gives_a_token_that_nobody_guesses() {
    let base = "scope=openid&login_hint=u";
    let read = |token: &str| read_by(BackchannelClient::notified(), &format!("{base}{token}"));
    for token in [
        String::new(),
        "&client_notification_token=".into(),
        format!("&client_notification_token={}", "a".repeat(21)),
        format!("&client_notification_token={}", "a".repeat(1025)),
        format!("&client_notification_token={}%20", "a".repeat(22)),
        format!("&client_notification_token=%C3%A9{}", "a".repeat(22)),
    ] {
        assert_refused!(read(&token), "notification_token", "HIL-4", "{token}");
    }
    for len in [22, 1024] {
        assert!(read(&format!("&client_notification_token={}", "a".repeat(len))).is_ok());
    }
    let twice = format!("&client_notification_token={0}&client_notification_token={0}", "a".repeat(22));
    assert_refused!(read(&twice), "parameter_repeated", "WIR-2");
    let made = || NotificationToken::generate(backend::ring()).unwrap();
    assert_ne!(made().expose(), made().expose());
    assert!(made().expose().len() >= 43 && made().expose().parse::<NotificationToken>().is_ok());
}

#[test]
fn hil_5_a_signed_request_is_not_taken_for_an_empty_one() {
    for form in ["request=a.b.c", "request=a.b.c&scope=openid&login_hint=u"] {
        assert_refused!(read(form), "signed_request", "HIL-5", "{form}");
    }
}

#[test]
fn hil_17_without_openid_there_is_no_id_token() {
    let form = "scope=trips:book&login_hint=u";
    let refused = read(form);
    assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidScope);
    assert_refused!(refused, "openid_missing", "HIL-17");
    for scope in ["openidx", "OpenID", "x-openid"] {
        assert_refused!(read(&format!("scope={scope}&login_hint=u")), "openid_missing", "HIL-17");
    }
    let plain = BackchannelClient::polling().allowing_plain_oauth();
    assert!(!read_by(plain, form).unwrap().wants_id_token());
    assert!(read_by(plain, "scope=a+openid&login_hint=u").unwrap().wants_id_token());
    assert_refused!(read_by(plain, "login_hint=u"), "parameter_missing", "WIR-2");
}

#[test]
fn hil_3_hil_9_hil_16_tokens_are_not_pushed() {
    let client = |mode: &str| {
        let text = format!(
            r#"{{"token_endpoint_auth_method":"none","redirect_uris":["https://a.example/cb"]{mode}}}"#
        );
        BackchannelClient::from_metadata(
            &ClientMetadata::parse_registration(text.as_bytes(), backend::ring()).unwrap(),
        )
    };
    let mode = |mode: &str| {
        client(&format!(
            r#","backchannel_token_delivery_mode":"{mode}","backchannel_client_notification_endpoint":"https://a.example/ping""#
        ))
    };
    assert_eq!(mode("poll").unwrap(), BackchannelClient::polling());
    assert_eq!(mode("ping").unwrap(), BackchannelClient::notified());
    for refused in [mode("push"), client("")] {
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::UnauthorizedClient);
        assert_refused!(refused, "delivery_mode", "HIL-16");
    }
}

#[test]
fn hil_32_a_binding_message_is_short_and_says_what_is_seen() {
    let parse = |text: &str| text.parse::<BindingMessage>();
    for good in ["W4SCT", "Zahlung 12,50 €", "確認", &"ü".repeat(64)] {
        assert_eq!(parse(good).unwrap().as_str(), good);
    }
    assert_refused!(parse(&"ü".repeat(65)), "binding_message_too_long", "HIL-32");
    for empty in ["", " ", "\u{a0}\u{3000}"] {
        assert_refused!(parse(empty), "binding_message_empty", "HIL-32");
    }
    for bad in [
        "\n",
        "a\tb",
        "\0",
        "\u{7f}",
        "\u{85}",
        "\u{ad}",
        "\u{34f}",
        "\u{61c}",
        "\u{115f}",
        "\u{1160}",
        "\u{17b4}",
        "\u{180e}",
        "\u{200b}",
        "\u{200e}",
        "\u{200f}",
        "\u{2028}",
        "\u{2029}",
        "\u{202a}",
        "\u{202e}",
        "\u{2060}",
        "\u{2066}",
        "\u{2069}",
        "\u{206f}",
        "\u{3164}",
        "\u{fe0f}",
        "\u{feff}",
        "\u{ffa0}",
        "\u{fff9}",
        "\u{e0001}",
        "\u{e0041}",
        "\u{e0100}",
    ] {
        assert_refused!(parse(&format!("pay {bad}5")), "binding_message_character", "HIL-32", "{bad:?}");
    }
}

#[test]
fn hil_6_wir_8_a_response_says_how_to_ask() {
    let id: AuthRequestId = "1c266114-a1be-4252-8ad1-04986c5b9ac1".parse().unwrap();
    let response = BackchannelResponse::new(id.clone(), Duration::from_secs(120));
    assert_eq!(
        response.to_json().as_str(),
        r#"{"auth_req_id":"1c266114-a1be-4252-8ad1-04986c5b9ac1","expires_in":120}"#
    );
    let response = response.with_interval(Duration::from_secs(2));
    let read = BackchannelResponse::parse(response.to_json().as_bytes()).unwrap();
    assert!(read.id().is_same(&id));
    assert_eq!((read.lifetime(), read.interval()), (Duration::from_secs(120), Duration::from_secs(2)));
    assert!(!format!("{read:?}").contains("1c266114"));
    // Nothing is never.
    let response = BackchannelResponse::new(id, Duration::ZERO).with_interval(Duration::ZERO);
    assert_eq!((response.lifetime(), response.interval()), (Duration::from_secs(1), Duration::from_secs(1)));
    let parse = |members: &str| BackchannelResponse::parse(format!("{{{members}}}").as_bytes());
    let read = parse(r#""auth_req_id":"a","expires_in":1,"more":[]"#).unwrap();
    assert_eq!(read.interval(), Duration::from_secs(5));
    for (members, code, rule) in [
        (r#""expires_in":1"#, "member", "WIR-1"),
        (r#""auth_req_id":1,"expires_in":1"#, "member", "WIR-1"),
        (r#""auth_req_id":"a b","expires_in":1"#, "parameter_value", "WIR-1"),
        (r#""auth_req_id":"","expires_in":1"#, "parameter_value", "WIR-1"),
        (r#""auth_req_id":"a""#, "member", "WIR-8"),
        (r#""auth_req_id":"a","expires_in":0"#, "member", "WIR-8"),
        (r#""auth_req_id":"a","expires_in":-1"#, "member", "WIR-8"),
        (r#""auth_req_id":"a","expires_in":1.5"#, "member", "WIR-8"),
        (r#""auth_req_id":"a","expires_in":"1""#, "member", "WIR-8"),
        (r#""auth_req_id":"a","expires_in":1,"interval":0"#, "member", "WIR-1"),
        (r#""auth_req_id":"a","expires_in":1,"interval":"5""#, "member", "WIR-1"),
        (r#""auth_req_id":"a","expires_in":1,"interval":null"#, "member", "WIR-1"),
        (r#""auth_req_id":"a","auth_req_id":"b","expires_in":1"#, "json_duplicate_name", "JO-JSON-02"),
    ] {
        assert_refused!(parse(members), code, rule, "{members}");
    }
}

#[test]
fn hil_6_identifiers_are_not_guessed() {
    let made = || AuthRequestId::generate(backend::ring()).unwrap();
    let (one, other) = (made(), made());
    assert!(!one.is_same(&other) && one.is_same(&one.clone()));
    assert!(one.expose().len() == 43 && one.expose().parse::<AuthRequestId>().is_ok());
}

#[test]
fn hil_11_a_notification_is_by_the_server_that_has_the_token() {
    let id: AuthRequestId = "1c266114-a1be-4252-8ad1-04986c5b9ac1".parse().unwrap();
    let token: NotificationToken = "8d67dc78-7faa-4d41-aabd-67707b374255".parse().unwrap();
    let body = PingNotification::new(&id).to_json();
    assert_eq!(body.as_str(), r#"{"auth_req_id":"1c266114-a1be-4252-8ad1-04986c5b9ac1"}"#);
    let authorization = PingNotification::authorization(&token);
    assert_eq!(authorization.as_str(), "Bearer 8d67dc78-7faa-4d41-aabd-67707b374255");
    let ping = PresentedPing::read([authorization.as_bytes()], body.as_bytes()).unwrap();
    assert!(ping.id().is_same(&id));
    ping.check(&token).unwrap();
    for other in [
        "8d67dc78-7faa-4d41-aabd-67707b374256",
        "8d67dc78-7faa-4d41-aabd-67707b37425",
        "8D67DC78-7FAA-4D41-AABD-67707B374255",
    ] {
        let refused = ping.check(&other.parse().unwrap());
        assert_eq!(refused.as_ref().unwrap_err().status(), 401);
        assert_refused!(refused, "other_notification_token", "HIL-11", "{other}");
    }
    let read = |lines: &[&str], body: &str| PresentedPing::read(lines, body.as_bytes());
    let good = authorization.as_str();
    for (lines, body, code, rule, status) in [
        (&[][..], body.as_str(), "notification_token_missing", "HIL-11", 401),
        (
            &["DPoP 8d67dc78-7faa-4d41-aabd-67707b374255"],
            body.as_str(),
            "notification_token_missing",
            "HIL-11",
            401,
        ),
        (&[good, good], body.as_str(), "several_tokens", "DPO-9", 401),
        (&["Basic YQ=="], body.as_str(), "unknown_scheme", "MCP-2", 401),
        (&["Bearer"], body.as_str(), "malformed_authorization", "MCP-2", 401),
        (&["Bearer a b"], body.as_str(), "token_character", "ACT-4", 401),
        (&[good], "", "json_truncated", "JO-JSON-01", 400),
        (&[good], "{}", "auth_req_id", "HIL-11", 400),
        (&[good], r#"{"auth_req_id":1}"#, "auth_req_id", "HIL-11", 400),
        (&[good], r#"{"auth_req_id":"a b"}"#, "auth_req_id", "HIL-11", 400),
        (&[good], r#"{"auth_req_id":"a","auth_req_id":"b"}"#, "json_duplicate_name", "JO-JSON-02", 400),
        (&[good], "auth_req_id=a", "json_not_an_object", "JO-JSON-01", 400),
    ] {
        let refused = read(lines, body);
        assert_eq!(refused.as_ref().unwrap_err().status(), status, "{lines:?} {body}");
        assert_refused!(refused, code, rule, "{lines:?} {body}");
    }
    // What it says besides means nothing.
    assert!(read(&[good], r#"{"auth_req_id":"a","more":{"b":[1]}}"#).is_ok());
    let fits = |len: usize| format!(r#"{{"auth_req_id":"a"{}}}"#, " ".repeat(len - 19));
    assert!(read(&[good], &fits(16 * 1024)).is_ok());
    assert_refused!(read(&[good], &fits(16 * 1024 + 1)), "json_input_limit", "JO-JSON-03");
    assert!(!format!("{ping:?} {token:?}").contains("8d67dc78"));
}

#[test]
fn hil_12_hil_16_a_push_is_refused() {
    let good = "Bearer 8d67dc78-7faa-4d41-aabd-67707b374255";
    for members in [
        r#""access_token":"a""#,
        r#""id_token":"i.d.t""#,
        r#""refresh_token":"r""#,
        r#""error":"access_denied""#,
    ] {
        let body = format!(r#"{{"auth_req_id":"a",{members}}}"#);
        let refused: Result<_, PingError> = PresentedPing::read([good], body.as_bytes());
        assert_eq!(refused.as_ref().unwrap_err().status(), 400);
        assert_refused!(refused, "pushed_tokens", "HIL-16", "{members}");
    }
}

#[test]
fn hil_4_user_codes_are_secrets_of_people() {
    let code: UserCode = "1234 ü".parse().unwrap();
    assert!(!format!("{code:?}").contains("1234") && code.is_same(&"1234 ü".parse().unwrap()));
    assert!(!code.is_same(&"1234 u".parse().unwrap()));
    assert_refused!("u".repeat(257).parse::<UserCode>(), "token_too_long", "WIR-9");
}

#[test]
fn hil_6_an_auth_req_id_has_its_characters() {
    let Some(file) = vectors::json("oauth/generated/http-cases.json") else { return };
    let cases = file["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "auth-req-id-charset");
    let mut count = 0;
    for case in cases {
        let text = case["value"].as_str().unwrap();
        assert_eq!(text.parse::<AuthRequestId>().is_ok(), case["valid"].as_bool().unwrap(), "{text}");
        count += 1;
    }
    assert_eq!(count, 5);
    assert!("a".repeat(1025).parse::<AuthRequestId>().is_err());
    assert!(!format!("{:?}", "secret-id".parse::<AuthRequestId>().unwrap()).contains("secret"));
}
