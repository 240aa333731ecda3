//! The issuer of a trust domain, as small as one can be.
//!
//! A workload makes its own key, asks for a challenge, signs it, and gets a Workload Identity Token bound to that key. The key
//! itself never travels. Which identifier it gets is not its choice: somebody enrolled it under a secret that works once.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aims::credential::WitIssuer;
use aims::id::WorkloadId;
use aims::jose::json::{Limits, Object, Value};
use aims::jose::{Jwk, JwkSet, UnverifiedJws, base64url};
use aims::keys::{Algorithm, AlgorithmSet, PublicKey, Signer, SoftwareKey, UnixTime};
use aims::{backend, jose};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use tokio::net::TcpListener;

use super::{Control, Message, Outcome, say};

/// Serves until the input ends.
pub(super) async fn run(mut control: Control) -> Outcome<()> {
    let config = control.config().await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);

    let signer: Arc<dyn Signer> = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
    let key = Jwk::new(signer.public_key().clone()).with_key_id(KEY_ID)?;
    let issuer = Arc::new(Issuer {
        wits: WitIssuer::new(config.text("origin")?.parse()?, signer.clone(), KEY_ID)?,
        jwks: JwkSet::new(vec![key])?.to_json(),
        audience: format!("{url}/wit"),
        enrolments: Mutex::new(enrolments(&config)?),
        challenges: Mutex::default(),
    });
    let app = Router::new()
        .route("/keys", get(keys))
        .route("/challenge", post(challenge))
        .route("/wit", post(wit))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(issuer);

    say(&json!({ "url": url }))?;
    tokio::select! {
        served = axum::serve(listener, app).into_future() => Ok(served?),
        ended = console(&mut control, &signer) => ended,
    }
}

struct Issuer {
    wits: WitIssuer,
    jwks: String,
    audience: String,
    enrolments: Mutex<Vec<Enrolment>>,
    /// Challenges that nobody answered yet, and until when they may.
    challenges: Mutex<HashMap<String, UnixTime>>,
}

/// A workload that may fetch its first credential, once.
struct Enrolment {
    /// SHA-256. How long it takes to compare two of these says nothing about the secret behind either.
    secret: [u8; 32],
    subject: WorkloadId,
}

async fn keys(State(issuer): State<Arc<Issuer>>) -> Response {
    document(StatusCode::OK, "application/jwk-set+json", issuer.jwks.clone())
}

async fn challenge(State(issuer): State<Arc<Issuer>>) -> Response {
    match now().and_then(|now| issuer.new_challenge(now)) {
        Ok(nonce) => document(StatusCode::OK, "application/json", json!({ "nonce": nonce }).to_string()),
        Err(refusal) => refusal.into_response(),
    }
}

async fn wit(State(issuer): State<Arc<Issuer>>, body: String) -> Response {
    match now().and_then(|now| issuer.enrol(body, now)) {
        Ok(wit) => document(StatusCode::OK, "application/json", json!({ "wit": wit }).to_string()),
        Err(refusal) => refusal.into_response(),
    }
}

fn now() -> Result<UnixTime, Refusal> {
    UnixTime::try_from(SystemTime::now()).map_err(|_| Refusal::Unavailable)
}

impl Issuer {
    fn new_challenge(&self, now: UnixTime) -> Result<String, Refusal> {
        let mut nonce = [0; 32];
        backend::ring().fill_random(&mut nonce).map_err(|_| Refusal::Unavailable)?;
        let nonce = base64url::encode(nonce);
        let mut challenges = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
        challenges.retain(|_, until| now < *until);
        if challenges.len() >= MAX_CHALLENGES {
            return Err(Refusal::Unavailable);
        }
        challenges.insert(nonce.clone(), now + CHALLENGE_LIFETIME);
        Ok(nonce)
    }

    /// Issues a token if the caller holds the key it names, just now, and was enrolled. What is wrong with the proof is found
    /// before the secret is looked at, so a bad proof does not use it up.
    fn enrol(&self, body: String, now: UnixTime) -> Result<String, Refusal> {
        let request = Object::parse(body, &Limits::new()).map_err(|_| Refusal::Malformed)?;
        let [enrolment, proof] = ["enrolment", "proof"].map(|name| request.get(name)?.as_str());
        let (Some(enrolment), Some(proof), Some(key)) = (enrolment, proof, request.get("key")) else {
            return Err(Refusal::Malformed);
        };
        let key = Jwk::parse(key.raw(), backend::ring()).map_err(|_| Refusal::Malformed)?;

        let nonce = self.possession(key.public_key(), &proof).ok_or(Refusal::Proof)?;
        if !self.take_challenge(&nonce, now) {
            return Err(Refusal::Challenge);
        }
        self.issue_enrolled(&enrolment, key.public_key(), now)
    }

    /// The challenge that the holder of `key` answered, to this issuer.
    fn possession(&self, key: &PublicKey, proof: &str) -> Option<String> {
        let proof = UnverifiedJws::parse(proof, &jose::Limits::new()).ok()?;
        proof.header().require_typ(super::agent::POSSESSION_TYPE).ok()?;
        let payload = proof.verify(key, AlgorithmSet::STANDARD).ok()?.into_parts().1;
        let claims = Object::parse(payload, &Limits::new()).ok()?;
        if !claims.get("aud")?.is_str(&self.audience) {
            return None;
        }
        Some(claims.get("nonce")?.as_str()?.into_owned())
    }

    fn take_challenge(&self, nonce: &str, now: UnixTime) -> bool {
        let mut challenges = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
        challenges.remove(nonce).is_some_and(|until| now < until)
    }

    /// Issues what was enrolled under `secret`, which is used up if and only if that succeeds.
    fn issue_enrolled(&self, secret: &str, key: &PublicKey, now: UnixTime) -> Result<String, Refusal> {
        let secret = backend::ring().sha256(secret.as_bytes());
        let mut enrolments = self.enrolments.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, enrolment) = enrolments
            .iter()
            .enumerate()
            .find(|(_, known)| known.secret == secret)
            .ok_or(Refusal::Enrolment)?;
        let wit = self.wits.issue(&enrolment.subject, key, now).map_err(|_| Refusal::Unavailable)?;
        enrolments.swap_remove(at);
        Ok(wit)
    }
}

/// Why nothing was issued, as the caller is told.
enum Refusal {
    Challenge,
    Enrolment,
    Malformed,
    Proof,
    Unavailable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = match self {
            Self::Challenge => (StatusCode::FORBIDDEN, "unknown_challenge"),
            Self::Enrolment => (StatusCode::FORBIDDEN, "not_enrolled"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed"),
            Self::Proof => (StatusCode::FORBIDDEN, "invalid_proof"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        let problem = json!({ "title": status.canonical_reason(), "status": status.as_u16(), "code": code });
        document(status, "application/problem+json", problem.to_string())
    }
}

fn document(status: StatusCode, content_type: &'static str, text: String) -> Response {
    (status, [(CONTENT_TYPE, content_type)], text).into_response()
}

fn enrolments(config: &Message) -> Outcome<Vec<Enrolment>> {
    let list = config.get("enrolments")?.as_array().ok_or("`enrolments` is not a list")?;
    list.map(|entry| {
        let text = |name| entry.get(name).as_ref().and_then(Value::as_str);
        let (secret, subject) = text("secret").zip(text("subject")).ok_or("an enrolment is incomplete")?;
        Ok(Enrolment { secret: backend::ring().sha256(secret.as_bytes()), subject: subject.parse()? })
    })
    .collect()
}

/// The operator's own way in, on standard input: whoever runs an issuer has its key, and can sign what the service above
/// never would.
async fn console(control: &mut Control, signer: &Arc<dyn Signer>) -> Outcome<()> {
    while let Some(message) = control.next().await? {
        say(&json!({ "wit": issue_by_hand(&message, signer)? }))?;
    }
    Ok(())
}

/// A token for any subject, as it would have been issued some time ago.
fn issue_by_hand(message: &Message, signer: &Arc<dyn Signer>) -> Outcome<String> {
    let subject: WorkloadId = message.text("subject")?.parse()?;
    let key = Jwk::parse(message.get("key")?.raw(), backend::ring())?;
    let then = UnixTime::try_from(SystemTime::now())? - Duration::from_secs(message.number("ago")?);
    let issuer = WitIssuer::new(subject.origin(), signer.clone(), KEY_ID)?;
    Ok(issuer.issue(&subject, key.public_key(), then)?)
}

const KEY_ID: &str = "tour";

const MAX_BODY: usize = 16 * 1024;

const MAX_CHALLENGES: usize = 1024;

const CHALLENGE_LIFETIME: Duration = Duration::from_secs(60);
