//! Why nothing is derived.

use crate::{ErrorCode, Issuer, LineageError, Scope};

/// Why nothing can be derived like this, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DerivationError {
    /// Details beyond those of the parent are asked for.
    #[error("more authorization details are asked for than there are")]
    Details,
    /// The parent has ended.
    #[error("the token has expired")]
    Expired,
    /// It comes from more than may be.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// It would be a grant that says nothing of scopes, and so leaves them to the other domain.
    #[error("a grant without scope leaves it to the other domain")]
    NoScope,
    /// The parent says who may act, and this is somebody else.
    #[error("the token says that another may act")]
    NotTheActor,
    /// This scope is asked for, beyond that of the parent.
    #[error("more scope is asked for than there is: {0}")]
    Scope(Scope),
    /// More acted already than anybody reads.
    #[error("more acted already than may have")]
    TooManyActors,
    /// The parent is bound, and nothing was shown that what comes of it could be bound to.
    #[error("what comes of a bound token would be bound to nothing")]
    Unbound,
    /// Nothing is granted for this server about the subject of the token.
    #[error("nothing is granted there about the subject")]
    UnknownSubject,
    /// Nothing is granted for this server.
    #[error("nothing is granted for {0}")]
    UnknownTarget(Issuer),
}

impl DerivationError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Details => "details_widened",
            Self::Expired => "expired",
            Self::Lineage(error) => error.code(),
            Self::NoScope => "no_scope",
            Self::NotTheActor => "other_actor",
            Self::Scope(_) => "scope_widened",
            Self::TooManyActors => "too_many_actors",
            Self::Unbound => "unbound",
            Self::UnknownSubject => "unknown_subject",
            Self::UnknownTarget(_) => "unknown_target",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Details | Self::Scope(_) => "EXC-3",
            Self::Expired => "EXC-2",
            Self::Lineage(error) => error.rule(),
            Self::NoScope => "XD-4",
            Self::NotTheActor => "EXC-5",
            Self::TooManyActors => "WIR-9",
            Self::Unbound => "SEC-4",
            Self::UnknownSubject => "XD-6",
            Self::UnknownTarget(_) => "XD-2",
        }
    }

    /// What the client is told (EXC-2, EXC-3).
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Details => ErrorCode::InvalidAuthorizationDetails,
            Self::NoScope | Self::Scope(_) => ErrorCode::InvalidScope,
            Self::UnknownTarget(_) => ErrorCode::InvalidTarget,
            Self::Expired
            | Self::Lineage(_)
            | Self::NotTheActor
            | Self::TooManyActors
            | Self::Unbound
            | Self::UnknownSubject => ErrorCode::InvalidRequest,
        }
    }
}
