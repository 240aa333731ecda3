//! A TPM, and what its machine makes of it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aims::backend;
use aims::jose::{Thumbprint, base64url};
use aims::keys::store::{GenerateKeys, KeyId};
use aims::keys::{Algorithm, AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature};
use aims_attest::tpm::TpmEvidence;
use aims_attest::{Evidence, KeyBinding};
use aims_provision::{CollectError, EvidenceSource};
use aims_tpm::{PcrBank, PcrSelection, Tpm, TpmKeyStore, TpmSettings, TpmSigner};

use super::Outcome;

/// A TPM, the keys that were made in it, and its attestation key. It is the source of evidence, too.
#[derive(Clone, Debug)]
pub(super) struct Device(pub(super) Arc<Parts>);

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) tpm: Tpm,
    pub(super) store: TpmKeyStore,
    keys: Mutex<HashMap<Thumbprint, Arc<Key>>>,
}

impl Device {
    pub(super) fn open(tcti: &str, dir: PathBuf) -> Outcome<Self> {
        let tpm = Tpm::connect(TpmSettings::new(tcti.parse()?).exclusive())?;
        let store = TpmKeyStore::open(&tpm, dir)?;
        Ok(Self(Arc::new(Parts { tpm, store, keys: Mutex::default() })))
    }

    /// A fresh key: each credential has one of its own (CRD-9).
    pub(super) fn make(&self) -> Result<Arc<dyn AsyncSigner>, SignError> {
        let mut name = [0; 9];
        backend::ring().fill_random(&mut name).map_err(|_| SignError::Backend)?;
        let id: KeyId = format!("k{}", base64url::encode(name)).parse().map_err(|_| SignError::Backend)?;
        self.0.store.generate(&id, Algorithm::Es256).map_err(|_| SignError::DeviceGone)?;
        let signer = self.0.store.signer(&id).map_err(|_| SignError::DeviceGone)?;
        let name = Thumbprint::of(signer.public_key());
        let key = Arc::new(Key { signer, signed: AtomicU64::new(0) });
        self.keys().insert(name, Arc::clone(&key));
        Ok(key)
    }

    /// How often one of them has signed.
    pub(super) fn signed(&self, key: &Thumbprint) -> u64 {
        self.keys().get(key).map_or(0, |key| key.signed.load(Ordering::SeqCst))
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<Thumbprint, Arc<Key>>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A quote over what the firmware measured; and, of a key that is in the TPM, that it is there.
    fn evidence(&self, binding: &KeyBinding, certified: Option<&Thumbprint>) -> Outcome<Evidence> {
        let Parts { tpm, store, .. } = &*self.0;
        let ak = store.attestation_key()?;
        let pcrs = PcrSelection::new(PcrBank::Sha256, &[4, 7])?;
        let quote = tpm.quote(&ak, binding.as_bytes(), pcrs)?;
        let values = quote.pcrs.iter().map(|pcr| (pcr.bank.algorithm_id(), pcr.index, &pcr.digest));
        let mut evidence = TpmEvidence::of_quote(&ak.name(), (&quote.attest, &quote.signature), values)?;
        if let Some(key) = certified {
            let key = self.keys().get(key).cloned().ok_or("a key of somebody else")?;
            let certify = tpm.certify(&key.signer, &ak, binding.as_bytes())?;
            evidence = evidence.certify(&certify.public, (&certify.attest, &certify.signature));
        }
        Ok(evidence.to_evidence(SystemTime::now().try_into()?)?)
    }

    /// The same, on a thread that may wait for the TPM.
    pub(super) async fn collected(
        &self,
        binding: KeyBinding,
        certified: Option<Thumbprint>,
    ) -> Outcome<Evidence> {
        let device = self.clone();
        tokio::task::spawn_blocking(move || device.evidence(&binding, certified.as_ref())).await?
    }
}

impl EvidenceSource for Device {
    fn collect<'a>(
        &'a self,
        binding: &'a KeyBinding,
        key: &'a PublicKey,
    ) -> BoxFuture<'a, Result<Vec<Evidence>, CollectError>> {
        Box::pin(async move {
            let collected = self.collected(*binding, Some(Thumbprint::of(key))).await;
            collected.map(|evidence| vec![evidence]).map_err(|_| CollectError::Failed("tpm"))
        })
    }
}

/// A key in the TPM, and how often it has signed.
#[derive(Debug)]
struct Key {
    signer: TpmSigner,
    signed: AtomicU64,
}

impl AsyncSigner for Key {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    fn protection(&self) -> Protection {
        AsyncSigner::protection(&self.signer)
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(async move {
            let signature = AsyncSigner::sign(&self.signer, input).await?;
            self.signed.fetch_add(1, Ordering::SeqCst);
            Ok(signature)
        })
    }
}
