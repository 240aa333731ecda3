//! Why a challenge was not made, or does not count.

use aims_keys::KeyError;

/// Why there is no challenge, or none that counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// The audience is empty, or longer than 2048 bytes.
    #[error("the audience is empty or too long")]
    Audience,
    /// The challenge was handed out for another audience.
    #[error("the challenge is for another audience")]
    AudienceMismatch,
    /// The challenge is past its life.
    #[error("the challenge has expired")]
    Expired,
    /// As many challenges are alive as there is room for.
    #[error("too many challenges are alive")]
    Full,
    /// The text is not 32 bytes in base64url.
    #[error("the challenge is malformed")]
    Nonce,
    /// There is no randomness.
    #[error("the random generator failed")]
    Random(#[source] KeyError),
    /// As many challenges of this session are alive as one may have.
    #[error("too many challenges of the session are alive")]
    SessionFull,
    /// The challenge was never handed out to this session, or it was used. Which of these is not told.
    #[error("the challenge is not known")]
    Unknown,
}

impl ChallengeError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Audience => "bad_audience",
            Self::AudienceMismatch => "audience_mismatch",
            Self::Expired => "challenge_expired",
            Self::Full => "challenges_full",
            Self::Nonce => "malformed_challenge",
            Self::Random(error) => error.code(),
            Self::SessionFull => "session_challenges_full",
            Self::Unknown => "unknown_challenge",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Full | Self::SessionFull => "ATT-23",
            Self::Random(error) => error.rule(),
            Self::Audience | Self::AudienceMismatch | Self::Expired | Self::Nonce | Self::Unknown => "ATT-21",
        }
    }
}
