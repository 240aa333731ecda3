//! An agent that meets a server for the first time, by its challenges.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aims::credential::{Fetch, FetchError, FetchRequest, Fetched, Post, PostRequest, Posted};
use aims::keys::{Algorithm, BoxFuture, SoftwareKey};
use aims::oauth::{
    AccessTokenVerifier, BindingPolicy, ClientCredential, ClientKey, DpopProver, DpopVerifier,
    ResourceMetadata, ResourceServer, SenderConstraint, TokenClient, TokenNeed,
};
use aims::proof::ReplayMemory;
use aims::{Accept, AgentError, Audiences, BundleSet, Guard, RecordMemory, TokenAgent, backend};
use aims_testkit::{TestAuthorizationServer, TestClock};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt};

use super::world::*;
use crate::support::NOW;

const MCP: &str = "https://tools.example/mcp";

/// Everything behind `https` here: the server of the protocol, and the authorization server.
#[derive(Clone)]
struct Net {
    app: Router,
    server: TestAuthorizationServer,
    called: Arc<Mutex<Vec<HeaderMap>>>,
    fetched: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Net")
    }
}

impl Service<Request<Body>> for Net {
    type Response = Response;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        *request.uri_mut() = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
        self.called.lock().unwrap().push(request.headers().clone());
        Box::pin(self.app.clone().oneshot(request))
    }
}

impl Fetch for Net {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        self.fetched.lock().unwrap().push(request.url().as_str().to_owned());
        let Some(path) = request.url().as_str().strip_prefix("https://tools.example") else {
            return self.server.fetch(request);
        };
        let (app, url, path) = (self.app.clone(), request.url().clone(), path.to_owned());
        Box::pin(async move {
            let answer = app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
            if answer.status() != StatusCode::OK {
                return Err(FetchError::Status(answer.status().as_u16()));
            }
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            Ok(Fetched::new(url, Some("application/json"), body.to_vec()))
        })
    }
}

impl Post for Net {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        self.server.post(request)
    }
}

struct Met {
    net: Net,
    agent: TokenAgent,
}

fn met(is_bearer: bool) -> Met {
    let clock = TestClock::at(NOW);
    let keys = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    let server = TestAuthorizationServer::builder("https://as.example", clock.reader())
        .client(TRAVEL, &*keys, &[])
        .resource(MCP, "trips trips:read trips:book trips:write trips:admin")
        .build();
    let tokens = AccessTokenVerifier::builder(endpoint(), server.trusted(), backend::ring()).build();
    let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
    let about = ResourceMetadata::builder(endpoint()).scopes(scopes().supported().unwrap());
    let resource = ResourceServer::new(tokens, BindingPolicy::bound().dangerous_or_bearer())
        .with_dpop(dpop)
        .with_metadata(about.build().unwrap());
    let guard =
        Guard::builder(Audiences::http("https://tools.example").unwrap(), BundleSet::new(), everybody())
            .access_tokens(resource)
            .accept(Accept::dpop().or(Accept::dangerous_bearer()))
            .clock(clock.reader())
            .recorder(RecordMemory::new())
            .build()
            .unwrap();
    let app = Router::new().fallback(|| async { "done" }).layer(guard.mcp(scopes()).unwrap());
    let net = Net { app, server, called: Arc::default(), fetched: Arc::default() };
    let prover = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let constraint = if is_bearer {
        SenderConstraint::dangerous_bearer()
    } else {
        SenderConstraint::dpop(DpopProver::new(Arc::new(prover)).unwrap())
    };
    let credential = ClientCredential::key(ClientKey::new(TRAVEL, keys.clone(), None).unwrap());
    let tokens = TokenClient::builder(net.clone(), clock.reader(), backend::ring())
        .server("https://as.example".parse().unwrap(), credential, constraint)
        .take_parent_resources()
        .ask_for_supported_scopes()
        .build();
    let agent = TokenAgent::new(tokens).needing(TokenNeed::of(endpoint())).asking_first();
    Met { net, agent }
}

async fn send(met: &Met, name: &str) -> Result<Response, AgentError<Infallible>> {
    let request = Request::post(MCP).header("mcp-method", "tools/call").header("mcp-name", name);
    met.agent.layer().layer(met.net.clone()).oneshot(request.body(Body::from(tool(name))).unwrap()).await
}

#[tokio::test]
async fn mcp_7_mcp_12_the_first_challenge_says_where_and_what_for() {
    for is_bearer in [false, true] {
        let met = met(is_bearer);
        assert_eq!(send(&met, "search").await.unwrap().status(), StatusCode::OK);
        let called = std::mem::take(&mut *met.net.called.lock().unwrap());
        assert_eq!(called.len(), 2);
        assert!(!called[0].contains_key("authorization"));
        let scheme = if is_bearer { "Bearer " } else { "DPoP " };
        assert!(called[1]["authorization"].to_str().unwrap().starts_with(scheme));
        // Where the challenge says, and nowhere else.
        assert_eq!(
            met.net.fetched.lock().unwrap()[0],
            "https://tools.example/.well-known/oauth-protected-resource/mcp"
        );
        // What the challenge said, and not all that there is.
        let token = met.agent.tokens().token(&TokenNeed::of(endpoint())).await.unwrap();
        assert_eq!(token.scope().unwrap(), &"trips trips:read".parse().unwrap());

        // Known by now: no request goes without a token; and more is had when more is wanted, with what was there before (MCP-4).
        assert_eq!(send(&met, "book").await.unwrap().status(), StatusCode::OK);
        let called = std::mem::take(&mut *met.net.called.lock().unwrap());
        assert_eq!(called.len(), 2);
        assert!(called.iter().all(|fields| fields.contains_key("authorization")));
    }
}

#[tokio::test]
async fn mcp_15_nothing_goes_out_first_that_is_for_another_server_or_without_tls() {
    let met = met(false);
    for target in ["http://tools.example/mcp", "https://tools.example/other", "https://evil.example/mcp"] {
        let request = Request::post(target).body(Body::from(tool("search"))).unwrap();
        let refused = met.agent.layer().layer(met.net.clone()).oneshot(request).await;
        assert!(matches!(refused, Err(AgentError::Attach(_))), "{target}");
    }
    let occupied = Request::post(MCP).header("authorization", "Bearer x").body(Body::empty()).unwrap();
    assert!(met.agent.layer().layer(met.net.clone()).oneshot(occupied).await.is_err());
    assert!(met.net.called.lock().unwrap().is_empty());
    // A tool that is open is answered as it is.
    let open = Net { app: Router::new().fallback(|| async { "open" }), ..met.net.clone() };
    let request = Request::post(MCP).body(Body::empty()).unwrap();
    let answer = met.agent.layer().layer(open).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn mcp_7_whoever_knows_the_server_asks_nobody() {
    let met = met(false);
    let need = TokenNeed::of(endpoint()).from("https://as.example".parse().unwrap());
    let need = need.scope("trips trips:read".parse().unwrap());
    let mut request = Request::post(MCP).body(Body::from(tool("search"))).unwrap();
    request.extensions_mut().insert(need);
    let answer = met.agent.layer().layer(met.net.clone()).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(met.net.called.lock().unwrap().len(), 1);
}
