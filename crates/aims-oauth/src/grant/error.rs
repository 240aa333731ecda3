//! Why a grant was refused.

use aims_credential::{Lapsed, ReplayError};
use aims_jose::{ClaimsError, JwsError};

use crate::{DetailsError, ErrorCode, IssuerKeysError, LineageError, ResourceUriError, Scope, ScopeError};

/// Why a text is no grant that counts here, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// `act` is not an object that names somebody.
    #[error("an actor of the grant is malformed")]
    Actor,
    /// It is for another server.
    #[error("the grant is for another server")]
    AudienceMismatch,
    /// The client that shows it is not the one that it is for.
    #[error("the grant is for another client")]
    ClientMismatch,
    /// Nobody knows the keys of its issuer now: it may be good.
    #[error(transparent)]
    IssuerKeys(#[from] IssuerKeysError),
    /// It is bound to a key, in a way that is not verified here.
    #[error("the grant is bound in a way that is not verified here")]
    Confirmation,
    /// `authorization_details` are malformed.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// Details beyond those of the grant are asked for.
    #[error("more authorization details are asked for than are granted")]
    DetailsWidened,
    /// It has `events`: it is a security event.
    #[error("the grant has events")]
    Events,
    /// It is past its `exp`.
    #[error("the grant has expired")]
    Expired,
    /// It has a claim that makes it an ID Token.
    #[error("the claim {0} is none of a grant")]
    ForeignClaim(&'static str),
    /// `iss` is `sub`: it is an assertion, by which a client says who it is.
    #[error("the grant is about its own issuer")]
    IssuerIsSubject,
    /// It is bound to a key, and the request does not show it.
    #[error("the grant is bound to another key than the request shows")]
    KeyMismatch,
    /// It was cut off before its time.
    #[error(transparent)]
    Lapsed(Lapsed),
    /// What it comes from is malformed, or too long.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// It lives for longer than grants do.
    #[error("the grant lives for too long")]
    LifetimeTooLong,
    /// A claim is missing, of the wrong type or out of range; or the payload is not one JSON object.
    #[error("the claims of the grant are not well-formed")]
    MalformedClaims(#[source] ClaimsError),
    /// The text is not a compact JWS in strict form, or is too long.
    #[error("the grant is not well-formed")]
    MalformedToken(#[source] JwsError),
    /// It is before its `nbf`, or was issued in the future.
    #[error("the grant is not valid yet")]
    NotYetValid,
    /// It was used before, or nobody can say.
    #[error(transparent)]
    Replay(ReplayError),
    /// A resource is none.
    #[error(transparent)]
    Resource(#[from] ResourceUriError),
    /// A resource beyond those of the grant is asked for.
    #[error("a resource is asked for that is not granted")]
    ResourceWidened,
    /// `scope` is malformed.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// This scope is asked for, beyond that of the grant.
    #[error("more scope is asked for than is granted: {0}")]
    ScopeWidened(Scope),
    /// It is of this server itself.
    #[error("the grant is of this server itself")]
    SelfIssued,
    /// The signature does not verify.
    #[error("the signature of the grant does not verify")]
    Signature,
    /// More acted already than anybody reads.
    #[error("more acted already than may have")]
    TooManyActors,
    /// No issuer is trusted for grants of this kind by this name.
    #[error("the grant is of an issuer that is not trusted for its kind")]
    UnknownIssuer,
    /// No key of the issuer has this `kid`.
    #[error("the key is not known")]
    UnknownKey,
    /// Nobody here is whom it is about. For the server that gives tokens to say, which knows its users (JAG-24).
    #[error("nobody here is whom the grant is about")]
    UnknownSubject,
    /// The algorithm is not on the list for this issuer, or not known.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// It is of another type than any grant.
    #[error("the token is not a grant")]
    WrongType,
}

impl GrantError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Actor => "bad_actor",
            Self::AudienceMismatch => "audience_mismatch",
            Self::ClientMismatch => "other_client",
            Self::Confirmation => "bad_confirmation",
            Self::Details(error) => error.code(),
            Self::IssuerKeys(error) => error.code(),
            Self::DetailsWidened => "details_widened",
            Self::Events => "events_claim",
            Self::Expired => "expired",
            Self::ForeignClaim(_) => "foreign_claim",
            Self::IssuerIsSubject => "issuer_is_subject",
            Self::KeyMismatch => "other_key",
            Self::Lapsed(lapsed) => lapsed.code(),
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::Lineage(error) => error.code(),
            Self::MalformedClaims(_) | Self::MalformedToken(_) => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::Replay(error) => error.code(),
            Self::Resource(error) => error.code(),
            Self::ResourceWidened => "resource_widened",
            Self::Scope(error) => error.code(),
            Self::ScopeWidened(_) => "scope_widened",
            Self::SelfIssued => "self_issued",
            Self::Signature => "bad_signature",
            Self::TooManyActors => "too_many_actors",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::UnknownSubject => "unknown_subject",
            Self::UnsupportedAlgorithm => "unsupported_alg",
            Self::WrongType => "wrong_type",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Actor => "EXC-4",
            Self::AudienceMismatch => "XD-11",
            Self::ClientMismatch => "JAG-21",
            Self::Confirmation => "JO-KEY-10",
            Self::Details(error) => error.rule(),
            Self::IssuerKeys(error) => error.rule(),
            Self::DetailsWidened | Self::ResourceWidened | Self::ScopeWidened(_) => "JAG-22",
            Self::Expired | Self::NotYetValid | Self::Signature | Self::UnknownKey => "JBG-4",
            Self::KeyMismatch => "JAG-23",
            Self::Lapsed(lapsed) => lapsed.rule(),
            Self::Lineage(error) => error.rule(),
            Self::TooManyActors => "WIR-9",
            Self::LifetimeTooLong | Self::Replay(_) => "XD-15",
            Self::MalformedClaims(error) => match error {
                ClaimsError::Json(_) => error.rule(),
                ClaimsError::MultipleAudiences => "JAG-20",
                _ => "JBG-1",
            },
            Self::MalformedToken(error) => error.rule(),
            Self::Resource(error) => error.rule(),
            Self::Scope(error) => error.rule(),
            Self::SelfIssued => "JAG-5",
            Self::UnknownIssuer => "JBG-2",
            Self::UnknownSubject => "JAG-24",
            Self::UnsupportedAlgorithm => "ACT-1",
            Self::Events => "SSF-14",
            Self::ForeignClaim(_) => "IDT-6",
            Self::IssuerIsSubject | Self::WrongType => "JBG-5",
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::DetailsWidened => ErrorCode::InvalidAuthorizationDetails,
            Self::ResourceWidened => ErrorCode::InvalidTarget,
            Self::ScopeWidened(_) => ErrorCode::InvalidScope,
            Self::IssuerKeys(_) | Self::Replay(ReplayError::Full | ReplayError::Unavailable) => {
                ErrorCode::TemporarilyUnavailable
            }
            _ => ErrorCode::InvalidGrant,
        }
    }
}

impl From<JwsError> for GrantError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::AlgorithmMismatch { .. } | JwsError::Signature => Self::Signature,
            JwsError::AlgorithmNotAllowed(_) | JwsError::AlgorithmMissing | JwsError::UnknownAlgorithm => {
                Self::UnsupportedAlgorithm
            }
            JwsError::Type => Self::WrongType,
            JwsError::UnknownKey => Self::UnknownKey,
            malformed => Self::MalformedToken(malformed),
        }
    }
}

impl From<ClaimsError> for GrantError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::Expired => Self::Expired,
            ClaimsError::NotYetValid | ClaimsError::IssuedInFuture => Self::NotYetValid,
            malformed => Self::MalformedClaims(malformed),
        }
    }
}
