//! An agent whose keys are in a TPM; and what somebody could try who has one.

mod tpm;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use aims::credential::Credential;
use aims::jose::json::Number;
use aims::jose::{Limits, Thumbprint, UntrustedToken, base64};
use aims::keys::{Algorithm, AsyncSigner, SoftwareKey};
use aims::workload_api::proto::key_holder::issue_request::Proof;
use aims::workload_api::proto::key_holder::key_holder_client::KeyHolderClient;
use aims::workload_api::proto::key_holder::{ChallengeRequest, Evidence as WireEvidence, IssueRequest};
use aims::workload_api::{
    Endpoint, HeldKeySource, HeldKeySourceBuilder, KeyHolderApi, WorkloadApi, WorkloadSource,
};
use aims::{Agent, CredentialSource, Holder, TraceParent, backend};
use aims_attest::Evidence;
use aims_provision::Challenge;
use aims_tpm::EndorsementKind;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tonic::transport::Channel;

use self::tpm::{Device, Parts};
use super::caller::Caller;
use super::intruder::{connect, refused, with_header};
use super::issuer::AUDIENCE;
use super::{Control, Message, Outcome, say};

/// Does what it is told until the input ends.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let config = control.config().await?;
    let (tcti, dir) = (config.text("tcti")?, PathBuf::from(config.text("dir")?));
    let device = tokio::task::spawn_blocking(move || Device::open(&tcti, dir)).await??;
    let mut agent = DeviceAgent { device, credentials: None };
    say(&json!({}))?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "endorsement" => agent.endorsement().await?,
            "activate" => agent.activate(&message).await?,
            "start" => agent.start().await?,
            "call" => agent.counted(agent.call(&message)).await?,
            "call_over_tls" => agent.counted(agent.caller()?.call(&message)).await?,
            "book" => agent.counted(agent.caller()?.book(&message)).await?,
            "ask" => agent.ask(&message.text("with")?).await?,
            other => return Err(format!("`{other}` is not a command").into()),
        };
        say(&answer)?;
    }
    Ok(())
}

struct DeviceAgent {
    device: Device,
    credentials: Option<Credentials>,
}

/// A token and a certificate, each for a key of its own, and each renewed by itself.
struct Credentials {
    caller: Caller,
    _sources: [HeldKeySource; 2],
    _trusted: WorkloadSource,
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
        let [wits, svids] = [self.source()?.wit_only(), self.source()?.x509_only()];
        let (wits, svids) = tokio::try_join!(wits.start(), svids.start())?;
        let (holder, certified) = (wits.wit().holder()?, svids.x509().holder()?);
        let (Credential::Wit(wit), Credential::Svid(svid)) = (holder.credential(), certified.credential())
        else {
            return Err("other credentials".into());
        };
        let claims = UntrustedToken::peek(wit.token(), &Limits::new())?;
        let attest = claims.claim("attest").ok_or("the issuer says nothing of evidence")?;
        let level = attest.get("level").and_then(|level| level.as_number()).and_then(Number::as_u64);
        let key = attest.get("key").and_then(|key| key.as_str()).unwrap_or_default().into_owned();
        let chain: Vec<_> = svid.chain().iter().map(|der| base64::encode(der)).collect();
        let answer = json!({
            "subject": holder.subject().as_str(),
            "level": level,
            "key": key,
            "wit_key": key_of(&holder)?.to_string(),
            "x509_key": key_of(&certified)?.to_string(),
            "chain": chain,
        });
        // Whom to trust is told to whoever is known there, evidence or not.
        let api = WorkloadApi::new(&Endpoint::from_env()?, backend::ring());
        let trusted = WorkloadSource::builder(api).bundles_only().with_wit().start().await?;
        let caller = Caller { x509: svids.x509(), wit: wits.wit(), bundles: trusted.bundles() };
        self.credentials = Some(Credentials { caller, _sources: [wits, svids], _trusted: trusted });
        Ok(answer)
    }

    /// Credentials for keys that are made in the TPM, and evidence of each.
    fn source(&self) -> Outcome<HeldKeySourceBuilder> {
        let api = KeyHolderApi::new(&Endpoint::from_env()?, AUDIENCE, backend::ring());
        let device = self.device.clone();
        Ok(HeldKeySource::builder(api, move || device.make()).evidence(self.device.clone()))
    }

    fn caller(&self) -> Outcome<&Caller> {
        Ok(&self.credentials.as_ref().ok_or("it has no credentials")?.caller)
    }

    /// What came of a call; and how often the TPM signed for it by the token's key, and by the certificate's.
    async fn counted(&self, call: impl Future<Output = Outcome<Value>>) -> Outcome<Value> {
        let Caller { wit, x509, .. } = self.caller()?;
        let [wit, x509] = [key_of(&wit.holder()?)?, key_of(&x509.holder()?)?];
        let signed = || [&wit, &x509].map(|key| self.device.signed(key));
        let before = signed();
        let mut answer = call.await?;
        let [by_wit, by_x509] = signed();
        if let Some(members) = answer.as_object_mut() {
            let signed = [by_wit - before[0], by_x509 - before[1]];
            members.insert("signed".into(), json!(signed));
        }
        Ok(answer)
    }

    /// Calls a tool: the key in the TPM signs the proof.
    async fn call(&self, message: &Message) -> Outcome<Value> {
        let wit = Arc::clone(&self.caller()?.wit);
        let client = Agent::client().no_proxy().build()?;
        let mut request = client.get(message.text("url")?).build()?;
        let trace = TraceParent::begin().to_string();
        request.headers_mut().insert("traceparent", trace.parse()?);
        let audience = aims::proof::http_audience(request.url().as_str()).to_owned();
        Agent::new(wit).attach_for(&audience, request.headers_mut()).await?;
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

fn key_of(holder: &Holder) -> Outcome<Thumbprint> {
    Ok(Thumbprint::of(holder.signer(SystemTime::now().try_into()?)?.public_key()))
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
