//! How an appraisal ends.

use std::time::Duration;

use aims_jose::Thumbprint;

/// What came of an appraisal (ATT-121). Only what was accepted proves anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever issues decides about every verdict")]
pub enum Verdict {
    /// The evidence is good.
    Accepted,
    /// The verifier itself failed.
    Error,
    /// Something else is needed to tell: what, as a short name in lower case (`challenge`).
    Inconclusive(&'static str),
    /// The evidence is not good.
    Rejected(Reason),
    /// Something that the verifier needs could not be asked.
    Unavailable {
        /// What, as a short name in lower case (`boot_records`).
        dependency: &'static str,
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
            Self::Inconclusive(_) => "inconclusive",
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
    /// Certificates do not lead to an authority, for another reason than that it is not known.
    ChainInvalid,
    /// It has expired.
    Expired,
    /// It is for another key.
    KeyMismatch,
    /// It is not what its type says.
    Malformed,
    /// What was measured is not what may run.
    MeasurementMismatch,
    /// It does not answer the challenge.
    NonceMismatch,
    /// It is not valid yet.
    NotYetValid,
    /// What it hangs on does not count.
    ParentInvalid,
    /// What was accepted is not enough together.
    PolicyUnsatisfied,
    /// The process is not the one it was.
    ProcessChanged,
    /// It was used before.
    Replayed,
    /// What it rests on was revoked.
    Revoked,
    /// It was collected too long ago.
    Stale,
    /// Nobody knows whom it is about.
    SubjectNotAllowed,
    /// It is too large.
    TooLarge,
    /// It is signed in a way that is not accepted.
    UnsupportedAlgorithm,
    /// Nobody verifies evidence of this type.
    UnsupportedType,
    /// It is of a version that is not read.
    UnsupportedVersion,
    /// Nobody who is believed vouches for it.
    UntrustedRoot,
}

impl Reason {
    /// A stable name for records and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AudienceMismatch => "audience_mismatch",
            Self::BadSignature => "bad_signature",
            Self::ChainInvalid => "chain_invalid",
            Self::Expired => "expired",
            Self::KeyMismatch => "key_mismatch",
            Self::Malformed => "malformed",
            Self::MeasurementMismatch => "measurement_mismatch",
            Self::NonceMismatch => "nonce_mismatch",
            Self::NotYetValid => "not_yet_valid",
            Self::ParentInvalid => "parent_invalid",
            Self::PolicyUnsatisfied => "policy_unsatisfied",
            Self::ProcessChanged => "process_changed",
            Self::Replayed => "replayed",
            Self::Revoked => "revoked",
            Self::Stale => "stale",
            Self::SubjectNotAllowed => "subject_not_allowed",
            Self::TooLarge => "too_large",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnsupportedType => "unsupported_type",
            Self::UnsupportedVersion => "unsupported_version",
            Self::UntrustedRoot => "untrusted_root",
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

    /// The longest that a credential should live that rests on this (ATT-115): five minutes on somebody's word, a quarter of an hour on what software has seen, an hour
    /// on the word of a platform or of hardware; nothing rests on nothing.
    #[must_use]
    pub fn max_lifetime(self) -> Duration {
        Duration::from_secs(match self.0 {
            0 => 0,
            1 => 300,
            2 => 900,
            _ => 3600,
        })
    }

    /// The level of this number, if there is one.
    #[must_use]
    pub fn of_number(number: u64) -> Option<Self> {
        u8::try_from(number).ok().map(Self).filter(|level| *level <= Self::HARDWARE_AND_SOFTWARE)
    }

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
    /// It answers the very challenge that was asked, the whole [binding](crate::Asked::binding): that of this verifier, for this key. Another service's nonce is none of it.
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
    /// The evidence itself names the key, and says that hardware holds it.
    Hardware(Thumbprint),
    /// There is none.
    None,
    /// The key has signed the same challenge (ATT-22).
    ProofOfPossession(Thumbprint),
}

impl BoundKey {
    /// The key, by its JWK thumbprint (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> Option<&Thumbprint> {
        match self {
            Self::Hardware(key) | Self::ProofOfPossession(key) => Some(key),
            Self::None => None,
        }
    }
}
