//! What arrives at the endpoints of a server, and what they answer: either side reads a thing once, and no more of it than it has to.

use std::sync::Arc;
use std::time::Duration;

use aims_jose::{Jwk, JwkSet};
use aims_keys::{SoftwareKey, backend};
use aims_oauth::{
    AuthorizationStart, BackchannelRequest, BackchannelResponse, ClientCredential, ClientKey, ErrorCode,
    ErrorResponse, Grant, GrantIssuer, GrantProfile, GrantRequest, HeldToken, Introspect, Issuer,
    OAuthClient, SecurityToken, SenderConstraint, TokenClient, TokenExchange, TokenNeed, TokenRequest,
    TokenStep, TokenTypeUrn, TrustedIssuer, TypedToken, UserHint,
};
use aims_testkit::{TestAnswer, assert_refused};

use super::support::*;
use crate::client_auth::support::key;
use crate::world::*;

/// What is asked of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    /// What a user answered who was asked elsewhere.
    Answer,
    Exchange,
    /// The grant of another domain.
    Foreign,
    Introspect,
    Own,
    Push,
    Question,
    Revoke,
}

/// Each request, and what may be said in it once.
const ENDPOINTS: [(Asked, &[&str]); 8] = [
    (Asked::Answer, &["grant_type", "auth_req_id", "scope", "client_assertion"]),
    (
        Asked::Exchange,
        &[
            "grant_type",
            "subject_token",
            "subject_token_type",
            "actor_token",
            "actor_token_type",
            "requested_token_type",
            "client_assertion",
        ],
    ),
    (Asked::Foreign, &["grant_type", "assertion", "scope", "client_assertion"]),
    (Asked::Introspect, &["token", "token_type_hint", "client_assertion"]),
    (Asked::Own, &["grant_type", "scope", "client_assertion"]),
    (Asked::Push, &["response_type", "code_challenge", "state", "client_assertion"]),
    (Asked::Question, &["login_hint", "scope", "client_assertion"]),
    (Asked::Revoke, &["token", "token_type_hint", "client_assertion"]),
];

impl Asked {
    fn path(self) -> &'static str {
        match self {
            Self::Answer | Self::Exchange | Self::Foreign | Self::Own => "/token",
            Self::Introspect => "/introspect",
            Self::Push => "/par",
            Self::Question => "/ask",
            Self::Revoke => "/revoke",
        }
    }
}

/// A server, a tool that is a client of it, and an issuer of another domain whose grants it takes.
struct Servers {
    world: World,
    tool: Arc<SoftwareKey>,
    home: GrantIssuer,
}

impl Servers {
    fn new() -> Self {
        let (tool, home_key) = (Arc::new(key()), Arc::new(key()));
        let home: Issuer = "https://home.example".parse().unwrap();
        let jwk = Jwk::new(home_key.public_key().clone()).with_key_id("h").unwrap();
        let trusted = TrustedIssuer::new(home.clone(), JwkSet::new(vec![jwk]).unwrap());
        let world = World::with(|server| {
            let server = server.client("tool", &*tool, &[]).serves(TOOL);
            server.resource(INNER, "trips:read").trust(trusted, &[GrantProfile::Chaining])
        });
        Self { world, tool, home: GrantIssuer::new(home, home_key, "h").unwrap() }
    }

    /// What the tool asks with.
    fn tool(&self) -> OAuthClient {
        let credential = ClientCredential::key(ClientKey::new("tool", self.tool.clone(), None).unwrap());
        let (server, bearer) = (self.world.server.metadata().clone(), SenderConstraint::dangerous_bearer());
        OAuthClient::new(server, credential, bearer, backend::ring()).unwrap()
    }

    /// A form that is as it should be: each time anew, for nobody shows the same twice.
    async fn form(&self, asked: Asked, token: &HeldToken) -> String {
        let world = &self.world;
        let client = world.client();
        let between = Between::of(&world.server);
        between.answers(Ok(json(200, r#"{"active":false}"#)));
        let tokens = world.tokens(between.clone());
        match asked {
            Asked::Answer => {
                let asked = client.ask_user(question()).unwrap().send(NOW).await.unwrap();
                let answer = world.send(asked.request()).await;
                let id = BackchannelResponse::parse(answer.body()).unwrap().id().clone();
                world.server.decide(&id, true);
                sent(&client, TokenRequest::new(Grant::Backchannel(id))).await
            }
            Asked::Exchange => sent(&self.tool(), exchange(token.token().clone().into())).await,
            Asked::Foreign => sent(&client, TokenRequest::new(Grant::JwtBearer(self.foreign()))).await,
            Asked::Introspect => {
                tokens.introspection(issuer(), false).introspect(token.token()).await.unwrap();
                between.posted().remove(0)
            }
            Asked::Own => sent(&client, own()).await,
            Asked::Push => {
                let redirect = REDIRECT.parse().unwrap();
                let flow = client.authorize(&redirect).unwrap().resource(tool());
                let AuthorizationStart::Push(sent) = flow.begin(NOW).await.unwrap() else { panic!() };
                sent.request().body().to_owned()
            }
            Asked::Question => {
                client.ask_user(question()).unwrap().send(NOW).await.unwrap().request().body().to_owned()
            }
            Asked::Revoke => {
                tokens.revoke_token(token).await.unwrap();
                between.posted().remove(0)
            }
        }
    }

    fn foreign(&self) -> SecurityToken {
        let request = GrantRequest::chaining(USER, issuer()).for_client(CLIENT).resource(tool());
        let grant = self.home.issue(&request.scope("trips:read".parse().unwrap()), NOW);
        grant.unwrap().grant().clone()
    }
}

fn own() -> TokenRequest {
    TokenRequest::new(Grant::ClientCredentials).resource(tool()).scope("trips:read".parse().unwrap())
}

fn exchange(subject: SecurityToken) -> TokenRequest {
    let subject = TypedToken::new(subject, TokenTypeUrn::AccessToken);
    let exchange = TokenExchange::of(subject).requesting(TokenTypeUrn::AccessToken);
    TokenRequest::new(Grant::TokenExchange(exchange)).resource(INNER.parse().unwrap())
}

fn question() -> BackchannelRequest {
    BackchannelRequest::new("trips:book".parse().unwrap(), UserHint::Login(USER.into())).resource(tool())
}

async fn sent(client: &OAuthClient, request: TokenRequest) -> String {
    client.token(request).unwrap().send(NOW).await.unwrap().request().body().to_owned()
}

fn answer(world: &World, path: &str, form: &str) -> TestAnswer {
    world.server.answer("POST", path, &[], form.as_bytes())
}

fn error(answer: &TestAnswer) -> Option<ErrorCode> {
    ErrorResponse::parse(answer.body()).unwrap().error_code()
}

#[tokio::test]
async fn wir_1_wir_2_wir_9_no_endpoint_reads_what_is_said_twice_or_is_too_much() {
    let servers = Servers::new();
    let world = &servers.world;
    // Bound to nothing: these requests are their forms alone, and show nothing.
    let tokens = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), SenderConstraint::dangerous_bearer())
        .build();
    let need = TokenNeed::of(tool()).from(issuer()).scope("trips:read".parse().unwrap());
    let token = tokens.token(&need).await.unwrap();
    for (asked, once) in ENDPOINTS {
        let path = asked.path();
        let status = if asked == Asked::Push { 201 } else { 200 };
        let form = async || servers.form(asked, &token).await;
        let good = answer(world, path, &form().await);
        assert_eq!(good.status(), status, "{asked:?} {}", String::from_utf8_lossy(good.body()));
        let more = once.iter().flat_map(|name| [format!("&{name}=x&{name}=x"), format!("&{name}=&{name}=x")]);
        let long = [format!("&x={}", "x".repeat(64 * 1024)), "&x=1".repeat(257), "&x=%zz".to_owned()];
        for more in more.chain(long) {
            let bad = answer(world, path, &(form().await + &more));
            let shown = more.get(..30).unwrap_or(&more);
            assert_eq!(
                (bad.status(), error(&bad)),
                (400, Some(ErrorCode::InvalidRequest)),
                "{asked:?} {shown}"
            );
        }
        // What is not known is ignored, however often it is said.
        let more = form().await + "&unknown=1&unknown=2";
        assert_eq!(answer(world, path, &more).status(), status, "{asked:?}");
        assert_eq!(world.server.answer("GET", path, &[], b"").status(), 405, "{path}");
    }
}

#[tokio::test]
async fn wir_2_what_was_said_twice_used_nothing_up() {
    let servers = Servers::new();
    let world = &servers.world;
    let client = world.client();
    let asked = client.ask_user(question()).unwrap().send(NOW).await.unwrap();
    let id = BackchannelResponse::parse(world.send(asked.request()).await.body()).unwrap().id().clone();
    world.server.decide(&id, true);
    let foreign = servers.foreign();
    for (grant, more) in
        [(Grant::Backchannel(id), "&auth_req_id=x"), (Grant::JwtBearer(foreign), "&assertion=a.b.c")]
    {
        let request = || TokenRequest::new(grant.clone());
        let twice = answer(world, "/token", &(sent(&client, request()).await + more));
        assert_eq!((twice.status(), error(&twice)), (400, Some(ErrorCode::InvalidRequest)), "{more}");
        // The same grant, once.
        assert_eq!(answer(world, "/token", &sent(&client, request()).await).status(), 200, "{more}");
        let again = answer(world, "/token", &sent(&client, request()).await);
        assert_eq!(error(&again), Some(ErrorCode::InvalidGrant), "{more}");
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

/// An answer that says one thing twice, and one that is too much.
fn spoiled(good: &str) -> [(String, &'static str, &'static str); 2] {
    let members = good.trim_matches(['{', '}']);
    let (first, _) = members.split_once(',').unwrap();
    [
        (format!("{{{members},{first}}}"), "json_duplicate_name", "JO-JSON-02"),
        (format!(r#"{{{members},"x":"{}"}}"#, "x".repeat(64 * 1024)), "json_input_limit", "JO-JSON-03"),
    ]
}

#[tokio::test]
async fn sec_15_wir_9_a_client_takes_no_answer_that_says_things_twice_or_is_too_much() {
    let servers = Servers::new();
    let client = servers.world.client();
    let kind = TokenTypeUrn::AccessToken;
    for request in
        [own(), exchange("a-token".parse().unwrap()), TokenRequest::new(Grant::JwtBearer(servers.foreign()))]
    {
        let answered = async |body: &str| {
            let sent = client.token(request.clone()).unwrap().send(NOW).await.unwrap();
            sent.answered(&json(200, body), NOW)
        };
        let good =
            format!(r#"{{"access_token":"a","token_type":"DPoP","issued_token_type":"{}"}}"#, kind.as_str());
        assert!(matches!(answered(&good).await, Ok(TokenStep::Token(_))));
        for (body, code, rule) in spoiled(&good) {
            assert_refused!(answered(&body).await, code, rule, "{:?}", request.grant().grant_type());
        }
    }
    let answered = async |body: &str| {
        let sent = client.ask_user(question()).unwrap().send(NOW).await.unwrap();
        sent.answered(&json(200, body), NOW)
    };
    let good = r#"{"auth_req_id":"a","expires_in":120}"#;
    answered(good).await.unwrap();
    for (body, code, rule) in spoiled(good) {
        assert_refused!(answered(&body).await, code, rule);
    }
}

#[tokio::test]
async fn sec_15_wir_9_hil_9_what_cannot_be_read_decides_nothing() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let mut pending = tokens.ask_user(&issuer(), question()).await.unwrap();
    world.server.decide(pending.id(), true);
    let wait = || world.clock.advance(Duration::from_secs(5));
    for (body, code, rule) in spoiled(r#"{"access_token":"a","token_type":"DPoP"}"#) {
        wait();
        between.answers(Ok(json(200, &body)));
        assert_refused!(tokens.poll(&mut pending).await, code, rule);
    }
    // Of an error nobody knows then which it is.
    for (body, _, _) in spoiled(r#"{"error":"access_denied","error_description":"no"}"#) {
        wait();
        between.answers(Ok(json(400, &body)));
        assert_refused!(tokens.poll(&mut pending).await, "http_status", "WIR-4");
    }
    // So it is asked again.
    wait();
    assert!(tokens.poll(&mut pending).await.unwrap().is_some());
}

const INNER: &str = "https://inner.example";
