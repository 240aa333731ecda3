//! An agent whose keys are in the TPM of its machine: `tpm_agent TCTI DIRECTORY ISSUER TOOL_URL`.
//!
//! ```text
//! export SPIFFE_ENDPOINT_SOCKET=unix:///run/aims/api.sock
//! echo /v1/search | tpm_agent device:/dev/tpmrm0 /var/lib/agent/keys spiffe://acme.example https://tools.example
//! ```
//!
//! It asks the issuer behind `SPIFFE_ENDPOINT_SOCKET` (`tpm_issuer` is one) for a WIT and a certificate, each for a fresh key in the TPM and with evidence that the key is there, says
//! what it got, and calls the tool at each path that it reads. The machine was enrolled before, with the attestation key in `DIRECTORY`: see `docs/hardware.md`.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aims::jose::{Thumbprint, base64url};
use aims::keys::store::{DeleteKeys, GenerateKeys, KeyId};
use aims::keys::{Algorithm, AsyncSigner, BoxFuture, PublicKey, SignError};
use aims::workload_api::{Endpoint, HeldKeySource, HeldKeySourceBuilder, KeyHolderApi};
use aims::{Agent, CredentialSource, backend};
use aims_attest::tpm::TpmEvidence;
use aims_attest::{Evidence, KeyBinding};
use aims_provision::{CollectError, EvidenceSource};
use aims_tpm::{AttestationKey, PcrBank, PcrSelection, Tpm, TpmKeyStore, TpmSettings, TpmSigner};
use reqwest::{Method, Request};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tcti, dir, issuer, tool] = &arguments[..] else {
        eprintln!("usage: tpm_agent TCTI DIRECTORY ISSUER TOOL_URL");
        return ExitCode::from(2);
    };
    match run(tcti, dir, issuer, tool).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tpm_agent: {}", in_words(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(tcti: &str, dir: &str, issuer: &str, tool: &str) -> Result<(), Failure> {
    let api = KeyHolderApi::new(&Endpoint::from_env()?, issuer, backend::ring());
    // Where no resource manager stands before the TPM, this is the only program that uses it.
    let (settings, dir) = (TpmSettings::new(tcti.parse()?).exclusive(), dir.to_owned());
    // A TPM takes its time: nothing that waits for it is done on a thread that others wait for.
    let machine = tokio::task::spawn_blocking(move || Machine::open(settings, Path::new(&dir))).await??;

    let outcome = serve(&api, &machine, tool).await;
    // For all that was made of it, too: what is still loaded when a program ends stays in a TPM without a resource manager.
    tokio::task::spawn_blocking(move || machine.tpm.close()).await??;
    outcome
}

async fn serve(api: &KeyHolderApi, machine: &Machine, tool: &str) -> Result<(), Failure> {
    // A key for each credential: what signs handshakes signs no proofs (CRD-9).
    let wit = source(api, machine).wit_only().start().await?;
    let x509 = source(api, machine).x509_only().start().await?;
    // The certificate is for `aims::tls::MutualTls`, which takes `x509.x509()`: see `agent_mtls`.
    for (kind, source) in [("wit", wit.wit()), ("x509", x509.x509())] {
        let holder = source.holder()?;
        println!("{kind}: {} until {}, key {}", holder.subject(), holder.not_after(), key(&*source)?);
    }

    let (agent, client) = (Agent::new(wit.wit()), Agent::client().build()?);
    // Reading blocks until there is a line.
    while let Some(path) = tokio::task::spawn_blocking(|| std::io::stdin().lines().next()).await? {
        let request = Request::new(Method::GET, format!("{tool}{}", path?).parse()?);
        // For what is printed only: the agent takes the credential that is current when it sends.
        let key = key(&*wit.wit())?;
        let response = agent.send(&client, request).await?;
        println!("{key} {} {}", response.status().as_u16(), response.text().await?);
    }
    Ok(())
}

/// Asks for credentials for keys in the TPM, and says so where that fails: whoever looks on may be able to mend it.
fn source(api: &KeyHolderApi, machine: &Machine) -> HeldKeySourceBuilder {
    let keys = Keys { machine: machine.clone(), newest: Arc::default() };
    let maker = keys.clone();
    HeldKeySource::builder(api.clone(), move || maker.make())
        .evidence(keys)
        .on_failure(|error| eprintln!("tpm_agent: no credential: {} ({})", in_words(error), error.code()))
}

/// The key of the credential that is current.
fn key(source: &dyn CredentialSource) -> Result<Thumbprint, Failure> {
    Ok(Thumbprint::of(source.holder()?.signer(SystemTime::now().try_into()?)?.public_key()))
}

/// The TPM, the directory of keys in it, and the key that speaks for the machine.
#[derive(Clone, Debug)]
struct Machine {
    tpm: Tpm,
    store: Arc<TpmKeyStore>,
    ak: AttestationKey,
}

impl Machine {
    fn open(settings: TpmSettings, dir: &Path) -> Result<Self, Failure> {
        // The store would make one, which nobody has enrolled.
        let ak = dir.join("attestation.ak");
        if !ak.try_exists()? {
            let ak = ak.display();
            return Err(format!(
                "this machine was not provisioned: there is no {ak}; see `aims tpm provision`"
            )
            .into());
        }
        let tpm = Tpm::connect(settings)?;
        let store = TpmKeyStore::open(&tpm, dir)?;
        Ok(Self { ak: store.attestation_key()?, tpm, store: Arc::new(store) })
    }
}

/// The keys of one kind of credential. It makes them, and it is the source of evidence about them.
#[derive(Clone, Debug)]
struct Keys {
    machine: Machine,
    /// The one that a credential is wanted for.
    newest: Arc<Mutex<Option<TpmSigner>>>,
}

impl Keys {
    /// A fresh key. It is good for one credential, which ends with this program: its file is not needed, for a signer has what is in it.
    fn make(&self) -> Result<Arc<dyn AsyncSigner>, SignError> {
        let signer = self.generate().map_err(|error| {
            eprintln!("tpm_agent: no key: {}", in_words(&*error));
            SignError::DeviceGone
        })?;
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(signer.clone());
        Ok(Arc::new(signer))
    }

    fn generate(&self) -> Result<TpmSigner, Failure> {
        let store = &self.machine.store;
        let mut random = [0; 9];
        backend::ring().fill_random(&mut random)?;
        let id: KeyId = format!("tpm-agent-{}", base64url::encode(random)).parse()?;
        store.generate(&id, Algorithm::Es256)?;
        let signer = store.signer(&id);
        // No other key of the directory is this program's.
        store.delete(&id)?;
        Ok(signer?)
    }

    /// What the firmware and the boot loader are, and that this key is in the same TPM: both over the one value that binds them to the challenge (ATT-21).
    fn evidence(&self, binding: &KeyBinding, key: &Thumbprint) -> Result<Evidence, Failure> {
        let Machine { tpm, ak, .. } = &self.machine;
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let signer = newest.filter(|signer| Thumbprint::of(signer.public_key()) == *key);
        let signer = signer.ok_or("the key is not one of this program")?;
        let quote = tpm.quote(ak, binding.as_bytes(), PcrSelection::new(PcrBank::Sha256, &[0, 2, 4, 7])?)?;
        let certified = tpm.certify(&signer, ak, binding.as_bytes())?;

        let pcrs = quote.pcrs.iter().map(|pcr| (pcr.bank.algorithm_id(), pcr.index, &pcr.digest));
        let evidence = TpmEvidence::of_quote(&ak.name(), (&quote.attest, &quote.signature), pcrs)?
            .certify(&certified.public, (&certified.attest, &certified.signature));
        Ok(evidence.to_evidence(SystemTime::now().try_into()?)?)
    }
}

impl EvidenceSource for Keys {
    fn collect<'a>(
        &'a self,
        binding: &'a KeyBinding,
        key: &'a PublicKey,
    ) -> BoxFuture<'a, Result<Vec<Evidence>, CollectError>> {
        let (keys, binding, key) = (self.clone(), *binding, Thumbprint::of(key));
        Box::pin(async move {
            let collected = tokio::task::spawn_blocking(move || keys.evidence(&binding, &key)).await;
            match collected.map_err(Failure::from).and_then(|collected| collected) {
                Ok(evidence) => Ok(vec![evidence]),
                Err(error) => {
                    eprintln!("tpm_agent: no evidence: {}", in_words(&*error));
                    Err(CollectError::Failed("tpm"))
                }
            }
        })
    }
}

/// An error, and what it comes from.
fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some say it themselves.
        if !words.ends_with(&error.to_string()) {
            words = format!("{words}: {error}");
        }
        cause = error.source();
    }
    words
}
