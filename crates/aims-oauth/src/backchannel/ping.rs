//! How a client is told that there is an answer (CIBA Core §10.2).

use std::fmt;
use std::str::FromStr;

use aims_jose::base64url;
use aims_jose::json::{self, JsonError, Object, ObjectWriter};
use aims_keys::{Backend, KeyError};
use zeroize::Zeroizing;

use super::{AuthRequestId, BackchannelError};
use crate::{AccessToken, Fingerprint, PresentedError, PresentedToken, TokenScheme};

/// `client_notification_token`: by what the client knows that the server tells it something. One for each request.
///
/// `Debug` shows its fingerprint alone.
#[derive(Clone)]
pub struct NotificationToken(AccessToken);

impl NotificationToken {
    /// Of 256 random bits.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`].
    pub fn generate(backend: Backend) -> Result<Self, KeyError> {
        let mut random = Zeroizing::new([0; 32]);
        backend.fill_random(&mut *random)?;
        let text = Zeroizing::new(base64url::encode(*random));
        // INVARIANT: what base64url has, a token may have.
        text.parse().map(Self).map_err(|_| KeyError::Random)
    }

    /// The text itself, for the server and the client.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What names it in a log.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }
}

impl FromStr for NotificationToken {
    type Err = BackchannelError;

    fn from_str(text: &str) -> Result<Self, BackchannelError> {
        if !(MIN_TOKEN..=MAX_TOKEN).contains(&text.len()) {
            return Err(BackchannelError::NotificationToken);
        }
        text.parse().map(Self).map_err(|_| BackchannelError::NotificationToken)
    }
}

impl fmt::Debug for NotificationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NotificationToken").field(&self.fingerprint()).finish()
    }
}

/// What a server tells a client: this request has an answer, be it yes or no. What it is, the client learns at the token endpoint (HIL-11).
///
/// The server sends it by POST to the endpoint that the client registered, with guarded fetching, follows no redirect, and ignores the body of the answer
/// (HIL-18, SEC-17).
///
/// ```
/// use aims_keys::backend;
/// use aims_oauth::{AuthRequestId, NotificationToken, PingNotification, PresentedPing};
///
/// let (id, token) = (AuthRequestId::generate(backend::ring())?, NotificationToken::generate(backend::ring())?);
/// let ping = PingNotification::new(&id);
/// let (authorization, body) = (PingNotification::authorization(&token), ping.to_json());
///
/// // At the client, which finds by the identifier which token it gave with that request.
/// let presented = PresentedPing::read([authorization.as_bytes()], body.as_bytes())?;
/// assert!(presented.id().is_same(&id));
/// presented.check(&token)?;
///
/// let refused = presented.check(&NotificationToken::generate(backend::ring())?).unwrap_err();
/// assert_eq!((refused.code(), refused.rule(), refused.status()), ("other_notification_token", "HIL-11", 401));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PingNotification<'a>(&'a AuthRequestId);

impl<'a> PingNotification<'a> {
    /// The media type of the body.
    pub const MEDIA_TYPE: &'static str = "application/json";

    /// The status with which a client answers that it has understood.
    pub const STATUS: u16 = 204;

    /// About this request.
    #[must_use]
    pub fn new(id: &'a AuthRequestId) -> Self {
        Self(id)
    }

    /// The value of the field `Authorization`.
    #[must_use]
    pub fn authorization(token: &NotificationToken) -> Zeroizing<String> {
        Zeroizing::new([TokenScheme::Bearer.as_str(), " ", token.expose()].concat())
    }

    /// The body, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        let mut writer = ObjectWriter::new();
        writer.str("auth_req_id", self.0.expose());
        // INVARIANT: it is one name.
        Zeroizing::new(writer.finish().unwrap_or_default())
    }
}

/// A notification as a client gets it: anybody can have sent it, until its token was [checked](Self::check).
#[derive(Clone, Debug)]
pub struct PresentedPing {
    id: AuthRequestId,
    token: AccessToken,
}

impl PresentedPing {
    /// Reads the lines of the field `Authorization` and the body of a request.
    ///
    /// # Errors
    ///
    /// [`PingError`], with whose [`status`](PingError::status) the client answers.
    pub fn read(
        authorization: impl IntoIterator<Item = impl AsRef<[u8]>>,
        body: &[u8],
    ) -> Result<Self, PingError> {
        let presented = PresentedToken::read(authorization)?.ok_or(PingError::Unauthorized)?;
        if presented.scheme() != TokenScheme::Bearer {
            return Err(PingError::Unauthorized);
        }
        let object = Object::parse(body, &LIMITS)?;
        // HIL-16: tokens come from the token endpoint, and from nowhere else.
        if PUSHED.iter().any(|name| object.get(name).is_some()) {
            return Err(PingError::Pushed);
        }
        let id = object.get("auth_req_id").and_then(|id| id.as_str()).ok_or(PingError::Id)?;
        Ok(Self { id: id.parse().map_err(|_| PingError::Id)?, token: presented.token().clone() })
    }

    /// `auth_req_id`: which request it says that it is about. It says by which token it has to be sent, and nothing else before that was checked.
    #[must_use]
    pub fn id(&self) -> &AuthRequestId {
        &self.id
    }

    /// Whether it was sent by who got this token, the one that the client gave with the request of this [`id`](Self::id); how long that takes says nothing of
    /// where they differ.
    ///
    /// # Errors
    ///
    /// [`PingError::OtherToken`].
    pub fn check(&self, token: &NotificationToken) -> Result<(), PingError> {
        if self.token.is_same(&token.0) { Ok(()) } else { Err(PingError::OtherToken) }
    }
}

/// Why a notification does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// `auth_req_id` is missing or malformed.
    #[error("the notification names no request")]
    Id,
    /// The body is not JSON within the limits.
    #[error("the notification is not well-formed")]
    Json(#[from] JsonError),
    /// It is by another token than that of the request.
    #[error("the notification is by another token than that of the request")]
    OtherToken,
    /// It brings tokens, or an error in place of them.
    #[error("the notification brings what the token endpoint gives")]
    Pushed,
    /// What is in the field `Authorization` cannot be read.
    #[error(transparent)]
    Token(#[from] PresentedError),
    /// There is no token.
    #[error("the notification has no bearer token")]
    Unauthorized,
}

impl PingError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Id => "auth_req_id",
            Self::Json(error) => error.code(),
            Self::OtherToken => "other_notification_token",
            Self::Pushed => "pushed_tokens",
            Self::Token(error) => error.code(),
            Self::Unauthorized => "notification_token_missing",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Id | Self::OtherToken | Self::Unauthorized => "HIL-11",
            Self::Json(error) => error.rule(),
            Self::Pushed => "HIL-16",
            Self::Token(error) => error.rule(),
        }
    }

    /// The status with which the client answers: 401 for whoever is not the server, never a redirect (HIL-11).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::OtherToken | Self::Token(_) | Self::Unauthorized => 401,
            _ => 400,
        }
    }
}

/// HIL-4: 128 bits in base64url.
const MIN_TOKEN: usize = 22;

const MAX_TOKEN: usize = 1024;

/// Of what says one thing (SEC-17).
const LIMITS: json::Limits = json::Limits::new().bytes(16 * 1024);

/// What only a push holds (HIL-12).
const PUSHED: [&str; 4] = ["access_token", "error", "id_token", "refresh_token"];
