//! The client: an [`AsyncSigner`] whose key is somewhere else.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aims_jose::base64url;
use aims_keys::{
    Algorithm, AsyncSigner, Backend, BoxFuture, Protection, PublicKey, PublicNumbers, SignError, SignInput,
    Signature, der,
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect, retry};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// How the numbers of an ECDSA signature come from the service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Form {
    /// In DER, strictly.
    Der,
    /// `r || s` of fixed length, as JOSE has it.
    Raw,
}

/// A key in a service on the network.
///
/// - What the service says is bounded (16 KiB), and so is the time for it, and how much is asked at once.
/// - A signature that the key did not make over the message is never given out, whoever made it.
/// - A request whose connection was cut is sent once more; nothing else is, and nothing twice.
/// - No redirect is followed, no proxy of the environment asked, and the token of the service shown nowhere.
pub struct RemoteSigner {
    http: Client,
    place: Url,
    token: HeaderValue,
    /// Name and version of the key; a service that turns to another version has another key.
    version: String,
    public: PublicKey,
    form: Form,
    room: Arc<Semaphore>,
}

/// Why there is no [`RemoteSigner`].
#[derive(Debug)]
#[non_exhaustive]
pub enum RemoteSignerError {
    /// The place is not an `https` URL (or `http` on this machine), or the token has characters that no header takes.
    Config,
    /// What the service said is not a key of the algorithm asked for.
    Key,
    /// The service has another key than the one expected.
    OtherKey,
    /// The service did not answer as it should.
    Service(SignError),
}

impl fmt::Display for RemoteSignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("the place or the token of the key service is not one"),
            Self::Key => f.write_str("the service has no key of this algorithm under this name"),
            Self::OtherKey => f.write_str("the service has another key than the one expected"),
            Self::Service(error) => error.fmt(f),
        }
    }
}

impl Error for RemoteSignerError {}

/// Where the service is, and how to speak with it.
pub struct RemoteSignerBuilder {
    place: String,
    token: String,
    timeout: Duration,
    at_once: usize,
    form: Form,
    expected: Option<PublicNumbers>,
}

/// Does not show the token.
impl fmt::Debug for RemoteSignerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSignerBuilder").field("place", &self.place).finish_non_exhaustive()
    }
}

impl RemoteSignerBuilder {
    /// How long one attempt may take. Default: 2 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many signatures may be under way; one more is busy. Default: 16.
    #[must_use]
    pub fn at_once(mut self, most: usize) -> Self {
        self.at_once = most;
        self
    }

    /// The form of the service's signatures. Default: [`Form::Der`].
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// The public key that was written down when the key was made: then the service cannot bring another.
    #[must_use]
    pub fn expecting(mut self, public: &PublicKey) -> Self {
        self.expected = Some(public.numbers().clone());
        self
    }

    /// Asks the service for the public key, and is ready to sign.
    ///
    /// # Errors
    ///
    /// [`RemoteSignerError`].
    pub async fn connect(
        self,
        algorithm: Algorithm,
        backend: Backend,
    ) -> Result<RemoteSigner, RemoteSignerError> {
        use RemoteSignerError as E;

        let place = Url::parse(&self.place).ok().filter(is_guarded).ok_or(E::Config)?;
        let mut token = HeaderValue::from_str(&format!("Bearer {}", self.token)).map_err(|_| E::Config)?;
        token.set_sensitive(true);
        let http = Client::builder()
            .timeout(self.timeout)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .build()
            .map_err(|_| E::Config)?;

        let request = http.get(place.clone()).header(AUTHORIZATION, token.clone());
        let answer = twice(request).await.map_err(E::Service)?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).ok_or(E::Key);
        if text("algorithm")? != algorithm.name() {
            return Err(E::Key);
        }
        let numbers = PublicNumbers::from_pem(text("public_key")?).map_err(|_| E::Key)?;
        if self.expected.is_some_and(|expected| expected != numbers) {
            return Err(E::OtherKey);
        }
        let public = PublicKey::load(numbers, algorithm, backend).map_err(|_| E::Key)?;
        let version = text("key")?.to_owned();
        let room = Arc::new(Semaphore::new(self.at_once));
        Ok(RemoteSigner { http, place, token, version, public, form: self.form, room })
    }
}

impl RemoteSigner {
    /// A key at `place` (`https://kms.example/keys/agents`), for whoever has the token of the service.
    #[must_use]
    pub fn builder(place: &str, token: &str) -> RemoteSignerBuilder {
        RemoteSignerBuilder {
            place: place.to_owned(),
            token: token.to_owned(),
            timeout: Duration::from_secs(2),
            at_once: 16,
            form: Form::Der,
            expected: None,
        }
    }

    async fn ask(&self, message: &[u8]) -> Result<Signature, SignError> {
        // Those who wait here would not be waited for.
        let _place = self.room.try_acquire().map_err(|_| SignError::Busy { retry_after: None })?;
        let algorithm = self.public.algorithm();
        let body = json!({ "algorithm": algorithm.name(), "message": base64url::encode(message) });
        let request = self
            .http
            .post(format!("{}/sign", self.place))
            .header(AUTHORIZATION, self.token.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let answer = twice(request).await?;

        let text = |name: &str| answer.get(name).and_then(Value::as_str).ok_or(SignError::Backend);
        if text("key")? != self.version {
            return Err(SignError::NotFound);
        }
        let bytes = base64url::decode(text("signature")?).map_err(|_| SignError::Backend)?;
        let signature: Signature = match (algorithm, self.form) {
            (Algorithm::Es256 | Algorithm::Es384, Form::Der) => {
                der::ecdsa_from_der(algorithm, &bytes).map_err(|_| SignError::Backend)?
            }
            _ => bytes.into(),
        };
        // Whatever made this: it was not the key, or not over these bytes.
        self.public.verify(message, signature.as_bytes()).map_err(|_| SignError::Backend)?;
        Ok(signature)
    }
}

impl AsyncSigner for RemoteSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn protection(&self) -> Protection {
        Protection::CloudKms
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(async move {
            match input {
                SignInput::Message(message) if message.len() <= MOST_MESSAGE => self.ask(message).await,
                _ => Err(SignError::UnsupportedInput),
            }
        })
    }
}

/// Shows neither the token nor where the service is.
impl fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSigner")
            .field("version", &self.version)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// A token goes over TLS, or not off this machine.
fn is_guarded(place: &Url) -> bool {
    let is_here = || {
        let host = place.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    place.scheme() == "https" || (place.scheme() == "http" && is_here())
}

/// Sends it, and once more if the connection was cut; the service may have signed the first time, which does no harm.
async fn twice(request: RequestBuilder) -> Result<Value, SignError> {
    let again = request.try_clone();
    match (once(request).await, again) {
        (Err(SignError::DeviceGone), Some(request)) => once(request).await,
        (result, _) => result,
    }
}

async fn once(request: RequestBuilder) -> Result<Value, SignError> {
    let mut response = request.send().await.map_err(|error| no_answer(&error))?;
    refusal(&response)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
        if body.len() + chunk.len() > MOST_ANSWER {
            return Err(SignError::Backend);
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| SignError::Backend)
}

fn refusal(response: &Response) -> Result<(), SignError> {
    match response.status() {
        StatusCode::OK => Ok(()),
        StatusCode::UNAUTHORIZED => Err(SignError::AuthFailed),
        StatusCode::FORBIDDEN => Err(SignError::Policy),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(SignError::NotFound),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Err(SignError::Busy { retry_after: retry_after(response.headers()) })
        }
        _ => Err(SignError::Backend),
    }
}

/// In seconds; a date would need a clock. No service may put its clients to sleep for longer than an hour.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(Duration::from_secs(3600)))
}

fn no_answer(error: &reqwest::Error) -> SignError {
    // It is slow, and may have done it: to ask again at once would make it slower.
    if error.is_timeout() { SignError::Busy { retry_after: None } } else { SignError::DeviceGone }
}

/// Longer than any token or signature base of these crates.
const MOST_MESSAGE: usize = 64 << 10;
const MOST_ANSWER: usize = 16 << 10;
