//! What a server knows of a client whose users it asks.

use super::BackchannelError;
use crate::{ClientMetadata, DeliveryMode};

/// How a client is registered, as far as its requests depend on it (HIL-3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BackchannelClient {
    pub(super) is_notified: bool,
    pub(super) may_omit_openid: bool,
}

impl BackchannelClient {
    /// A client that asks now and then.
    #[must_use]
    pub fn polling() -> Self {
        Self { is_notified: false, may_omit_openid: false }
    }

    /// A client that is told when there is an answer.
    #[must_use]
    pub fn notified() -> Self {
        Self { is_notified: true, may_omit_openid: false }
    }

    /// As its metadata say.
    ///
    /// # Errors
    ///
    /// [`BackchannelError::Mode`], for one that wants tokens to be sent to it, or that says nothing: the former is not done here (HIL-16).
    pub fn from_metadata(metadata: &ClientMetadata) -> Result<Self, BackchannelError> {
        match metadata.delivery_mode() {
            Some(DeliveryMode::Ping) => Ok(Self::notified()),
            Some(DeliveryMode::Poll) => Ok(Self::polling()),
            Some(DeliveryMode::Push) | None => Err(BackchannelError::Mode),
        }
    }

    /// It may do without `openid` in its scope, and gets no ID Token then (HIL-17). Default: it may not.
    #[must_use]
    pub fn allowing_plain_oauth(mut self) -> Self {
        self.may_omit_openid = true;
        self
    }
}
