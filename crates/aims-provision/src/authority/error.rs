//! Why an authority did not sign, or has no key.

use aims_credential::x509::SvidIssueError;
use aims_credential::{IssueError, JwtSvidIssueError};
use aims_id::ParseIdError;
use aims_jose::JwkError;
use aims_keys::KeyError;
use aims_keys::store::StoreError;

use crate::CredentialType;

/// Why an authority did not issue, or could not make a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// A certificate was not made.
    #[error("the certificate was not issued")]
    Certificate(#[from] SvidIssueError),
    /// The evidence on which the grant rests has expired meanwhile.
    #[error("the evidence behind the grant has expired")]
    EvidenceExpired,
    /// A JWT-SVID was not made.
    #[error("the JWT-SVID was not issued")]
    JwtSvid(#[from] JwtSvidIssueError),
    /// A key of the authority is not one for its bundle.
    #[error("the authority's key is not usable")]
    Key(#[source] JwkError),
    /// The store of the authority's keys failed.
    #[error("the key store failed")]
    KeyStore(#[from] StoreError),
    /// The grant does not cover this kind of credential.
    #[error("credentials of the kind {} were not granted", .0.name())]
    NotGranted(CredentialType),
    /// The evidence behind the grant is about another key.
    #[error("the evidence behind the grant is about another key")]
    OtherKey,
    /// There is no randomness.
    #[error("the random generator failed")]
    Random(#[source] KeyError),
    /// More certificates are revoked than a list may name. They are forgotten as they expire.
    #[error("too many certificates are revoked")]
    TooManyRevoked,
    /// The name is not one of a SPIFFE trust domain.
    #[error("the trust domain has no SPIFFE identifiers")]
    TrustDomain(#[source] ParseIdError),
    /// A WIT was not made.
    #[error("the WIT was not issued")]
    Wit(#[from] IssueError),
}

impl AuthorityError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Certificate(error) => error.code(),
            Self::EvidenceExpired => "evidence_expired",
            Self::JwtSvid(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::KeyStore(error) => error.code(),
            Self::NotGranted(_) => "not_granted",
            Self::OtherKey => "other_key",
            Self::Random(error) => error.code(),
            Self::TooManyRevoked => "too_many_revoked",
            Self::TrustDomain(error) => error.code(),
            Self::Wit(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Certificate(error) => error.rule(),
            Self::EvidenceExpired => "ATT-24",
            Self::JwtSvid(error) => error.rule(),
            Self::Key(error) => error.rule(),
            Self::KeyStore(error) => error.rule(),
            Self::NotGranted(_) => "AIMS-14",
            Self::OtherKey => "ATT-112",
            Self::Random(error) => error.rule(),
            Self::TooManyRevoked => "X5V-10",
            Self::TrustDomain(error) => error.rule(),
            Self::Wit(error) => error.rule(),
        }
    }
}
