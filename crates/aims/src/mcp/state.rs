//! What a server gives its client to keep, until that comes again.

use std::time::Duration;

use aims_jose::base64url;
use aims_keys::{SealError, SealingKey, UnixTime, backend};
use zeroize::Zeroizing;

use super::calls::McpCall;
use crate::permit::Permit;

/// `requestState`: what a server has to know when a request comes again, kept by whoever sends it, who can neither read nor change it (MCP-43).
///
/// It counts for the one subject, client and actor that the request was authorized for, with the same arguments, and not for long. How often it counts the server has to
/// remember itself, where once is all there may be.
///
/// ```
/// use aims::Permit;
/// use aims::keys::{SealingKey, UnixTime, backend};
/// use aims::mcp::{McpCall, RequestStates};
///
/// # fn handle(states: &RequestStates, permit: &Permit, call: &McpCall, came: Option<&str>, now: UnixTime) -> Result<(), Box<dyn std::error::Error>> {
/// match came {
///     // In the result, beside what the user is asked for.
///     None => println!("{}", states.seal(permit, call, b"approval 7", now)?),
///     Some(state) => assert_eq!(states.open(permit, call, state, now)?.as_slice(), b"approval 7"),
/// }
/// # Ok(()) }
/// # RequestStates::new(SealingKey::generate(backend::ring())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RequestStates {
    key: SealingKey,
    lifetime: Duration,
}

impl RequestStates {
    /// The longest content, in bytes.
    pub const MAX_LEN: usize = 16 * 1024;

    /// Seals with this key, which all processes of the server share.
    #[must_use]
    pub fn new(key: SealingKey) -> Self {
        Self { key, lifetime: DEFAULT_LIFETIME }
    }

    /// How long a state counts. Default: 10 min; at most 1 h.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// Seals `content` for the call to come again.
    ///
    /// # Errors
    ///
    /// [`RequestStateError`].
    pub fn seal(
        &self,
        permit: &Permit,
        call: &McpCall,
        content: &[u8],
        now: UnixTime,
    ) -> Result<String, RequestStateError> {
        if content.len() > Self::MAX_LEN {
            return Err(RequestStateError::TooLong);
        }
        let expires = (now + self.lifetime).as_secs().to_be_bytes();
        let mut state = Zeroizing::new(Vec::with_capacity(HEAD + content.len()));
        state.extend_from_slice(&expires);
        state.extend_from_slice(&caller(permit)?);
        state.extend_from_slice(call.hash().ok_or(RequestStateError::NoHash)?);
        state.extend_from_slice(content);
        Ok(base64url::encode(self.key.seal(PURPOSE, &state)?))
    }

    /// Opens what came again with a call.
    ///
    /// # Errors
    ///
    /// [`RequestStateError`].
    pub fn open(
        &self,
        permit: &Permit,
        call: &McpCall,
        state: &str,
        now: UnixTime,
    ) -> Result<Zeroizing<Vec<u8>>, RequestStateError> {
        use RequestStateError as E;

        if state.len() > MAX_SEALED {
            return Err(E::TooLong);
        }
        let sealed = base64url::decode(state).map_err(|_| SealError::Closed)?;
        let opened = self.key.open(PURPOSE, &sealed)?;
        let (expires, rest) = opened.split_first_chunk::<8>().ok_or(SealError::Closed)?;
        let (of, rest) = rest.split_first_chunk::<32>().ok_or(SealError::Closed)?;
        let (asked, content) = rest.split_first_chunk::<32>().ok_or(SealError::Closed)?;
        if *of != caller(permit)? {
            return Err(E::OtherCaller);
        }
        if asked != call.hash().ok_or(E::NoHash)? {
            return Err(E::OtherCall);
        }
        if now.as_secs() >= u64::from_be_bytes(*expires) {
            return Err(E::Expired);
        }
        Ok(Zeroizing::new(content.to_vec()))
    }
}

/// For whom, by whom and where: each with its length before it, so that none runs into the next.
fn caller(permit: &Permit) -> Result<[u8; 32], RequestStateError> {
    let authorization = permit.authorization().ok_or(RequestStateError::OtherCaller)?;
    let token = authorization.token();
    let mut all = Vec::new();
    for part in [
        token.issuer().as_str(),
        &token.subject(),
        &token.client_id(),
        &authorization.actor(),
        permit.caller().subject().as_str(),
        token.resource().as_str(),
    ] {
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part.as_bytes());
    }
    Ok(backend::ring().sha256(&all))
}

/// Why a state is not sealed, or does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestStateError {
    /// It has expired.
    #[error("the request state has expired")]
    Expired,
    /// The call has a number with more digits than every reader keeps: it is not sure that it comes again as it is.
    #[error("a number of the call has too many digits")]
    NoHash,
    /// It came with another call than it was made for, or with other arguments.
    #[error("the request state is of another call")]
    OtherCall,
    /// It came from somebody else than it was made for.
    #[error("the request state is somebody else's")]
    OtherCaller,
    /// It does not open, or nothing can be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// There is more of it than there may be.
    #[error("the request state is too long")]
    TooLong,
}

impl RequestStateError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "request_state_expired",
            Self::NoHash => "json_number_precision",
            Self::OtherCall => "request_state_other_call",
            Self::OtherCaller => "request_state_other_caller",
            Self::Seal(error) => error.code(),
            Self::TooLong => "request_state_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "MCP-43"
    }
}

const PURPOSE: &str = "aims, request state of the Model Context Protocol, 1";

const HEAD: usize = 8 + 32 + 32;

const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

const MAX_LIFETIME: Duration = Duration::from_secs(3600);

/// Of the longest content.
const MAX_SEALED: usize = 24 * 1024;
