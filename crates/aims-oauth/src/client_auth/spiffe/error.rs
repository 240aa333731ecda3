//! Why a workload is not a client.

#[cfg(feature = "wit-svid")]
use aims_credential::WitError;
use aims_credential::{JwtSvidError, Lapsed, ReplayError};

use crate::ErrorCode;
#[cfg(feature = "wit-svid")]
use crate::client_auth::AttestationError;

/// Why a credential of a workload does not make it a client here, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeClientError {
    /// The parameter `client_id` is neither what the client is registered under nor its SPIFFE ID.
    #[error("the credential is of another client than the parameter")]
    ClientIdMismatch,
    /// The parameter `client_id` is not the SPIFFE ID in the certificate.
    #[cfg(feature = "mtls")]
    #[error("the certificate is of another client than the parameter")]
    CertificateMismatch,
    /// The JWT-SVID is refused.
    #[error(transparent)]
    JwtSvid(JwtSvidError),
    /// The credential has ended since it was verified.
    #[error("the credential has ended")]
    Lapsed(#[source] Lapsed),
    /// No bundle is configured: no workload is a client here.
    #[error("workloads are no clients of this server")]
    NotOffered,
    /// The proof by the key of the WIT-SVID is refused.
    #[cfg(feature = "wit-svid")]
    #[error(transparent)]
    Proof(AttestationError),
    /// There is no proof by the key of the WIT-SVID.
    #[cfg(feature = "wit-svid")]
    #[error("the WIT-SVID comes without a proof")]
    ProofMissing,
    /// The JWT-SVID was used before, or nobody can say.
    #[error(transparent)]
    Replay(ReplayError),
    /// The certificate is not that of a SPIFFE ID.
    #[cfg(feature = "mtls")]
    #[error("the certificate is not an X.509-SVID")]
    Scheme,
    /// No client is registered for this workload and this kind of credential.
    #[error("the workload is not a client")]
    Unregistered,
    /// The WIT-SVID is refused.
    #[cfg(feature = "wit-svid")]
    #[error(transparent)]
    Wit(WitError),
    /// The tokens of the trust domain are not WIT-SVIDs.
    #[cfg(feature = "wit-svid")]
    #[error("the trust domain has no WIT-SVIDs")]
    WitProfile,
}

impl SpiffeClientError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ClientIdMismatch => "client_id_mismatch",
            #[cfg(feature = "mtls")]
            Self::CertificateMismatch => "client_id_mismatch",
            Self::JwtSvid(error) => error.code(),
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::NotOffered => "not_offered",
            #[cfg(feature = "wit-svid")]
            Self::Proof(error) => error.code(),
            #[cfg(feature = "wit-svid")]
            Self::ProofMissing => "no_proof",
            Self::Replay(error) => error.code(),
            #[cfg(feature = "mtls")]
            Self::Scheme => "bad_subject",
            Self::Unregistered => "unknown_client",
            #[cfg(feature = "wit-svid")]
            Self::Wit(error) => error.code(),
            #[cfg(feature = "wit-svid")]
            Self::WitProfile => "wit_profile",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::ClientIdMismatch => "OSC-2",
            #[cfg(feature = "mtls")]
            Self::CertificateMismatch | Self::Scheme => "OSC-4",
            Self::JwtSvid(error) => error.rule(),
            Self::Lapsed(lapsed) => lapsed.rule(),
            Self::NotOffered => "OSC-6",
            #[cfg(feature = "wit-svid")]
            Self::Proof(error) => error.rule(),
            #[cfg(feature = "wit-svid")]
            Self::ProofMissing => "SPC-6",
            Self::Replay(_) => "SPC-7",
            Self::Unregistered => "SPC-3",
            #[cfg(feature = "wit-svid")]
            Self::Wit(error) => error.rule(),
            #[cfg(feature = "wit-svid")]
            Self::WitProfile => "OSC-5",
        }
    }

    /// What the client is told: `invalid_client`, and which challenge to use, if that is all that is wrong (CJA-6, SPC-6).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Replay(ReplayError::Full | ReplayError::Unavailable) => ErrorCode::TemporarilyUnavailable,
            #[cfg(feature = "wit-svid")]
            Self::Proof(error) => match error.error_code() {
                ErrorCode::InvalidClientAttestation => ErrorCode::InvalidClient,
                other => other,
            },
            _ => ErrorCode::InvalidClient,
        }
    }
}
