//! What a tool wanted is asked for at once the next time: attacks on that memory first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aims::credential::{Fetch, FetchError, FetchRequest, Fetched, Post, PostRequest, Posted};
use aims::keys::{Algorithm, BoxFuture, SoftwareKey};
use aims::oauth::{
    AccessTokenVerifier, ClientCredential, ClientKey, ErrorCode, Parameters, RedirectUri, Scope,
    SenderConstraint, StepUp, TokenClient, TokenNeed,
};
use aims::{AgentError, AttachError, TokenAgent, backend};
use aims_testkit::{TestAuthorizationServer, TestClock};
use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use tower::{Layer, Service, ServiceExt};

use crate::support::NOW;

const TOOL: &str = "https://tools.example";
const OTHER: &str = "https://other.example";
const ISSUER: &str = "https://as.example";
const REDIRECT: &str = "https://agent.example/cb";
const AGENT: &str = "travel-agent";

/// The authorization server, by whose side somebody notes which scopes it is asked for.
#[derive(Clone)]
struct Noted {
    server: TestAuthorizationServer,
    asked: Arc<Mutex<Vec<String>>>,
    policy: Arc<Mutex<Policy>>,
}

/// What the server does besides what the testkit's does.
#[derive(Default)]
struct Policy {
    /// It has no such resource for whoever asks for all of this.
    refuses: Option<Scope>,
    /// It grants this never, and says so only by the scope of its answer.
    leaves_out: Option<Scope>,
}

impl std::fmt::Debug for Noted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Noted")
    }
}

impl Fetch for Noted {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        self.server.fetch(request)
    }
}

impl Post for Noted {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        let form = Parameters::parse(request.body().as_bytes()).unwrap();
        let asked = form.get("scope").unwrap().unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(asked.clone());
        let policy = self.policy.lock().unwrap();
        let scope = asked.parse::<Scope>().unwrap_or_default();
        if policy.refuses.as_ref().is_some_and(|refused| refused.is_subset_of(&scope)) {
            let body = br#"{"error":"invalid_scope"}"#.to_vec();
            return Box::pin(std::future::ready(Ok(Posted::new(400, Some("application/json"), body))));
        }
        let left = policy.leaves_out.as_ref().map(|out| scope.without(out).as_str().replace(' ', "+"));
        let Some(left) = left else { return self.server.post(request) };
        let body = request.body().replace(&asked.replace(' ', "+").replace(':', "%3A"), &left);
        Box::pin(async move {
            let request = PostRequest::form(request.url(), &body).with_fields(request.fields());
            self.server.post(request).await
        })
    }
}

/// A tool that takes a token of the server whose scope has what it wants, and asks for that otherwise.
#[derive(Clone)]
struct Tool {
    verifier: AccessTokenVerifier,
    /// What it wants of the requests to come: of the last one, for ever.
    wants: Arc<Mutex<VecDeque<String>>>,
    /// The scopes of the tokens that it got.
    got: Arc<Mutex<Vec<String>>>,
    /// It takes nothing, and wants ever more.
    is_greedy: bool,
}

impl Service<Request<Body>> for Tool {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let token = request.headers()["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let scope = self.verifier.verify(&token.parse().unwrap(), NOW).unwrap().scope().clone();
        self.got.lock().unwrap().push(scope.to_string());
        let mut wants = self.wants.lock().unwrap();
        let wanted: Scope = wants.front().unwrap().parse().unwrap();
        let mut response = Response::new(Body::empty());
        if !self.is_greedy && wanted.without(&offline()).is_subset_of(&scope) {
            if wants.len() > 1 {
                wants.pop_front();
            }
            return std::future::ready(Ok(response));
        }
        if self.is_greedy {
            wants.rotate_left(1);
        }
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{wanted}""#);
        *response.status_mut() = StatusCode::FORBIDDEN;
        response.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
        std::future::ready(Ok(response))
    }
}

struct World {
    noted: Noted,
    tokens: TokenClient,
    agent: TokenAgent,
}

impl World {
    fn new() -> Self {
        Self::with("trips:read trips:book trips:pay offline_access")
    }

    fn with(scope: &str) -> Self {
        let clock = TestClock::at(NOW);
        let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
        let server = TestAuthorizationServer::builder(ISSUER, clock.reader())
            .client(AGENT, &*key, &[REDIRECT])
            .resource(TOOL, scope)
            .resource(OTHER, "mail:send trips:book")
            .build();
        let noted = Noted { server, asked: Arc::default(), policy: Arc::default() };
        let credential = ClientCredential::key(ClientKey::new(AGENT, key, None).unwrap());
        let tokens = TokenClient::builder(noted.clone(), clock.reader(), backend::ring())
            .server(ISSUER.parse().unwrap(), credential, SenderConstraint::dangerous_bearer())
            .build();
        Self { noted, agent: TokenAgent::new(tokens.clone()), tokens }
    }

    fn tool(&self, wants: &[&str]) -> Tool {
        self.tool_at(TOOL, wants)
    }

    fn tool_at(&self, resource: &str, wants: &[&str]) -> Tool {
        let verifier = AccessTokenVerifier::builder(
            resource.parse().unwrap(),
            self.noted.server.trusted(),
            backend::ring(),
        );
        Tool {
            verifier: verifier.build(),
            wants: Arc::new(Mutex::new(wants.iter().map(ToString::to_string).collect())),
            got: Arc::default(),
            is_greedy: false,
        }
    }

    /// One request, after which no token is kept.
    async fn call(
        &self,
        tool: &Tool,
        need: &TokenNeed,
    ) -> Result<StatusCode, AgentError<std::convert::Infallible>> {
        let uri = format!("{}/book", need.resource().as_str());
        let mut request = Request::post(uri).body(Body::from("Oslo")).unwrap();
        request.extensions_mut().insert(need.clone());
        let answer = self.agent.layer().layer(tool.clone()).oneshot(request).await;
        self.tokens.forget_all();
        answer.map(|response| response.status())
    }

    /// What the server was asked for since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.noted.asked.lock().unwrap())
    }

    fn refuse(&self, scope: &str) {
        self.noted.policy.lock().unwrap().refuses = Some(scope.parse().unwrap());
    }
}

fn offline() -> Scope {
    "offline_access".parse().unwrap()
}

fn need(scope: &str) -> TokenNeed {
    need_at(TOOL, scope)
}

fn need_at(resource: &str, scope: &str) -> TokenNeed {
    let need = TokenNeed::of(resource.parse().unwrap()).from(ISSUER.parse().unwrap());
    need.scope(scope.parse().unwrap())
}

#[tokio::test]
async fn cha_5_mcp_12_a_tool_that_wants_ever_more_and_takes_nothing_is_not_believed() {
    let world = World::with("trips:read s0 s1 s2 s3 s4 s5 s6 s7");
    let tool = Tool { is_greedy: true, ..world.tool(&["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"]) };
    for _ in 0..3 {
        // The guard against loops: the first, and two step-ups.
        assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::FORBIDDEN);
        assert_eq!(std::mem::take(&mut *tool.got.lock().unwrap()).len(), 3);
        // Nothing of it helped, so nothing of it is asked for by itself.
        assert_eq!(world.asked()[0], "trips:read");
    }
}

#[tokio::test]
async fn mcp_12_wir_9_a_tool_that_wants_ever_more_scopes_gets_the_agent_to_ask_for_few_of_them() {
    let names: Vec<String> = (0..60).map(|n| format!("s{n:02}-{}", "x".repeat(60))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::with(&format!("trips:read {}", names.join(" ")));
    let tool = world.tool(&names);
    let mut longest = 0;
    for _ in &names {
        assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
        let asked = world.asked();
        assert_eq!(asked.len(), 2);
        longest = longest.max(asked[0].len());
    }
    assert!((900..=1024 + "trips:read ".len()).contains(&longest), "{longest}");
}

#[tokio::test]
async fn mcp_15_a_tool_that_wants_the_scope_of_another_resource_gets_none_and_nothing_of_it_is_remembered() {
    let world = World::new();
    let tool = world.tool(&["mail:send"]);
    for _ in 0..2 {
        let error = world.call(&tool, &need("trips:read")).await.unwrap_err();
        let words = "wanted more, and there is no token for the scope trips:read mail:send: the server";
        assert!(error.to_string().contains(words), "{error}");
        let AgentError::Attach(AttachError::StepUp { error, scope, resource }) = error else {
            panic!("{error:?}")
        };
        assert_eq!((scope.as_str(), resource.as_str()), ("trips:read mail:send", TOOL));
        assert_eq!(error.error_code(), Some(ErrorCode::InvalidScope));
        assert_eq!(world.asked(), ["trips:read", "trips:read mail:send"]);
    }
    // What one tool wanted, and got, is asked for at no other, and for no other need.
    world.call(&world.tool(&["trips:book"]), &need("trips:read")).await.unwrap();
    world.asked();
    world.call(&world.tool_at(OTHER, &["mail:send"]), &need_at(OTHER, "mail:send")).await.unwrap();
    world.call(&world.tool(&["trips:pay"]), &need("trips:pay")).await.unwrap();
    assert_eq!(world.asked(), ["mail:send", "trips:pay"]);
}

#[tokio::test]
async fn mcp_5_offline_access_is_not_remembered() {
    let world = World::new();
    let tool = world.tool(&["trips:book offline_access"]);
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
    assert_eq!(world.asked(), ["trips:read", "trips:read trips:book", "trips:read trips:book"]);
}

#[tokio::test]
async fn mcp_12_what_a_tool_wanted_is_asked_for_at_once_the_next_time() {
    let world = World::new();
    let tool = world.tool(&["trips:book", "trips:book", "trips:pay", "trips:read"]);
    for calls in [2, 1, 2, 1] {
        assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
        assert_eq!(std::mem::take(&mut *tool.got.lock().unwrap()).len(), calls);
    }
    let (read, book, pay) = ("trips:read", "trips:read trips:book", "trips:read trips:book trips:pay");
    assert_eq!(world.asked(), [read, book, book, book, pay, pay]);
    // The order of a scope says nothing; and another agent knows nothing of it.
    world.call(&world.tool(&["trips:pay"]), &need("trips:read")).await.unwrap();
    assert_eq!(world.asked(), [pay]);
    let other = World { agent: TokenAgent::new(world.tokens.clone()), ..world };
    other.call(&other.tool(&["trips:read"]), &need("trips:read")).await.unwrap();
    assert_eq!(other.asked(), [read]);
}

#[tokio::test]
async fn mcp_12_cha_5_what_the_server_gives_no_more_is_forgotten_and_no_request_fails_for_it() {
    let world = World::new();
    let tool = world.tool(&["trips:book", "trips:read"]);
    world.call(&tool, &need("trips:read")).await.unwrap();
    world.asked();
    world.refuse("trips:book");
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
    assert_eq!(world.asked(), ["trips:read trips:book", "trips:read", "trips:read"]);
    // Where not even that is to be had, the error is the server's.
    world.refuse("trips:read");
    let error = world.call(&tool, &need("trips:read")).await.unwrap_err();
    let AgentError::Attach(AttachError::Token(error)) = error else { panic!("{error:?}") };
    assert_eq!(error.error_code(), Some(ErrorCode::InvalidScope));
    assert_eq!(world.asked(), ["trips:read"]);
}

#[tokio::test]
async fn mcp_12_cha_5_what_the_server_gives_not_together_is_had_one_by_one() {
    let world = World::new();
    world.refuse("trips:book trips:pay");
    let tool = world.tool(&["trips:book", "trips:pay", "trips:book"]);
    for calls in [2, 3, 3] {
        assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
        assert_eq!(std::mem::take(&mut *tool.got.lock().unwrap()).len(), calls);
    }
    // With the memory or without, no more than two step-ups for one request.
    let greedy = Tool { is_greedy: true, ..world.tool(&["trips:pay", "trips:book"]) };
    let answered = world.call(&greedy, &need("trips:read")).await;
    assert!(!answered.is_ok_and(|status| status.is_success()));
    assert!(greedy.got.lock().unwrap().len() <= 3);
}

#[tokio::test]
async fn mcp_12_what_the_server_silently_leaves_out_is_not_remembered() {
    let world = World::new();
    world.noted.policy.lock().unwrap().leaves_out = Some("trips:pay".parse().unwrap());
    let tool = world.tool(&["trips:book trips:pay"]);
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::FORBIDDEN);
    world.asked();
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::FORBIDDEN);
    assert_eq!(world.asked()[0], "trips:read");
    // What it gave before, and leaves out now, is forgotten: the next request asks for what was told.
    world.noted.policy.lock().unwrap().leaves_out = None;
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
    world.noted.policy.lock().unwrap().leaves_out = Some("trips:pay".parse().unwrap());
    world.asked();
    let tool = world.tool(&["trips:read"]);
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
    assert_eq!(world.call(&tool, &need("trips:read")).await.unwrap(), StatusCode::OK);
    assert_eq!(world.asked(), ["trips:read trips:book trips:pay", "trips:read"]);
}

#[tokio::test]
async fn mcp_12_what_a_user_granted_is_widened_by_the_user_each_time() {
    let world = World::new();
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let client = world.tokens.client(&ISSUER.parse().unwrap()).await.unwrap();
    let flow = client.authorize(&redirect).unwrap().resource(TOOL.parse().unwrap());
    let pending = world.tokens.begin(flow.scope("trips:read".parse().unwrap())).await.unwrap();
    let back = world.noted.server.approve(pending.url(), "user-1");
    let query = Parameters::parse(back.split_once('?').unwrap().1.as_bytes()).unwrap();
    let grant = world.tokens.redeem(pending, &query).await.unwrap();
    // The agent's own right was stepped up before.
    let tool = world.tool(&["trips:book"]);
    world.call(&tool, &need("trips:read")).await.unwrap();
    world.asked();
    for _ in 0..2 {
        let error = world.call(&tool, &need("trips:read").by(&grant)).await.unwrap_err();
        assert!(matches!(error, AgentError::StepUp { wanted: StepUp::Scope(_), .. }), "{error:?}");
    }
    assert!(world.asked().iter().all(|asked| asked == "trips:read"));
}
