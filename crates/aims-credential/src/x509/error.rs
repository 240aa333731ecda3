//! Why an X.509 credential was refused.

use aims_id::ParseIdError;
use aims_keys::KeyError;

use crate::Lapsed;

/// Why a certificate chain is not an X.509-SVID or Workload Identity Certificate to be trusted, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SvidError {
    /// The subject is empty, and the extension with the names not critical.
    #[error("the subject is empty and the alternative name not critical")]
    AltNameNotCritical,
    /// The certificate may sign certificates or revocation lists: it is an authority's, not a workload's.
    #[error("the certificate may sign others")]
    Authority,
    /// The leaf has no basicConstraints.
    #[error("the certificate has no basic constraints")]
    BasicConstraintsMissing,
    /// The chain is longer than the verifier reads.
    #[error("the chain has too many certificates")]
    ChainTooLong,
    /// An intermediate certificate names another trust domain than the leaf, or a workload, or more than one identity.
    #[error("an intermediate certificate has an identity that does not fit")]
    ChainIdentity,
    /// A certificate that the path needs has expired.
    #[error("the certificate has expired")]
    Expired,
    /// The extended key usage does not name the role in which the certificate was presented.
    #[error("the extended key usage does not fit the role")]
    ExtendedKeyUsage,
    /// The URI is not a canonical workload identifier.
    #[error("the URI is not a workload identifier")]
    Identity(#[source] ParseIdError),
    /// An issuer in the chain may not sign certificates.
    #[error("an issuer may not sign certificates")]
    IssuerNotSigning,
    /// The key of the leaf is one that is refused everywhere.
    #[error("the key of the certificate is not acceptable")]
    Key(#[source] KeyError),
    /// The leaf has no keyUsage, or one that is not critical or without `digitalSignature`.
    #[error("the key usage is missing, not critical, or without digital signatures")]
    KeyUsage,
    /// It was cut off, though its time has not passed.
    #[error("the certificate was cut off")]
    Lapsed(#[source] Lapsed),
    /// A certificate is not one of version 3 in DER.
    #[error("the certificate is malformed")]
    Malformed,
    /// The leaf has more than one URI.
    #[error("the certificate has more than one URI")]
    MultipleIdentities,
    /// A name constraint is not met, or malformed, or of a form that is not processed.
    #[error("a name constraint is not met, or not processed")]
    NameConstraint,
    /// The leaf has no URI.
    #[error("the certificate has no URI")]
    NoIdentity,
    /// A certificate that the path needs is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The limits of path building were reached, or a path is longer than an issuer allows.
    #[error("the path is too long, or there are too many")]
    Path,
    /// The revocation lists of an issuer are out of date: a successor was due, or all of them are from the future.
    #[error("the revocation list is out of date")]
    RevocationOutdated,
    /// Whether it is revoked cannot be known: a list that is needed is missing, or was not signed by the issuer in whose name it is, or
    /// the issuer may not sign lists.
    #[error("the revocation status cannot be known")]
    RevocationUnknown,
    /// A certificate that the path needs is revoked by a list of its issuer.
    #[error("the certificate is revoked")]
    Revoked,
    /// The identity is not of the scheme that the profile demands.
    #[error("the identity is not a SPIFFE ID")]
    Scheme,
    /// A signature does not verify, or is by an algorithm that is not accepted.
    #[error("a signature does not verify")]
    Signature,
    /// A certificate is longer than the verifier reads.
    #[error("the certificate is too large")]
    TooLarge,
    /// A critical extension is not known.
    #[error("a critical extension is not known")]
    UnknownExtension,
    /// No authority of the trust domain issued it.
    #[error("no authority of the trust domain issued it")]
    UnknownIssuer,
    /// Nothing is trusted for the origin of the identity.
    #[error("the trust domain is not known")]
    UnknownTrustDomain,
    /// The identity is that of a trust domain, not of a workload: it has no path.
    #[error("the identity names a trust domain, not a workload")]
    WithoutPath,
}

impl SvidError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AltNameNotCritical => "alt_name_not_critical",
            Self::Authority => "authority_as_leaf",
            Self::BasicConstraintsMissing => "basic_constraints_missing",
            Self::ChainIdentity => "chain_identity",
            Self::ChainTooLong => "chain_too_long",
            Self::Expired => "expired",
            Self::ExtendedKeyUsage => "extended_key_usage",
            Self::Identity(_) | Self::Scheme | Self::WithoutPath => "bad_subject",
            Self::IssuerNotSigning => "issuer_not_signing",
            Self::Key(error) => error.code(),
            Self::KeyUsage => "key_usage",
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::Malformed => "malformed_certificate",
            Self::MultipleIdentities => "multiple_identities",
            Self::NameConstraint => "name_constraint",
            Self::NoIdentity => "no_identity",
            Self::NotYetValid => "not_yet_valid",
            Self::Path => "path",
            Self::RevocationOutdated => "revocation_outdated",
            Self::RevocationUnknown => "revocation_unknown",
            Self::Revoked => "revoked",
            Self::Signature => "bad_signature",
            Self::TooLarge => "certificate_too_large",
            Self::UnknownExtension => "unknown_extension",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownTrustDomain => "unknown_trust_domain",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AltNameNotCritical => "X5-4",
            Self::Authority | Self::BasicConstraintsMissing => "X5V-4",
            Self::ChainIdentity | Self::IssuerNotSigning => "X5V-8",
            Self::ExtendedKeyUsage => "X5V-5",
            Self::Identity(error) => error.rule(),
            Self::KeyUsage => "X5-6",
            Self::Lapsed(lapsed) => lapsed.rule(),
            Self::MultipleIdentities => "X5-2",
            Self::NameConstraint => "X5V-10",
            Self::NoIdentity => "X5-1",
            Self::Scheme => "X5V-6",
            Self::Malformed | Self::TooLarge => "X5V-1",
            Self::UnknownTrustDomain => "X5V-2",
            Self::WithoutPath => "X5-3",
            Self::ChainTooLong
            | Self::Expired
            | Self::Key(_)
            | Self::NotYetValid
            | Self::Path
            | Self::RevocationOutdated
            | Self::RevocationUnknown
            | Self::Revoked
            | Self::Signature
            | Self::UnknownExtension
            | Self::UnknownIssuer => "X5V-3",
        }
    }
}
