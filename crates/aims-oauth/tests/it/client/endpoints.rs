//! What arrives at the endpoints of a server, and what they answer: either side reads a thing once, and no more of it than it has to.

use aims_oauth::{
    AuthorizationStart, BackchannelRequest, BackchannelResponse, ErrorCode, ErrorResponse, Grant, HeldToken,
    Introspect, PushedResponse, TokenNeed, TokenRequest, TokenResponse, UserHint,
};
use aims_testkit::{TestAnswer, assert_refused};

use super::support::*;
use crate::world::*;

/// Each endpoint, and what may be said there once.
const ENDPOINTS: [(&str, &[&str]); 5] = [
    ("/ask", &["login_hint", "scope", "client_assertion"]),
    ("/introspect", &["token", "token_type_hint", "client_assertion"]),
    ("/par", &["response_type", "code_challenge", "state", "client_assertion"]),
    ("/revoke", &["token", "token_type_hint", "client_assertion"]),
    ("/token", &["grant_type", "scope", "client_assertion"]),
];

fn own() -> TokenRequest {
    TokenRequest::new(Grant::ClientCredentials).resource(tool()).scope("trips:read".parse().unwrap())
}

/// What a client sends there that is as it should be: each time anew, for nobody shows the same twice.
async fn form(world: &World, token: &HeldToken, path: &str) -> String {
    let client = world.client();
    let between = Between::of(&world.server);
    between.answers(Ok(json(200, r#"{"active":false}"#)));
    let tokens = world.tokens(between.clone());
    match path {
        "/ask" => {
            let hint = UserHint::Login(USER.into());
            let request = BackchannelRequest::new("trips:book".parse().unwrap(), hint).resource(tool());
            client.ask_user(request).unwrap().send(NOW).await.unwrap().request().body().to_owned()
        }
        "/introspect" => {
            tokens.introspection(issuer(), false).introspect(token.token()).await.unwrap();
            between.posted().remove(0)
        }
        "/par" => {
            let redirect = REDIRECT.parse().unwrap();
            let flow = client.authorize(&redirect).unwrap().resource(tool());
            let AuthorizationStart::Push(sent) = flow.begin(NOW).await.unwrap() else { panic!() };
            sent.request().body().to_owned()
        }
        "/revoke" => {
            tokens.revoke_token(token).await.unwrap();
            between.posted().remove(0)
        }
        _ => client.token(own()).unwrap().send(NOW).await.unwrap().request().body().to_owned(),
    }
}

fn answer(world: &World, path: &str, form: &str) -> TestAnswer {
    world.server.answer("POST", path, &[], form.as_bytes())
}

fn error(answer: &TestAnswer) -> Option<ErrorCode> {
    ErrorResponse::parse(answer.body()).unwrap().error_code()
}

#[tokio::test]
async fn wir_1_wir_2_wir_9_no_endpoint_reads_what_is_said_twice_or_is_too_much() {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let token = tokens.token(&TokenNeed::of(tool()).from(issuer())).await.unwrap();
    for (path, once) in ENDPOINTS {
        let status = if path == "/par" { 201 } else { 200 };
        let good = form(&world, &token, path).await;
        assert_eq!(answer(&world, path, &good).status(), status, "{path}");
        let more = once.iter().flat_map(|name| [format!("&{name}=x&{name}=x"), format!("&{name}=&{name}=x")]);
        let long = [format!("&x={}", "x".repeat(64 * 1024)), "&x=1".repeat(257), "&x=%zz".to_owned()];
        for more in more.chain(long) {
            let bad = answer(&world, path, &(form(&world, &token, path).await + &more));
            let shown = more.get(..30).unwrap_or(&more);
            assert_eq!((bad.status(), error(&bad)), (400, Some(ErrorCode::InvalidRequest)), "{path} {shown}");
        }
        // What is not known is ignored, however often it is said.
        let more = form(&world, &token, path).await + "&unknown=1&unknown=2";
        assert_eq!(answer(&world, path, &more).status(), status, "{path}");
        assert_eq!(world.server.answer("GET", path, &[], b"").status(), 405, "{path}");
    }
}

#[tokio::test]
async fn aut_1_act_3_wir_2_a_token_is_for_one_resource_and_by_a_grant_that_there_is() {
    let world = World::with(|server| server.resource("https://other.example", "trips:read"));
    let asked = async |request: TokenRequest| {
        let sent = world.client().token(request).unwrap().send(NOW).await.unwrap();
        answer(&world, "/token", sent.request().body())
    };
    let of = |resources: &[&str]| {
        let request = TokenRequest::new(Grant::ClientCredentials);
        resources.iter().fold(request, |request, resource| request.resource(resource.parse().unwrap()))
    };
    for resources in [&[][..], &[TOOL, "https://other.example"], &["https://unknown.example"]] {
        let refused = asked(of(resources)).await;
        assert_eq!(
            (refused.status(), error(&refused)),
            (400, Some(ErrorCode::InvalidTarget)),
            "{resources:?}"
        );
    }
    assert_eq!(asked(of(&[TOOL])).await.status(), 200);
    for (grant, code) in [
        ("", ErrorCode::InvalidRequest),
        ("password", ErrorCode::UnsupportedGrantType),
        ("implicit", ErrorCode::UnsupportedGrantType),
        ("Client_Credentials", ErrorCode::UnsupportedGrantType),
    ] {
        let sent = world.client().token(own()).unwrap().send(NOW).await.unwrap();
        let good = "grant_type=client_credentials";
        assert!(sent.request().body().contains(good));
        let form = sent.request().body().replace(good, &format!("grant_type={grant}"));
        let refused = answer(&world, "/token", &form);
        assert_eq!((refused.status(), error(&refused)), (400, Some(code)), "{grant}");
    }
}

#[test]
fn sec_15_wir_9_no_answer_is_read_that_says_things_twice_or_is_too_much() {
    for (member, rest) in
        [(r#""request_uri":"urn:x""#, r#""expires_in":1"#), (r#""expires_in":1"#, r#""request_uri":"urn:x""#)]
    {
        let read = |text: &str| PushedResponse::parse(text.as_bytes());
        read(&format!("{{{member},{rest}}}")).unwrap();
        let twice = read(&format!("{{{member},{rest},{member}}}"));
        assert_refused!(twice, "json_duplicate_name", "JO-JSON-02", "{member}");
    }
    let long = format!(r#","more":"{}"}}"#, "x".repeat(256 * 1024));
    let pushed = format!(r#"{{"request_uri":"urn:x","expires_in":1{long}"#);
    assert_refused!(PushedResponse::parse(pushed.as_bytes()), "json_input_limit", "JO-JSON-03");
    let asked = format!(r#"{{"auth_req_id":"a","expires_in":1{long}"#);
    assert_refused!(BackchannelResponse::parse(asked.as_bytes()), "json_input_limit", "JO-JSON-03");
    let token = format!(r#"{{"access_token":"a","token_type":"DPoP"{long}"#);
    assert_refused!(TokenResponse::parse(token.as_bytes()), "json_input_limit", "JO-JSON-03");
    let refused = format!(r#"{{"error":"invalid_grant"{long}"#);
    assert_refused!(ErrorResponse::parse(refused.as_bytes()), "json_input_limit", "JO-JSON-03");
}
