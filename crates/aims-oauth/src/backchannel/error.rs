//! Why a user is not asked.

use super::BindingMessageError;
use crate::{ErrorCode, FormError, MessageError};

/// Why a backchannel authentication request cannot be read, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BackchannelError {
    /// `binding_message` is not to be shown.
    #[error(transparent)]
    BindingMessage(#[from] BindingMessageError),
    /// There is no hint whom to ask, or there are several.
    #[error("the request has not exactly one hint whom to ask")]
    Hints,
    /// What it shares with other requests is malformed.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The client wants tokens to be sent to it, or is not registered for such requests.
    #[error("the client is not registered for requests of this kind")]
    Mode,
    /// `client_notification_token` is missing where the client is told of the answer, or is no token that nobody guesses.
    #[error("the notification token is missing or malformed")]
    NotificationToken,
    /// `scope` does not hold `openid`.
    #[error("the scope does not hold openid")]
    OpenId,
    /// `requested_expiry` is not a positive integer.
    #[error("the requested expiry is not a positive integer")]
    RequestedExpiry,
    /// `request`: its parameters are in a signed object, which is not read here.
    #[error("signed requests are not read here")]
    Signed,
}

impl BackchannelError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BindingMessage(error) => error.code(),
            Self::Hints => "not_one_hint",
            Self::Message(error) => error.code(),
            Self::Mode => "delivery_mode",
            Self::NotificationToken => "notification_token",
            Self::OpenId => "openid_missing",
            Self::RequestedExpiry => "requested_expiry",
            Self::Signed => "signed_request",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::BindingMessage(error) => error.rule(),
            Self::Hints | Self::NotificationToken | Self::RequestedExpiry => "HIL-4",
            Self::Message(error) => error.rule(),
            Self::Mode => "HIL-16",
            Self::OpenId => "HIL-17",
            Self::Signed => "HIL-5",
        }
    }

    /// What the client is told (HIL-7).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::BindingMessage(_) => ErrorCode::InvalidBindingMessage,
            Self::Message(error) => error.error_code(),
            Self::Mode => ErrorCode::UnauthorizedClient,
            Self::OpenId => ErrorCode::InvalidScope,
            _ => ErrorCode::InvalidRequest,
        }
    }
}

impl From<FormError> for BackchannelError {
    fn from(error: FormError) -> Self {
        Self::Message(error.into())
    }
}
