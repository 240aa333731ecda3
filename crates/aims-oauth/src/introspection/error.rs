//! Why nobody says anything of a token.

/// Why an authorization server did not say what a token is worth: not the token is at fault, and it may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectError {
    /// As many tokens as may be are asked about already.
    #[error("too many tokens are being asked about")]
    Busy,
    /// The server does not answer this resource server (INT-1).
    #[error("the authorization server does not answer this resource server")]
    Refused,
    /// The server could not be asked, or gave no answer that can be read.
    #[error("the authorization server cannot be asked")]
    Unavailable,
}

impl IntrospectError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "introspection_busy",
            Self::Refused => "introspection_refused",
            Self::Unavailable => "introspection_unavailable",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Busy => "INT-4",
            Self::Refused | Self::Unavailable => "INT-1",
        }
    }
}
