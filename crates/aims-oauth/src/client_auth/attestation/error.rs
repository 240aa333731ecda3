//! Why an attestation, or its proof, was refused.

use aims_credential::ReplayError;
use aims_jose::{ClaimsError, JwkError, JwsError};

use crate::ErrorCode;

/// Why an attestation of a client does not count here, one reason per check. Those with `Pop` are about the proof by its key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestationError {
    /// The proof has no challenge of this server, or an old one.
    #[error("the proof needs a challenge of this server")]
    ChallengeWanted,
    /// The parameter `client_id` is not `sub`.
    #[error("the attestation is about another client than the parameter")]
    ClientIdMismatch,
    /// `cnf` names no key, or not one alone.
    #[error("the attestation has not one key")]
    Confirmation,
    /// The `DPoP` proof is by another key.
    #[error("the DPoP proof is by another key than the attestation's")]
    DpopKeyMismatch,
    /// It is a security event, and no attestation.
    #[error("the attestation has events")]
    Events,
    /// The attestation is past its `exp`.
    #[error("the attestation has expired")]
    Expired,
    /// The key in the attestation is refused, or not one for the algorithm of the proof.
    #[error("the key of the attestation is refused")]
    Key(#[source] JwkError),
    /// The attestation is for another key than the one that this instance has.
    #[error("the attestation is for another key")]
    KeyMismatch,
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims of the attestation are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The attestation is not a compact JWS in strict form, or is too long.
    #[error("the attestation is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// There is a proof, and no attestation.
    #[error("there is a proof, and no attestation")]
    Missing,
    /// The attestation is before its `nbf`, or was made in the future.
    #[error("the attestation is not valid yet")]
    NotYetValid,
    /// The algorithm of the proof is not on the list, not known, or not that of the key.
    #[error("the algorithm of the proof is not supported")]
    PopAlgorithm,
    /// The proof is for another server.
    #[error("the proof is for another server")]
    PopAudienceMismatch,
    /// A claim of the proof is missing, of the wrong type or out of range; or its payload is not one JSON object.
    #[error("the claims of the proof are not well-formed")]
    PopMalformedClaims(#[source] ClaimsError),
    /// The proof is not a compact JWS in strict form, or is too long.
    #[error("the proof is not well-formed")]
    PopMalformedToken(#[source] JwsError),
    /// There is neither a proof of its own nor one of `DPoP`.
    #[error("there is no proof")]
    PopMissing,
    /// The proof was made in the future.
    #[error("the proof was made in the future")]
    PopNotYetValid,
    /// There are several proofs.
    #[error("there are several proofs")]
    PopSeveral,
    /// The proof is not by the key of the attestation.
    #[error("the signature of the proof does not verify")]
    PopSignature,
    /// The proof was made too long ago.
    #[error("the proof is too old")]
    PopTooOld,
    /// What should be the proof is of another type.
    #[error("the token is not a proof")]
    PopWrongType,
    /// The proof was used before, or nobody can say.
    #[error(transparent)]
    Replay(ReplayError),
    /// There are several attestations.
    #[error("there are several attestations")]
    Several,
    /// The signature does not verify.
    #[error("the signature of the attestation does not verify")]
    Signature,
    /// The attestation is older than this server takes.
    #[error("the attestation is not fresh")]
    Stale,
    /// The attester is not one that is believed for this client.
    #[error("the attester is not one of the client")]
    StrangeAttester,
    /// The attester is nobody who is believed, or cannot be told.
    #[error("the attester is not known")]
    UnknownAttester,
    /// The attester has no key of this `kid`.
    #[error("the key is not known")]
    UnknownKey,
    /// The algorithm is not on the list for this attester, or not known.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The token is of another type.
    #[error("the token is not an attestation of a client")]
    WrongType,
}

impl AttestationError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ChallengeWanted => "challenge_wanted",
            Self::ClientIdMismatch => "client_id_mismatch",
            Self::Confirmation => "bad_confirmation",
            Self::DpopKeyMismatch => "dpop_key_mismatch",
            Self::Events => "events_claim",
            Self::Expired => "expired",
            Self::Key(error) => error.code(),
            Self::KeyMismatch => "key_mismatch",
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::Missing => "no_attestation",
            Self::NotYetValid => "not_yet_valid",
            Self::PopAlgorithm => "pop_unsupported_alg",
            Self::PopAudienceMismatch => "pop_audience_mismatch",
            Self::PopMalformedClaims(_) | Self::PopMalformedToken(_) => "pop_malformed",
            Self::PopMissing => "no_proof",
            Self::PopNotYetValid => "pop_not_yet_valid",
            Self::PopSeveral => "several_proofs",
            Self::PopSignature => "pop_bad_signature",
            Self::PopTooOld => "pop_too_old",
            Self::PopWrongType => "pop_wrong_type",
            Self::Replay(error) => error.code(),
            Self::Several => "several_attestations",
            Self::Signature => "bad_signature",
            Self::Stale => "stale",
            Self::StrangeAttester => "strange_attester",
            Self::UnknownAttester => "unknown_attester",
            Self::UnknownKey => "unknown_key",
            Self::UnsupportedAlgorithm => "unsupported_alg",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Expired
            | Self::KeyMismatch
            | Self::Missing
            | Self::NotYetValid
            | Self::Several
            | Self::Signature
            | Self::StrangeAttester
            | Self::UnknownAttester
            | Self::UnknownKey
            | Self::UnsupportedAlgorithm
            | Self::WrongType => "ABC-1",
            Self::PopAlgorithm
            | Self::PopAudienceMismatch
            | Self::PopSeveral
            | Self::PopSignature
            | Self::PopWrongType => "ABC-2",
            Self::DpopKeyMismatch | Self::PopMissing => "ABC-3",
            Self::ClientIdMismatch => "ABC-4",
            Self::ChallengeWanted | Self::Stale => "ABC-5",
            Self::PopNotYetValid | Self::PopTooOld | Self::Replay(_) => "ABC-6",
            Self::Confirmation => "JO-KEY-10",
            Self::Events => "SSF-14",
            Self::Key(error) => match error {
                JwkError::Private | JwkError::Symmetric => "ABC-1",
                other => other.rule(),
            },
            Self::MalformedClaims(error) => claims_rule(error, "ABC-1"),
            Self::PopMalformedClaims(error) => claims_rule(error, "ABC-2"),
            Self::MalformedToken(error) => token_rule(error, "ABC-1"),
            Self::PopMalformedToken(error) => token_rule(error, "ABC-2"),
        }
    }

    /// What the client is told: which challenge to use, that a new attestation is needed, or that this one is wrong, whatever the reason (ABC-5).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::ChallengeWanted => ErrorCode::UseAttestationChallenge,
            Self::Stale => ErrorCode::UseFreshAttestation,
            Self::Replay(ReplayError::Full | ReplayError::Unavailable) => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::InvalidClientAttestation,
        }
    }

    /// Of what was read as a proof.
    pub(super) fn of_pop(error: JwsError) -> Self {
        match error {
            JwsError::Signature => Self::PopSignature,
            JwsError::AlgorithmMismatch { .. }
            | JwsError::AlgorithmNotAllowed(_)
            | JwsError::AlgorithmMissing
            | JwsError::UnknownAlgorithm => Self::PopAlgorithm,
            JwsError::Type => Self::PopWrongType,
            malformed => Self::PopMalformedToken(malformed),
        }
    }
}

fn claims_rule(error: &ClaimsError, rule: &'static str) -> &'static str {
    match error {
        ClaimsError::Json(_) => error.rule(),
        ClaimsError::TokenId => "WIR-9",
        _ => rule,
    }
}

fn token_rule(error: &JwsError, rule: &'static str) -> &'static str {
    match error {
        JwsError::Form => rule,
        JwsError::TooLong => "WIR-9",
        other => other.rule(),
    }
}

impl From<JwsError> for AttestationError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::AlgorithmMismatch { .. } | JwsError::Signature => Self::Signature,
            JwsError::AlgorithmNotAllowed(_) | JwsError::AlgorithmMissing | JwsError::UnknownAlgorithm => {
                Self::UnsupportedAlgorithm
            }
            JwsError::Type => Self::WrongType,
            JwsError::KeyIdMissing | JwsError::UnknownKey => Self::UnknownKey,
            malformed => Self::MalformedToken(malformed),
        }
    }
}

impl From<ClaimsError> for AttestationError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid | ClaimsError::IssuedInFuture => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
