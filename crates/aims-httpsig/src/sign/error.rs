//! Why nothing is signed.

use aims_keys::SignError;

use crate::{BaseError, ParameterError};

/// Why a message is not signed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// `alg` says another algorithm than the key has.
    #[error("the key has another algorithm than the signature names")]
    AlgorithmMismatch,
    /// What was attached is not a signature by that key.
    #[error("the signature does not verify")]
    BadSignature,
    /// There is no signature base.
    #[error(transparent)]
    Base(BaseError),
    /// The label is no key of a dictionary.
    #[error("the label is not a key")]
    Label,
    /// The message has a signature of this label: [`any_label`](crate::NewSignature::any_label) takes another.
    #[error("the message has a signature of this label")]
    LabelInUse,
    /// `expires` depends on `created`, which was not set before.
    #[error("the signature does not say when it was made")]
    NoCreated,
    /// The algorithm has no name among those of HTTP signatures; PS256 has none, and PS512 does.
    #[error("the algorithm has no name among those of HTTP signatures")]
    NoName,
    /// A signature of another would be covered, and not all that it covers.
    #[error("a signature of another would be covered without what it covers")]
    OverPart,
    /// Signatures of others are covered, which was not asked for.
    #[error("signatures of others would be covered")]
    OverSignatures,
    /// A parameter is of another type.
    #[error(transparent)]
    Parameter(ParameterError),
    /// A parameter was named twice.
    #[error("a parameter is there twice")]
    ParameterDuplicate,
    /// A parameter has a name or a value that no text stands for.
    #[error("a parameter cannot be written")]
    ParameterValue,
    /// The key did not sign.
    #[error("the key did not sign")]
    Sign(#[source] SignError),
}

impl SignatureError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::BadSignature => "bad_signature",
            Self::Base(error) => error.code(),
            Self::Label => "bad_label",
            Self::LabelInUse => "label_in_use",
            Self::NoCreated => "no_created",
            Self::NoName => "algorithm_without_name",
            Self::OverPart => "over_part_of_signature",
            Self::OverSignatures => "over_signatures",
            Self::Parameter(error) => error.code(),
            Self::ParameterDuplicate => "parameter_duplicate",
            Self::ParameterValue => "parameter_value",
            Self::Sign(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => "HS-ALG-01",
            Self::BadSignature => "HS-SIGN-03",
            Self::Base(error) => error.rule(),
            Self::Label | Self::LabelInUse | Self::NoCreated => "HS-SIGN-01",
            Self::NoName => "HS-ALG-03",
            Self::OverPart | Self::OverSignatures => "HS-SIGN-04",
            Self::Parameter(error) => error.rule(),
            Self::ParameterDuplicate => "HS-SF-03",
            Self::ParameterValue => "HS-SIGN-02",
            Self::Sign(error) => error.rule(),
        }
    }
}
