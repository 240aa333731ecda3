//! Opaque tokens: asking their issuer what they say (RFC 7662).

mod asked;
mod error;
mod sign;

use std::fmt;
use std::sync::Arc;

use aims_keys::BoxFuture;

pub use self::asked::Introspection;
pub use self::error::IntrospectError;
pub use self::sign::{IntrospectionSignError, IntrospectionSigner};
use crate::AccessToken;

/// Asks an authorization server about tokens, as this resource server and over TLS: whatever sends the [request](crate::TokenQuery), and authenticates it.
///
/// It ends in time by itself, an answer or none; nobody else counts the seconds. Its future may be dropped at any `await`.
pub trait Introspect: fmt::Debug + Send + Sync {
    /// What the server says of a token.
    ///
    /// # Errors
    ///
    /// The future yields [`IntrospectError`] where it says nothing: the token may be good, and whoever sent it is not at fault.
    fn introspect<'a>(
        &'a self,
        token: &'a AccessToken,
    ) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>>;
}

impl<I: Introspect + ?Sized> Introspect for Arc<I> {
    fn introspect<'a>(
        &'a self,
        token: &'a AccessToken,
    ) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
        (**self).introspect(token)
    }
}

/// The body of an answer with status 200. Nobody has looked at it.
#[derive(Clone)]
#[expect(clippy::exhaustive_enums, reason = "the two forms there are")]
pub enum IntrospectionAnswer {
    /// `application/json`.
    Json(Vec<u8>),
    /// `application/token-introspection+jwt`: signed by the server (RFC 9701).
    Jwt(String),
}

impl IntrospectionAnswer {
    /// The media type of what nobody signed; a resource server that accepts anything gets this.
    pub const JSON: &str = "application/json";

    /// The media type of what the server signed. A resource server that wants it has this in `Accept`.
    pub const JWT: &str = "application/token-introspection+jwt";

    /// `Content-Type`.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Json(_) => Self::JSON,
            Self::Jwt(_) => Self::JWT,
        }
    }

    /// The body, as it is sent.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Json(body) => body,
            Self::Jwt(answer) => answer.as_bytes(),
        }
    }
}

/// Shows which of them, and nothing of what it says.
impl fmt::Debug for IntrospectionAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Json(..)",
            Self::Jwt(_) => "Jwt(..)",
        })
    }
}
