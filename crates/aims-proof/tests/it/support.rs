//! An issuer, agents with credentials of it, and requests whose every part can be changed.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aims_credential::{
    BundleSet, Holder, ReplayError, ReplayStore, TrustBundle, Wit, WitCache, WitIssuer, WitRequest,
    WitVerifier,
};
use aims_jose::{Jwk, JwkSet, Thumbprint, base64url};
use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_proof::{Audiences, ProofError, ReplayMemory, VerifiedProof, WptVerifier, WptVerifierBuilder};
use serde_json::{Value, json};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(crate) const TXN: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";

pub(crate) const CONTEXT: &str = "opaque context value";

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// An issuer that a verifier trusts.
pub(crate) struct World {
    pub(crate) issuer: WitIssuer,
    pub(crate) bundle: TrustBundle,
    pub(crate) wits: WitCache,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::at("spiffe://acme.example")
    }

    pub(crate) fn at(origin: &str) -> Self {
        let key = Arc::new(new_key(Algorithm::Es256));
        let jwk = Jwk::new(Signer::public_key(&*key).clone()).with_key_id("issuer-1").unwrap();
        let bundle = TrustBundle::new(origin.parse().unwrap(), JwkSet::new(vec![jwk]).unwrap());
        Self {
            issuer: WitIssuer::new(origin.parse().unwrap(), key, "issuer-1").unwrap(),
            wits: WitCache::new(
                WitVerifier::builder(BundleSet::from(bundle.clone()), backend::ring()).build(),
                100,
            ),
            bundle,
        }
    }

    pub(crate) fn agent(&self) -> Agent {
        self.agent_with(Algorithm::Es256, secs(3600))
    }

    pub(crate) fn agent_with(&self, algorithm: Algorithm, lifetime: Duration) -> Agent {
        self.agent_for(Arc::new(new_key(algorithm)), lifetime)
    }

    pub(crate) fn agent_for(&self, key: Arc<SoftwareKey>, lifetime: Duration) -> Agent {
        let origin = self.bundle.origin().as_str();
        let subject = format!("{origin}/agents/travel").parse().unwrap();
        let request = WitRequest::new(&subject, Signer::public_key(&*key)).lifetime(lifetime);
        let token = self.issuer.sign(&request, NOW).unwrap();
        let wit = Wit::from_issuer(&token, backend::ring()).unwrap();
        let holder = Holder::new(wit.clone(), key.clone()).unwrap();
        Agent { key, wit, holder }
    }
}

pub(crate) struct Agent {
    pub(crate) key: Arc<SoftwareKey>,
    pub(crate) wit: Wit,
    pub(crate) holder: Holder,
}

pub(crate) fn new_key(algorithm: Algorithm) -> SoftwareKey {
    SoftwareKey::generate(algorithm, backend::ring()).unwrap()
}

/// A verifier that relies on `x-context`, and whose memory can be looked at.
pub(crate) fn verifier() -> (WptVerifierBuilder, Arc<ReplayMemory>) {
    let memory = Arc::new(ReplayMemory::with_capacity(100));
    let own = Audiences::http("https://tools.example").unwrap().and_exact("tools-alias").unwrap();
    (WptVerifier::builder(own, memory.clone()).context_field("X-Context"), memory)
}

/// The parts of a request, as its sender makes it.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    /// In place of `claims`.
    pub(crate) payload: Option<String>,
    pub(crate) key: Arc<SoftwareKey>,
    pub(crate) wit: String,
    pub(crate) txn_token: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) path: String,
    pub(crate) now: UnixTime,
}

/// The fields of a request, as its recipient gets it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) path: String,
    pub(crate) now: UnixTime,
}

impl Parts {
    /// A request with a transaction token and a context token, all of it in order.
    pub(crate) fn new(agent: &Agent) -> Self {
        let wit = agent.wit.token().to_owned();
        let claims = json!({
            "aud": "https://tools.example/v1/search",
            "exp": NOW.as_secs() + 60,
            "jti": "a-proof",
            "wth": hash(&wit),
            "tth": hash(TXN),
            "oth": { "x-context": hash(CONTEXT) },
        });
        Self {
            header: json!({ "alg": Signer::algorithm(&*agent.key).name(), "typ": "wpt+jwt" }),
            claims,
            payload: None,
            key: agent.key.clone(),
            wit,
            txn_token: Some(TXN.to_owned()),
            context: Some(CONTEXT.to_owned()),
            path: "/v1/search".to_owned(),
            now: NOW,
        }
    }

    /// The same without a transaction token and without a context token.
    pub(crate) fn plain(agent: &Agent) -> Self {
        let mut parts = Self::new(agent);
        parts.remove("tth");
        parts.remove("oth");
        parts.txn_token = None;
        parts.context = None;
        parts
    }

    pub(crate) fn remove(&mut self, claim: &str) {
        self.claims.as_object_mut().unwrap().remove(claim).unwrap();
    }

    /// Has `wth` follow the WIT.
    pub(crate) fn rebind(&mut self) {
        self.claims["wth"] = hash(&self.wit).into();
    }

    pub(crate) fn token(&self) -> String {
        let payload = self.payload.clone().unwrap_or_else(|| self.claims.to_string());
        sign(&self.header.to_string(), &payload, &self.key)
    }

    pub(crate) fn send(&self) -> Received {
        let mut fields = vec![("accept".to_owned(), "application/json".to_owned())];
        fields.push(("authorization".to_owned(), format!("WPT {}", self.token())));
        fields.push(("workload-identity-token".to_owned(), self.wit.clone()));
        fields.extend(self.txn_token.iter().map(|token| ("txn-token".to_owned(), token.clone())));
        fields.extend(self.context.iter().map(|token| ("x-context".to_owned(), token.clone())));
        Received { fields, path: self.path.clone(), now: self.now }
    }
}

impl Received {
    pub(crate) fn field(&mut self, name: &str) -> &mut String {
        let (_, value) = self.fields.iter_mut().find(|(field, _)| field == name).unwrap();
        value
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn drop_field(&mut self, name: &str) {
        self.fields.retain(|(field, _)| field != name);
    }

    pub(crate) fn verify(&self, world: &World, verifier: &WptVerifier) -> Result<VerifiedProof, ProofError> {
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        verifier.verify_http(&world.wits, &fields[..], &self.path, self.now)
    }
}

pub(crate) fn sign(header: &str, payload: &str, key: &SoftwareKey) -> String {
    let input = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
    let signature = Signer::sign(key, SignInput::Message(input.as_bytes())).unwrap();
    format!("{input}.{}", base64url::encode(signature.as_bytes()))
}

/// What `wth`, `tth`, `oth` and `ath` hold.
pub(crate) fn hash(value: &str) -> String {
    base64url::encode(backend::ring().sha256(value.as_bytes()))
}

/// A store that is lost.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) ReplayError);

impl ReplayStore for Broken {
    fn remember(&self, _: &Thumbprint, _: &str, _: UnixTime, _: UnixTime) -> Result<(), ReplayError> {
        Err(self.0)
    }

    fn remember_from_anyone(
        &self,
        _: &Thumbprint,
        _: &str,
        _: UnixTime,
        _: UnixTime,
    ) -> Result<(), ReplayError> {
        Err(self.0)
    }
}

/// The result of a future that never waits, as those of software keys do not.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a software key waited"),
    }
}
