//! Agents that show access tokens, and the tool that wants them.

use std::sync::{Arc, Mutex};

use aims::credential::PeerMap;
use aims::keys::{Algorithm, SoftwareKey};
use aims::oauth::{
    AccessTokenVerifier, BindingPolicy, ClientCredential, DpopProver, DpopVerifier, Parameters, RedirectUri,
    ResourceServer, Scope, SealedNonces, SenderConstraint, Shown, StepUp, TokenClient, TokenNeed, UserGrant,
};
use aims::proof::ReplayMemory;
use aims::{
    Accept, Agent, AgentError, Audiences, BundleSet, Callers, CurrentCredential, Guard, Permit, RecordMemory,
    Sanitizer, SigningAgent, TokenAgent, backend,
};
use aims_testkit::{TestAuthority, TestAuthorizationServer, TestClock};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt};

use crate::support::NOW;

const TOOL: &str = "https://tools.example";
const URI: &str = "https://tools.example/v1/book";
const AGENT: &str = "spiffe://acme.example/agents/travel";
const ISSUER: &str = "https://as.example";
const REDIRECT: &str = "https://agent.example/cb";

/// An agent with a WIT, the authorization server that knows it by that, and a tool behind a guard.
struct World {
    authority: TestAuthority,
    clock: TestClock,
    server: TestAuthorizationServer,
    credential: CurrentCredential,
    tool: Tool,
}

/// The tool over whatever connects it: targets become paths, and it is counted.
#[derive(Clone)]
struct Tool {
    app: Router,
    called: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Service<Request<Body>> for Tool {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let host = request.uri().authority().unwrap().as_str().parse().unwrap();
        *request.uri_mut() = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
        request.headers_mut().insert("host", host);
        self.called.lock().unwrap().push(request.headers().clone());
        Box::pin(self.app.clone().oneshot(request))
    }
}

impl World {
    fn new() -> Self {
        Self::with(false)
    }

    /// The tool takes tokens that are shown by `DPoP` alone, with its nonces; or else, by message signatures.
    fn with(is_dpop: bool) -> Self {
        let authority = TestAuthority::new("spiffe://acme.example");
        let clock = TestClock::at(NOW);
        let server = TestAuthorizationServer::builder(ISSUER, clock.reader())
            .workloads("spiffe://acme.example/agents/*", authority.trust(), &[REDIRECT])
            .resource(TOOL, "trips:read trips:book")
            .resource("https://tools.example/v1", "trips:read")
            .build();
        let credential = CurrentCredential::new(authority.agent("/agents/travel", NOW).holder());
        let tokens = AccessTokenVerifier::builder(TOOL.parse().unwrap(), server.trusted(), backend::ring());
        let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring());
        let dpop = dpop.require_nonces(SealedNonces::generate(backend::ring()).unwrap()).build();
        let shown = if is_dpop { Shown::Dpop } else { Shown::Signature };
        let resource = ResourceServer::new(tokens.build(), BindingPolicy::only(&[shown])).with_dpop(dpop);
        let audiences = Audiences::http(TOOL).unwrap();
        let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse().unwrap());
        let guard = Guard::builder(audiences, BundleSet::from(authority.trust()), callers)
            .accept(if is_dpop { Accept::dpop() } else { Accept::signature() })
            .access_tokens(resource)
            .clock(clock.reader())
            .recorder(RecordMemory::new())
            .build()
            .unwrap();
        let app = Router::new().fallback(book).layer(Extension(guard.clone())).layer(guard.layer());
        let tool = Tool { app, called: Arc::default() };
        Self { authority, clock, server, credential, tool }
    }

    /// Bound to the key of the WIT.
    fn tokens(&self) -> TokenClient {
        let credential = ClientCredential::wit_svid(AGENT.parse().unwrap(), self.credential.clone());
        TokenClient::builder(self.server.clone(), self.clock.reader(), backend::ring())
            .server(ISSUER.parse().unwrap(), credential, SenderConstraint::signature(self.credential.clone()))
            .build()
    }

    fn signing(&self) -> SigningAgent {
        Agent::new(self.credential.clone())
            .with_clock(self.clock.reader())
            .signing(BundleSet::from(self.authority.trust()), PeerMap::new())
    }

    async fn granted(&self, tokens: &TokenClient, scope: &str) -> UserGrant {
        let redirect: RedirectUri = REDIRECT.parse().unwrap();
        let client = tokens.client(&ISSUER.parse().unwrap()).await.unwrap();
        let flow = client.authorize(&redirect).unwrap().resource(TOOL.parse().unwrap());
        let pending = tokens.begin(flow.scope(scope.parse().unwrap())).await.unwrap();
        let back = self.server.approve(pending.url(), "user-1");
        let query = Parameters::parse(back.split_once('?').unwrap().1.as_bytes()).unwrap();
        tokens.redeem(pending, &query).await.unwrap()
    }

    /// What the tool got last.
    fn last(&self) -> HeaderMap {
        self.tool.called.lock().unwrap().last().unwrap().clone()
    }

    fn calls(&self) -> usize {
        std::mem::take(&mut *self.tool.called.lock().unwrap()).len()
    }
}

async fn book(Extension(permit): Extension<Permit>, Extension(guard): Extension<Guard>) -> Response {
    let authorization = permit.authorization().unwrap();
    if let Err(shortfall) = authorization.require_scope(&"trips:book".parse().unwrap()) {
        return guard.step_up(shortfall).to_response().into_response();
    }
    format!("{} for {}", authorization.actor(), authorization.on_behalf_of().as_deref().unwrap_or("itself"))
        .into_response()
}

fn need() -> TokenNeed {
    TokenNeed::of(TOOL.parse().unwrap()).from(ISSUER.parse().unwrap())
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn request(need: Option<TokenNeed>) -> Request<Body> {
    let mut request = Request::post(URI).body(Body::from("Oslo")).unwrap();
    if let Some(need) = need {
        request.extensions_mut().insert(need);
    }
    request
}

#[tokio::test]
async fn aims_19_aims_30_an_agent_calls_a_tool_for_a_user_by_a_handle() {
    let world = World::new();
    let tokens = world.tokens();
    let grant = world.granted(&tokens, "trips:book").await;
    let agent = TokenAgent::new(tokens);
    let http = agent.layer().layer(world.signing().layer().layer(world.tool.clone()));
    let of_user = need().by(&grant);
    let response = http.clone().oneshot(request(Some(of_user.clone()))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    // Nothing of what a caller has shows the token, which the tool got.
    let sent = world.last()["authorization"].to_str().unwrap().to_owned();
    let token = sent.split_once(' ').unwrap().1;
    let seen = format!("{response:?} {agent:?} {of_user:?} {grant:?}");
    assert!(!seen.contains(token), "{seen}");
    let said = http_text(response).await;
    assert_eq!(said, format!("{AGENT} for user-1"));
    // The agent's own right is another.
    let own = need().scope(scope("trips:book"));
    let response = http.oneshot(request(Some(own))).await.unwrap();
    assert_eq!(http_text(response).await, format!("{AGENT} for itself"));
}

#[tokio::test]
async fn aims_19_azr_8_tokens_that_are_kept_do_not_reach_a_model() {
    let world = World::new();
    let tokens = world.tokens();
    let sanitizer = Sanitizer::new().knowing(tokens.clone());
    let agent = TokenAgent::new(tokens.clone());
    let http = agent.layer().layer(world.signing().layer().layer(world.tool.clone()));
    http.oneshot(request(Some(need().scope(scope("trips:book"))))).await.unwrap();
    let sent = world.last()["authorization"].to_str().unwrap().to_owned();
    // A part of the signature is not known by its form.
    let end = sent.get(sent.len() - 40..).unwrap();
    let backwards: String = end.chars().rev().collect();
    let encoded = aims_jose::base64url::encode(format!("log: {end}"));
    for part in [end, &backwards, &end.to_lowercase(), &encoded, &encoded.replace('Z', "Z\n")] {
        let text = format!("<{part}>");
        assert!(sanitizer.sanitize(&text).contains("[secret removed]"), "{part}");
        assert_eq!(Sanitizer::new().sanitize(&text), text);
    }
    // It knows what is kept now, and no more.
    tokens.forget_all();
    assert_eq!(sanitizer.sanitize(end), end);
}

async fn http_text<B: http_body::Body<Data = bytes::Bytes>>(response: http::Response<B>) -> String
where
    B::Error: std::fmt::Debug,
{
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn mcp_12_cha_5_more_scope_is_had_where_nobody_has_to_be_asked() {
    let world = World::new();
    let tokens = world.tokens();
    let grant = world.granted(&tokens, "trips:read").await;
    let http = TokenAgent::new(tokens).needing(need().scope(scope("trips:read"))).layer();
    let http = http.layer(world.signing().layer().layer(world.tool.clone()));
    let response = http.clone().oneshot(request(None)).await.unwrap();
    assert_eq!((response.status(), world.calls()), (StatusCode::OK, 2));
    // What a user granted is widened by the user.
    let error = http.oneshot(request(Some(need().by(&grant)))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tool https://tools.example wants what a user has to be asked for: the scope trips:read trips:book"
    );
    let AgentError::StepUp { wanted: StepUp::Scope(wanted), resource } = error else { panic!("{error:?}") };
    assert_eq!(resource.as_str(), "https://tools.example");
    assert_eq!(wanted, scope("trips:read trips:book"));
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn mcp_15_sec_14_a_token_is_sent_to_its_tool_and_over_tls_alone() {
    let world = World::new();
    let http = TokenAgent::new(world.tokens()).layer().layer(world.tool.clone());
    for (uri, code, rule) in [
        ("https://evil.example/v1/book", "other_resource", "MCP-15"),
        ("http://tools.example/v1/book", "url_scheme", "FED-2"),
        ("https://me@tools.example/v1/book", "url_userinfo", "FED-2"),
        ("https://Tools.example/v1/book", "url_host", "FED-14"),
        ("/v1/book", "relative_target", "WPT-6"),
    ] {
        let mut request = request(Some(need()));
        *request.uri_mut() = uri.parse().unwrap();
        let Err(AgentError::Attach(error)) = http.clone().oneshot(request).await else { panic!("{uri}") };
        assert_eq!((error.code(), error.rule()), (code, rule));
        if uri.starts_with("http:") {
            assert_eq!(error.to_string(), "no token is sent to the target: the scheme is not https");
        }
    }
    let Err(AgentError::Attach(error)) = http.clone().oneshot(request(None)).await else { panic!() };
    assert_eq!((error.code(), error.rule()), ("no_token_need", "MCP-15"));
    let mut occupied = request(Some(need()));
    occupied.headers_mut().insert("authorization", "Bearer mine".parse().unwrap());
    let Err(AgentError::Attach(error)) = http.oneshot(occupied).await else { panic!() };
    assert_eq!(error.code(), "authorization_occupied");
    assert_eq!(world.calls(), 0);
}

#[tokio::test]
async fn azr_10_a_token_that_does_not_count_any_more_is_replaced_once() {
    let world = World::new();
    let http = TokenAgent::new(world.tokens()).layer();
    let http = http.layer(world.signing().layer().layer(world.tool.clone()));
    let own = need().scope(scope("trips:book"));
    http.clone().oneshot(request(Some(own.clone()))).await.unwrap();
    world.calls();
    // The agent's key is another: the token is not used with it.
    world.credential.replace(world.authority.agent("/agents/travel", NOW).holder()).unwrap();
    let response = http.clone().oneshot(request(Some(own.clone()))).await.unwrap();
    assert_eq!((response.status(), world.calls()), (StatusCode::OK, 1));
    // A tool that takes no token at all is asked twice.
    let stranger = World::new();
    let http = TokenAgent::new(world.tokens()).layer();
    let http = http.layer(world.signing().layer().layer(stranger.tool.clone()));
    let answered = http.oneshot(request(Some(own))).await;
    assert!(!answered.is_ok_and(|response| response.status().is_success()));
    assert!(stranger.calls() <= 2);
}

#[tokio::test]
async fn dpo_12_dpo_9_a_tool_that_wants_its_nonces_gets_them() {
    let world = World::with(true);
    let credential = ClientCredential::wit_svid(AGENT.parse().unwrap(), world.credential.clone());
    let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    let constraint = SenderConstraint::dpop(DpopProver::new(key).unwrap());
    let tokens = TokenClient::builder(world.server.clone(), world.clock.reader(), backend::ring())
        .server(ISSUER.parse().unwrap(), credential, constraint)
        .build();
    let http = TokenAgent::new(tokens).needing(need().scope(scope("trips:book"))).layer();
    let http = http.layer(world.tool.clone());
    let response = http.clone().oneshot(request(None)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(http_text(response).await, format!("{AGENT} for itself"));
    assert_eq!(world.calls(), 2);
    // The nonce is known by now, and each request has a proof of its own.
    let response = http.oneshot(request(None)).await.unwrap();
    assert_eq!((response.status(), world.calls()), (StatusCode::OK, 1));
}

/// A tool that only ever refuses, with these challenges in turn.
#[derive(Clone)]
struct Hostile(Arc<Mutex<(usize, Vec<&'static str>)>>);

impl Hostile {
    fn saying(challenges: &[&'static str]) -> Self {
        Self(Arc::new(Mutex::new((0, challenges.to_vec()))))
    }

    fn calls(&self) -> usize {
        self.0.lock().unwrap().0
    }
}

impl Service<Request<Body>> for Hostile {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut state = self.0.lock().unwrap();
        let challenge = state.1[state.0 % state.1.len()];
        state.0 += 1;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response.headers_mut().append("www-authenticate", challenge.parse().unwrap());
        response.headers_mut().append("dpop-nonce", format!("n-{}", state.0).parse().unwrap());
        std::future::ready(Ok(response))
    }
}

#[tokio::test]
async fn cha_5_dpo_12_a_hostile_tool_gets_no_more_than_a_few_tries_and_no_token_of_anybody_else() {
    let nonce = r#"DPoP error="use_dpop_nonce""#;
    let token = r#"DPoP error="invalid_token""#;
    let read = r#"DPoP error="insufficient_scope", scope="trips:read""#;
    let book = r#"DPoP error="insufficient_scope", scope="trips:book""#;
    let user = r#"DPoP error="insufficient_user_authentication", max_age="0""#;
    let world = World::new();
    for (challenges, calls) in [
        (&[nonce][..], 2),
        (&[token], 2),
        (&[read, book], 3),
        (&[nonce, token], 3),
        (&[nonce, token, read, book], 5),
        // A user is asked by whoever calls, and not from here.
        (&[user], 1),
        // What no token gives, and what nobody can read, is the answer.
        (&["Negotiate"], 1),
        (&["DPoP realm="], 1),
        (&[r#"DPoP error="invalid_token", error="invalid_token""#], 1),
    ] {
        let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
        let credential = ClientCredential::wit_svid(AGENT.parse().unwrap(), world.credential.clone());
        let constraint = SenderConstraint::dpop(DpopProver::new(key).unwrap());
        let tokens = TokenClient::builder(world.server.clone(), world.clock.reader(), backend::ring())
            .server(ISSUER.parse().unwrap(), credential, constraint)
            .build();
        let hostile = Hostile::saying(challenges);
        let http = TokenAgent::new(tokens).needing(need()).layer().layer(hostile.clone());
        let answered = http.oneshot(request(None)).await;
        assert_eq!(hostile.calls(), calls, "{challenges:?}");
        // What is refused again and again stands as it was said last, for the caller to read.
        match answered {
            Ok(response) => assert_eq!(response.status(), StatusCode::UNAUTHORIZED),
            Err(AgentError::StepUp { wanted: StepUp::User { .. }, .. }) => assert_eq!(challenges, [user]),
            Err(error) => assert!(challenges[0].contains("invalid_token\", error"), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn mcp_15_a_request_that_shows_something_else_already_is_not_sent() {
    let world = World::new();
    for field in ["authorization", "dpop"] {
        let http = TokenAgent::new(world.tokens()).layer().layer(world.tool.clone());
        let mut occupied = request(Some(need()));
        occupied.headers_mut().insert(field, "mine".parse().unwrap());
        let Err(AgentError::Attach(error)) = http.oneshot(occupied).await else { panic!() };
        assert_eq!(error.code(), "authorization_occupied");
    }
    // Beside the resource, and above it: at the same origin, and yet another's.
    let below = need_of("https://tools.example/v1");
    for uri in [
        "https://tools.example/v2/book",
        "https://tools.example/v10",
        "https://tools.example",
        "https://tools.example:8443/v1/book",
        "https://tools.example/V1/book",
        "https://tools.example/%761/book",
        "https://tools.example/v1/../v2",
        "https://tools.example/v1/%2e%2E/v2",
        "https://me@tools.example/v1/book",
        "https://tools.example.evil.example/v1/book",
    ] {
        let http = TokenAgent::new(world.tokens()).layer().layer(world.tool.clone());
        let mut request = request(Some(below.clone()));
        *request.uri_mut() = uri.parse().unwrap();
        assert!(matches!(http.oneshot(request).await, Err(AgentError::Attach(_))), "{uri}");
    }
    assert_eq!(world.calls(), 0);
}

fn need_of(resource: &str) -> TokenNeed {
    TokenNeed::of(resource.parse().unwrap()).from(ISSUER.parse().unwrap())
}
