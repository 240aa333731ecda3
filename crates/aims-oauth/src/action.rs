//! One action that a user has confirmed: this call, with these arguments, once (`docs/spec/hitl.md` section 3).
//!
//! No standard has this yet; it is a profile of existing parts, and named so: a type of authorization details, and a hash of what is to be done.

use std::borrow::Cow;
use std::fmt;

use aims_credential::ReplayError;
use aims_jose::base64url;
use aims_jose::json::{Limits, NotCanonical, Object, ObjectWriter, Value};
use aims_keys::{Backend, KeyError};
use subtle::ConstantTimeEq;

use crate::{AuthorizationDetails, Detail, DetailsError, ErrorCode, MessageError, Resource, Shortfall};

/// An action as a tool is about to do it: which, with what, where, and for whom.
///
/// ```
/// use aims_keys::backend;
/// use aims_oauth::Action;
///
/// let tool = "https://tools.example/v1".parse()?;
/// let action = Action::new("pay", r#"{"amount": 12.50, "to": "hotel"}"#, &tool, "user-1")?;
/// // Written otherwise, it is the same; with anything else in it, it is another.
/// let same = Action::new("pay", r#"{"to":"hotel","amount":12.5}"#, &tool, "user-1")?;
/// let other = Action::new("pay", r#"{"to":"hotel","amount":125}"#, &tool, "user-1")?;
/// assert_eq!(action.hash(backend::ring()), same.hash(backend::ring()));
/// assert_ne!(action.hash(backend::ring()), other.hash(backend::ring()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Action<'a> {
    name: &'a str,
    resource: &'a Resource,
    /// What is hashed.
    canonical: String,
}

/// `action_hash`: SHA-256 of what is to be done, all of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ActionHash([u8; 32]);

impl<'a> Action<'a> {
    /// `type` of the authorization details.
    pub const DETAIL: &'static str = "aims_action_confirmation";

    /// This tool or method, with these arguments, a JSON object, at this resource, for this subject (HIL-40).
    ///
    /// # Errors
    ///
    /// [`ActionError`]: the arguments are no JSON object, or hold a number that not every reader reads alike.
    pub fn new(
        name: &'a str,
        arguments: &str,
        resource: &'a Resource,
        subject: &str,
    ) -> Result<Self, ActionError> {
        let arguments = Object::parse(arguments, &LIMITS).map_err(MessageError::from)?;
        Self::of(name, arguments.as_value(), resource, subject)
    }

    /// The same, of arguments that were read already.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn of(
        name: &'a str,
        arguments: Value<'_>,
        resource: &'a Resource,
        subject: &str,
    ) -> Result<Self, ActionError> {
        let arguments = arguments.to_canonical()?;
        // By the writer, names and texts are escaped as RFC 8785 has it; its members come in order.
        let mut rest = ObjectWriter::new();
        rest.str("method", name).str("resource", resource.as_str()).str("subject", subject);
        let rest = rest.finish().map_err(MessageError::from)?;
        let rest = rest.strip_prefix('{').unwrap_or(&rest);
        let canonical = format!(r#"{{"arguments":{arguments},{rest}"#);
        Ok(Self { name, resource, canonical })
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self, backend: Backend) -> ActionHash {
        ActionHash(backend.sha256(self.canonical.as_bytes()))
    }

    /// What the user is asked to confirm, for the authorization server: it shows the user what it makes of this (HIL-32), and grants it
    /// [`confirmed`](AuthorizationDetails::confirmed). `call` names the call in the words of whoever makes it.
    ///
    /// # Errors
    ///
    /// [`ActionError`] when it is too long to be asked for.
    pub fn details(&self, call: &str, backend: Backend) -> Result<AuthorizationDetails, ActionError> {
        let mut detail = ObjectWriter::new();
        detail
            .str("type", Self::DETAIL)
            .strs("locations", [self.resource.as_str()])
            .strs("actions", [self.name])
            .str("identifier", call)
            .str("action_hash", &self.hash(backend).to_string());
        let detail = detail.finish().map_err(MessageError::from)?;
        Ok(AuthorizationDetails::parse(&format!("[{detail}]"))?)
    }

    /// What a tool answers that wants the user's word for it: to be sent as a challenge.
    ///
    /// # Errors
    ///
    /// As [`details`](Self::details).
    pub fn wanted(&self, call: &str, backend: Backend) -> Result<Shortfall, ActionError> {
        Ok(Shortfall::Details(self.details(call, backend)?))
    }

    pub(crate) fn is_confirmed_by(&self, detail: &Detail<'_>, backend: Backend) -> bool {
        let hash = detail.get("action_hash").and_then(|hash| hash.as_str()).unwrap_or_default();
        let is_same = hash.as_bytes().ct_eq(self.hash(backend).to_string().as_bytes());
        bool::from(is_same)
            && is_only(detail.actions(), self.name)
            && is_only(detail.locations(), self.resource.as_str())
    }
}

/// `sha-256:` and base64url.
impl fmt::Display for ActionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha-256:{}", base64url::encode(self.0))
    }
}

/// Why an action is not done.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ActionError {
    /// What the user is to confirm is more than one action, or at more than one place.
    #[error("what is to be confirmed is not one action at one place")]
    Ambiguous,
    /// What the user is to confirm has a confirmation already: of another time, or of the client's own making.
    #[error("the action brings a confirmation of its own")]
    Confirmed,
    /// What is to be confirmed cannot be asked for.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// The arguments are no JSON object within the limits.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The confirmation has no identifier of 256 bits, or does not say when it was given: it could be used twice.
    #[error("the confirmation has no identifier or no time")]
    NoId,
    /// The token is bound to no key.
    #[error("the confirmation is bound to no key")]
    NotBound,
    /// A number among the arguments is not read alike by everybody.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// The user has confirmed no action, or several.
    #[error("the user has not confirmed one action")]
    NotConfirmed,
    /// The user has confirmed another action.
    #[error("the user has confirmed another action")]
    OtherAction,
    /// The user has confirmed it more than two minutes ago, or not yet.
    #[error("the user has confirmed the action at another time")]
    OtherTime,
    /// There is no randomness to name a confirmation with.
    #[error(transparent)]
    Random(KeyError),
    /// It was used before, or it cannot be known that it was not.
    #[error("the confirmation was used before")]
    Replay(#[from] ReplayError),
    /// The token lives for longer than one with a confirmation may, or nobody knows for how long.
    #[error("the token of the confirmation lives for too long")]
    TooLong,
}

impl ActionError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous_action",
            Self::Confirmed => "already_confirmed",
            Self::Details(error) => error.code(),
            Self::Message(error) => error.code(),
            Self::NoId => "confirmation_id_missing",
            Self::NotBound => "confirmation_not_bound",
            Self::NotCanonical(error) => error.code(),
            Self::NotConfirmed => "not_confirmed",
            Self::OtherAction => "other_action",
            Self::OtherTime => "confirmation_time",
            Self::Random(error) => error.code(),
            Self::Replay(error) => error.code(),
            Self::TooLong => "confirmation_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Details(error) => error.rule(),
            Self::Message(error) => error.rule(),
            Self::NotCanonical(error) => error.rule(),
            Self::NotConfirmed | Self::OtherAction => "HIL-40",
            Self::Random(error) => error.rule(),
            Self::Ambiguous
            | Self::Confirmed
            | Self::NoId
            | Self::NotBound
            | Self::OtherTime
            | Self::Replay(_)
            | Self::TooLong => "HIL-41",
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Ambiguous | Self::Confirmed => ErrorCode::InvalidAuthorizationDetails,
            Self::Random(_) => ErrorCode::ServerError,
            Self::Details(_) | Self::Message(_) | Self::NotCanonical(_) => ErrorCode::InvalidRequest,
            Self::NotConfirmed | Self::OtherAction => ErrorCode::InsufficientScope,
            _ => ErrorCode::InvalidToken,
        }
    }
}

fn is_only<'n>(mut names: impl Iterator<Item = Cow<'n, str>>, one: &str) -> bool {
    names.next().is_some_and(|first| first == one) && names.next().is_none()
}

/// Of arguments: WIR-9.
const LIMITS: Limits = Limits::new().bytes(64 * 1024).depth(32);
