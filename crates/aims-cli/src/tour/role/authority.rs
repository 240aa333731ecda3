//! The authority of a trust domain: it signs certificates for workloads, and tokens.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims::backend;
use aims::credential::x509::{CertificateRequest, SvidIssuer};
use aims::credential::{TrustBundle, WitIssuer};
use aims::id::{Origin, WorkloadId};
use aims::jose::{Jwk, JwkSet, base64};
use aims::keys::{Algorithm, SignInput, Signer, SoftwareKey, UnixTime, der};
use serde_json::{Value, json};

use super::{Control, Message, Outcome, say};

/// Does what its operator says until the input ends. Who asks for a certificate, the operator knows.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let config = control.config().await?;
    let origin: Origin = config.text("origin")?.parse()?;
    let authority = Authority::new(origin)?;
    say(&json!({ "bundle": serde_json::from_str::<Value>(&authority.bundle()?)? }))?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "issue" => authority.issue(&message)?,
            "sign" => authority.sign(&message)?,
            "wit" => authority.wit(&message)?,
            other => return Err(format!("`{other}` is not a command").into()),
        };
        say(&answer)?;
    }
    Ok(())
}

struct Authority {
    key: Arc<SoftwareKey>,
    svids: SvidIssuer,
    wits: WitIssuer,
}

impl Authority {
    fn new(origin: Origin) -> Outcome<Self> {
        let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
        // Since yesterday, so that it can also have signed what has expired by now.
        let begun = UnixTime::try_from(SystemTime::now())? - DAY;
        let svids = SvidIssuer::root(origin.clone(), key.clone(), 365 * DAY, begun)?;
        let wits = WitIssuer::new(origin, key.clone(), KEY_ID)?;
        Ok(Self { key, svids, wits })
    }

    /// What others trust who trust this authority: a SPIFFE bundle document.
    fn bundle(&self) -> Outcome<String> {
        let key = Jwk::new(Signer::public_key(&*self.key).clone()).with_key_id(KEY_ID)?;
        let bundle = TrustBundle::new(self.svids.origin().clone(), JwkSet::new(vec![key])?);
        Ok(bundle.with_x509_authorities(vec![self.svids.authority()?]).to_spiffe_json()?)
    }

    /// A certificate for an hour, for whoever the operator says; `ago` seconds ago.
    fn issue(&self, message: &Message) -> Outcome<Value> {
        let subject: WorkloadId = message.text("subject")?.parse()?;
        let request = base64::decode(&message.text("request")?)?;
        let request = CertificateRequest::verify(&request, backend::ring())?;
        let then = UnixTime::try_from(SystemTime::now())? - Duration::from_secs(message.number("ago")?);
        let chain = self.svids.issue(&subject, request.key(), then)?;
        Ok(json!({ "chain": chain.iter().map(|der| base64::encode(der)).collect::<Vec<_>>() }))
    }

    /// Whoever runs an authority has its key, and can sign what the issuer above never would.
    fn sign(&self, message: &Message) -> Outcome<Value> {
        let body = base64::decode(&message.text("body")?)?;
        let signature = Signer::sign(&*self.key, SignInput::Message(&body))?;
        let signature = der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes())?;
        Ok(json!({ "signature": base64::encode(&signature) }))
    }

    fn wit(&self, message: &Message) -> Outcome<Value> {
        let subject: WorkloadId = message.text("subject")?.parse()?;
        let key = Jwk::parse(message.get("key")?.raw(), backend::ring())?;
        let wit = self.wits.issue(&subject, key.public_key(), SystemTime::now().try_into()?)?;
        Ok(json!({ "wit": wit }))
    }
}

const KEY_ID: &str = "tour";

const DAY: Duration = Duration::from_secs(86_400);
