//! A program that asks for what is not its own. It speaks the protocol by hand: our client would not say such things.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use aims::backend;
use aims::jose::{Jwk, base64url};
use aims::keys::{Algorithm, PublicKey, SignInput, Signer, SoftwareKey, UnixTime};
use aims::workload_api::proto::key_holder::issue_request::Proof;
use aims::workload_api::proto::key_holder::key_holder_client::KeyHolderClient;
use aims::workload_api::proto::key_holder::{CertificateRequest, ChallengeRequest, IssueRequest};
use aims::workload_api::{Endpoint, WorkloadApi};
use aims_provision::Challenge;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request};

use super::issuer::AUDIENCE;
use super::{Control, Message, Outcome, say};

/// Tries what it is told to until the input ends.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    control.config().await?;
    let Endpoint::Unix(socket) = Endpoint::from_env()? else { return Err("no socket".into()) };
    let mut intruder = Intruder {
        key: SoftwareKey::generate(Algorithm::Es256, backend::ring())?,
        client: connect(socket.clone()).await?,
        socket,
        last: None,
    };
    say(&json!({}))?;
    while let Some(message) = control.next().await? {
        let answer = match &*message.text("do")? {
            "fetch" => intruder.fetch().await?,
            "ask" => intruder.ask(&message).await?,
            "again" => intruder.again().await?,
            other => return Err(format!("`{other}` is not a command").into()),
        };
        say(&answer)?;
    }
    Ok(())
}

struct Intruder {
    key: SoftwareKey,
    socket: PathBuf,
    client: KeyHolderClient<Channel>,
    /// What was sent last.
    last: Option<IssueRequest>,
}

impl Intruder {
    /// Asks the Workload API who it is.
    async fn fetch(&self) -> Outcome<Value> {
        let api = WorkloadApi::new(&Endpoint::Unix(self.socket.clone()), backend::ring());
        Ok(match api.fetch_x509().await {
            Ok(context) => {
                json!({ "subject": context.identities.first().map(|own| own.holder.subject().as_str()) })
            }
            Err(error) => json!({ "refused": error.code() }),
        })
    }

    /// Asks for credentials: for a key of its own, or for one of which it has the public half; with a certificate request that asks
    /// for a name; with a join token.
    async fn ask(&mut self, message: &Message) -> Outcome<Value> {
        let response = self.client.challenge(with_header(ChallengeRequest {})).await?;
        let challenge = Challenge::new(AUDIENCE, &response.into_inner().nonce)?;
        let proof = if let Ok(name) = message.text("name") {
            self.request(&challenge, &name)?
        } else if let Ok(key) = message.get("key") {
            self.token(&challenge, Jwk::parse(key.raw(), backend::ring())?.public_key())?
        } else {
            self.token(&challenge, Signer::public_key(&self.key))?
        };
        let request = IssueRequest {
            spiffe_id: String::new(),
            proof: Some(proof),
            types: Vec::new(),
            join_token: message.text("join_token").unwrap_or_default(),
            previous: String::new(),
            evidence: Vec::new(),
        };
        self.last = Some(request.clone());
        self.issue(request).await
    }

    /// Sends once more what it sent last.
    async fn again(&mut self) -> Outcome<Value> {
        let request = self.last.clone().ok_or("nothing was sent")?;
        self.issue(request).await
    }

    /// A proof that `key` is held, signed with its own key.
    fn token(&self, challenge: &Challenge, key: &PublicKey) -> Outcome<Proof> {
        let unsigned = challenge.prepare_proof(key, UnixTime::try_from(SystemTime::now())?)?;
        let input = unsigned.signing_input();
        let signature = Signer::sign(&self.key, SignInput::Message(input))?;
        Ok(Proof::Jws(format!("{}.{}", str::from_utf8(input)?, base64url::encode(signature.as_bytes()))))
    }

    /// A certificate request for its own key in the name of somebody.
    fn request(&self, challenge: &Challenge, name: &str) -> Outcome<Proof> {
        let name = name.parse()?;
        let request = challenge.certificate_request(Signer::public_key(&self.key)).subject(&name);
        let der = request.prepare()?.sign(&self.key)?;
        Ok(Proof::Request(CertificateRequest { der, nonce: challenge.nonce() }))
    }

    async fn issue(&mut self, request: IssueRequest) -> Outcome<Value> {
        Ok(match self.client.issue(with_header(request)).await {
            Ok(response) => json!({ "subject": response.into_inner().spiffe_id }),
            Err(status) => json!({ "refused": refused(&status) }),
        })
    }
}

/// What a caller is told.
pub(super) fn refused(status: &tonic::Status) -> &str {
    match status.code() {
        Code::InvalidArgument => "invalid_argument",
        Code::PermissionDenied => "permission_denied",
        _ => status.message(),
    }
}

pub(super) fn with_header<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("workload.spiffe.io", MetadataValue::from_static("true"));
    request
}

/// One connection: challenges are for one alone.
pub(super) async fn connect(socket: PathBuf) -> Outcome<KeyHolderClient<Channel>> {
    let socket = Arc::new(socket);
    let connect = tower::service_fn(move |_| {
        let socket = Arc::clone(&socket);
        async move { UnixStream::connect(&*socket).await.map(TokioIo::new) }
    });
    let anywhere = tonic::transport::Endpoint::from_static("http://localhost");
    Ok(KeyHolderClient::new(anywhere.connect_with_connector(connect).await?))
}
