//! The answer to a registration.

use aims_credential::HttpsUrl;
use aims_jose::json::{Number, Object, ObjectWriter, Value};
use aims_keys::{Backend, UnixTime};

use super::read::{CLIENT_ID, CLIENT_SECRET, CLIENT_SECRET_EXPIRES};
use super::{ClientMetadata, ClientMetadataError};
use crate::metadata::member;
use crate::{AccessToken, ClientAuthMethod, ClientSecret};

/// A client as a server registered it: its identifier, and its metadata as the server sees them (DCR-1). Sent with status 201 as `application/json`, and not to
/// be stored on the way.
///
/// A refusal is an error as the token endpoint sends them, with the [`error_code`](ClientMetadataError::error_code) of what was wrong.
///
/// ```
/// use aims_keys::{UnixTime, backend};
/// use aims_oauth::{ClientAuthMethod, ClientMetadata, GrantType, ClientInformation};
///
/// let metadata = ClientMetadata::builder(ClientAuthMethod::SpiffeJwt)
///     .grants(&[GrantType::ClientCredentials])
///     .spiffe_id("spiffe://acme.example/agents/*".parse()?)
///     .build()?;
/// let client = ClientInformation::new("c-7", metadata, UnixTime::from_secs(1_790_000_000))?;
/// let read = ClientInformation::parse(client.to_json().as_bytes(), backend::ring())?;
/// assert_eq!(read.client_id(), "c-7");
/// # Ok::<(), aims_oauth::ClientMetadataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientInformation {
    client_id: String,
    issued_at: Option<UnixTime>,
    /// With when it expires, if it does.
    secret: Option<(ClientSecret, Option<UnixTime>)>,
    management: Option<(HttpsUrl, AccessToken)>,
    metadata: ClientMetadata,
}

impl ClientInformation {
    /// A client that a server registers under an identifier of its own making, without a secret: its clients have keys (SEC-6).
    ///
    /// # Errors
    ///
    /// [`ClientMetadataError::ClientId`] when the identifier is empty, longer than 2 KiB, or not visible ASCII;
    /// [`ClientMetadataError::UrlAsClientId`] when it looks like one that stands for a document (CMD-4).
    pub fn new(
        client_id: &str,
        metadata: ClientMetadata,
        now: UnixTime,
    ) -> Result<Self, ClientMetadataError> {
        if client_id.starts_with("https://") {
            return Err(ClientMetadataError::UrlAsClientId);
        }
        let client_id = check_id(client_id)?;
        Ok(Self { client_id, issued_at: Some(now), secret: None, management: None, metadata })
    }

    /// Lets the client manage its registration itself, at this URL with this token (DCR-2, RFC 7592).
    #[must_use]
    pub fn managed_at(mut self, url: HttpsUrl, token: AccessToken) -> Self {
        self.management = Some((url, token));
        self
    }

    /// Reads the answer to a registration, which came with status 201.
    ///
    /// # Errors
    ///
    /// [`ClientMetadataError`] names the first check that failed.
    pub fn parse(text: &[u8], backend: Backend) -> Result<Self, ClientMetadataError> {
        use ClientMetadataError as E;

        if text.len() > ClientMetadata::MAX_LEN {
            return Err(E::TooLong);
        }
        let object = Object::parse(text, &member::limits(ClientMetadata::MAX_LEN))?;
        let client_id = object.get(CLIENT_ID).and_then(|id| id.as_str()).ok_or(E::ClientId)?;
        let date = |name| object.get(name).map(|value| date(name, value)).transpose();
        let secret = match object.get(CLIENT_SECRET) {
            None => None,
            Some(secret) => {
                let secret = member::text(CLIENT_SECRET, secret)?;
                let secret = secret.parse().map_err(|_| E::Member(CLIENT_SECRET))?;
                let expires = date(CLIENT_SECRET_EXPIRES)?.ok_or(E::Member(CLIENT_SECRET_EXPIRES))?;
                // 0 stands for never.
                Some((secret, Some(expires).filter(|expires| expires.as_secs() > 0)))
            }
        };
        let management = match (object.get(MANAGEMENT_URI), object.get(MANAGEMENT_TOKEN)) {
            (Some(url), Some(token)) => {
                let token = member::text(MANAGEMENT_TOKEN, token)?.parse();
                Some((member::url(MANAGEMENT_URI, url)?, token.map_err(|_| E::Member(MANAGEMENT_TOKEN))?))
            }
            // One is of no use without the other.
            _ => None,
        };
        Ok(Self {
            client_id: check_id(&client_id)?,
            issued_at: date(ISSUED_AT)?,
            secret,
            management,
            metadata: ClientMetadata::read(&object, ClientAuthMethod::ClientSecretBasic, backend)?,
        })
    }

    /// `client_id`.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// `client_id_issued_at`.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// `client_secret`: servers of others give one.
    #[must_use]
    pub fn secret(&self) -> Option<&ClientSecret> {
        self.secret.as_ref().map(|(secret, _)| secret)
    }

    /// `client_secret_expires_at`: when the secret ends, if it does.
    #[must_use]
    pub fn secret_expires(&self) -> Option<UnixTime> {
        self.secret.as_ref().and_then(|(_, expires)| *expires)
    }

    /// Where the client manages its registration, and with which token (DCR-2).
    #[must_use]
    pub fn management(&self) -> Option<(&HttpsUrl, &AccessToken)> {
        self.management.as_ref().map(|(url, token)| (url, token))
    }

    /// The metadata, as the server sees them: they may differ from what the client sent.
    #[must_use]
    pub fn metadata(&self) -> &ClientMetadata {
        &self.metadata
    }

    /// The body of the answer. It may hold secrets.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut to = ObjectWriter::new();
        to.str(CLIENT_ID, &self.client_id);
        if let Some(issued_at) = self.issued_at {
            to.u64(ISSUED_AT, issued_at.as_secs());
        }
        if let Some((secret, expires)) = &self.secret {
            to.str(CLIENT_SECRET, secret.expose());
            to.u64(CLIENT_SECRET_EXPIRES, expires.map_or(0, UnixTime::as_secs));
        }
        if let Some((url, token)) = &self.management {
            to.str(MANAGEMENT_URI, url.as_str()).str(MANAGEMENT_TOKEN, token.expose());
        }
        self.metadata.write(&mut to);
        // INVARIANT: the names differ.
        to.finish().unwrap_or_default()
    }
}

/// RFC 6749 appendix A.1.
fn check_id(id: &str) -> Result<String, ClientMetadataError> {
    let is_sound = !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_sound { Ok(id.to_owned()) } else { Err(ClientMetadataError::ClientId) }
}

fn date(name: &'static str, value: Value<'_>) -> Result<UnixTime, ClientMetadataError> {
    let seconds = value.as_number().and_then(Number::as_u64);
    seconds.map(UnixTime::from_secs).ok_or(ClientMetadataError::Member(name))
}

const ISSUED_AT: &str = "client_id_issued_at";
const MANAGEMENT_TOKEN: &str = "registration_access_token";
const MANAGEMENT_URI: &str = "registration_client_uri";
const MAX_ID: usize = 2048;
