//! The service: one key, for whoever has the token.

use std::fmt;
use std::sync::Arc;

use aims_jose::base64url;
use aims_keys::{Algorithm, KeyError, PublicKey, SignInput, SoftwareKey, backend, der};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// A key service with one key, `agents`.
pub struct KeyService {
    key: SoftwareKey,
    /// Of the token, so that a comparison tells nothing of it.
    token: [u8; 32],
    room: Semaphore,
}

impl KeyService {
    /// Makes the key. Of `at_once` requests that ask for a signature at the same time, none is told to come again.
    ///
    /// # Errors
    ///
    /// As [`SoftwareKey::generate`].
    pub fn new(token: &str, at_once: usize) -> Result<Self, KeyError> {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
        Ok(Self { key, token: backend::ring().sha256(token.as_bytes()), room: Semaphore::new(at_once) })
    }

    /// The public half, which is written down when the key is made.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The routes, below `/keys/agents`.
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/keys/agents", get(describe))
            .route("/keys/agents/sign", post(sign))
            .layer(DefaultBodyLimit::max(128 << 10))
            .with_state(self)
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
        if backend::ring().sha256(token.as_bytes()) == self.token {
            Ok(())
        } else {
            Err(StatusCode::UNAUTHORIZED)
        }
    }

    fn sign(&self, body: &[u8]) -> Result<String, StatusCode> {
        let asked: Value = serde_json::from_slice(body).map_err(|_| StatusCode::BAD_REQUEST)?;
        let text = |name: &str| asked.get(name).and_then(Value::as_str).ok_or(StatusCode::BAD_REQUEST);
        let algorithm = self.key.public_key().algorithm();
        if text("algorithm")? != algorithm.name() {
            return Err(StatusCode::BAD_REQUEST);
        }
        let message = base64url::decode(text("message")?).map_err(|_| StatusCode::BAD_REQUEST)?;
        let signature = self.key.sign(SignInput::Message(&message));
        let signature = signature.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let der = der::ecdsa_to_der(algorithm, signature.as_bytes());
        Ok(base64url::encode(&der.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?))
    }
}

/// Shows the public half of the key only.
impl fmt::Debug for KeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyService").field("key", &self.key).finish_non_exhaustive()
    }
}

async fn describe(State(service): State<Arc<KeyService>>, headers: HeaderMap) -> Response {
    if let Err(status) = service.admit(&headers) {
        return status.into_response();
    }
    let public = service.key.public_key();
    let about = json!({
        "key": VERSION, "algorithm": public.algorithm().name(), "public_key": public.numbers().to_pem()
    });
    about.to_string().into_response()
}

async fn sign(State(service): State<Arc<KeyService>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(status) = service.admit(&headers) {
        return status.into_response();
    }
    let Ok(_place) = service.room.try_acquire() else {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response();
    };
    match service.sign(&body) {
        Ok(signature) => json!({ "key": VERSION, "signature": signature }).to_string().into_response(),
        Err(status) => status.into_response(),
    }
}

const VERSION: &str = "agents/1";
