//! An authorization server, a tool that believes it, and its callers.

use std::fmt;
use std::sync::Arc;

use aims::credential::{MarkTable, PeerMap};
use aims::jose::{Jwk, JwkSet, Thumbprint};
use aims::keys::{Algorithm, AsyncSigner, Signer, SoftwareKey};
use aims::oauth::{
    AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier, AccessTokenVerifierBuilder, BindingPolicy,
    Issuer, Resource, ResourceServer, TokenBinding, TrustedIssuer,
};
use aims::{
    Agent, Audiences, BundleSet, Callers, CurrentCredential, Decide, Guard, GuardBuilder, GuardError,
    JsonLines, Permit, SigningAgent, backend,
};
use aims_testkit::{TestAgent, TestAuthority, TestClock};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::support::{NOW, Records};

pub(super) const URI: &str = "https://tools.example/v1/book";

/// An authorization server, a tool that believes it, and the agents of one trust domain.
pub(super) struct World {
    pub(super) authority: TestAuthority,
    pub(super) clock: TestClock,
    pub(super) records: Records,
    pub(super) marks: Arc<MarkTable>,
    pub(super) server: Arc<SoftwareKey>,
    pub(super) keys: TrustedIssuer,
    pub(super) guard: Guard,
    pub(super) app: Router,
}

/// How such a world is made.
pub(super) struct Setup {
    decide: Arc<dyn Decide>,
    trusted: Box<dyn FnOnce(&SoftwareKey) -> TrustedIssuer>,
    resource: Box<dyn FnOnce(AccessTokenVerifierBuilder) -> ResourceServer>,
    guard: Box<dyn FnOnce(GuardBuilder) -> GuardBuilder>,
}

impl Setup {
    pub(super) fn new() -> Self {
        Self {
            decide: Arc::new(Callers::new().pattern("spiffe://acme.example/agents/*".parse().unwrap())),
            trusted: Box::new(|server| TrustedIssuer::new(issuer(), published(server))),
            resource: Box::new(|tokens| ResourceServer::new(tokens.build(), BindingPolicy::bound())),
            guard: Box::new(|guard| guard),
        }
    }

    pub(super) fn deciding(self, decide: impl Decide + 'static) -> Self {
        Self { decide: Arc::new(decide), ..self }
    }

    pub(super) fn trusting(self, trusted: impl FnOnce(&SoftwareKey) -> TrustedIssuer + 'static) -> Self {
        Self { trusted: Box::new(trusted), ..self }
    }

    pub(super) fn resource(
        self,
        resource: impl FnOnce(AccessTokenVerifierBuilder) -> ResourceServer + 'static,
    ) -> Self {
        Self { resource: Box::new(resource), ..self }
    }

    pub(super) fn guard(self, guard: impl FnOnce(GuardBuilder) -> GuardBuilder + 'static) -> Self {
        Self { guard: Box::new(guard), ..self }
    }

    pub(super) fn build(self) -> World {
        self.try_build().unwrap()
    }

    pub(super) fn try_build(self) -> Result<World, GuardError> {
        let authority = TestAuthority::new("spiffe://acme.example");
        let (clock, records) = (TestClock::at(NOW), Records::default());
        let marks = Arc::new(MarkTable::with_capacity(100));
        let server = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
        let keys = (self.trusted)(&server);
        let tokens = AccessTokenVerifier::builder(tool(), keys.clone(), backend::ring());
        let resource = (self.resource)(tokens.marks(Arc::clone(&marks)));
        let trust = BundleSet::from(authority.trust());
        let guard = Guard::builder(Audiences::http("https://tools.example").unwrap(), trust, self.decide)
            .access_tokens(resource)
            .marks(Arc::clone(&marks))
            .clock(clock.reader())
            .recorder(JsonLines::new(records.clone()));
        let guard = (self.guard)(guard).build()?;
        let app = Router::new().fallback(book).layer(Extension(guard.clone())).layer(guard.layer());
        Ok(World { authority, clock, records, marks, server, keys, guard, app })
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.fmt(f)
    }
}

impl World {
    pub(super) fn new() -> Self {
        Setup::new().build()
    }

    pub(super) fn travel(&self) -> TestAgent {
        self.authority.agent("/agents/travel", NOW)
    }

    pub(super) fn signing(&self, agent: &TestAgent) -> SigningAgent {
        Agent::new(CurrentCredential::new(agent.holder()))
            .with_clock(self.clock.reader())
            .signing(BundleSet::from(self.authority.trust()), PeerMap::new())
    }

    pub(super) fn issue(&self, request: &AccessTokenRequest<'_>) -> String {
        let issuer =
            AccessTokenIssuer::new("https://as.example".parse().unwrap(), self.server.clone(), "as-1")
                .unwrap();
        issuer.issue(request, NOW).unwrap().into_token().expose().to_owned()
    }

    /// A request that an agent signed, with this in `Authorization`.
    pub(super) async fn request(&self, agent: &TestAgent, authorization: Option<&str>) -> Request<Body> {
        let mut request = Request::post(URI);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let (mut head, body) = request.body(Body::empty()).unwrap().into_parts();
        self.signing(agent).attach(&mut head, b"").await.unwrap();
        let (path, host) = (head.uri.path_and_query().unwrap().as_str().parse().unwrap(), "tools.example");
        head.uri = path;
        head.headers.insert("host", host.parse().unwrap());
        Request::from_parts(head, body)
    }

    pub(super) async fn call(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (head.status, head.headers, body)
    }

    pub(super) async fn assert_refused(
        &self,
        request: Request<Body>,
        status: u16,
        public: &str,
        code: &str,
        rule: &str,
    ) -> Vec<String> {
        let (got, headers, body) = self.call(request).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((got.as_u16(), problem["code"].as_str().unwrap()), (status, public), "{body}");
        let record = self.records.last();
        assert_eq!(
            (&record["decision"]["reasons"][0], &record["decision"]["policy_id"][0]),
            (&code.into(), &rule.into())
        );
        headers.get_all("www-authenticate").iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }
}

pub(super) fn tool() -> Resource {
    "https://tools.example".parse().unwrap()
}

pub(super) fn issuer() -> Issuer {
    "https://as.example".parse().unwrap()
}

pub(super) fn published(key: &SoftwareKey) -> JwkSet {
    JwkSet::new(vec![Jwk::new(Signer::public_key(key).clone()).with_key_id("as-1").unwrap()]).unwrap()
}

pub(super) fn bound(agent: &TestAgent) -> TokenBinding {
    let holder = agent.holder();
    TokenBinding::Key(Thumbprint::of(AsyncSigner::public_key(holder.signer(NOW).unwrap())))
}

pub(super) fn for_user(agent: &TestAgent) -> AccessTokenRequest<'_> {
    AccessTokenRequest::new("user-1", agent.id().as_str(), tool())
        .scope("trips:book".parse().unwrap())
        .bound_to(bound(agent))
}

/// Books for whoever the agent acts for.
pub(super) async fn book(
    Extension(permit): Extension<Permit>,
    Extension(guard): Extension<Guard>,
    headers: HeaderMap,
) -> Response {
    assert!(!headers.contains_key("authorization"), "a handler got the token");
    if let Err(shortfall) = permit.require_scope(&"trips:book".parse().unwrap()) {
        return guard.step_up(shortfall).to_response().into_response();
    }
    let authorization = permit.authorization().unwrap();
    format!("{} for {}", authorization.actor(), authorization.on_behalf_of().as_deref().unwrap_or("itself"))
        .into_response()
}
