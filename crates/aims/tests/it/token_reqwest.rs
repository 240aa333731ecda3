//! `TokenAgent` for reqwest, over TLS on a real socket.

use std::sync::{Arc, Mutex};

use aims::credential::PeerMap;
use aims::keys::{Algorithm, SoftwareKey};
use aims::oauth::{
    AccessTokenVerifier, BindingPolicy, ClientCredential, DpopProver, DpopVerifier, ResourceMetadata,
    ResourceServer, SealedNonces, SenderConstraint, Shown, TokenClient, TokenNeed,
};
use aims::proof::ReplayMemory;
use aims::{
    Accept, Acceptor, Agent, AgentError, AttachError, Audiences, BundleSet, Callers, CurrentCredential,
    Guard, Listener, Permit, RecordMemory, SigningAgent, TokenAgent, backend,
};
use aims_testkit::{TestAuthority, TestAuthorizationServer, TestCertificates, TestClock};
use axum::response::Redirect;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, Method};
use reqwest::{Body, Client, ClientBuilder, Request};
use tokio::net::TcpListener;

use crate::support::NOW;

const TOOL: &str = "https://tools.example";
const ISSUER: &str = "https://as.example";
const AGENT: &str = "spiffe://acme.example/agents/travel";
const ORIGIN: &str = "spiffe://acme.example";

struct World {
    authority: TestAuthority,
    clock: TestClock,
    server: TestAuthorizationServer,
    credential: CurrentCredential,
    /// What the tool got, whether it let it in or not.
    got: Arc<Mutex<Vec<HeaderMap>>>,
    tls: Arc<rustls::ClientConfig>,
    address: std::net::SocketAddr,
}

impl World {
    async fn new(accept: Accept, shown: Shown) -> Self {
        let authority = TestAuthority::new(ORIGIN);
        let clock = TestClock::at(NOW);
        let server = TestAuthorizationServer::builder(ISSUER, clock.reader())
            .workloads("spiffe://acme.example/agents/*", authority.trust(), &[])
            .resource(TOOL, "trips:read trips:book")
            .build();
        let tokens = AccessTokenVerifier::builder(TOOL.parse().unwrap(), server.trusted(), backend::ring());
        let nonces = SealedNonces::generate(backend::ring()).unwrap();
        let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring());
        let about = ResourceMetadata::builder(TOOL.parse().unwrap()).scopes("trips:read".parse().unwrap());
        let resource = ResourceServer::new(tokens.build(), BindingPolicy::only(&[shown]))
            .with_dpop(dpop.require_nonces(nonces).build())
            .with_metadata(about.build().unwrap());
        let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse().unwrap());
        let guard =
            Guard::builder(Audiences::http(TOOL).unwrap(), BundleSet::from(authority.trust()), callers)
                .accept(accept)
                .access_tokens(resource)
                .clock(clock.reader())
                .recorder(RecordMemory::new())
                .build()
                .unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let sees = got.clone();
        let app = Router::new()
            .route("/trips", get(trips).post(trips))
            .route("/moved", get(|| async { Redirect::temporary("https://tools.example/trips") }))
            .layer(guard.layer())
            .layer(axum::middleware::map_request(move |request: axum::extract::Request| {
                sees.lock().unwrap().push(request.headers().clone());
                std::future::ready(request)
            }));

        let acme = TestCertificates::new(ORIGIN, NOW);
        let bundles = BundleSet::from(acme.trust());
        let end = |path| {
            let own = acme.current(path, NOW);
            acme.mutual_tls(own, &bundles, "spiffe://acme.example/**", &clock)
        };
        let acceptor = Acceptor::new(end("/tools/trips").server().unwrap()).with_clock(clock.reader());
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(Listener::new(tcp, acceptor), app).await });

        let tls = end("/agents/travel").client().unwrap().config().clone();
        let credential = CurrentCredential::new(authority.agent("/agents/travel", NOW).holder());
        Self { authority, clock, server, credential, got, tls, address }
    }

    fn agent(&self, constraint: SenderConstraint) -> TokenAgent {
        let credential = ClientCredential::wit_svid(AGENT.parse().unwrap(), self.credential.clone());
        let tokens = TokenClient::builder(self.server.clone(), self.clock.reader(), backend::ring())
            .server(ISSUER.parse().unwrap(), credential, constraint)
            .build();
        TokenAgent::new(tokens)
    }

    fn signing(&self) -> SigningAgent {
        Agent::new(self.credential.clone())
            .with_clock(self.clock.reader())
            .signing(BundleSet::from(self.authority.trust()), PeerMap::new())
    }

    /// The name leads to this machine; the tool is its certificate all the same.
    fn http(&self, client: ClientBuilder) -> Client {
        let tls = rustls::ClientConfig::clone(&self.tls);
        client.tls_backend_preconfigured(tls).resolve("tools.example", self.address).build().unwrap()
    }

    /// What each request showed of a token, since the last look.
    fn shown(&self) -> Vec<Option<String>> {
        let got = std::mem::take(&mut *self.got.lock().unwrap());
        let scheme = |fields: HeaderMap| {
            let value = fields.get("authorization")?.to_str().unwrap();
            Some(value.split_once(' ').unwrap().0.to_owned())
        };
        got.into_iter().map(scheme).collect()
    }
}

async fn trips(Extension(permit): Extension<Permit>, content: String) -> String {
    let authorization = permit.authorization().unwrap();
    format!("{} may {}, {content}", authorization.actor(), authorization.token().scope())
}

fn dpop() -> SenderConstraint {
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    SenderConstraint::dpop(DpopProver::new(Arc::new(key)).unwrap())
}

fn need() -> TokenNeed {
    TokenNeed::of(TOOL.parse().unwrap()).scope("trips:read".parse().unwrap())
}

fn request(path: &str) -> Request {
    Request::new(Method::GET, format!("{TOOL}{path}").parse().unwrap())
}

#[tokio::test]
async fn dpo_12_aims_19_a_reqwest_client_shows_tokens_and_answers_nonces() {
    let world = World::new(Accept::dpop(), Shown::Dpop).await;
    let (agent, client) = (world.agent(dpop()), world.http(Agent::client()));
    let need = need().from(ISSUER.parse().unwrap());
    let mut asked = request("/trips");
    *asked.method_mut() = Method::POST;
    *asked.body_mut() = Some(Body::from("a trip"));
    let response = agent.send(&client, asked, &need).await.unwrap();
    assert_eq!(response.status(), 200);
    // The content was sent whole, both times.
    assert_eq!(response.text().await.unwrap(), format!("{AGENT} may trips:read, a trip"));
    assert_eq!(world.shown(), vec![Some("DPoP".to_owned()); 2]);
    // The nonce is known by now.
    assert_eq!(agent.send(&client, request("/trips"), &need).await.unwrap().status(), 200);
    assert_eq!(world.shown().len(), 1);

    // What can be sent once alone, cannot be answered: nothing is sent.
    let mut streams = request("/trips");
    *streams.body_mut() = Some(Body::wrap_stream(tokio_stream::iter([Ok::<_, std::io::Error>("x")])));
    let refused = agent.send(&client, streams, &need).await;
    assert!(matches!(refused, Err(AgentError::Attach(AttachError::Streaming))));
    // Nor anything to a path that a token of another server would be for.
    let elsewhere = Request::new(Method::GET, "https://evil.example/trips".parse().unwrap());
    assert!(matches!(agent.send(&client, elsewhere, &need).await, Err(AgentError::Attach(_))));
    assert!(world.shown().is_empty());
}

#[tokio::test]
async fn mcp_7_mcp_15_a_reqwest_client_asks_first_where_it_was_told_to() {
    let world = World::new(Accept::dpop(), Shown::Dpop).await;
    let client = world.http(Agent::client());
    let agent = world.agent(dpop()).asking_first();
    // A need that says its server asks nobody.
    let known = need().from(ISSUER.parse().unwrap());
    assert_eq!(agent.send(&client, request("/trips"), &known).await.unwrap().status(), 200);
    assert!(world.shown().iter().all(Option::is_some));

    // Not without TLS, nor elsewhere.
    for url in ["http://tools.example/trips", "https://evil.example/trips"] {
        let refused = agent.send(&client, Request::new(Method::GET, url.parse().unwrap()), &need()).await;
        assert!(matches!(refused, Err(AgentError::Attach(_))), "{url}");
    }
    // The first request shows nothing, and is told where the metadata are; which this test's network does not have.
    let failed = agent.send(&client, request("/trips"), &need()).await;
    assert!(matches!(failed, Err(AgentError::Attach(AttachError::Token(_)))), "{failed:?}");
    assert_eq!(world.shown(), [None]);
}

#[tokio::test]
async fn aims_30_sec_14_signed_requests_with_tokens_go_where_they_were_sent() {
    let world = World::new(Accept::signature(), Shown::Signature).await;
    let agent = world.agent(SenderConstraint::signature(world.credential.clone()));
    let (signing, client) = (world.signing(), world.http(Agent::client()));
    let need = need().from(ISSUER.parse().unwrap());
    let response = agent.send_signed(&signing, &client, request("/trips"), &need).await.unwrap();
    assert_eq!(response.text().await.unwrap(), format!("{AGENT} may trips:read, "));
    // A token bound to the WIT's key counts for nothing without the signature, and the tool's word stands.
    let refused = agent.send(&client, request("/trips"), &need).await.unwrap();
    assert_eq!(refused.status(), 401);
    // A redirect is an answer; a client that follows it, took the token where it was not meant to go.
    let moved = agent.send_signed(&signing, &client, request("/moved"), &need).await.unwrap();
    assert_eq!(moved.status(), 307);
    let follows = world.http(Client::builder());
    let found = agent.send_signed(&signing, &follows, request("/moved"), &need).await;
    assert!(matches!(found, Err(AgentError::Redirected)), "{found:?}");
}
