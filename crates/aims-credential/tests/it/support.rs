//! A trust domain, and tokens that say whatever a test wants.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aims_credential::{BundleSet, TrustBundle, WitIssuer, WitVerifier};
use aims_id::WorkloadId;
use aims_jose::{Jwk, JwkSet, PrivateJwk, base64url};
use aims_keys::{Algorithm, PublicKey, SignInput, Signer, SoftwareKey, UnixTime, backend};
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "spiffe://acme.example";

pub(crate) const SUBJECT: &str = "spiffe://acme.example/agents/travel";

pub(crate) const ISSUER: &str = "https://issuer.acme.example";

pub(crate) const KEY_ID: &str = "2026-11";

pub(crate) const IAT: u64 = 1_790_000_000;

pub(crate) const EXP: u64 = IAT + 3600;

pub(crate) const LEEWAY: u64 = 30;

pub(crate) fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

pub(crate) fn now() -> UnixTime {
    at(IAT + 60)
}

pub(crate) fn id(text: &str) -> WorkloadId {
    text.parse().unwrap()
}

pub(crate) fn key(algorithm: Algorithm) -> Arc<SoftwareKey> {
    Arc::new(SoftwareKey::generate(algorithm, backend::ring()).unwrap())
}

/// An RSA key of a published example, where the vectors are.
pub(crate) fn rsa_key(algorithm: Algorithm) -> Option<Arc<SoftwareKey>> {
    let vector = aims_testkit::vectors::json("jose/rfc/cookbook/jwk-3_4.rsa_private_key.json")?;
    let private = PrivateJwk::parse_as(&vector.to_string(), algorithm).unwrap();
    Some(Arc::new(private.load(backend::ring()).unwrap()))
}

pub(crate) fn public(key: &SoftwareKey) -> &PublicKey {
    Signer::public_key(key)
}

pub(crate) fn jwk(key: &SoftwareKey, kid: &str) -> Jwk {
    Jwk::new(public(key).clone()).with_key_id(kid).unwrap()
}

pub(crate) fn jwk_json(key: &SoftwareKey) -> Value {
    serde_json::from_str(&Jwk::new(public(key).clone()).to_json()).unwrap()
}

pub(crate) fn bundle(origin: &str, keys: Vec<Jwk>) -> TrustBundle {
    TrustBundle::new(origin.parse().unwrap(), JwkSet::new(keys).unwrap())
}

pub(crate) fn verifier(bundle: TrustBundle) -> WitVerifier {
    WitVerifier::builder(BundleSet::from(bundle), backend::ring()).build()
}

/// One trust domain with one issuer key, and one workload in it.
pub(crate) struct World {
    pub(crate) issuer_key: Arc<SoftwareKey>,
    pub(crate) workload_key: Arc<SoftwareKey>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Algorithm::Es256, Algorithm::Es256)
    }

    pub(crate) fn of(issuer: Algorithm, workload: Algorithm) -> Self {
        Self { issuer_key: key(issuer), workload_key: key(workload) }
    }

    pub(crate) fn bundle(&self) -> TrustBundle {
        bundle(ORIGIN, vec![jwk(&self.issuer_key, KEY_ID)])
    }

    pub(crate) fn verifier(&self) -> WitVerifier {
        verifier(self.bundle())
    }

    pub(crate) fn issuer(&self) -> WitIssuer {
        WitIssuer::new(ORIGIN.parse().unwrap(), self.issuer_key.clone(), KEY_ID).unwrap()
    }

    pub(crate) fn token(&self) -> String {
        self.issuer().issue(&id(SUBJECT), public(&self.workload_key), at(IAT)).unwrap()
    }

    /// An acceptable token of this trust domain, still to be changed.
    pub(crate) fn forge(&self) -> Forge {
        let alg = public(&self.issuer_key).algorithm().name();
        Forge {
            header: json!({"alg": alg, "kid": KEY_ID, "typ": "wit+jwt"}),
            claims: json!({
                "iss": ISSUER,
                "sub": SUBJECT,
                "iat": IAT,
                "exp": EXP,
                "jti": "AAECAwQFBgcICQoLDA0ODw",
                "cnf": {"jwk": jwk_json(&self.workload_key)},
            }),
            key: self.issuer_key.clone(),
        }
    }
}

/// The parts of a token, to be signed as they are.
pub(crate) struct Forge {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) key: Arc<SoftwareKey>,
}

impl Forge {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn claim(self, name: &str, value: Value) -> Self {
        self.with(|forge| forge.claims[name] = value)
    }

    pub(crate) fn without(self, name: &str) -> Self {
        self.with(|forge| drop(forge.claims.as_object_mut().unwrap().remove(name)))
    }

    pub(crate) fn header(self, name: &str, value: Value) -> Self {
        self.with(|forge| forge.header[name] = value)
    }

    pub(crate) fn without_header(self, name: &str) -> Self {
        self.with(|forge| drop(forge.header.as_object_mut().unwrap().remove(name)))
    }

    /// Changes a member of `cnf.jwk`.
    pub(crate) fn jwk(self, name: &str, value: Value) -> Self {
        self.with(|forge| forge.claims["cnf"]["jwk"][name] = value)
    }

    pub(crate) fn without_jwk(self, name: &str) -> Self {
        self.with(|forge| drop(forge.claims["cnf"]["jwk"].as_object_mut().unwrap().remove(name)))
    }

    pub(crate) fn signed_by(self, key: &Arc<SoftwareKey>) -> Self {
        self.with(|forge| forge.key = key.clone())
    }

    pub(crate) fn token(&self) -> String {
        sign_raw(&self.key, &self.header.to_string(), &self.claims.to_string())
    }
}

/// Signs exactly these texts.
pub(crate) fn sign_raw(key: &SoftwareKey, header: &str, claims: &str) -> String {
    sign_segments(key, &base64url::encode(header), &base64url::encode(claims))
}

pub(crate) fn sign_segments(key: &SoftwareKey, header: &str, claims: &str) -> String {
    let input = format!("{header}.{claims}");
    let signature = Signer::sign(key, SignInput::Message(input.as_bytes())).unwrap();
    format!("{input}.{}", base64url::encode(signature.as_bytes()))
}

/// The claims of a token, unverified.
pub(crate) fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap()
}

pub(crate) fn header_of(token: &str) -> Value {
    serde_json::from_slice(&base64url::decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// The outcome of a future that never waits for anything.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}
