//! oidc-provider for Node, as the authorization servers of our client: discovery, every grant that both have, and what is done with the tokens. Requests go over
//! `https` on loopback, through the fetcher that guards the network.

mod approvals;
mod attacks;
mod attested;
mod own;
mod tokens;
mod users;

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use aims_credential::{Post, PostRequest, Posted};
use aims_jose::Jwk;
use aims_keys::{SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AccessTokenVerifier, ClientCredential, ClientKey, DpopProver, Endpoint, HeldToken, Issuer, NewParameters,
    OAuthClient, Parameters, PendingAuthorization, RedirectUri, Resource, SenderConstraint, TokenClient,
    TokenNeed, TrustedIssuer, VerifiedAccessToken,
};
use aims_workload_api::fetch::{GuardedFetch, GuardedFetchBuilder, WebTrust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::peer::{Peer, installed, or_skip, script};
use crate::support::key;

const AGENT: &str = "spiffe://acme.example/agents/travel";
/// A client that is known by the word of an attester.
const ATTESTED: &str = "attested-agent";
const REDIRECT: &str = "https://agent.example/callback";
/// A resource whose tokens are JWTs.
const TOOL: &str = "https://tools.example/v1";
/// A client of the servers that asks about tokens.
const TOOL_CLIENT: &str = "https://tools.example";
/// A resource whose tokens say nothing.
const OPAQUE: &str = "https://opaque.example";
const USER: &str = "user-1";

/// Two servers of one process, and the keys that they know their clients by.
struct Servers {
    peer: Peer,
    issuers: [Issuer; 2],
    root: CertificateDer<'static>,
    agent: Arc<SoftwareKey>,
    attester: Arc<SoftwareKey>,
    tool: Arc<SoftwareKey>,
}

/// The servers, started once.
fn servers() -> Option<&'static Servers> {
    static SERVERS: LazyLock<Option<Servers>> = LazyLock::new(Servers::start);
    or_skip(SERVERS.as_ref(), "oidc-provider for Node 20")
}

impl Servers {
    fn start() -> Option<Self> {
        let mut command = Command::new("node");
        command.arg(script("node/oidc.mjs")).arg(installed("node")?);
        let peer = Peer::start(&mut command, "9.13.3")?;

        let authority = authority();
        let server_key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let server = server.signed_by(&server_key, &authority).unwrap();
        let (agent, attester, tool) = (key(), key(), key());
        let issuers = peer.ask(&json!({
            "task": "start",
            "ca": authority.pem(),
            "certificate": server.pem(),
            "key": server_key.serialize_pem(),
            "attester": public(&attester),
            "clients": [
                {
                    "client_id": ATTESTED,
                    "token_endpoint_auth_method": "attest_jwt_client_auth",
                    "grant_types": ["authorization_code", "client_credentials", "refresh_token"],
                    "redirect_uris": [REDIRECT],
                    "response_types": ["code"],
                    "dpop_bound_access_tokens": true,
                },
                with(registered(AGENT, &agent), &json!({
                    "grant_types": [
                        "authorization_code", "client_credentials", "refresh_token",
                        "urn:openid:params:grant-type:ciba",
                    ],
                    "redirect_uris": [REDIRECT, "https://agent.example/other"],
                    "response_types": ["code"],
                    "authorization_details_types": ["trip"],
                    "dpop_bound_access_tokens": true,
                    "backchannel_token_delivery_mode": "poll",
                })),
                with(registered(TOOL_CLIENT, &tool), &json!({
                    "grant_types": [], "redirect_uris": [], "response_types": [],
                })),
            ],
        }));
        let issuers = issuers.unwrap();
        let issuers = [0, 1].map(|which| text(&issuers[which]).parse().unwrap());
        Some(Self { peer, issuers, root: authority.der().clone(), agent, attester, tool })
    }

    /// The first of them.
    fn issuer(&self) -> &Issuer {
        &self.issuers[0]
    }

    /// It follows into nothing but the servers.
    fn http(&self) -> GuardedFetch {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = WebTrust::anchors([self.root.clone()]).unwrap();
        let builder = GuardedFetch::builder(trust, provider).allow_private_host("127.0.0.1");
        let ports = self.issuers.iter().map(|issuer| issuer.as_url().port());
        ports.fold(builder, GuardedFetchBuilder::allow_port).build().unwrap()
    }

    /// The user of this name agrees: the query that the browser brings back.
    fn approve(&self, pending: &PendingAuthorization, user: &str) -> Parameters {
        self.browse(pending.url(), user, "yes")
    }

    fn browse(&self, url: &str, user: &str, says: &str) -> Parameters {
        let question = json!({ "task": "browse", "url": url, "user": user, "says": says });
        let url = text(&self.peer.ask(&question).unwrap());
        let query = url.strip_prefix(REDIRECT).and_then(|rest| rest.strip_prefix('?'));
        Parameters::parse(query.unwrap_or_else(|| panic!("{url}")).as_bytes()).unwrap()
    }

    /// The user decides who was asked elsewhere.
    fn decide(&self, id: &str, says: &str) {
        let question = json!({ "task": "decide", "issuer": self.issuer().as_str(), "id": id, "says": says });
        self.peer.ask(&question).unwrap();
    }
}

/// What one test has: an agent with a key of its own for its tokens, at both servers.
struct World {
    servers: &'static Servers,
    clock: Ahead,
    prover: DpopProver,
    tokens: TokenClient,
}

impl World {
    /// `None` where the servers are not there.
    fn new() -> Option<Self> {
        Self::known_by(Servers::credential)
    }

    /// With another credential.
    fn known_by(credential: impl FnOnce(&Servers) -> ClientCredential) -> Option<Self> {
        let servers = servers()?;
        let (clock, prover) = (Ahead::default(), DpopProver::new(key()).unwrap());
        let tokens = servers.tokens(&clock, &credential(servers), &SenderConstraint::dpop(prover.clone()));
        Some(Self { servers, clock, prover, tokens })
    }

    /// The tool at both servers: it asks about tokens, and gets none.
    fn tool(&self) -> TokenClient {
        let credential = ClientCredential::key(self.servers.tool_key());
        self.servers.tokens(&self.clock, &credential, &SenderConstraint::dangerous_bearer())
    }

    fn now(&self) -> UnixTime {
        self.tokens.now().unwrap()
    }

    /// The agent at the first server.
    async fn client(&self) -> OAuthClient {
        self.tokens.client(self.servers.issuer()).await.unwrap()
    }

    fn need(&self, resource: &str) -> TokenNeed {
        let need = TokenNeed::of(resource.parse().unwrap()).from(self.servers.issuer().clone());
        need.scope("trips:read".parse().unwrap())
    }

    /// A user is asked for this scope at a resource.
    async fn ask(&self, resource: &str, scope: &str) -> PendingAuthorization {
        let flow = self.client().await.authorize(&redirect()).unwrap();
        let flow = flow.resource(resource.parse().unwrap()).scope(scope.parse().unwrap());
        self.tokens.begin(flow.session("browser-1")).await.unwrap()
    }

    /// The resource reads the token, with the keys that the server's metadata lead to.
    async fn verify(&self, resource: &str, token: &HeldToken) -> VerifiedAccessToken {
        let verifier = self.verifier(resource);
        verifier.prepare(token.token(), self.now()).await.unwrap();
        verifier.verify(token.token(), self.now()).unwrap()
    }

    fn verifier(&self, resource: &str) -> AccessTokenVerifier {
        AccessTokenVerifier::builder(resource.parse().unwrap(), self.trusted(), backend::ring()).build()
    }

    /// The first server, whose keys are where its metadata say.
    fn trusted(&self) -> TrustedIssuer {
        TrustedIssuer::following(self.servers.issuer().clone(), self.servers.http(), backend::ring())
    }

    /// What our client does not send: any form, by the agent.
    async fn post(&self, endpoint: Endpoint, mut form: NewParameters) -> Posted {
        let client = self.client().await;
        let url = client.server().endpoint(endpoint).unwrap().clone();
        let assertion = self.servers.agent_key().assertion(self.servers.issuer()).sign(self.now()).await;
        assertion.unwrap().add_to(&mut form);
        let request = PostRequest::form(&url, form.as_str()).accept("application/json");
        self.servers.http().post(request).await.unwrap()
    }
}

impl Servers {
    fn agent_key(&self) -> ClientKey {
        ClientKey::new(AGENT, self.agent.clone(), Some("key-1")).unwrap()
    }

    fn tool_key(&self) -> ClientKey {
        ClientKey::new(TOOL_CLIENT, self.tool.clone(), Some("key-1")).unwrap()
    }

    fn credential(&self) -> ClientCredential {
        ClientCredential::key(self.agent_key())
    }

    /// A client at both servers.
    fn tokens(
        &self,
        clock: &Ahead,
        credential: &ClientCredential,
        constraint: &SenderConstraint,
    ) -> TokenClient {
        let client = TokenClient::builder(self.http(), clock.reader(), backend::ring());
        let issuers = self.issuers.iter();
        let client = issuers.fold(client, |client, issuer| {
            client.server(issuer.clone(), credential.clone(), constraint.clone())
        });
        client.build()
    }
}

/// A clock that runs with that of the servers, and may be put forward.
#[derive(Clone, Default)]
struct Ahead(Arc<AtomicU64>);

impl Ahead {
    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn reader(&self) -> impl Fn() -> SystemTime + Send + Sync + use<> {
        let ahead = Arc::clone(&self.0);
        move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::Relaxed))
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    // Another name than the servers have, or they would seem to vouch for themselves.
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What the servers know of a client that signs with this key.
fn registered(client_id: &str, key: &SoftwareKey) -> Value {
    json!({ "client_id": client_id, "jwks": { "keys": [public(key)] } })
}

fn public(key: &SoftwareKey) -> Value {
    let jwk = Jwk::new(key.public_key().clone()).with_key_id("key-1").unwrap();
    serde_json::from_str(&jwk.to_json()).unwrap()
}

fn with(mut question: Value, more: &Value) -> Value {
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    question
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn redirect() -> RedirectUri {
    REDIRECT.parse().unwrap()
}

fn resource(name: &str) -> Resource {
    name.parse().unwrap()
}
