//! Why a certificate or a revocation list was not issued.

use aims_keys::{Algorithm, KeyError, SignError};

use super::{RevocationListError, X509AuthorityError};

/// Why no certificate or revocation list was issued, or no issuer made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SvidIssueError {
    /// The issuer's certificate is not one of an authority.
    #[error("the issuer's certificate is not one of an authority")]
    Authority(#[from] X509AuthorityError),
    /// The issuer's certificate is for another trust domain.
    #[error("the issuer's certificate is for another trust domain")]
    AuthorityDomain,
    /// The issuer's certificate is for another key than the signer's.
    #[error("the issuer's certificate is for another key")]
    AuthorityKey,
    /// A DNS name is not one.
    #[error("the DNS name is not well-formed")]
    DnsName,
    /// The issuer's certificate has expired, or is not valid yet.
    #[error("the issuer's certificate is not valid now")]
    Expired,
    /// The subject is in another trust domain, or of another scheme.
    #[error("the subject is not in the issuer's trust domain")]
    ForeignSubject,
    /// The algorithm is not one of X.509 here.
    #[error("the algorithm is not one of certificates here")]
    KeyAlgorithm(Algorithm),
    /// The key of the workload is the issuer's own.
    #[error("the key is the issuer's own")]
    IssuersKey,
    /// The lifetime is less than a second, or ends after the year 9999.
    #[error("the lifetime is out of range")]
    Lifetime,
    /// The list is one that nobody would read: it is too long.
    #[error("the revocation list would not be read")]
    List(#[from] RevocationListError),
    /// The issuer's certificate does not let it sign revocation lists.
    #[error("the issuer may not sign revocation lists")]
    ListUsage,
    /// No name constraint can name the trust domain: it is an address.
    #[error("a name constraint cannot name the trust domain")]
    NameConstraint,
    /// The issuer may not have an issuer below it: it, or one above it, says so by `pathLenConstraint`.
    #[error("the path below the issuer would be too long")]
    PathLength,
    /// There is no randomness for the serial number.
    #[error("no serial number could be made")]
    Random(#[source] KeyError),
    /// What is to be revoked is not a serial number, in hexadecimal digits.
    #[error("the serial number is not well-formed")]
    SerialNumber,
    /// The key did not sign.
    #[error("the certificate could not be signed")]
    Sign(#[from] SignError),
    /// The signature that was attached is not the issuer's over this certificate.
    #[error("the signature does not verify")]
    Signature,
    /// The subject has no path: it names a trust domain.
    #[error("the subject names a trust domain, not a workload")]
    SubjectWithoutPath,
    /// More DNS names than an issuer puts into one certificate.
    #[error("there are too many DNS names")]
    TooManyNames,
}

impl SvidIssueError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authority(error) => error.code(),
            Self::AuthorityDomain => "authority_domain",
            Self::AuthorityKey => "authority_key",
            Self::DnsName => "bad_dns_name",
            Self::Expired => "issuer_expired",
            Self::ForeignSubject => "foreign_subject",
            Self::IssuersKey => "issuers_key",
            Self::KeyAlgorithm(_) => "key_algorithm",
            Self::Lifetime => "bad_lifetime",
            Self::List(error) => error.code(),
            Self::ListUsage => "list_usage",
            Self::NameConstraint => "name_constraint",
            Self::PathLength => "path_length",
            Self::Random(error) => error.code(),
            Self::SerialNumber => "bad_serial_number",
            Self::Sign(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::SubjectWithoutPath => "bad_subject",
            Self::TooManyNames => "too_many_names",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Authority(_) | Self::ListUsage | Self::PathLength => "X5-8",
            Self::AuthorityDomain => "X5-9",
            Self::AuthorityKey | Self::Signature => "JO-SIGN-02",
            Self::DnsName | Self::TooManyNames => "WIC-2",
            Self::Expired | Self::SerialNumber => "MTLS-10",
            Self::ForeignSubject => "WIC-4",
            Self::IssuersKey => "X5-10",
            Self::KeyAlgorithm(_) => "X5V-3",
            Self::Lifetime => "AIMS-7",
            Self::List(error) => error.rule(),
            Self::NameConstraint => "X5-11",
            Self::Random(error) => error.rule(),
            Self::Sign(error) => error.rule(),
            Self::SubjectWithoutPath => "X5-3",
        }
    }
}
