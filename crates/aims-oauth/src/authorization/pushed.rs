//! Requests that were pushed before (RFC 9126).

use std::fmt;
use std::time::Duration;

use aims_jose::json::{Object, ObjectWriter};
use zeroize::Zeroizing;

use crate::Fingerprint;
use crate::token::{MessageError, RESPONSE_LIMITS};

/// `request_uri`: what stands for a request that was pushed (PAR-3). Whoever is the client and has it can ask the user once.
#[derive(Clone)]
pub struct RequestUri(Zeroizing<Box<str>>);

impl RequestUri {
    /// What those of this crate begin with.
    pub const PREFIX: &'static str = "urn:ietf:params:oauth:request_uri:";

    /// The URI, for the server that gave it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What names it in a log.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

impl std::str::FromStr for RequestUri {
    type Err = MessageError;

    fn from_str(text: &str) -> Result<Self, MessageError> {
        // RFC 9126 leaves its form to the server.
        let is_sound = text.contains(':') && text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        if !is_sound || text.len() > MAX_LEN {
            return Err(MessageError::Value("request_uri"));
        }
        Ok(Self(Zeroizing::new(text.into())))
    }
}

impl fmt::Debug for RequestUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestUri").field(&self.fingerprint()).finish()
    }
}

/// What is answered to a request that was pushed, with status 201 (PAR-1).
#[derive(Clone, Debug)]
pub struct PushedResponse {
    request_uri: RequestUri,
    expires_in: u64,
}

impl PushedResponse {
    /// This stands for the request, for so long.
    #[must_use]
    pub fn new(request_uri: RequestUri, lifetime: Duration) -> Self {
        Self { request_uri, expires_in: lifetime.as_secs() }
    }

    /// `request_uri`.
    #[must_use]
    pub fn request_uri(&self) -> &RequestUri {
        &self.request_uri
    }

    /// `expires_in`.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.expires_in)
    }

    /// Reads the body of an answer with status 201.
    ///
    /// # Errors
    ///
    /// [`MessageError`].
    pub fn parse(body: &[u8]) -> Result<Self, MessageError> {
        let object = Object::parse(body, &RESPONSE_LIMITS)?;
        let uri = object.get("request_uri").and_then(|uri| uri.as_str());
        let lifetime = object.get("expires_in").and_then(|lifetime| lifetime.as_number()?.as_u64());
        Ok(Self {
            request_uri: uri.ok_or(MessageError::Member("request_uri"))?.parse()?,
            expires_in: lifetime.ok_or(MessageError::Member("expires_in"))?,
        })
    }

    /// The body, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        let mut writer = ObjectWriter::new();
        writer.str("request_uri", self.request_uri.expose()).u64("expires_in", self.expires_in);
        // INVARIANT: the names differ.
        Zeroizing::new(writer.finish().unwrap_or_default())
    }
}

const MAX_LEN: usize = 2048;
