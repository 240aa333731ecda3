//! Why a client is not authenticated.

use aims_credential::Lapsed;

#[cfg(feature = "mtls")]
use super::CertificateError;
use super::{AttestationError, ClientAssertionError, SpiffeClientError};
use crate::{ErrorCode, FormError};

/// Why a request is of no client, one reason per check.
///
/// The reasons are for the log of the server. The client is told [`error_code`](Self::error_code), with the same text each time (CJA-6).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientAuthError {
    /// The assertion is refused.
    #[error(transparent)]
    Assertion(#[from] ClientAssertionError),
    /// There is an assertion without its type, or the other way round.
    #[error("the assertion or its type is missing")]
    AssertionIncomplete,
    /// Assertions of this type are not taken.
    #[error("assertions of this type are not taken")]
    AssertionType,
    /// The attestation, or its proof, is refused.
    #[error(transparent)]
    Attestation(#[from] AttestationError),
    /// The certificate of the connection is refused.
    #[cfg(feature = "mtls")]
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The identifier is longer than any, or has characters that none has.
    #[error("the identifier of the client is not one")]
    ClientId,
    /// The client has to authenticate, and did not.
    #[error("the client has shown nothing")]
    CredentialsMissing,
    /// A parameter is there twice.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The client, its key or its workload was cut off.
    #[error("the client was cut off")]
    Lapsed(#[source] Lapsed),
    /// The client has not registered this way to authenticate.
    #[error("the client does not authenticate in this way")]
    MethodNotRegistered,
    /// The request says not which client sends it.
    #[error("the request names no client")]
    NoClient,
    /// There is a secret, which is not taken, or not the client's.
    #[error("the secret is not taken")]
    Secret {
        /// Whether it was in the field `Authorization`.
        is_basic: bool,
    },
    /// There are several ways to authenticate in one request.
    #[error("the request authenticates in more than one way")]
    SeveralMethods,
    /// The credential of the workload is refused.
    #[error(transparent)]
    Spiffe(#[from] SpiffeClientError),
    /// There is no such client.
    #[error("the client is not known")]
    UnknownClient,
}

impl ClientAuthError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Assertion(error) => error.code(),
            Self::AssertionIncomplete => "assertion_incomplete",
            Self::AssertionType => "assertion_type",
            Self::Attestation(error) => error.code(),
            #[cfg(feature = "mtls")]
            Self::Certificate(error) => error.code(),
            Self::ClientId => "client_id_form",
            Self::CredentialsMissing => "credentials_missing",
            Self::Form(error) => error.code(),
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::MethodNotRegistered => "method_not_registered",
            Self::NoClient => "no_client",
            Self::Secret { .. } => "client_secret",
            Self::SeveralMethods => "several_methods",
            Self::Spiffe(error) => error.code(),
            Self::UnknownClient => "unknown_client",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Assertion(error) => error.rule(),
            Self::AssertionIncomplete | Self::AssertionType => "CJA-1",
            Self::Attestation(error) => error.rule(),
            #[cfg(feature = "mtls")]
            Self::Certificate(error) => error.rule(),
            Self::ClientId => "WIR-9",
            Self::CredentialsMissing | Self::MethodNotRegistered | Self::NoClient | Self::UnknownClient => {
                "CJA-6"
            }
            Self::Form(error) => error.rule(),
            Self::Lapsed(lapsed) => lapsed.rule(),
            Self::Secret { .. } => "SEC-6",
            Self::SeveralMethods => "WIR-6",
            Self::Spiffe(error) => error.rule(),
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Assertion(error) => error.error_code(),
            Self::Attestation(error) => error.error_code(),
            Self::Spiffe(error) => error.error_code(),
            Self::AssertionIncomplete | Self::ClientId | Self::Form(_) | Self::SeveralMethods => {
                ErrorCode::InvalidRequest
            }
            _ => ErrorCode::InvalidClient,
        }
    }

    /// The scheme that the response has to name in `WWW-Authenticate`: that in which the client tried to authenticate (WIR-4).
    #[must_use]
    pub fn scheme(&self) -> Option<&'static str> {
        matches!(self, Self::Secret { is_basic: true }).then_some("Basic")
    }
}
