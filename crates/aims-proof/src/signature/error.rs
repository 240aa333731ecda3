//! Why a message signature was refused, or not made.

use aims_credential::{HolderError, Lapsed, ReplayError, WitError};
use aims_httpsig::{DigestError, SignatureError, VerifyError};
use aims_keys::SignError;

/// Why a message signature proves nothing: one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageSignatureError {
    /// `wimse-aud` is not the target of this request. Both texts are for the operator of the recipient: short, quoted, and without queries.
    #[error("the signature is for another audience: it names {named}, expected is {expected}")]
    AudienceMismatch {
        /// What the recipient is called for this request.
        expected: Box<str>,
        /// What the signature names.
        named: Box<str>,
    },
    /// A request for a tunnel has a path, which its signature cannot cover.
    #[error("the request is for a tunnel, and has a path")]
    ConnectWithPath,
    /// The content is longer than allowed.
    #[error("the content is longer than allowed")]
    ContentTooLarge,
    /// The WIT has expired since it was verified, and its key with it.
    #[error("the credential has expired")]
    CredentialExpired,
    /// The content is not what the covered digest says, or no digest in it counts.
    #[error(transparent)]
    Digest(DigestError),
    /// The signature covers what must not be covered: path or query of CONNECT.
    #[error("the signature covers what requests of its method do not have")]
    ForbiddenCoverage,
    /// A parameter is of another type or length than it must have.
    #[error("the parameter {0} is malformed")]
    MalformedParameter(&'static str),
    /// The time from `created` to `expires` is longer than allowed.
    #[error("the lifetime of the signature is too long")]
    LifetimeTooLong,
    /// The field with the WIT stands twice, or is not ASCII.
    #[error("the credential's field is malformed or stands twice")]
    MalformedCredential,
    /// The message has a signature and no WIT.
    #[error("the message has no credential")]
    NoCredential,
    /// There is content, and no digest of it is covered.
    #[error("the message has content without a digest")]
    NoDigest,
    /// The message has no signature under the tag of this profile.
    #[error("the message has no signature of a workload")]
    NoSignature,
    /// The response answers another request.
    #[error("the response answers another request")]
    OtherRequest,
    /// A field that is read as one value stands in several lines: covered as they are, they may be the pieces of what was signed.
    #[error("the field {0} stands in several lines")]
    RepeatedField(Box<str>),
    /// The nonce was used before, or the memory cannot tell.
    #[error("the signature cannot be accepted again")]
    Replay(#[source] ReplayError),
    /// The signature itself was refused.
    #[error(transparent)]
    Signature(VerifyError),
    /// The response is signed by a workload that is not the one that was called.
    #[error("the response is signed by another workload")]
    UnexpectedPeer,
    /// A signed response was demanded, and this one has no signature.
    #[error("the response is not signed")]
    Unsigned,
    /// The WIT was refused.
    #[error(transparent)]
    Wit(#[from] WitError),
}

impl From<VerifyError> for MessageSignatureError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::NoCandidate => Self::NoSignature,
            VerifyError::Digest(error) => Self::Digest(error),
            VerifyError::TooLarge => Self::ContentTooLarge,
            error => Self::Signature(error),
        }
    }
}

impl MessageSignatureError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AudienceMismatch { .. } => "audience_mismatch",
            Self::ConnectWithPath => "connect_with_path",
            Self::ContentTooLarge => "content_too_large",
            Self::CredentialExpired => "credential_expired",
            Self::Digest(error) => error.code(),
            Self::ForbiddenCoverage => "forbidden_coverage",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::MalformedCredential => "malformed",
            Self::MalformedParameter(_) => "malformed_parameter",
            Self::NoCredential => "no_credential",
            Self::NoDigest => "no_digest",
            Self::NoSignature => "no_proof",
            Self::OtherRequest => "other_request",
            Self::RepeatedField(_) => "field_repeated",
            Self::Replay(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::UnexpectedPeer => "unexpected_peer",
            Self::Unsigned => "unsigned_response",
            Self::Wit(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        use VerifyError as V;

        match self {
            Self::AudienceMismatch { .. } => "HSIG-10",
            Self::ContentTooLarge => "HS-DIG-05",
            Self::CredentialExpired => "HSIG-1",
            Self::Digest(_) | Self::NoDigest => "HSIG-9",
            Self::ConnectWithPath | Self::ForbiddenCoverage => "HSIG-5",
            Self::MalformedParameter(_) => "HSIG-4",
            Self::MalformedCredential | Self::NoCredential => "WIT-1",
            Self::NoSignature => "HSIG-2",
            Self::OtherRequest => "HSIG-24",
            Self::RepeatedField(_) => "HS-VAL-06",
            Self::Replay(_) => "HSIG-11",
            Self::UnexpectedPeer => "CRD-5",
            Self::Unsigned => "HSIG-23",
            Self::Wit(error) => error.rule(),
            Self::LifetimeTooLong
            | Self::Signature(V::Expired | V::NotYetValid | V::TooOld | V::BadTimes) => "HSIG-8",
            Self::Signature(error) => match error {
                V::Ambiguous => "HSIG-2",
                V::ForbiddenParameter(name) if matches!(&**name, "alg" | "keyid") => "HSIG-3",
                V::ForbiddenParameter(_) | V::MissingParameter(_) | V::Parameter(_) => "HSIG-4",
                V::CoversNothing | V::MissingCoverage(_) => "HSIG-5",
                V::AlgorithmMismatch | V::AlgorithmNotAllowed => "HSIG-6",
                V::BadSignature => "HSIG-7",
                error => error.rule(),
            },
        }
    }

    /// The HTTP status to answer a request with: 400, and 503 where neither token nor signature is to blame, this recipient cannot tell.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Wit(WitError::Lapsed(Lapsed::MarksUnavailable))
            | Self::Replay(ReplayError::Full | ReplayError::Unavailable) => 503,
            Self::ContentTooLarge => 413,
            _ => 400,
        }
    }
}

/// Why no message signature was made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MakeSignatureError {
    /// The message does not have the WIT of the signer in its field, once.
    #[error("the message does not carry the credential of its signer")]
    CredentialField,
    /// There is no credential, or it has expired.
    #[error(transparent)]
    Holder(#[from] HolderError),
    /// The lifetime is less than a second.
    #[error("the lifetime is zero")]
    Lifetime,
    /// The audience is empty.
    #[error("the audience is empty")]
    NoAudience,
    /// The holder's credential is no WIT.
    #[error("the credential is not a WIT")]
    NoWit,
    /// A field that is read as one value stands in several lines: nobody takes it.
    #[error("the field {0} stands in several lines")]
    RepeatedField(Box<str>),
    /// The key did not sign, or there is no randomness.
    #[error("the message could not be signed")]
    Sign(#[from] SignError),
    /// The message cannot be covered.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl MakeSignatureError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CredentialField => "credential_field",
            Self::Holder(error) => error.code(),
            Self::Lifetime => "bad_lifetime",
            Self::NoAudience => "empty_audience",
            Self::NoWit => "no_wit",
            Self::RepeatedField(_) => "field_repeated",
            Self::Sign(error) => error.code(),
            Self::Signature(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::CredentialField | Self::NoWit => "HSIG-1",
            Self::Holder(error) => error.rule(),
            Self::Lifetime => "CRD-12",
            Self::NoAudience => "HSIG-4",
            Self::RepeatedField(_) => "HS-VAL-06",
            Self::Sign(error) => error.rule(),
            Self::Signature(error) => error.rule(),
        }
    }
}
