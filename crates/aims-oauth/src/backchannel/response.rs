//! What a server answers when it asks the user (CIBA Core §7.3).

use std::time::Duration;

use aims_jose::json::{Object, ObjectWriter};
use zeroize::Zeroizing;

use super::AuthRequestId;
use crate::token::{MessageError, RESPONSE_LIMITS};

/// The user is asked: how the request is called, and how long and how often the client may ask for the answer. Sent with status 200 and
/// `Cache-Control: no-store` (WIR-3).
///
/// ```
/// use std::time::Duration;
/// use aims_oauth::BackchannelResponse;
///
/// let response = BackchannelResponse::parse(br#"{"auth_req_id":"1c266114-a1be","expires_in":120}"#)?;
/// assert_eq!((response.lifetime(), response.interval()), (Duration::from_secs(120), Duration::from_secs(5)));
/// # Ok::<(), aims_oauth::MessageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BackchannelResponse {
    id: AuthRequestId,
    expires_in: u64,
    interval: Option<u64>,
}

impl BackchannelResponse {
    /// This request, which runs out after so long.
    #[must_use]
    pub fn new(id: AuthRequestId, lifetime: Duration) -> Self {
        Self { id, expires_in: lifetime.as_secs().max(1), interval: None }
    }

    /// The client waits for so many seconds from one time that it asks to the next. Default: 5 s, without saying so.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval.as_secs().max(1));
        self
    }

    /// `auth_req_id`.
    #[must_use]
    pub fn id(&self) -> &AuthRequestId {
        &self.id
    }

    /// `expires_in`.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.expires_in)
    }

    /// `interval`: 5 s, where the server does not say (HIL-6).
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval.map_or(DEFAULT_INTERVAL, Duration::from_secs)
    }

    /// Reads the body of an answer with status 200.
    ///
    /// # Errors
    ///
    /// [`MessageError`].
    pub fn parse(body: &[u8]) -> Result<Self, MessageError> {
        let object = Object::parse(body, &RESPONSE_LIMITS)?;
        let id = object.get("auth_req_id").and_then(|id| id.as_str());
        let positive = |name: &'static str| {
            let number =
                object.get(name).map(|value| value.as_number()?.as_u64().filter(|number| *number > 0));
            number.map(|number| number.ok_or(MessageError::Member(name))).transpose()
        };
        Ok(Self {
            id: id.ok_or(MessageError::Member("auth_req_id"))?.parse()?,
            expires_in: positive("expires_in")?.ok_or(MessageError::Member("expires_in"))?,
            interval: positive("interval")?,
        })
    }

    /// The body, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        let mut writer = ObjectWriter::new();
        writer.str("auth_req_id", self.id.expose()).u64("expires_in", self.expires_in);
        if let Some(interval) = self.interval {
            writer.u64("interval", interval);
        }
        // INVARIANT: the names differ.
        Zeroizing::new(writer.finish().unwrap_or_default())
    }
}

/// HIL-6.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
