//! Why claims were refused.

use crate::json::JsonError;
use crate::jwk::JwkError;

/// Why the claims of a token whose signature was good were refused, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// No accepted audience is in `aud`; or the token has an audience and the verifier none.
    #[error("the token is for another audience")]
    AudienceMismatch,
    /// `cnf` names no key, or does so in two ways, or in one that is not understood.
    #[error("the confirmation does not name one key")]
    Confirmation,
    /// The key in `cnf` is refused.
    #[error("the key of the confirmation is refused")]
    ConfirmationKey(#[from] JwkError),
    /// A date is negative, or later than the year 9999.
    #[error("the claim {0} is not a date in range")]
    DateRange(&'static str),
    /// A claim that must say something is the empty string.
    #[error("the claim {0} is empty")]
    Empty(&'static str),
    /// The token is past its `exp`.
    #[error("the token has expired")]
    Expired,
    /// The token was issued in the future.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// `iss` is not the issuer whose keys were used.
    #[error("the token is from another issuer")]
    IssuerMismatch,
    /// The claims are not one JSON object.
    #[error("the claims are not well-formed")]
    Json(#[source] JsonError),
    /// A required claim is missing.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// There is more than one audience where the profile demands one.
    #[error("the token is for several audiences")]
    MultipleAudiences,
    /// The payload is empty: a raw JWS may be, a JWT never.
    #[error("the token has no claims")]
    NoPayload,
    /// The token is before its `nbf`.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A claim of the caller has the name of a registered one.
    #[error("the claim {0} is registered, and not for extensions")]
    Registered(&'static str),
    /// `jti` is empty or longer than 256 bytes.
    #[error("the token identifier is malformed")]
    TokenId,
    /// The token was issued longer ago than the verifier's maximum age.
    #[error("the token is too old")]
    TooOld,
    /// A claim is of the wrong JSON type.
    #[error("the claim {0} is of the wrong type")]
    WrongType(&'static str),
}

impl ClaimsError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AudienceMismatch => "audience_mismatch",
            Self::Confirmation => "malformed_confirmation",
            Self::ConfirmationKey(error) => error.code(),
            Self::DateRange(_) => "date_range",
            Self::Empty(_) => "claim_empty",
            Self::Expired => "expired",
            Self::IssuedInFuture => "issued_in_future",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::Json(error) => error.code(),
            Self::Missing(_) => "claim_missing",
            Self::MultipleAudiences => "multiple_audiences",
            Self::NoPayload => "no_payload",
            Self::NotYetValid => "not_yet_valid",
            Self::Registered(_) => "registered_claim",
            Self::TokenId => "malformed_token_id",
            Self::TooOld => "too_old",
            Self::WrongType(_) => "claim_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::AudienceMismatch
            | Self::Empty("aud")
            | Self::MultipleAudiences
            | Self::WrongType("aud")
            | Self::Missing("aud") => "JO-CLM-05",
            Self::Confirmation | Self::Missing("cnf") | Self::WrongType("cnf") => "JO-KEY-10",
            Self::ConfirmationKey(error) => error.rule(),
            Self::DateRange(_) | Self::WrongType("exp" | "iat" | "nbf") => "JO-CLM-02",
            Self::Expired
            | Self::IssuedInFuture
            | Self::Missing("exp" | "iat")
            | Self::NotYetValid
            | Self::TooOld => "JO-CLM-03",
            Self::Empty("iss") | Self::IssuerMismatch | Self::Missing("iss") | Self::WrongType("iss") => {
                "JO-CLM-04"
            }
            Self::Json(error) => error.rule(),
            Self::NoPayload => "JO-B64-04",
            Self::Registered(_) => "JO-SIGN-03",
            Self::Empty("sub") | Self::Missing("sub") | Self::WrongType("sub") => "JO-CLM-06",
            Self::TokenId | Self::Missing("jti") | Self::WrongType("jti") => "JO-CLM-07",
            Self::Empty(_) | Self::Missing(_) | Self::WrongType(_) => "JO-CLM-01",
        }
    }
}

impl From<JsonError> for ClaimsError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}
