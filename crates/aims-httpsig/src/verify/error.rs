//! Why a message is not verified.

use crate::sf::ParseError;
use crate::{BaseError, DigestError, NonceError, ParameterError};

/// Why a message is not verified: one reason per check (HS-VER-03).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// `alg` says another algorithm than the key is for.
    #[error("the signature names another algorithm than the key has")]
    AlgorithmMismatch,
    /// The algorithm of the key is not one that the policy allows.
    #[error("the policy does not allow the algorithm of the key")]
    AlgorithmNotAllowed,
    /// Several signatures would do, and the policy takes one.
    #[error("several signatures have the tag and the key that are asked for")]
    Ambiguous,
    /// The signature is not that of the key over this message.
    #[error("the signature does not verify")]
    BadSignature,
    /// There is no signature base.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// Nothing is covered.
    #[error("the signature covers nothing")]
    CoversNothing,
    /// `Content-Digest` is not covered, or not there.
    #[error("the digest of the content is not covered")]
    DigestNotCovered,
    /// The content is not what the digest says.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A label is there twice.
    #[error("a label is there twice")]
    DuplicateLabel,
    /// It has expired.
    #[error("the signature has expired")]
    Expired,
    /// Its end is before its beginning, or either is negative.
    #[error("the times of the signature make no sense")]
    BadTimes,
    /// A parameter is there that must not be.
    #[error("the signature has the parameter {0}")]
    ForbiddenParameter(String),
    /// `Signature-Input` and `Signature` do not have the same labels.
    #[error("the labels of the two fields differ")]
    LabelMismatch,
    /// A member is not of the type that it must have.
    #[error("a member of a signature field is of another type")]
    MemberType,
    /// A field is not a dictionary.
    #[error("a signature field is malformed")]
    Malformed(#[source] ParseError),
    /// A component that the policy asks for is not covered.
    #[error("the signature does not cover {0}")]
    MissingCoverage(String),
    /// There is no signature, or only one of the two fields.
    #[error("the message has no signature")]
    MissingField,
    /// A parameter that the policy asks for is not there.
    #[error("the signature has no parameter {0}")]
    MissingParameter(String),
    /// No signature is one that the policy would take.
    #[error("no signature has the tag and the key that are asked for")]
    NoCandidate,
    /// Its nonce was used before, or cannot be remembered.
    #[error(transparent)]
    Nonce(#[from] NonceError),
    /// It is not valid yet.
    #[error("the signature is from the future")]
    NotYetValid,
    /// A parameter is none.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The content is longer than allowed.
    #[error("the content is longer than allowed")]
    TooLarge,
    /// The fields hold more than allowed.
    #[error("the message has too many signatures, or too long fields")]
    TooMany,
    /// It was made too long ago.
    #[error("the signature is too old")]
    TooOld,
}

impl VerifyError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::Ambiguous => "ambiguous_signature",
            Self::BadSignature => "bad_signature",
            Self::BadTimes => "bad_times",
            Self::Base(error) => error.code(),
            Self::CoversNothing => "covers_nothing",
            Self::Digest(error) => error.code(),
            Self::DigestNotCovered => "digest_not_covered",
            Self::DuplicateLabel => "duplicate_label",
            Self::Expired => "expired",
            Self::ForbiddenParameter(_) => "forbidden_parameter",
            Self::LabelMismatch => "label_mismatch",
            Self::Malformed(_) => "malformed_signature_field",
            Self::MemberType => "member_type",
            Self::MissingCoverage(_) => "missing_coverage",
            Self::MissingField => "missing_signature",
            Self::MissingParameter(_) => "missing_parameter",
            Self::NoCandidate => "no_candidate",
            Self::Nonce(error) => error.code(),
            Self::NotYetValid => "not_yet_valid",
            Self::Parameter(error) => error.code(),
            Self::TooLarge => "content_too_large",
            Self::TooMany => "too_many_signatures",
            Self::TooOld => "too_old",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch | Self::AlgorithmNotAllowed => "HS-ALG-01",
            Self::Ambiguous | Self::NoCandidate => "HS-FLD-04",
            Self::BadSignature => "HS-BASE-06",
            Self::BadTimes => "HS-PAR-02",
            Self::Base(error) => error.rule(),
            Self::CoversNothing | Self::MissingParameter(_) => "HS-PAR-04",
            Self::Digest(error) => error.rule(),
            Self::DigestNotCovered => "HS-DIG-04",
            Self::DuplicateLabel | Self::LabelMismatch | Self::MissingField => "HS-FLD-02",
            Self::Expired | Self::NotYetValid | Self::TooOld => "HS-PAR-03",
            Self::ForbiddenParameter(_) => "HS-VER-03",
            Self::Malformed(error) => error.rule(),
            Self::MemberType => "HS-FLD-01",
            Self::MissingCoverage(_) => "HS-VER-02",
            Self::Nonce(error) => error.rule(),
            Self::Parameter(error) => error.rule(),
            Self::TooLarge => "HS-DIG-05",
            Self::TooMany => "HS-FLD-07",
        }
    }
}
