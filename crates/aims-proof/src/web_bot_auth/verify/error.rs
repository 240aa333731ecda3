//! Why the signature of a bot is wrong.

use aims_credential::ReplayError;
use aims_httpsig::{BaseError, ComponentError, VerifyError};

use crate::web_bot_auth::{SIGNATURE_AGENT_FIELD, SignatureAgentError};

/// Why a request that says to be signed by a bot is not, one reason per check. A request of which nothing is known is
/// [`Unverified`](super::super::Unverified), and no error.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BotError {
    /// The request is for another authority than this site's.
    #[error("the signature is for another authority")]
    Authority,
    /// `keyid` is not a thumbprint.
    #[error("the keyid is not a thumbprint")]
    KeyId,
    /// It is good for longer than allowed.
    #[error("the signature is good for longer than allowed")]
    Lifetime,
    /// It covers neither the authority nor the target.
    #[error("the signature covers neither @authority nor @target-uri")]
    NoAuthority,
    /// The key that was found is not the one that was asked for.
    #[error("another key was found than the one asked for")]
    OtherKey,
    /// It was used before, or nobody can say.
    #[error(transparent)]
    Replay(ReplayError),
    /// The signature itself is wrong.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// The field that it covers is not `Signature-Agent`.
    #[error(transparent)]
    SignatureAgent(#[from] SignatureAgentError),
    /// The key is published with its private half.
    #[error("the private half of the key is published")]
    TestKey,
}

impl BotError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authority => "authority_mismatch",
            Self::KeyId => "key_id_not_thumbprint",
            Self::Lifetime => "lifetime_too_long",
            Self::NoAuthority => "authority_not_covered",
            Self::OtherKey => "other_key",
            Self::Replay(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::SignatureAgent(error) => error.code(),
            Self::TestKey => "test_key",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Authority | Self::Lifetime | Self::NoAuthority => "HS-WBA-01",
            Self::KeyId => "HS-WBA-02",
            Self::OtherKey => "HS-WBA-07",
            Self::Replay(_) => "HS-PAR-05",
            Self::Signature(error) => error.rule(),
            Self::SignatureAgent(error) => error.rule(),
            Self::TestKey => "HS-WBA-11",
        }
    }

    /// The field is covered and has no value.
    pub(super) fn of(error: ComponentError) -> Self {
        VerifyError::Base(BaseError::Component { at: 0, name: format!("\"{SIGNATURE_AGENT_FIELD}\""), error })
            .into()
    }
}
