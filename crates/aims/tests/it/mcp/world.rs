//! A server of the Model Context Protocol behind a guard, whose handler does nothing but count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aims::credential::MarkTable;
use aims::jose::{Jwk, JwkSet};
use aims::keys::{Algorithm, Signer, SoftwareKey};
use aims::mcp::{McpCalls, McpScopes};
use aims::oauth::{
    AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier, BindingPolicy, DpopProver, DpopVerifier,
    Resource, ResourceMetadata, ResourceServer, TokenBinding, TrustedIssuer,
};
use aims::proof::ReplayMemory;
use aims::{Accept, Audiences, BundleSet, Callers, Decide, Guard, GuardBuilder, JsonLines, Permit, backend};
use aims_testkit::TestClock;
use axum::body::Body;
use axum::{Extension, Router};
use http::request::Builder;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::support::{NOW, Records};

pub(super) const TRAVEL: &str = "spiffe://acme.example/agents/travel";

pub(super) const PLACE: &str = "/.well-known/oauth-protected-resource";

pub(super) struct World {
    pub(super) clock: Arc<TestClock>,
    pub(super) records: Records,
    pub(super) marks: Arc<MarkTable>,
    pub(super) guard: Guard,
    pub(super) app: Router,
    pub(super) handled: Arc<AtomicUsize>,
    issuer: Arc<SoftwareKey>,
}

pub(super) fn endpoint() -> Resource {
    "https://tools.example/mcp".parse().unwrap()
}

pub(super) fn scopes() -> McpScopes {
    McpScopes::builder()
        .every_request("trips".parse().unwrap())
        .tool("search", "trips:read".parse().unwrap())
        .tool("book", "trips:read trips:book".parse().unwrap())
        .prompt("itinerary", "trips:read".parse().unwrap())
        .resource("trips://7", "trips:read".parse().unwrap())
        .method("completion/complete", "trips:read".parse().unwrap())
        .implies("trips:write", "trips:book".parse().unwrap())
        .implies("trips:admin", "trips:write trips:read".parse().unwrap())
        .build()
        .unwrap()
}

pub(super) fn everybody() -> Callers {
    Callers::new().pattern("spiffe://acme.example/agents/*".parse().unwrap())
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(everybody(), BindingPolicy::bound().dangerous_or_bearer(), |guard| {
            guard.accept(Accept::dpop().or(Accept::dangerous_bearer()))
        })
    }

    pub(super) fn with(
        decide: impl Decide + 'static,
        policy: BindingPolicy,
        configure: impl FnOnce(GuardBuilder) -> GuardBuilder,
    ) -> Self {
        let (clock, records) = (Arc::new(TestClock::at(NOW)), Records::default());
        let issuer = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
        let key = Jwk::new(Signer::public_key(&*issuer).clone()).with_key_id("as-1").unwrap();
        let trusted =
            TrustedIssuer::new("https://as.example".parse().unwrap(), JwkSet::new(vec![key]).unwrap());
        let marks = Arc::new(MarkTable::with_capacity(100));
        let tokens = AccessTokenVerifier::builder(endpoint(), trusted, backend::ring());
        let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build();
        let about = ResourceMetadata::builder(endpoint()).scopes(scopes().supported().unwrap());
        let resource = ResourceServer::new(tokens.marks(Arc::clone(&marks)).build(), policy)
            .with_dpop(dpop)
            .with_metadata(about.build().unwrap());
        let guard =
            Guard::builder(Audiences::http("https://tools.example").unwrap(), BundleSet::new(), decide)
                .access_tokens(resource)
                .marks(Arc::clone(&marks))
                .clock(clock.reader())
                .recorder(JsonLines::new(records.clone()));
        let guard = configure(guard).build().unwrap();
        let handled = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&handled);
        let tool = move |Extension(permit): Extension<Permit>,
                         Extension(calls): Extension<McpCalls>,
                         headers: HeaderMap,
                         body: String| async move {
            count.fetch_add(1, Ordering::SeqCst);
            assert!(!headers.contains_key("authorization") && !headers.contains_key("dpop"), "a token");
            let calls: Vec<_> = calls.iter().map(ToString::to_string).collect();
            format!("{} {} {}", permit.caller().subject(), calls.join("+"), body.len())
        };
        let app = Router::new().fallback(tool).layer(guard.mcp(scopes()).unwrap());
        Self { clock, records, marks, guard, app, handled, issuer }
    }

    /// A token for the endpoint, bound to nothing.
    pub(super) fn token(&self, scope: &str) -> String {
        self.issue(&request(TRAVEL, scope))
    }

    pub(super) fn bound(&self, scope: &str, prover: &DpopProver) -> String {
        self.issue(&request(TRAVEL, scope).bound_to(TokenBinding::Key(prover.thumbprint())))
    }

    pub(super) fn issue(&self, request: &AccessTokenRequest<'_>) -> String {
        let issuer = "https://as.example".parse().unwrap();
        let issuer = AccessTokenIssuer::new(issuer, self.issuer.clone(), "as-1").unwrap();
        issuer.issue(request, NOW).unwrap().into_token().expose().to_owned()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn call(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let (head, body) = self.send(request).await.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (head.status, head.headers, body)
    }

    /// What is refused, by status, public code, and what was recorded; the handler never ran. Yields the challenges.
    pub(super) async fn assert_refused(
        &self,
        request: Request<Body>,
        status: u16,
        public: &str,
        code: &str,
        rule: &str,
    ) -> Vec<String> {
        let before = self.handled();
        let (got, headers, body) = self.call(request).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((got.as_u16(), problem["code"].as_str().unwrap()), (status, public), "{body}");
        let decision = &self.records.last()["decision"];
        assert_eq!((&decision["reasons"][0], &decision["policy_id"][0]), (&code.into(), &rule.into()));
        assert_eq!(self.handled(), before, "a handler ran");
        headers.get_all("www-authenticate").iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    pub(super) fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }
}

pub(super) fn request<'a>(client: &'a str, scope: &str) -> AccessTokenRequest<'a> {
    AccessTokenRequest::new("user-1", client, endpoint()).scope(scope.parse().unwrap())
}

pub(super) fn post() -> Builder {
    Request::post("/mcp").header("host", "tools.example").header("content-type", "application/json")
}

/// A request with this token, and this content.
pub(super) fn bearer(token: &str, content: impl Into<Body>) -> Request<Body> {
    post().header("authorization", format!("Bearer {token}")).body(content.into()).unwrap()
}

pub(super) fn message(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

pub(super) fn tool(name: &str) -> String {
    message("tools/call", &format!(r#"{{"name":"{name}","arguments":{{"to":"oslo"}}}}"#))
}
