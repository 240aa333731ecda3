//! What a bundle holds that counts for nothing.

use aims_jose::JwkError;

#[cfg(feature = "x509")]
use crate::x509::X509AuthorityError;

/// An element of a bundle that counts for nothing, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SkippedKey {
    /// Its place in the array of keys, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: SkipReason,
}

/// Why an element of a bundle is skipped, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// The certificate is not one of an authority.
    #[cfg(feature = "x509")]
    #[error("the certificate is not acceptable")]
    Certificate(#[source] X509AuthorityError),
    /// The first item of `x5c` is not strict base64.
    #[error("the certificate is not strict base64")]
    CertificateEncoding,
    /// The numbers beside the certificate are those of another key.
    #[error("the key is not that of the certificate")]
    CertificateMismatch,
    /// `x5c` is missing, empty, or not an array.
    #[error("the element has no certificate")]
    CertificateMissing,
    /// The key is not one that may be used; [`JwkError::DuplicateKeyId`] when another key has its name.
    #[error(transparent)]
    Key(#[from] JwkError),
    /// A certificate has a `kid`, which its format forbids.
    #[error("the certificate has a key identifier")]
    KeyIdForbidden,
    /// A key for tokens has no `kid`, which its format demands.
    #[error("the key has no identifier")]
    KeyIdMissing,
    /// Certificates are not read without the crate feature `x509`.
    #[error("certificates are not supported by this build")]
    X509Unsupported,
}

impl SkipReason {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            #[cfg(feature = "x509")]
            Self::Certificate(error) => error.code(),
            Self::CertificateEncoding => "certificate_encoding",
            Self::CertificateMismatch => "certificate_mismatch",
            Self::CertificateMissing => "certificate_missing",
            Self::Key(error) => error.code(),
            Self::KeyIdForbidden => "key_id_forbidden",
            Self::KeyIdMissing => "key_id_missing",
            Self::X509Unsupported => "x509_unsupported",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            #[cfg(feature = "x509")]
            Self::Certificate(_) => "BND-14",
            Self::CertificateMismatch => "BND-5",
            Self::CertificateEncoding
            | Self::CertificateMissing
            | Self::KeyIdForbidden
            | Self::X509Unsupported => "BND-14",
            Self::Key(error) => match error {
                JwkError::DuplicateKeyId => "BND-18",
                JwkError::KeyType | JwkError::Use => "BND-13",
                JwkError::NotAnObject => "BND-3",
                other => other.rule(),
            },
            Self::KeyIdMissing => "BND-4",
        }
    }
}
