//! An agent, a server, and what is between them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, HttpsUrl, Post, PostRequest, Posted};
use aims_keys::{BoxFuture, SoftwareKey, backend};
use aims_oauth::{
    AccessTokenVerifier, Authorized, BindingPolicy, ClientCredential, ClientKey, DpopProver, DpopVerifier,
    EndpointRequest, HeldToken, OAuthClient, Parameters, Possession, PresentedToken, RedirectUri,
    ResourceServer, SenderConstraint, ServerMetadata, TokenClient, UserGrant, VerifiedAccessToken,
};
use aims_proof::ReplayMemory;
use aims_testkit::{TestAuthorizationServer, TestAuthorizationServerBuilder, TestClock};

use crate::client_auth::support::key;
use crate::world::*;

pub(crate) const CLIENT: &str = "travel-agent";
pub(crate) const TOOL: &str = "https://tools.example/v1";
pub(crate) const REDIRECT: &str = "https://agent.example/cb";

/// The client, its key and its time, and the server that knows it.
pub(crate) struct World {
    pub(crate) clock: TestClock,
    pub(crate) key: Arc<SoftwareKey>,
    pub(crate) prover: DpopProver,
    pub(crate) server: TestAuthorizationServer,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|server| server)
    }

    pub(crate) fn with(
        build: impl FnOnce(TestAuthorizationServerBuilder) -> TestAuthorizationServerBuilder,
    ) -> Self {
        let (clock, key) = (TestClock::at(NOW), Arc::new(key()));
        let server = TestAuthorizationServer::builder(ISSUER, clock.reader())
            .client(CLIENT, &*key, &[REDIRECT])
            .resource(TOOL, "trips:read trips:book");
        Self { clock, key, prover: prover(), server: build(server).build() }
    }

    pub(crate) fn credential(&self) -> ClientCredential {
        ClientCredential::key(ClientKey::new(CLIENT, self.key.clone(), None).unwrap())
    }

    pub(crate) fn constraint(&self) -> SenderConstraint {
        SenderConstraint::dpop(self.prover.clone())
    }

    /// At the server as it is.
    pub(crate) fn client(&self) -> OAuthClient {
        self.client_of(self.server.metadata().clone())
    }

    pub(crate) fn client_of(&self, metadata: ServerMetadata) -> OAuthClient {
        OAuthClient::new(metadata, self.credential(), self.constraint(), backend::ring()).unwrap()
    }

    /// Over whatever is between client and server.
    pub(crate) fn tokens(&self, http: impl Post + 'static) -> TokenClient {
        TokenClient::builder(http, self.clock.reader(), backend::ring())
            .server(issuer(), self.credential(), self.constraint())
            .build()
    }

    /// What the tool makes of a request with this token.
    pub(crate) async fn called_with(&self, token: &HeldToken) -> Authorized {
        let tokens = AccessTokenVerifier::builder(tool(), self.server.trusted(), backend::ring()).build();
        let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(9), backend::ring()).build();
        let resource = ResourceServer::new(tokens, BindingPolicy::bound()).with_dpop(dpop);
        let fields = token.fields("POST", &https(TOOL), None, NOW).await.unwrap();
        let presented = PresentedToken::read([&**fields[0].1]).unwrap().unwrap();
        let checked = resource.verify(&presented, NOW).unwrap();
        let target = TOOL.parse().unwrap();
        let proof = resource.verify_dpop(&presented, &checked, [&**fields[1].1], "POST", &target, NOW);
        let proof = proof.unwrap().unwrap();
        resource.authorize(&presented, &checked, Possession::Dpop(&proof)).unwrap()
    }

    /// The tool reads the token.
    pub(crate) fn verify(&self, token: &HeldToken) -> VerifiedAccessToken {
        let verifier = AccessTokenVerifier::builder(tool(), self.server.trusted(), backend::ring()).build();
        verifier.verify(token.token(), self.clock.now()).unwrap()
    }

    pub(crate) async fn send(&self, request: &EndpointRequest) -> Posted {
        self.server.post(request.as_post()).await.unwrap()
    }
}

pub(crate) fn prover() -> DpopProver {
    DpopProver::new(Arc::new(key())).unwrap()
}

/// The query that the user's browser brings back.
pub(crate) fn query_of(url: &str) -> Parameters {
    Parameters::parse(url.split_once('?').unwrap().1.as_bytes()).unwrap()
}

/// What a user granted: `trips:read` and `trips:book` at the tool.
pub(crate) async fn granted(world: &World, tokens: &TokenClient) -> UserGrant {
    let redirect: RedirectUri = REDIRECT.parse().unwrap();
    let client = tokens.client(&issuer()).await.unwrap();
    let flow = client.authorize(&redirect).unwrap().resource(tool());
    let pending = tokens.begin(flow.scope("trips:read trips:book".parse().unwrap())).await.unwrap();
    let back = world.server.approve(pending.url(), USER);
    tokens.redeem(pending, &query_of(&back)).await.unwrap()
}

pub(crate) fn json(status: u16, body: &str) -> Posted {
    Posted::new(status, Some("application/json"), body.as_bytes().to_vec())
}

pub(crate) fn https(url: &str) -> HttpsUrl {
    url.parse().unwrap()
}

/// What is between client and server: it counts, and may answer in the server's place, once each.
#[derive(Clone)]
pub(crate) struct Between {
    server: TestAuthorizationServer,
    answers: Arc<Mutex<VecDeque<Result<Posted, FetchError>>>>,
    pages: Arc<Mutex<Vec<(String, String)>>>,
    posted: Arc<Mutex<Vec<String>>>,
    fetched: Arc<Mutex<Vec<String>>>,
    /// Whoever posts waits so often before the answer.
    slow: usize,
}

impl Between {
    pub(crate) fn of(server: &TestAuthorizationServer) -> Self {
        Self {
            server: server.clone(),
            answers: Arc::default(),
            pages: Arc::default(),
            posted: Arc::default(),
            fetched: Arc::default(),
            slow: 0,
        }
    }

    pub(crate) fn slow(self) -> Self {
        Self { slow: 3, ..self }
    }

    pub(crate) fn answers(&self, answer: Result<Posted, FetchError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// A document at another host.
    pub(crate) fn page(&self, url: &str, body: &str) {
        self.pages.lock().unwrap().push((url.to_owned(), body.to_owned()));
    }

    /// The metadata of a server of another domain, which takes grants.
    pub(crate) fn other_domain(&self, issuer: &str) {
        self.page(
            &format!("{issuer}/.well-known/oauth-authorization-server"),
            &format!(
                r#"{{"issuer":"{issuer}","token_endpoint":"{issuer}/token","token_endpoint_auth_methods_supported":["private_key_jwt"],
                "grant_types_supported":["urn:ietf:params:oauth:grant-type:jwt-bearer"]}}"#
            ),
        );
    }

    pub(crate) fn posted(&self) -> Vec<String> {
        std::mem::take(&mut *self.posted.lock().unwrap())
    }

    pub(crate) fn fetched(&self) -> Vec<String> {
        std::mem::take(&mut *self.fetched.lock().unwrap())
    }
}

impl std::fmt::Debug for Between {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Between")
    }
}

impl Fetch for Between {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let url = request.url().as_str().to_owned();
        self.fetched.lock().unwrap().push(url.clone());
        let page = self.pages.lock().unwrap().iter().find(|(known, _)| *known == url).cloned();
        if let Some((_, body)) = page {
            let fetched = Fetched::new(request.url().clone(), Some("application/json"), body.into_bytes());
            return Box::pin(std::future::ready(Ok(fetched)));
        }
        if url.starts_with(ISSUER) {
            return self.server.fetch(request);
        }
        Box::pin(std::future::ready(Err(FetchError::Status(404))))
    }
}

impl Post for Between {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        Box::pin(async move {
            self.posted.lock().unwrap().push(request.body().to_owned());
            for _ in 0..self.slow {
                tokio::task::yield_now().await;
            }
            let answer = self.answers.lock().unwrap().pop_front();
            match answer {
                Some(answer) => answer,
                None => self.server.post(request).await,
            }
        })
    }
}
