//! An agent whose keys are in a TPM; and what somebody could try who has one.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aims::credential::Credential;
use aims::jose::json::Number;
use aims::jose::{Limits, Thumbprint, UntrustedToken, base64, base64url};
use aims::keys::store::{GenerateKeys, KeyId};
use aims::keys::{Algorithm, AsyncSigner, BoxFuture, PublicKey, SignError, SoftwareKey};
use aims::workload_api::proto::key_holder::issue_request::Proof;
use aims::workload_api::proto::key_holder::key_holder_client::KeyHolderClient;
use aims::workload_api::proto::key_holder::{ChallengeRequest, Evidence as WireEvidence, IssueRequest};
use aims::workload_api::{Endpoint, HeldKeySource, KeyHolderApi};
use aims::{Agent, CredentialSource, TraceParent, backend};
use aims_attest::tpm::{PcrBank, PcrValues, TpmEvidence, TpmName};
use aims_attest::{Evidence, KeyBinding};
use aims_provision::{Challenge, CollectError, EvidenceSource};
use aims_tpm::{EndorsementKind, PcrSelection, Tpm, TpmKeyStore, TpmSettings, TpmSigner};
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::intruder::{connect, refused, with_header};
use super::issuer::AUDIENCE;
use super::{Control, Message, Outcome, say};

/// Does what it is told until the input ends.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let config = control.config().await?;
    let (tcti, dir) = (config.text("tcti")?, PathBuf::from(config.text("dir")?));
    let device = tokio::task::spawn_blocking(move || Device::open(&tcti, dir)).await??;
    let mut agent = DeviceAgent { device, source: None };
    say(&json!({}))?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "endorsement" => agent.endorsement().await?,
            "activate" => agent.activate(&message).await?,
            "start" => agent.start().await?,
            "call" => agent.call(&message).await?,
            "ask" => agent.ask(&message.text("with")?).await?,
            other => return Err(format!("`{other}` is not a command").into()),
        };
        say(&answer)?;
    }
    Ok(())
}

/// A TPM, the keys that were made in it, and its attestation key. It is the source of evidence, too.
#[derive(Clone, Debug)]
struct Device(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    tpm: Tpm,
    store: TpmKeyStore,
    /// Which key is kept by which name.
    names: Mutex<HashMap<Thumbprint, KeyId>>,
}

impl Device {
    fn open(tcti: &str, dir: PathBuf) -> Outcome<Self> {
        let tpm = Tpm::connect(TpmSettings::new(tcti.parse()?).exclusive())?;
        let store = TpmKeyStore::open(&tpm, dir)?;
        Ok(Self(Arc::new(Parts { tpm, store, names: Mutex::default() })))
    }

    /// A fresh key: each credential has one of its own (CRD-9).
    fn make(&self) -> Result<Arc<dyn AsyncSigner>, SignError> {
        self.make_signer().map(|signer| Arc::new(signer) as Arc<dyn AsyncSigner>)
    }

    fn make_signer(&self) -> Result<TpmSigner, SignError> {
        let mut name = [0; 9];
        backend::ring().fill_random(&mut name).map_err(|_| SignError::Backend)?;
        let id: KeyId = format!("k{}", base64url::encode(name)).parse().map_err(|_| SignError::Backend)?;
        self.0.store.generate(&id, Algorithm::Es256).map_err(|_| SignError::DeviceGone)?;
        let signer = self.0.store.signer(&id).map_err(|_| SignError::DeviceGone)?;
        let mut names = self.0.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(Thumbprint::of(signer.public_key()), id);
        Ok(signer)
    }

    /// A quote over what the firmware measured; and, of a key that is in the TPM, that it is there.
    fn evidence(&self, binding: &KeyBinding, certified: Option<&Thumbprint>) -> Outcome<Evidence> {
        let Parts { tpm, store, names } = &*self.0;
        let ak = store.attestation_key()?;
        let pcrs = PcrSelection::new(aims_tpm::PcrBank::Sha256, &[4, 7])?;
        let quote = tpm.quote(&ak, binding.as_bytes(), pcrs)?;
        let mut values = PcrValues::new();
        for pcr in &quote.pcrs {
            values.insert(PcrBank::Sha256, pcr.index, &pcr.digest)?;
        }
        let name = TpmName::from_bytes(&ak.name())?;
        let mut evidence = TpmEvidence::new(name, (&quote.attest, &quote.signature), values);
        if let Some(key) = certified {
            let id = names.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
            let signer = store.signer(&id.ok_or("a key of somebody else")?)?;
            let certify = tpm.certify(&signer, &ak, binding.as_bytes())?;
            evidence = evidence.certify(&certify.public, (&certify.attest, &certify.signature));
        }
        Ok(evidence.to_evidence(SystemTime::now().try_into()?)?)
    }

    /// The same, on a thread that may wait for the TPM.
    async fn collected(&self, binding: KeyBinding, certified: Option<Thumbprint>) -> Outcome<Evidence> {
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

struct DeviceAgent {
    device: Device,
    source: Option<HeldKeySource>,
}

impl DeviceAgent {
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Parts) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let device = self.device.clone();
        tokio::task::spawn_blocking(move || work(&device.0)).await?
    }

    /// What the maker of the TPM says of it, and the key that will speak for it.
    async fn endorsement(&self) -> Outcome<Value> {
        self.blocking(|parts| {
            let endorsement = parts.tpm.endorsement(EndorsementKind::EccP384)?;
            let certificate = endorsement.certificate.ok_or("the TPM has no endorsement certificate")?;
            let ak = parts.store.attestation_key()?;
            Ok(json!({
                "ek": base64::encode(&endorsement.public),
                "certificate": base64::encode(&certificate),
                "ak": base64::encode(ak.public()),
            }))
        })
        .await
    }

    async fn activate(&self, message: &Message) -> Outcome<Value> {
        let credential = base64::decode(&message.text("id_object")?)?;
        let encrypted = base64::decode(&message.text("encrypted_secret")?)?;
        self.blocking(move |parts| {
            let ak = parts.store.attestation_key()?;
            let opened = parts.tpm.activate(&ak, EndorsementKind::EccP384, &credential, &encrypted);
            Ok(match opened {
                Ok(secret) => json!({ "secret": base64::encode(&secret) }),
                Err(error) => json!({ "refused": error.code() }),
            })
        })
        .await
    }

    /// Gets credentials for keys in the TPM, and says what its issuer says of them.
    async fn start(&mut self) -> Outcome<Value> {
        let api = KeyHolderApi::new(&Endpoint::from_env()?, AUDIENCE, backend::ring());
        let device = self.device.clone();
        let source = HeldKeySource::builder(api, move || device.make()).evidence(self.device.clone());
        let source = source.start().await?;
        let holder = source.wit().holder()?;
        let Credential::Wit(wit) = holder.credential() else { return Err("another credential".into()) };
        let claims = UntrustedToken::peek(wit.token(), &Limits::new())?;
        let attest = claims.claim("attest").ok_or("the issuer says nothing of evidence")?;
        let level = attest.get("level").and_then(|level| level.as_number()).and_then(Number::as_u64);
        let key = attest.get("key").and_then(|key| key.as_str()).unwrap_or_default().into_owned();
        self.source = Some(source);
        Ok(json!({ "subject": holder.subject().as_str(), "level": level, "key": key }))
    }

    /// Calls a tool: the key in the TPM signs the proof.
    async fn call(&self, message: &Message) -> Outcome<Value> {
        let source = self.source.as_ref().ok_or("it has no credential")?;
        let client = Agent::client().no_proxy().build()?;
        let mut request = client.get(message.text("url")?).build()?;
        let trace = TraceParent::begin().to_string();
        request.headers_mut().insert("traceparent", trace.parse()?);
        let audience = aims::proof::http_audience(request.url().as_str()).to_owned();
        Agent::new(source.wit()).attach_for(&audience, request.headers_mut()).await?;
        let field = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let sent = json!({
            "url": request.url().as_str(),
            "authorization": field(AUTHORIZATION.as_str()),
            "wit": field(aims::credential::WIT_FIELD),
            "traceparent": trace,
        });
        let response = client.execute(request).await?;
        let status = response.status().as_u16();
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(json!({ "sent": sent, "status": status, "body": body }))
    }

    /// Asks for a credential with evidence that is not what it should be.
    async fn ask(&self, with: &str) -> Outcome<Value> {
        let Endpoint::Unix(socket) = Endpoint::from_env()? else { return Err("no socket".into()) };
        let mut client = connect(socket).await?;
        let challenge = fresh(&mut client).await?;
        let key = self.make().await?;
        let software: Arc<dyn AsyncSigner> =
            Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
        let (own, binding) = (of(&key), challenge.binding(key.public_key()));
        match with {
            "its own" => {
                let evidence = self.device.collected(binding, Some(own)).await?;
                issue(&mut client, &challenge, &*key, vec![evidence]).await
            }
            "another key" => {
                let other = self.make().await?;
                let evidence = self.device.collected(binding, Some(of(&other))).await?;
                issue(&mut client, &challenge, &*key, vec![evidence]).await
            }
            "an old challenge" => {
                let evidence = self.device.collected(binding, Some(own)).await?;
                let fresh = fresh(&mut client).await?;
                issue(&mut client, &fresh, &*key, vec![evidence]).await
            }
            "another audience" => {
                let other = Challenge::new("urn:aims:tour:elsewhere", &challenge.nonce())?;
                let evidence = self.device.collected(other.binding(key.public_key()), Some(own)).await?;
                issue(&mut client, &challenge, &*key, vec![evidence]).await
            }
            "a software key" => {
                let binding = challenge.binding(software.public_key());
                let evidence = self.device.collected(binding, None).await?;
                issue(&mut client, &challenge, &*software, vec![evidence]).await
            }
            "two honest proofs" => {
                let evidence = self.device.collected(binding, Some(own)).await?;
                issue(&mut client, &challenge, &*software, vec![evidence]).await
            }
            other => Err(format!("`{other}` is not a trick").into()),
        }
    }

    async fn make(&self) -> Outcome<Arc<dyn AsyncSigner>> {
        let device = self.device.clone();
        Ok(tokio::task::spawn_blocking(move || device.make()).await??)
    }
}

async fn fresh(client: &mut KeyHolderClient<Channel>) -> Outcome<Challenge> {
    let response = client.challenge(with_header(ChallengeRequest {})).await?;
    Ok(Challenge::new(AUDIENCE, &response.into_inner().nonce)?)
}

fn of(key: &Arc<dyn AsyncSigner>) -> Thumbprint {
    Thumbprint::of(key.public_key())
}

async fn issue(
    client: &mut KeyHolderClient<Channel>,
    challenge: &Challenge,
    key: &dyn AsyncSigner,
    evidence: Vec<Evidence>,
) -> Outcome<Value> {
    let now = SystemTime::now().try_into()?;
    let proof = challenge.prepare_proof(key.public_key(), now)?.sign_async(key).await?;
    let evidence = evidence.iter().map(|one| WireEvidence {
        r#type: one.evidence_type().name().to_owned(),
        format_version: one.format_version(),
        payload: one.payload().to_vec(),
    });
    let request = IssueRequest {
        spiffe_id: String::new(),
        proof: Some(Proof::Jws(proof)),
        types: Vec::new(),
        join_token: String::new(),
        previous: String::new(),
        evidence: evidence.collect(),
    };
    Ok(match client.issue(with_header(request)).await {
        Ok(response) => json!({ "subject": response.into_inner().spiffe_id }),
        Err(status) => json!({ "refused": refused(&status) }),
    })
}
