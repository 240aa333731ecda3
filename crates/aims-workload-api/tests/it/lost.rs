//! An issuer that dies between signing and answering, and what becomes of whoever waits for the answer (AIMS-18, ATT-96, WA-3).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aims_attest::Appraisal;
use aims_credential::x509::{Role, SvidVerifier};
use aims_credential::{BundleSource, Credential, CredentialSource};
use aims_keys::{Algorithm, AsyncSigner, PublicKey, SignError, SoftwareKey, UnixTime, backend};
use aims_provision::{CredentialType, EntryBuilder, JoinTokens};
use aims_testkit::assert_refused;
use aims_workload_api::{
    Attested, Attestor, Endpoint, HeldKeySource, KeyHolderApi, KeyRequest, NotAttested, Socket, StreamStatus,
    WorkloadApi, WorkloadApiServer, WorkloadSource,
};
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::*;

/// An attestor by which a server stops, when it is told to, at the last thing it does before an answer leaves.
#[derive(Clone, Debug)]
struct Deadly {
    says: Says,
    death: Arc<Death>,
}

#[derive(Debug, Default)]
struct Death {
    server: OnceLock<WorkloadApiServer>,
    is_near: AtomicBool,
    /// What was signed before.
    signed: AtomicU64,
    /// It stands there, with an answer in its hands.
    has_come: AtomicBool,
    is_over: AtomicBool,
}

impl Drop for Way {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Attestor for Deadly {
    fn accept(&self, _: &Socket<'_>) -> Result<Arc<dyn Attested>, NotAttested> {
        Ok(Arc::new(self.clone()))
    }
}

impl Attested for Deadly {
    fn appraise(&self, now: UnixTime) -> Result<Vec<Appraisal>, NotAttested> {
        self.says.appraise(now)
    }

    fn check(&self) -> Result<(), NotAttested> {
        let death = &self.death;
        if death.is_near.load(Ordering::SeqCst) && death.signed() > death.signed.load(Ordering::SeqCst) {
            death.is_near.store(false, Ordering::SeqCst);
            death.has_come.store(true, Ordering::SeqCst);
            while !death.is_over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    fn account(&self) -> String {
        "uid:1".into()
    }
}

impl Death {
    /// Credentials that were signed so far.
    fn signed(&self) -> u64 {
        self.server.get().unwrap().status().issued.values().sum()
    }
}

/// The way to a server: what cuts it leaves both ends as if the other had died.
struct Way {
    path: PathBuf,
    connections: JoinSet<()>,
}

impl Way {
    fn to(server: &Path) -> Self {
        let mut way = Self { path: socket_path(), connections: JoinSet::new() };
        way.open(server);
        way
    }

    fn open(&mut self, server: &Path) {
        let listener = UnixListener::bind(&self.path).unwrap();
        let server = server.to_owned();
        self.connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut io, _)) = listener.accept().await {
                let server = server.clone();
                open.spawn(async move {
                    let mut other = UnixStream::connect(server).await.unwrap();
                    let _ = copy_bidirectional(&mut io, &mut other).await;
                });
            }
        });
    }

    async fn cut(&mut self) {
        self.connections.shutdown().await;
        std::fs::remove_file(&self.path).unwrap();
    }
}

/// A server that can be killed.
struct Mortal {
    served: Served,
    way: Way,
    death: Arc<Death>,
}

impl Mortal {
    fn new(selectors: &[&str], entry: EntryBuilder, tokens: &Arc<JoinTokens>) -> Self {
        let (says, death) = (Says::new(selectors), Arc::<Death>::default());
        let attestor = Deadly { says: says.clone(), death: Arc::clone(&death) };
        let server = WorkloadApiServer::builder(authority(), entries(vec![entry]), attestor, backend::ring())
            .key_holders_by_token(ORIGIN, Arc::clone(tokens), Duration::from_secs(86_400))
            .build();
        death.server.set(server.clone()).unwrap();
        let mortal = Served::of(server, says);
        Self { way: Way::to(&mortal.path), served: mortal, death }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.way.path.clone())
    }

    fn api(&self) -> WorkloadApi {
        WorkloadApi::new(&self.endpoint(), backend::ring())
    }

    fn key_holders(&self) -> KeyHolderApi {
        KeyHolderApi::new(&self.endpoint(), ORIGIN, backend::ring())
    }

    /// From now on: the next credential that is signed does not leave any more.
    fn is_near(&self) {
        self.death.signed.store(self.death.signed(), Ordering::SeqCst);
        self.death.is_over.store(false, Ordering::SeqCst);
        self.death.has_come.store(false, Ordering::SeqCst);
        self.death.is_near.store(true, Ordering::SeqCst);
    }

    /// Waits until one was signed, and kills the server with it.
    async fn dies(&mut self) {
        let death = &self.death;
        let comes = async {
            while !death.has_come.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, comes).await.expect("nothing is signed");
        assert!(death.signed() > death.signed.load(Ordering::SeqCst));
        // Before it can go on: what it has in its hands goes nowhere.
        self.way.cut().await;
        death.is_over.store(true, Ordering::SeqCst);
        self.served.stop();
    }

    fn rises(&mut self) {
        self.served.start();
        self.way.open(&self.served.path);
    }
}

fn no_tokens() -> Arc<JoinTokens> {
    Arc::new(JoinTokens::new(backend::ring()))
}

#[tokio::test]
async fn aims_18_wa_3_a_certificate_whose_answer_is_lost_leaves_the_one_before_and_another_comes() {
    let mut server = Mortal::new(&["unix:uid:1"], entry(AGENT, &["unix:uid:1"]), &no_tokens());
    let mut source = WorkloadSource::builder(server.api()).start().await.unwrap();
    let chain = |source: &WorkloadSource| match source.x509().holder().unwrap().credential() {
        Credential::Svid(svid) => svid.chain().to_vec(),
        _ => panic!("no certificate"),
    };
    let before = (chain(&source), source.status());
    server.is_near();
    server.served.server.authority().rotate(now()).unwrap();
    server.served.server.bundles_changed();
    server.dies().await;
    let is_away =
        |stream: &StreamStatus| stream.last_error.as_ref().is_some_and(|error| error.code() == "unavailable");
    let wait = async {
        while !is_away(&source.status().streams["x509"]) {
            source.changed().await;
        }
    };
    timeout(LONG, wait).await.expect("it is not missed");
    let updates = |name: &str| (source.status().streams[name].updates, before.1.streams[name].updates);
    assert_eq!((updates("x509"), chain(&source)), ((1, 1), before.0.clone()));

    server.rises();
    let wait = async {
        while source.status().streams["x509"].updates == 1 {
            source.changed().await;
        }
    };
    timeout(LONG, wait).await.expect("no other comes");
    let new = chain(&source);
    assert_ne!(new, before.0);
    let verifier = SvidVerifier::builder(source.bundles(), backend::ring()).build();
    verifier.verify(&new[0], &new[1..], Role::Client, now()).unwrap();
}

/// Makes keys, and keeps what is public of them.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<Vec<PublicKey>>>);

impl Keys {
    fn make(&self) -> impl Fn() -> Result<Arc<dyn AsyncSigner>, SignError> + Send + Sync + use<> {
        let keys = self.clone();
        move || {
            let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
            keys.0.lock().unwrap().push(AsyncSigner::public_key(&key).clone());
            Ok(Arc::new(key))
        }
    }

    fn made(&self) -> Vec<PublicKey> {
        self.0.lock().unwrap().clone()
    }
}

fn held(source: &HeldKeySource) -> PublicKey {
    source.x509().holder().unwrap().signer(now()).unwrap().public_key().clone()
}

async fn updated(source: &mut HeldKeySource, updates: u64) {
    let wait = async {
        while source.status().updates < updates {
            source.changed().await;
        }
    };
    timeout(LONG, wait).await.expect("no other credential comes");
}

async fn missed(source: &mut HeldKeySource) {
    let wait = async {
        while source.last_error().is_none_or(|error| error.code() != "unavailable") {
            source.changed().await;
        }
    };
    timeout(LONG, wait).await.expect("it is not missed");
}

#[tokio::test]
async fn att_96_an_agent_whose_first_answer_was_lost_has_joined_with_its_key_and_the_token_is_used_up() {
    let tokens = no_tokens();
    let token = tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
    let mut server = Mortal::new(&[], entry(AGENT, &["join:agent:travel"]), &tokens);
    let (api, stranger) = (server.key_holders(), server.key_holders());
    let keys = Keys::default();
    let start = HeldKeySource::builder(api, keys.make()).join_token(token.expose()).start();
    server.is_near();
    let starting = tokio::spawn(start);
    server.dies().await;
    assert!(tokens.is_empty());
    server.rises();
    let source = timeout(LONG, starting).await.unwrap().unwrap().unwrap();
    // One key, and the agent is the one that the token was for.
    assert_eq!(keys.made(), [held(&source)]);
    assert_eq!(source.x509().holder().unwrap().subject().as_str(), AGENT);
    assert_eq!(server.served.server.status().refused["join_token_unknown"], 1);
    // For anybody else it is still used up, with whatever key.
    let other: Arc<dyn AsyncSigner> =
        Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    for asked in [KeyRequest::new(), KeyRequest::new().previous(Arc::clone(&other))] {
        let asked = asked.join_token(token.expose());
        assert_refused!(stranger.issue(&other, &asked, now()).await, "permission_denied", "WA-9");
    }
    let asked = KeyRequest::new().previous(Arc::clone(&other));
    assert_refused!(stranger.issue(&other, &asked, now()).await, "permission_denied", "WA-9");
}

#[tokio::test]
async fn aims_18_att_96_a_renewal_whose_answer_is_lost_leaves_the_credential_and_is_asked_for_with_the_same_key()
 {
    let tokens = no_tokens();
    let token = tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
    let lifetime = Duration::from_secs(12);
    let entry = entry(AGENT, &["join:agent:travel"])
        .lifetime(CredentialType::X509, lifetime)
        .lifetime(CredentialType::Wit, lifetime);
    let mut server = Mortal::new(&[], entry, &tokens);
    let api = server.key_holders();
    let keys = Keys::default();
    let mut source =
        HeldKeySource::builder(api, keys.make()).join_token(token.expose()).start().await.unwrap();
    let first = held(&source);
    // Twice in a row.
    for _ in 0..2 {
        server.is_near();
        server.dies().await;
        missed(&mut source).await;
        assert_eq!((held(&source), source.status().updates), (first.clone(), 1));
        server.rises();
    }
    updated(&mut source, 2).await;
    assert_eq!(keys.made(), [first, held(&source)]);
}

#[tokio::test]
async fn aims_18_wa_3_another_issuer_in_the_place_of_one_that_died_is_followed() {
    let mut server = Mortal::new(&["unix:uid:1"], entry(AGENT, &["unix:uid:1"]), &no_tokens());
    let api = server.key_holders();
    let keys = Keys::default();
    let mut source = WorkloadSource::builder(server.api()).start().await.unwrap();
    let held_source = HeldKeySource::builder(api.clone(), keys.make()).start().await.unwrap();
    let own = held(&held_source);
    server.is_near();
    server.served.server.authority().rotate(now()).unwrap();
    server.served.server.bundles_changed();
    server.dies().await;

    // A process of its own: nothing of what the other knew, nor of its keys.
    let says = Says::new(&["unix:uid:1"]);
    let all = entries(vec![entry(AGENT, &["unix:uid:1"])]);
    let fresh =
        WorkloadApiServer::builder(authority(), all, says, backend::ring()).key_holders(ORIGIN).build();
    server.served.server = fresh;
    server.rises();
    let root = server.served.server.authority().trust_bundle().x509_authorities()[0].der().to_vec();
    let follows = async {
        loop {
            let bundle = source.bundles().bundle(ORIGIN);
            if bundle.is_some_and(|bundle| bundle.x509_authorities()[0].der() == root) {
                break;
            }
            source.changed().await;
        }
    };
    timeout(LONG, follows).await.expect("the new one is not followed");
    let verifier = SvidVerifier::builder(source.bundles(), backend::ring()).build();
    let holder = source.x509().holder().unwrap();
    let Credential::Svid(svid) = holder.credential() else { panic!("no certificate") };
    verifier.verify(&svid.chain()[0], &svid.chain()[1..], Role::Client, now()).unwrap();
    // Whoever keeps its key has what it had, and is known to the new one by its process.
    assert_eq!(held(&held_source), own);
    let key: Arc<dyn AsyncSigner> =
        Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    api.issue(&key, &KeyRequest::new().previous(Arc::clone(&key)), now()).await.unwrap();
}
