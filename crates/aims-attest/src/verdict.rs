//! How an appraisal ends.

use std::time::Duration;

/// What came of an appraisal (ATT-121). Only what was accepted proves anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever issues decides about every verdict")]
pub enum Verdict {
    /// The evidence is good.
    Accepted,
    /// The verifier itself failed.
    Error,
    /// Something else is needed to tell.
    Inconclusive,
    /// The evidence is not good.
    Rejected(Reason),
    /// Something that the verifier needs could not be asked.
    Unavailable {
        /// When to try again, if it is known.
        retry_after: Option<Duration>,
    },
}

impl Verdict {
    /// A stable name for records and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Error => "appraisal_failed",
            Self::Inconclusive => "inconclusive",
            Self::Rejected(reason) => reason.code(),
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// Why evidence was rejected (ATT-122).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It is for somebody else.
    AudienceMismatch,
    /// A signature does not verify.
    BadSignature,
    /// It has expired.
    Expired,
    /// It is for another key.
    KeyMismatch,
    /// It is not what its type says.
    Malformed,
    /// It does not answer the challenge.
    NonceMismatch,
    /// It is not valid yet.
    NotYetValid,
    /// What it hangs on does not count.
    ParentInvalid,
    /// The process is not the one it was.
    ProcessChanged,
    /// It was used before.
    Replayed,
    /// It was collected too long ago.
    Stale,
    /// It is too large.
    TooLarge,
    /// Nobody verifies evidence of this type.
    UnsupportedType,
    /// It is of a version that is not read.
    UnsupportedVersion,
}

impl Reason {
    /// A stable name for records and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AudienceMismatch => "audience_mismatch",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::KeyMismatch => "key_mismatch",
            Self::Malformed => "malformed",
            Self::NonceMismatch => "nonce_mismatch",
            Self::NotYetValid => "not_yet_valid",
            Self::ParentInvalid => "parent_invalid",
            Self::ProcessChanged => "process_changed",
            Self::Replayed => "replayed",
            Self::Stale => "stale",
            Self::TooLarge => "too_large",
            Self::UnsupportedType => "unsupported_type",
            Self::UnsupportedVersion => "unsupported_version",
        }
    }
}

/// How much evidence is worth (ATT-113): a scale of this project, not a standard's.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Level(u8);

impl Level {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Somebody says so: an operator, a join token.
    pub const ASSERTED: Self = Self(1);
    /// Software that is trusted has seen it, on the same machine.
    pub const OBSERVED: Self = Self(2);
    /// A platform vouches for it: an orchestrator, a cloud.
    pub const VOUCHED: Self = Self(3);
    /// Hardware vouches for it, for this challenge and this key.
    pub const HARDWARE: Self = Self(4);
    /// And the software that runs is known by independent evidence.
    pub const HARDWARE_AND_SOFTWARE: Self = Self(5);

    /// The number, from 0 to 5.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

/// Why evidence is not yesterday's (ATT-20).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Freshness {
    /// It holds a challenge of the verifier.
    Nonce,
    /// It can be used once.
    OneTimeUse,
    /// It says the same whenever it is looked at.
    Static,
    /// It holds a time that is believed.
    Timestamp,
    /// It was the first of its kind.
    Tofu,
}

/// How the key that is to be certified belongs to the evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BoundKey {
    /// The evidence itself names the key: its JWK thumbprint (RFC 7638, SHA-256).
    Hardware([u8; 32]),
    /// There is none.
    None,
    /// The key has signed the same challenge (ATT-22).
    ProofOfPossession([u8; 32]),
}
