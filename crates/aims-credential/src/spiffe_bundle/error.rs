//! Why a bundle document was refused, or not written.

use aims_jose::JwkError;

/// Why a SPIFFE bundle document as a whole is refused, one reason per check; or why a bundle cannot be written as one.
///
/// What concerns one element only is a [`SkipReason`](crate::SkipReason).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeBundleError {
    /// It is not a JWK Set in strict JSON, or too large, or has a secret in it, which has thereby leaked.
    #[error("the bundle is not a set of public keys")]
    Document(#[source] JwkError),
    /// Two keys for tokens have the same `kid`, so the bundle is not written.
    #[error("two keys of the bundle have the same identifier")]
    DuplicateKeyId,
    /// `keys` is empty, which the strict reader refuses.
    #[error("the bundle has no keys")]
    EmptyKeys,
    /// A key for tokens has no `kid`: the strict reader refuses that, and it is not written.
    #[error("a key of the bundle has no identifier")]
    KeyIdMissing,
    /// `spiffe_refresh_hint` is not a 64-bit integer.
    #[error("the refresh hint is not an integer")]
    RefreshHint,
    /// `spiffe_sequence` is not a 64-bit integer.
    #[error("the sequence number is not an integer")]
    Sequence,
    /// `x5c` has more than one certificate, which the strict reader refuses.
    #[error("an element of the bundle has several certificates")]
    SeveralCertificates,
}

impl SpiffeBundleError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::DuplicateKeyId => "duplicate_key_id",
            Self::EmptyKeys => "empty_keys",
            Self::KeyIdMissing => "key_id_missing",
            Self::RefreshHint => "refresh_hint",
            Self::Sequence => "sequence",
            Self::SeveralCertificates => "several_certificates",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Document(error) => match error {
                JwkError::Json(_) | JwkError::TooLarge => "BND-17",
                JwkError::Private | JwkError::Symmetric => "BND-19",
                JwkError::Set => "BND-9",
                other => other.rule(),
            },
            Self::DuplicateKeyId => "BND-18",
            Self::EmptyKeys | Self::KeyIdMissing | Self::SeveralCertificates => "BND-4",
            Self::RefreshHint => "BND-11",
            Self::Sequence => "BND-10",
        }
    }
}

impl From<JwkError> for SpiffeBundleError {
    fn from(error: JwkError) -> Self {
        Self::Document(error)
    }
}
