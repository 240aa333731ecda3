//! Why a message cannot be read.

use aims_jose::json::JsonError;

use crate::{DetailsError, ErrorCode, FormError, PkceError, ResourceUriError, ScopeError};

/// Why a request or a response is not what it must be, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// `authorization_details` are malformed.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// The parameters are not those of such a request.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The grant type is not known.
    #[error("the grant type is not known")]
    GrantType,
    /// It is not JSON within the limits.
    #[error("the response is not well-formed")]
    Json(#[from] JsonError),
    /// A member is missing, or of the wrong type.
    #[error("the member {0} is missing or of the wrong type")]
    Member(&'static str),
    /// A part of PKCE is malformed.
    #[error(transparent)]
    Pkce(#[from] PkceError),
    /// A resource is none.
    #[error(transparent)]
    Resource(#[from] ResourceUriError),
    /// The response type is another than `code`.
    #[error("the response type is not code")]
    ResponseType,
    /// The scope is malformed.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// A parameter is there more often than anybody needs.
    #[error("the parameter {0} is there too often")]
    TooMany(&'static str),
    /// A parameter has a value that it cannot have.
    #[error("the parameter {0} has no sound value")]
    Value(&'static str),
}

impl MessageError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Details(error) => error.code(),
            Self::Form(error) => error.code(),
            Self::GrantType => "unknown_grant_type",
            Self::Json(error) => error.code(),
            Self::Member(_) => "member",
            Self::Pkce(error) => error.code(),
            Self::Resource(error) => error.code(),
            Self::ResponseType => "unknown_response_type",
            Self::Scope(error) => error.code(),
            Self::TooMany(_) => "too_many_values",
            Self::Value(_) => "parameter_value",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Details(error) => error.rule(),
            Self::Form(error) => error.rule(),
            Self::GrantType | Self::ResponseType => "AUT-1",
            Self::Json(error) => error.rule(),
            Self::Member("expires_in") => "WIR-8",
            Self::Member(_) | Self::Value(_) => "WIR-1",
            Self::Pkce(error) => error.rule(),
            Self::Resource(error) => error.rule(),
            Self::Scope(error) => error.rule(),
            Self::TooMany(_) => "WIR-9",
        }
    }

    /// What a server tells the client.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Details(_) => ErrorCode::InvalidAuthorizationDetails,
            Self::GrantType => ErrorCode::UnsupportedGrantType,
            Self::Resource(_) => ErrorCode::InvalidTarget,
            Self::ResponseType => ErrorCode::UnsupportedResponseType,
            Self::Scope(_) => ErrorCode::InvalidScope,
            Self::Value("code" | "refresh_token" | "assertion" | "auth_req_id") => ErrorCode::InvalidGrant,
            _ => ErrorCode::InvalidRequest,
        }
    }
}
