//! An agent: it makes its own key, proves to the issuer that it holds it, and calls tools.

use std::sync::Arc;

use aims::credential::WIT_FIELD;
use aims::jose::json::ObjectWriter;
use aims::jose::{Jwk, NewHeader, base64url};
use aims::keys::{Algorithm, Signer, SoftwareKey};
use aims::{Agent, CurrentCredential, Holder, TraceParent, Wit, backend};
use http::header::AUTHORIZATION;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::{Control, Message, Outcome, say};

/// Does what it is told until the input ends.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
    let credential = CurrentCredential::default();
    let config = control.config().await?;
    let workload = Workload {
        issuer: config.text("issuer")?,
        enrolment: config.text("enrolment")?,
        client: Agent::client().no_proxy().build()?,
        agent: Agent::new(credential.clone()),
        credential,
        key,
    };
    say(&json!({ "key": serde_json::from_str::<Value>(&workload.jwk())? }))?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "enrol" => workload.enrol().await?,
            "call" => workload.call(&message).await?,
            "prove" => workload.prove(&message)?,
            other => return Err(format!("`{other}` is not a command").into()),
        };
        say(&answer)?;
    }
    Ok(())
}

struct Workload {
    issuer: String,
    /// What whoever started this agent gave it, to get its first credential with.
    enrolment: String,
    key: Arc<SoftwareKey>,
    credential: CurrentCredential,
    agent: Agent,
    client: Client,
}

impl Workload {
    fn jwk(&self) -> String {
        Jwk::new(Signer::public_key(&*self.key).clone()).to_json()
    }

    /// Gets the first credential: answers the issuer's challenge with the key, and names the enrolment secret.
    async fn enrol(&self) -> Outcome<Value> {
        let issuer = &self.issuer;
        let challenge = self.client.post(format!("{issuer}/challenge")).send().await?.error_for_status()?;
        let challenge = json_body(challenge).await?;
        let nonce = challenge.get("nonce").and_then(Value::as_str).ok_or("no challenge")?;

        let proof = possession(&*self.key, &format!("{issuer}/wit"), nonce)?;
        let key: Value = serde_json::from_str(&self.jwk())?;
        let body = json!({ "enrolment": self.enrolment, "key": key, "proof": proof });
        let response = self.client.post(format!("{issuer}/wit")).body(body.to_string()).send().await?;

        let status = response.status();
        let body = json_body(response).await?;
        if status.is_success() {
            let token = body.get("wit").and_then(Value::as_str).ok_or("no token")?;
            let wit = Wit::from_issuer(token, backend::ring())?;
            self.credential.replace(Holder::new(wit, self.key.clone())?)?;
        }
        Ok(json!({ "status": status.as_u16(), "body": body }))
    }

    /// Calls a tool, and says what went over the wire in both directions: all that an eavesdropper would have.
    async fn call(&self, message: &Message) -> Outcome<Value> {
        let mut request = self.client.get(message.text("url")?).build()?;
        let trace = TraceParent::begin().to_string();
        request.headers_mut().insert("traceparent", trace.parse()?);
        let audience = aims::proof::http_audience(request.url().as_str()).to_owned();
        self.agent.attach_for(&audience, request.headers_mut()).await?;

        let field = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let sent = json!({
            "url": request.url().as_str(),
            "authorization": field(AUTHORIZATION.as_str()),
            "wit": field(WIT_FIELD),
            "traceparent": trace,
        });
        let response = self.client.execute(request).await?;
        let status = response.status().as_u16();
        Ok(json!({ "sent": sent, "status": status, "body": json_body(response).await? }))
    }

    /// Signs a proof with claims that [`Agent`] would never write: what the key of an agent is good for in other hands.
    fn prove(&self, message: &Message) -> Outcome<Value> {
        let backend = backend::ring();
        let mut id = [0; 16];
        backend.fill_random(&mut id)?;
        let wit = message.text("wit")?;
        let claims = ObjectWriter::new()
            .str("aud", &message.text("aud")?)
            .u64("exp", message.number("exp")?)
            .str("jti", &base64url::encode(id))
            .str("wth", &base64url::encode(backend.sha256(wit.as_bytes())))
            .finish()?;
        let header = NewHeader::new("wpt+jwt", Signer::public_key(&*self.key))?;
        Ok(json!({ "proof": header.unsigned(claims).sign(&*self.key)? }))
    }
}

/// Shows that `key` is held: a signature over what the issuer asked, for that issuer.
pub(crate) fn possession(key: &dyn Signer, audience: &str, nonce: &str) -> Outcome<String> {
    let claims = ObjectWriter::new().str("aud", audience).str("nonce", nonce).finish()?;
    Ok(NewHeader::new(POSSESSION_TYPE, key.public_key())?.unsigned(claims).sign(key)?)
}

async fn json_body(response: Response) -> Outcome<Value> {
    Ok(serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null))
}

/// `typ` of a proof of possession, which is not a credential and not a WPT.
pub(super) const POSSESSION_TYPE: &str = "aims-tour-possession+jwt";
