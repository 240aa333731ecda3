//! What a client is told that is refused.

use super::{PossessionError, PresentedError, Shortfall};
use crate::{AccessTokenError, DpopError, ErrorCode};

/// Why a request is refused, one reason per check.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// Tokens that whoever has them can use are not taken here.
    #[error("the token is bound to nothing, which is not enough here")]
    Bearer,
    /// The proof is refused.
    #[error(transparent)]
    Dpop(#[from] DpopError),
    /// There is no token.
    #[error("there is no token")]
    Missing,
    /// It was given to none that goes by the identifier of a workload, and nothing else says who sent it.
    #[error("the token was not given to a workload")]
    NoAgent,
    /// It is not shown to be used by whom it was given to.
    #[error(transparent)]
    Possession(#[from] PossessionError),
    /// There is none that can be read.
    #[error(transparent)]
    Presented(#[from] PresentedError),
    /// The way in which it is shown is not taken here.
    #[error("the way in which the token is shown is not accepted here")]
    NotAccepted,
    /// The request has a token, and one that is not enough.
    #[error(transparent)]
    Shortfall(#[from] Shortfall),
    /// The token does not count.
    #[error(transparent)]
    Token(#[from] AccessTokenError),
}

impl ResourceError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bearer => "bearer_not_accepted",
            Self::Dpop(error) => error.code(),
            Self::Missing => "no_token",
            Self::NoAgent => "not_a_workload",
            Self::NotAccepted => "binding_not_accepted",
            Self::Possession(error) => error.code(),
            Self::Presented(error) => error.code(),
            Self::Shortfall(error) => error.code(),
            Self::Token(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Bearer | Self::NotAccepted => "SEC-4",
            Self::Dpop(error) => error.rule(),
            Self::Missing => "CHA-1",
            Self::NoAgent => "AIMS-25",
            Self::Possession(error) => error.rule(),
            Self::Presented(error) => error.rule(),
            Self::Shortfall(error) => error.rule(),
            Self::Token(error) => error.rule(),
        }
    }

    /// What the client is told: coarser than [`code`](Self::code). `None`, where there was no token: it is told what is wanted, and of no error (CHA-1).
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode> {
        match self {
            Self::Missing => None,
            Self::Bearer | Self::NoAgent | Self::NotAccepted => Some(ErrorCode::InvalidToken),
            Self::Dpop(error) => Some(error.error_code()),
            Self::Possession(error) => Some(error.error_code()),
            Self::Presented(error) => Some(error.error_code()),
            Self::Shortfall(error) => Some(error.error_code()),
            Self::Token(error) => Some(error.error_code()),
        }
    }

    /// The status of the answer (ACT-4, DPO-9, MCP-2).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.error_code() {
            // Endpoints answer 400 to a proof that is wrong.
            None | Some(ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce) => 401,
            Some(error) => error.status(),
        }
    }
}
