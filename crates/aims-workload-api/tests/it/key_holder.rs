//! Credentials for keys that stay with their workload (ATT-21, ATT-22, ATT-96).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_credential::x509::{Role, SvidVerifier};
use aims_credential::{BundleSet, Credential, Holder, TrustBundle, WitVerifier};
use aims_keys::{Algorithm, AsyncSigner, SoftwareKey, backend};
use aims_provision::{Challenge, CredentialType, JoinTokens};
use aims_testkit::assert_refused;
use aims_workload_api::proto::key_holder as wire;
use aims_workload_api::{Endpoint, HeldKeySource, KeyHolderApi, KeyRequest, Unattested, WorkloadApiServer};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint as Target, Uri};
use tonic::{Code, Request, Response, Status};
use wire::issue_request::Proof;
use wire::key_holder_client::KeyHolderClient as Client;
use wire::key_holder_server::{KeyHolder, KeyHolderServer};

use crate::server::with_header;
use crate::support::*;

const AUDIENCE: &str = "spiffe://acme.example";

pub(crate) fn served(all: Vec<aims_provision::EntryBuilder>) -> Served {
    Served::with(all, |builder| builder.key_holders(AUDIENCE))
}

pub(crate) fn agent() -> Vec<aims_provision::EntryBuilder> {
    vec![entry(AGENT, &["unix:uid:1"]).hint("internal").dns_name("travel.acme.example")]
}

pub(crate) fn api(served: &Served) -> KeyHolderApi {
    KeyHolderApi::new(&served.endpoint(), AUDIENCE, backend::ring())
}

pub(crate) fn key() -> Arc<dyn AsyncSigner> {
    Arc::new(software_key())
}

fn software_key() -> SoftwareKey {
    SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap()
}

pub(crate) fn verify(server: &WorkloadApiServer, holder: &Holder) {
    let bundles = BundleSet::from(TrustBundle::clone(&server.authority().trust_bundle()));
    match holder.credential() {
        Credential::Svid(svid) => {
            let verifier = SvidVerifier::builder(bundles, backend::ring()).build();
            verifier.verify(&svid.chain()[0], &svid.chain()[1..], Role::Client, now()).unwrap();
        }
        Credential::Wit(wit) => {
            WitVerifier::builder(bundles, backend::ring()).build().verify(wit.token(), now()).unwrap();
        }
        _ => panic!("another credential"),
    }
}

#[tokio::test]
async fn att_22_a_workload_gets_credentials_for_the_key_that_it_keeps() {
    let served = served(agent());
    let key = key();
    let issued = api(&served).issue(&key, &KeyRequest::new(), now()).await.unwrap();
    for holder in [issued.wit.as_ref().unwrap(), issued.x509.as_ref().unwrap()] {
        assert_eq!(holder.subject().as_str(), AGENT);
        assert_eq!(holder.signer(now()).unwrap().public_key(), key.public_key());
        verify(&served.server, holder);
    }
    assert_eq!(issued.hint.as_deref(), Some("internal"));
    let only = |request| {
        let (api, key) = (api(&served), key.clone());
        async move {
            let issued = api.issue(&key, &request, now()).await.unwrap();
            (issued.wit.is_some(), issued.x509.is_some())
        }
    };
    assert_eq!(only(KeyRequest::new().wit()).await, (true, false));
    assert_eq!(only(KeyRequest::new().x509()).await, (false, true));
    // Renewal is the same again, with another key.
    let other = self::key();
    let issued = api(&served).issue(&other, &KeyRequest::new().previous(key), now()).await.unwrap();
    verify(&served.server, &issued.x509.unwrap());
}

#[tokio::test]
async fn wa_9_att_102_whoever_has_no_entry_gets_nothing_for_any_key() {
    let served = served(vec![
        entry(AGENT, &["unix:uid:2"]),
        entry("spiffe://acme.example/jwt", &["unix:uid:1"]).types([CredentialType::Jwt]),
    ]);
    assert_refused!(api(&served).issue(&key(), &KeyRequest::new(), now()).await, "permission_denied", "WA-9");
    assert_eq!(served.server.status().refused["type_not_granted"], 1);
    // Another's identity is not to be had by its name.
    served.server.set_entries(entries(vec![
        entry(AGENT, &["unix:uid:2"]),
        entry("spiffe://acme.example/own", &["unix:uid:1"]),
    ]));
    let asked = KeyRequest::new().id(AGENT.parse().unwrap());
    assert_refused!(api(&served).issue(&key(), &asked, now()).await, "permission_denied", "WA-9");
    api(&served).issue(&key(), &KeyRequest::new(), now()).await.unwrap();
    served.says.refuse(aims_attest::Reason::ProcessChanged);
    assert_refused!(api(&served).issue(&key(), &KeyRequest::new(), now()).await, "permission_denied", "WA-9");
}

#[tokio::test]
async fn wa_2_where_the_service_is_not_offered_the_workload_api_is_as_it_was() {
    let served = Served::new(agent());
    assert_refused!(api(&served).issue(&key(), &KeyRequest::new(), now()).await, "unimplemented", "WA-1");
    // Waiting for it does not help.
    let started = HeldKeySource::builder(api(&served), || Ok(key())).start();
    let started = tokio::time::timeout(Duration::from_secs(5), started).await.expect("it waits");
    assert_refused!(started, "unimplemented", "WA-1");
    served.api().fetch_x509().await.unwrap();
}

pub(crate) async fn raw(served: &Served) -> Client<Channel> {
    let path = served.path.clone();
    let connect = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Client::new(Target::from_static("http://localhost").connect_with_connector(connect).await.unwrap())
}

async fn challenge(client: &mut Client<Channel>) -> Challenge {
    let response = client.challenge(with_header(wire::ChallengeRequest {})).await.unwrap();
    Challenge::new(AUDIENCE, &response.into_inner().nonce).unwrap()
}

async fn issue(client: &mut Client<Channel>, proof: Option<Proof>) -> Result<wire::IssueResponse, Status> {
    let message = wire::IssueRequest {
        spiffe_id: String::new(),
        proof,
        types: Vec::new(),
        join_token: String::new(),
        previous: String::new(),
        evidence: Vec::new(),
    };
    client.issue(with_header(message)).await.map(tonic::Response::into_inner)
}

fn request(der: Vec<u8>, nonce: String) -> Proof {
    Proof::Request(wire::CertificateRequest { der, nonce })
}

#[tokio::test]
async fn att_21_a_proof_counts_once_on_its_own_connection_for_this_server() {
    let served = served(agent());
    let (mut client, mut other) = (raw(&served).await, raw(&served).await);
    let key = software_key();
    let proof = |challenge: &Challenge| {
        Some(Proof::Jws(challenge.prepare_proof(key.public_key(), now()).unwrap().sign(&key).unwrap()))
    };
    let one = challenge(&mut client).await;
    // Somebody else's challenge: refused, and still good for whom it was given to.
    assert_eq!(issue(&mut other, proof(&one)).await.unwrap_err().code(), Code::InvalidArgument);
    issue(&mut client, proof(&one)).await.unwrap();
    let again = issue(&mut client, proof(&one)).await.unwrap_err();
    assert_eq!(
        (again.code(), again.message()),
        (Code::InvalidArgument, "the proof of possession does not count")
    );
    // For another server.
    let nonce = challenge(&mut client).await.nonce();
    let elsewhere = Challenge::new("spiffe://bank.example", &nonce).unwrap();
    assert_eq!(issue(&mut client, proof(&elsewhere)).await.unwrap_err().code(), Code::InvalidArgument);
    // None, one of nonsense, and one without the header.
    for proof in [None, Some(Proof::Jws("x".into())), Some(request(vec![0x30, 0], nonce))] {
        assert_eq!(issue(&mut client, proof).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let bare = client.challenge(tonic::Request::new(wire::ChallengeRequest {})).await.unwrap_err();
    assert_eq!(bare.code(), Code::InvalidArgument);
    let refused = served.server.status().refused;
    assert!(refused["proof_missing"] == 1 && refused["security_header_missing"] == 1, "{refused:?}");
    // A bearer token is bound to no key.
    let message = wire::IssueRequest {
        spiffe_id: String::new(),
        proof: proof(&challenge(&mut client).await),
        types: vec!["jwt".into()],
        join_token: String::new(),
        previous: String::new(),
        evidence: Vec::new(),
    };
    assert_eq!(client.issue(with_header(message)).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn att_22_a_certificate_request_is_a_proof_and_cannot_ask_for_another_name() {
    let served = served(agent());
    let mut client = raw(&served).await;
    let key = software_key();
    let (agent, admin) = (AGENT.parse().unwrap(), "spiffe://acme.example/agents/admin".parse().unwrap());
    for (uri, dns, accepted) in [
        (None, None, true),
        (Some(&agent), Some("travel.acme.example"), true),
        (Some(&admin), None, false),
        (None, Some("admin.acme.example"), false),
    ] {
        let challenge = challenge(&mut client).await;
        let mut asked = challenge.certificate_request(key.public_key());
        if let Some(uri) = uri {
            asked = asked.subject(uri);
        }
        if let Some(dns) = dns {
            asked = asked.dns_name(dns);
        }
        let der = asked.prepare().unwrap().sign(&key).unwrap();
        let issued = issue(&mut client, Some(request(der, challenge.nonce()))).await;
        match issued {
            Ok(issued) => {
                assert!(accepted, "{uri:?} {dns:?}");
                assert_eq!(issued.spiffe_id.parse::<aims_id::WorkloadId>().as_ref(), Ok(&agent));
                assert!(!issued.wit.is_empty() && !issued.x509_svid.is_empty());
            }
            Err(status) => {
                assert_eq!((status.code(), accepted), (Code::InvalidArgument, false), "{uri:?} {dns:?}");
            }
        }
    }
    // A request that answers no challenge.
    let der =
        aims_credential::x509::CertificateRequest::prepare(key.public_key()).unwrap().sign(&key).unwrap();
    let nonce = challenge(&mut client).await.nonce();
    assert_eq!(
        issue(&mut client, Some(request(der, nonce))).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

/// A service that says what it was told to, whoever asks.
#[derive(Clone)]
struct Says {
    nonce: String,
    issued: wire::IssueResponse,
    /// How the last key was proven.
    proven: Arc<Mutex<Option<Proof>>>,
}

/// Spoils what it says.
type Change = fn(&mut Says);

#[tonic::async_trait]
impl KeyHolder for Says {
    async fn challenge(
        &self,
        _: Request<wire::ChallengeRequest>,
    ) -> Result<Response<wire::ChallengeResponse>, Status> {
        Ok(Response::new(wire::ChallengeResponse { nonce: self.nonce.clone() }))
    }

    async fn issue(
        &self,
        request: Request<wire::IssueRequest>,
    ) -> Result<Response<wire::IssueResponse>, Status> {
        *self.proven.lock().unwrap() = request.into_inner().proof;
        Ok(Response::new(self.issued.clone()))
    }
}

#[tokio::test]
async fn wa_6_an_answer_counts_for_the_key_and_the_identity_that_were_asked_for() {
    const TWO: &str = "spiffe://acme.example/agents/two";
    let served = served(agent());
    let mut client = raw(&served).await;
    let software = software_key();
    let challenge = challenge(&mut client).await;
    let proof = challenge.prepare_proof(software.public_key(), now()).unwrap().sign(&software).unwrap();
    let issued = issue(&mut client, Some(Proof::Jws(proof))).await.unwrap();
    let good = Says { nonce: "A".repeat(43), issued, proven: Arc::default() };
    let (own, other): (Arc<dyn AsyncSigner>, _) = (Arc::new(software), key());
    let ask = async |change: Change, key: &Arc<dyn AsyncSigner>, asked: KeyRequest| {
        let mut says = good.clone();
        change(&mut says);
        let path = socket_path();
        let listener = UnixListenerStream::new(UnixListener::bind(&path).unwrap());
        let service = tonic::transport::Server::builder().add_service(KeyHolderServer::new(says));
        tokio::spawn(service.serve_with_incoming(listener));
        let api = KeyHolderApi::new(&Endpoint::Unix(path), AUDIENCE, backend::ring());
        api.issue(key, &asked, now()).await
    };
    let id = |id: &str| KeyRequest::new().id(id.parse().unwrap());
    let issued = ask(|_| {}, &own, id(AGENT)).await.unwrap();
    assert!(issued.wit.is_some() && issued.x509.is_some() && issued.hint.as_deref() == Some("internal"));
    assert!(matches!(good.proven.lock().unwrap().take(), Some(Proof::Jws(_))));
    // What asks for a certificate alone is a certificate request.
    let issued = ask(|says| says.issued.wit.clear(), &own, id(AGENT).x509()).await.unwrap();
    assert!(issued.wit.is_none() && issued.x509.is_some());
    assert!(
        matches!(good.proven.lock().unwrap().take(), Some(Proof::Request(asked)) if asked.nonce == good.nonce)
    );
    let issued = ask(|says| says.issued.x509_svid.clear(), &own, KeyRequest::new()).await.unwrap();
    assert!(issued.wit.is_some() && issued.x509.is_none());
    assert_eq!(ask(|says| says.issued.hint.clear(), &own, id(AGENT)).await.unwrap().hint, None);

    assert_refused!(ask(|_| {}, &own, id(TWO)).await, "another_subject", "WA-6");
    assert_refused!(ask(|_| {}, &other, id(AGENT)).await, "foreign_key", "AIMS-5");
    let cases: [(Change, &str, &str); 9] = [
        (|says| says.issued.spiffe_id = TWO.into(), "another_subject", "WA-6"),
        (
            |says| {
                says.issued.spiffe_id = TWO.into();
                says.issued.wit.clear();
            },
            "another_subject",
            "WA-6",
        ),
        (
            |says| {
                says.issued.spiffe_id = TWO.into();
                says.issued.x509_svid.clear();
            },
            "another_subject",
            "WA-6",
        ),
        (|says| says.issued.spiffe_id.clear(), "not_spiffe", "SPF-ID-1"),
        (
            |says| {
                says.issued.wit.clear();
                says.issued.x509_svid.clear();
            },
            "empty_response",
            "WA-8",
        ),
        (|says| says.issued.wit = "x".into(), "malformed", "WIT-1"),
        (|says| says.issued.x509_svid.truncate(100), "malformed_certificates", "WA-6"),
        (|says| says.issued.x509_svid = vec![0x30, 0], "malformed_certificate", "X5V-1"),
        (|says| says.nonce.clear(), "malformed_challenge", "ATT-21"),
    ];
    for (change, code, rule) in cases {
        assert_refused!(ask(change, &own, KeyRequest::new()).await, code, rule);
    }
}

/// A server for agents on other machines: over TCP, and with nothing to go by but tokens.
pub(crate) async fn remote(tokens: &Arc<JoinTokens>, lifetime: u64) -> (WorkloadApiServer, KeyHolderApi) {
    let all = vec![
        entry(AGENT, &["join:agent:travel"])
            .lifetime(CredentialType::X509, Duration::from_secs(lifetime))
            .lifetime(CredentialType::Wit, Duration::from_secs(lifetime)),
    ];
    let server =
        WorkloadApiServer::builder(authority(), entries(all), Unattested::default(), backend::ring())
            .key_holders_by_token(AUDIENCE, Arc::clone(tokens), Duration::from_secs(86_400))
            .build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_tcp(listener).await });
    (server, KeyHolderApi::new(&endpoint, AUDIENCE, backend::ring()))
}

#[tokio::test]
async fn att_96_an_agent_off_the_host_begins_with_a_join_token_and_goes_on_with_its_key() {
    let tokens = Arc::new(JoinTokens::new(backend::ring()));
    let (server, api) = remote(&tokens, 600).await;
    let token = tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
    let first = key();
    // Without it nobody is anybody.
    assert_refused!(api.issue(&first, &KeyRequest::new(), now()).await, "permission_denied", "WA-9");
    let join = || KeyRequest::new().join_token(token.expose());
    let issued = api.issue(&first, &join(), now()).await.unwrap();
    verify(&server, &issued.wit.unwrap());
    // Used twice, by the same key or another.
    for key in [first.clone(), key()] {
        assert_refused!(api.issue(&key, &join(), now()).await, "permission_denied", "WA-9");
    }
    assert_eq!(server.status().refused["join_token_unknown"], 2);

    // From key to key.
    let second = key();
    let renewed = api.issue(&second, &KeyRequest::new().previous(first.clone()), now()).await.unwrap();
    verify(&server, &renewed.x509.unwrap());
    let third = key();
    api.issue(&third, &KeyRequest::new().previous(second), now()).await.unwrap();
    // A key that never joined leads nowhere.
    let asked = KeyRequest::new().previous(key());
    assert_refused!(api.issue(&key(), &asked, now()).await, "permission_denied", "WA-9");
}

/// The system's clock, so many seconds later.
fn later() -> (Arc<AtomicUsize>, impl Fn() -> std::time::SystemTime + Clone + Send + Sync + 'static) {
    let offset = Arc::<AtomicUsize>::default();
    let read = Arc::clone(&offset);
    let secs = move || u64::try_from(read.load(Ordering::SeqCst)).unwrap();
    (offset, move || std::time::SystemTime::now() + Duration::from_secs(secs()))
}

/// An agent that has joined, at a server whose clock can be set; and how to renew at that time.
struct Agent {
    _server: WorkloadApiServer,
    api: KeyHolderApi,
    offset: Arc<AtomicUsize>,
}

impl Agent {
    async fn joined() -> (Self, Arc<dyn AsyncSigner>) {
        let tokens = Arc::new(JoinTokens::new(backend::ring()));
        let token = tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
        let (offset, clock) = later();
        let all = entries(vec![entry(AGENT, &["join:agent:travel"])]);
        let server = WorkloadApiServer::builder(authority(), all, Unattested::default(), backend::ring())
            .key_holders_by_token(AUDIENCE, tokens, Duration::from_secs(86_400))
            .with_clock(clock)
            .build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint: Endpoint = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serving = server.clone();
        tokio::spawn(async move { serving.serve_tcp(listener).await });
        let api = KeyHolderApi::new(&endpoint, AUDIENCE, backend::ring());
        let first = key();
        api.issue(&first, &KeyRequest::new().join_token(token.expose()), now()).await.unwrap();
        (Self { _server: server, api, offset }, first)
    }

    /// Renews, by the key before.
    async fn renew(&self, previous: &Arc<dyn AsyncSigner>) -> Result<Arc<dyn AsyncSigner>, String> {
        let next = key();
        let now = now() + Duration::from_secs(u64::try_from(self.offset.load(Ordering::SeqCst)).unwrap());
        let asked = KeyRequest::new().previous(Arc::clone(previous));
        let issued = self.api.issue(&next, &asked, now).await;
        issued.map(|_| next).map_err(|error| error.code().to_owned())
    }

    fn pass(&self, hours: usize) {
        self.offset.fetch_add(hours * 3600, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn att_96_an_agent_whose_answer_was_lost_goes_on_for_as_long_as_any() {
    let (agent, first) = Agent::joined().await;
    let lost = agent.renew(&first).await.unwrap();
    let second = agent.renew(&first).await.unwrap();
    // The one that was lost leads nowhere.
    assert_eq!(agent.renew(&lost).await.err().as_deref(), Some("permission_denied"));
    agent.pass(2);
    let third = agent.renew(&second).await.unwrap();
    // The time for trying again is over.
    agent.pass(2);
    assert_eq!(agent.renew(&second).await.err().as_deref(), Some("permission_denied"));
    agent.renew(&third).await.unwrap();
}

#[tokio::test]
async fn att_96_an_old_key_is_worth_nothing_once_its_successor_was_used() {
    let (agent, first) = Agent::joined().await;
    let second = agent.renew(&first).await.unwrap();
    let third = agent.renew(&second).await.unwrap();
    assert_eq!(agent.renew(&first).await.err().as_deref(), Some("permission_denied"));
    // The agent itself is not disturbed.
    let fourth = agent.renew(&third).await.unwrap();
    agent.renew(&fourth).await.unwrap();
}

#[tokio::test]
async fn aims_17_strangers_use_up_nothing_of_those_who_have_joined() {
    let tokens = Arc::new(JoinTokens::new(backend::ring()));
    let token = || tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
    let all = entries(vec![entry(AGENT, &["join:agent:travel"])]);
    let server = WorkloadApiServer::builder(authority(), all, Unattested::default(), backend::ring())
        .key_holders_by_token(AUDIENCE, Arc::clone(&tokens), Duration::from_secs(86_400))
        .quota(100, 3, 1)
        .build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_tcp(listener).await });
    let api = KeyHolderApi::new(&endpoint, AUDIENCE, backend::ring());
    let (busy, other) = (key(), key());
    api.issue(&busy, &KeyRequest::new().join_token(token().expose()), now()).await.unwrap();
    for _ in 0..10 {
        let stranger = KeyRequest::new().previous(key());
        assert_refused!(api.issue(&key(), &stranger, now()).await, "permission_denied", "WA-9");
        assert_refused!(api.issue(&key(), &KeyRequest::new(), now()).await, "permission_denied", "WA-9");
    }
    api.issue(&other, &KeyRequest::new().join_token(token().expose()), now()).await.unwrap();
    // One agent that renews without end uses up its own share.
    let again = || KeyRequest::new().previous(Arc::clone(&busy));
    let mut refused = 0;
    for _ in 0..6 {
        match api.issue(&busy, &again(), now()).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.code(), "unavailable");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    api.issue(&key(), &KeyRequest::new().previous(other), now()).await.unwrap();
}
