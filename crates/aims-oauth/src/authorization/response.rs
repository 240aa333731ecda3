//! What the user's browser brings back (RFC 6749 §4.1.2, RFC 9207).

use std::fmt;

use subtle::ConstantTimeEq;

use crate::token::{ErrorText, Said};
use crate::{AuthorizationCode, ErrorCode, FormError, Issuer, NewParameters, Parameters, SecretError};

/// What an authorization server answers at the redirect URI of a client.
#[derive(Clone, Debug)]
pub struct AuthorizationResponse<'a> {
    issuer: &'a Issuer,
    state: Option<&'a str>,
    outcome: Outcome<'a>,
}

#[derive(Clone, Debug)]
enum Outcome<'a> {
    Code(&'a AuthorizationCode),
    Error(ErrorCode, Option<ErrorText>),
}

impl<'a> AuthorizationResponse<'a> {
    /// The user granted it.
    #[must_use]
    pub fn granted(issuer: &'a Issuer, code: &'a AuthorizationCode) -> Self {
        Self { issuer, state: None, outcome: Outcome::Code(code) }
    }

    /// There is no grant, for this reason.
    #[must_use]
    pub fn refused(issuer: &'a Issuer, error: ErrorCode, description: Option<&str>) -> Self {
        Self { issuer, state: None, outcome: Outcome::Error(error, description.map(ErrorText::of)) }
    }

    /// With the state that the request had.
    #[must_use]
    pub fn with_state(mut self, state: Option<&'a str>) -> Self {
        self.state = state;
        self
    }

    /// Where the browser is sent: the redirect URI, with this answer added to its query. Its issuer is always in it (ISS-1).
    ///
    /// It is a secret for as long as the code counts: it goes into a `Location` field, with status 303, and nowhere else.
    #[must_use]
    pub fn location(&self, redirect_uri: &str) -> String {
        let mut query = NewParameters::new();
        match &self.outcome {
            Outcome::Code(code) => {
                query.add("code", code.expose());
            }
            Outcome::Error(error, description) => {
                query.add("error", error.as_str());
                query.add_some("error_description", description.as_ref().map(ErrorText::as_str));
            }
        }
        query.add_some("state", self.state).add("iss", self.issuer.as_str());
        let separator = match redirect_uri.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        [redirect_uri, separator, query.as_str()].concat()
    }
}

/// What a client remembers of its request, to know the answer again: the state it sent, and whom it sent it to (AUT-6).
#[derive(Clone)]
pub struct ExpectedAuthorization {
    issuer: Issuer,
    state: String,
    is_issuer_sent: bool,
}

impl ExpectedAuthorization {
    /// An answer by this issuer to the request with this state. Whether the issuer says who it is, its metadata says
    /// (`authorization_response_iss_parameter_supported`).
    #[must_use]
    pub fn new(issuer: Issuer, state: impl Into<String>, is_issuer_sent: bool) -> Self {
        Self { issuer, state: state.into(), is_issuer_sent }
    }

    /// The code, if this is the answer. The request is used up, whatever comes out.
    ///
    /// # Errors
    ///
    /// [`AuthorizationError`]. Before issuer and state were compared, nothing of it counts or is shown, an error least of all (ISS-2, MCP-11).
    pub fn code(self, query: &Parameters) -> Result<AuthorizationCode, AuthorizationError> {
        match query.get("iss")? {
            Some(issuer) if issuer != self.issuer.as_str() => return Err(AuthorizationError::IssuerMismatch),
            None if self.is_issuer_sent => return Err(AuthorizationError::IssuerMissing),
            _ => {}
        }
        let state = query.get("state")?.unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(self.state.as_bytes())) {
            return Err(AuthorizationError::StateMismatch);
        }
        if let Some(error) = query.get("error")? {
            return Err(AuthorizationError::Refused {
                issuer: self.issuer,
                error: ErrorText::of(error),
                description: query.get("error_description")?.map(ErrorText::of),
            });
        }
        Ok(query.require("code")?.parse()?)
    }
}

/// Shows whom it was sent to.
impl fmt::Debug for ExpectedAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpectedAuthorization").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why there is no code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// The code is none.
    #[error("the code is malformed")]
    Code(#[from] SecretError),
    /// The answer is not one.
    #[error(transparent)]
    Form(#[from] FormError),
    /// Another issuer answers.
    #[error("the answer is by another issuer")]
    IssuerMismatch,
    /// The issuer says who it is, and this answer does not.
    #[error("the answer does not say by which issuer it is")]
    IssuerMissing,
    /// The server, or the user, said no.
    #[error("the server {issuer} refuses the authorization: {}", Said::of(.error.as_str(), .description.as_ref()))]
    Refused {
        /// The server.
        issuer: Issuer,
        /// `error`.
        error: ErrorText,
        /// `error_description`.
        description: Option<ErrorText>,
    },
    /// It is the answer to another request, or to none.
    #[error("the answer is to another request")]
    StateMismatch,
}

impl AuthorizationError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Code(error) => error.code(),
            Self::Form(error) => error.code(),
            Self::IssuerMismatch => "issuer_mismatch",
            Self::IssuerMissing => "issuer_missing",
            Self::Refused { .. } => "authorization_refused",
            Self::StateMismatch => "state_mismatch",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Code(error) => error.rule(),
            Self::Form(error) => error.rule(),
            Self::IssuerMismatch | Self::IssuerMissing => "ISS-2",
            Self::Refused { .. } => "AUT-3",
            Self::StateMismatch => "AUT-6",
        }
    }
}
