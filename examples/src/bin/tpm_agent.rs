//! An agent whose keys are in the TPM of its machine: `tpm_agent TCTI DIRECTORY ISSUER TOOL_URL`.
//!
//! ```text
//! export SPIFFE_ENDPOINT_SOCKET=unix:///run/aims/api.sock
//! echo /v1/search | tpm_agent device:/dev/tpmrm0 /var/lib/agent/keys spiffe://acme.example https://tools.example
//! ```
//!
//! It asks the issuer behind `SPIFFE_ENDPOINT_SOCKET` for credentials, each for a fresh key in the TPM and with evidence that the key is there, and calls the tool
//! at each path that it reads. The machine was enrolled before, with the attestation key in `DIRECTORY`: see `docs/hardware.md`.

use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aims::jose::{Thumbprint, base64url};
use aims::keys::store::{DeleteKeys, GenerateKeys, KeyId, ListKeys};
use aims::keys::{Algorithm, AsyncSigner, BoxFuture, PublicKey, SignError};
use aims::workload_api::{Endpoint, HeldKeySource, KeyHolderApi};
use aims::{Agent, CredentialSource, backend};
use aims_attest::tpm::{PcrBank, PcrValues, TpmEvidence, TpmName};
use aims_attest::{Evidence, KeyBinding};
use aims_provision::{CollectError, EvidenceSource};
use aims_tpm::{PcrSelection, Tpm, TpmKeyStore, TpmSettings, TpmSigner};
use reqwest::{Method, Request};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tcti, dir, issuer, tool] = &arguments[..] else {
        return Err("usage: tpm_agent TCTI DIRECTORY ISSUER TOOL_URL".into());
    };
    // Where no resource manager stands before the TPM, this is the only program that uses it.
    let (settings, dir) = (TpmSettings::new(tcti.parse()?).exclusive(), dir.into());
    // A TPM takes its time: nothing that waits for it is done on a thread that others wait for.
    let device = tokio::task::spawn_blocking(move || Device::open(settings, dir)).await??;

    let api = KeyHolderApi::new(&Endpoint::from_env()?, issuer.as_str(), backend::ring());
    let maker = device.clone();
    let source = HeldKeySource::builder(api, move || maker.make()).evidence(device.clone()).start().await?;
    let (agent, client) = (Agent::new(source.wit()), Agent::client().build()?);

    // Reading blocks until there is a line.
    while let Some(path) = tokio::task::spawn_blocking(|| std::io::stdin().lines().next()).await? {
        let request = Request::new(Method::GET, format!("{tool}{}", path?).parse()?);
        // For what is printed only: the agent takes the credential that is current when it sends.
        let holder = source.wit().holder()?;
        let key = Thumbprint::of(holder.signer(SystemTime::now().try_into()?)?.public_key());
        let response = agent.send(&client, request).await?;
        println!("{} {} {}", key, response.status().as_u16(), response.text().await?);
    }
    Ok(())
}

/// The TPM, a store of keys in it, and those that are in use. It makes keys, and it is the source of evidence about them.
#[derive(Clone, Debug)]
struct Device(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    tpm: Tpm,
    store: TpmKeyStore,
    /// The key that a credential is wanted for, and before it the one that is still used.
    keys: Mutex<Vec<(KeyId, TpmSigner)>>,
}

impl Device {
    /// What a run before this one has left is deleted: its credentials went with it.
    fn open(settings: TpmSettings, dir: PathBuf) -> Result<Self, Failure> {
        let tpm = Tpm::connect(settings)?;
        let store = TpmKeyStore::open(&tpm, dir)?;
        for id in store.list()? {
            store.delete(&id)?;
        }
        Ok(Self(Arc::new(Parts { tpm, store, keys: Mutex::default() })))
    }

    /// A fresh key: each credential has one of its own. The one before the last is not needed any more.
    fn make(&self) -> Result<Arc<dyn AsyncSigner>, SignError> {
        let Parts { store, .. } = &*self.0;
        let mut keys = self.keys();
        while keys.len() > 1 {
            // Whoever signs with it this moment goes on: a signer needs no file.
            let (old, _) = keys.remove(0);
            // One that cannot be deleted now is deleted at the next start.
            let _ = store.delete(&old);
        }
        let mut random = [0; 9];
        backend::ring().fill_random(&mut random).map_err(|_| SignError::Backend)?;
        let id: KeyId = format!("k{}", base64url::encode(random)).parse().map_err(|_| SignError::Backend)?;
        store.generate(&id, Algorithm::Es256).map_err(|_| SignError::DeviceGone)?;
        let signer = store.signer(&id).map_err(|_| SignError::DeviceGone)?;
        keys.push((id, signer.clone()));
        Ok(Arc::new(signer))
    }

    /// What the firmware and the boot loader are, and that this key is in the same TPM: both over the one value that binds them to the challenge (ATT-21).
    fn evidence(&self, binding: &KeyBinding, key: &Thumbprint) -> Result<Evidence, Failure> {
        let Parts { tpm, store, .. } = &*self.0;
        let signer = self.signer(key).ok_or("a key of somebody else")?;
        let ak = store.attestation_key()?;
        let pcrs = PcrSelection::new(aims_tpm::PcrBank::Sha256, &[0, 2, 4, 7])?;
        let quote = tpm.quote(&ak, binding.as_bytes(), pcrs)?;
        let certification = tpm.certify(&signer, &ak, binding.as_bytes())?;

        let mut values = PcrValues::new();
        for pcr in &quote.pcrs {
            values.insert(PcrBank::Sha256, pcr.index, &pcr.digest)?;
        }
        let name = TpmName::from_bytes(&ak.name())?;
        let evidence = TpmEvidence::new(name, (&quote.attest, &quote.signature), values)
            .certify(&certification.public, (&certification.attest, &certification.signature));
        Ok(evidence.to_evidence(SystemTime::now().try_into()?)?)
    }

    fn signer(&self, key: &Thumbprint) -> Option<TpmSigner> {
        let keys = self.keys();
        let found = keys.iter().find(|(_, signer)| Thumbprint::of(signer.public_key()) == *key);
        found.map(|(_, signer)| signer.clone())
    }

    fn keys(&self) -> MutexGuard<'_, Vec<(KeyId, TpmSigner)>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EvidenceSource for Device {
    fn collect<'a>(
        &'a self,
        binding: &'a KeyBinding,
        key: &'a PublicKey,
    ) -> BoxFuture<'a, Result<Vec<Evidence>, CollectError>> {
        let (device, binding, key) = (self.clone(), *binding, Thumbprint::of(key));
        Box::pin(async move {
            let collected = tokio::task::spawn_blocking(move || device.evidence(&binding, &key)).await;
            match collected {
                Ok(Ok(evidence)) => Ok(vec![evidence]),
                _ => Err(CollectError::Failed("tpm")),
            }
        })
    }
}
