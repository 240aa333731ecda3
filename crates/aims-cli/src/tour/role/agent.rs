//! An agent: it asks the Workload API who it is, and calls tools.

use std::sync::Arc;
use std::time::SystemTime;

use aims::credential::{Credential, WIT_FIELD};
use aims::jose::json::ObjectWriter;
use aims::jose::{Jwk, NewHeader, base64url};
use aims::keys::{Algorithm, AsyncSigner, SignError, SoftwareKey, UnixTime};
use aims::workload_api::{Endpoint, HeldKeySource, KeyHolderApi, WorkloadApi, WorkloadSource};
use aims::{Agent, CredentialSource, Holder, TraceParent, backend};
use http::header::AUTHORIZATION;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::issuer::AUDIENCE;
use super::{Control, Message, Outcome, say};

/// Does what it is told until the input ends.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let config = control.config().await?;
    let mut source = Source::start(&config).await?;
    let client = Agent::client().no_proxy().build()?;
    let workload = Workload { client, agent: Agent::new(source.wit()), wit: source.wit() };
    say(&workload.describe()?)?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "call" => workload.call(&message).await?,
            "prove" => workload.prove(&message).await?,
            "withdrawn" => source.withdrawn().await?,
            other => return Err(format!("`{other}` is not a command").into()),
        };
        say(&answer)?;
    }
    Ok(())
}

/// Where its credential comes from, and who made the key.
enum Source {
    /// The Workload API, with the credential.
    Given(WorkloadSource),
    /// It did, and keeps it.
    Own(HeldKeySource),
}

impl Source {
    async fn start(config: &Message) -> Outcome<Self> {
        let endpoint = Endpoint::from_env()?;
        if &*config.text("key")? == "given" {
            let api = WorkloadApi::new(&endpoint, backend::ring());
            let builder = WorkloadSource::builder(api).with_wit().without_x509();
            return Ok(Self::Given(builder.start().await?));
        }
        let builder =
            HeldKeySource::builder(KeyHolderApi::new(&endpoint, AUDIENCE, backend::ring()), make_key);
        let builder = match config.text("join_token") {
            Ok(token) => builder.join_token(token),
            Err(_) => builder,
        };
        Ok(Self::Own(builder.start().await?))
    }

    fn wit(&self) -> Arc<dyn CredentialSource> {
        match self {
            Self::Given(source) => source.wit(),
            Self::Own(source) => source.wit(),
        }
    }

    /// Waits until there is no credential any more, and says in what state that is.
    async fn withdrawn(&mut self) -> Outcome<Value> {
        let Self::Given(source) = self else { return Err("nobody would tell it".into()) };
        while source.wit().holder().is_ok() {
            source.changed().await;
        }
        let status = source.status();
        let state = status.streams.get("wit").ok_or("it follows no tokens")?.state;
        Ok(json!({ "state": state.name() }))
    }
}

fn make_key() -> Result<Arc<dyn AsyncSigner>, SignError> {
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).map_err(|_| SignError::Backend)?;
    Ok(Arc::new(key))
}

struct Workload {
    client: Client,
    agent: Agent,
    wit: Arc<dyn CredentialSource>,
}

impl Workload {
    /// Who it is, and the public half of its key.
    fn describe(&self) -> Outcome<Value> {
        let holder = self.wit.holder()?;
        let key = Jwk::new(holder.signer(now()?)?.public_key().clone()).to_json();
        let minutes = holder.not_after().since(now()?).as_secs().div_ceil(60);
        Ok(json!({
            "subject": holder.subject().as_str(),
            "key": serde_json::from_str::<Value>(&key)?,
            "minutes": minutes,
            "wit": token(&holder)?,
        }))
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
    async fn prove(&self, message: &Message) -> Outcome<Value> {
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
        let holder = self.wit.holder()?;
        let key = holder.signer(now()?)?;
        let header = NewHeader::new("wpt+jwt", key.public_key())?;
        Ok(json!({ "proof": header.unsigned(claims).sign_async(key).await? }))
    }
}

fn token(holder: &Holder) -> Outcome<&str> {
    match holder.credential() {
        Credential::Wit(wit) => Ok(wit.token()),
        _ => Err("another kind of credential".into()),
    }
}

fn now() -> Outcome<UnixTime> {
    Ok(UnixTime::try_from(SystemTime::now())?)
}

async fn json_body(response: Response) -> Outcome<Value> {
    Ok(serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null))
}
