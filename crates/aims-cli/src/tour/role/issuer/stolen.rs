//! What the keys of an issuer are good for in other hands: they sign what no issuer would.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aims::backend;
use aims::credential::WitIssuer;
use aims::credential::x509::{CertificateDer, CertificateRequest, SvidIssuer};
use aims::id::WorkloadId;
use aims::jose::{Jwk, base64};
use aims::keys::store::{DeleteKeys, GenerateKeys, KeyHandle, KeyId, MemoryStore, StoreError};
use aims::keys::{Algorithm, Backend, PublicNumbers, SignInput, Signer, UnixTime, der};
use aims_provision::Authority;
use serde_json::{Value, json};

use super::{Message, Outcome};

/// A store of keys in memory to which the authority is not the only one to have access.
#[derive(Debug)]
pub(super) struct SharedStore {
    store: MemoryStore,
    keys: Keys,
}

/// All keys that were ever made.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Arc<Mutex<Vec<KeyHandle>>>);

impl SharedStore {
    pub(super) fn new(backend: Backend) -> Self {
        Self { store: MemoryStore::new(backend), keys: Keys::default() }
    }

    pub(super) fn keys(&self) -> Keys {
        self.keys.clone()
    }
}

impl GenerateKeys for SharedStore {
    fn generate(&self, id: &KeyId, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        let handle = self.store.generate(id, algorithm)?;
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle.clone());
        Ok(handle)
    }
}

impl DeleteKeys for SharedStore {
    fn delete(&self, id: &KeyId) -> Result<(), StoreError> {
        self.store.delete(id)
    }
}

impl Keys {
    /// A token for anybody's key, in anybody's name, as of any time.
    pub(super) fn wit(&self, authority: &Authority, message: &Message) -> Outcome<Value> {
        let bundle = authority.trust_bundle();
        let known = bundle.keys().iter().next().ok_or("the bundle has no key for tokens")?;
        let signer = self.signer(known.public_key().numbers())?;
        let subject: WorkloadId = message.text("subject")?.parse()?;
        let key = Jwk::parse(message.get("key")?.raw(), backend::ring())?;
        let issuer = WitIssuer::new(subject.origin(), signer, known.key_id().unwrap_or_default())?;
        Ok(json!({ "wit": issuer.issue(&subject, key.public_key(), then(message)?)? }))
    }

    /// Likewise a certificate.
    pub(super) fn certificate(&self, authority: &Authority, message: &Message) -> Outcome<Value> {
        let bundle = authority.trust_bundle();
        let root = bundle.x509_authorities().first().ok_or("the bundle has no authority")?;
        let signer = self.signer(root.public_numbers())?;
        let own = CertificateDer::from(root.der().to_vec());
        let issuer = SvidIssuer::new(authority.origin().clone(), signer, vec![own])?;
        let subject: WorkloadId = message.text("subject")?.parse()?;
        let request =
            CertificateRequest::verify(&base64::decode(&message.text("request")?)?, backend::ring())?;
        let chain = issuer.issue(&subject, request.key(), then(message)?)?;
        // The authority itself stands in the bundle.
        let leaf = chain.first().ok_or("an empty chain")?;
        Ok(json!({ "chain": [base64::encode(leaf)] }))
    }

    /// Whatever it is, as a certificate is signed.
    pub(super) fn sign(&self, authority: &Authority, message: &Message) -> Outcome<Value> {
        let bundle = authority.trust_bundle();
        let root = bundle.x509_authorities().first().ok_or("the bundle has no authority")?;
        let body = base64::decode(&message.text("body")?)?;
        let signature = self.signer(root.public_numbers())?.sign(SignInput::Message(&body))?;
        let signature = der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes())?;
        Ok(json!({ "signature": base64::encode(&signature) }))
    }

    fn signer(&self, public: &PublicNumbers) -> Outcome<Arc<dyn Signer>> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key =
            keys.iter().find(|key| key.public_key().numbers() == public).ok_or("a key of somebody else")?;
        Ok(Arc::clone(key.signer()))
    }
}

fn then(message: &Message) -> Outcome<UnixTime> {
    Ok(UnixTime::try_from(SystemTime::now())? - Duration::from_secs(message.number("ago")?))
}
