//! Kinds of tokens that are exchanged for each other (RFC 8693 §3).

use std::fmt;

/// The kind of a token, by its URN.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TokenTypeUrn {
    /// An access token.
    AccessToken,
    /// The grant of an identity provider for another domain (ID-JAG).
    IdJag,
    /// An ID Token.
    IdToken,
    /// A JWT of no other kind: a grant for another domain.
    Jwt,
    /// A refresh token.
    RefreshToken,
    /// Claims that its sender signed: the subject of a transaction.
    SelfSigned,
    /// A transaction token.
    TransactionToken,
    /// Claims that nobody signed: the subject of a transaction.
    UnsignedJson,
    /// Another, which nobody here knows.
    Other(Box<str>),
}

impl TokenTypeUrn {
    /// The URN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::IdJag => "urn:ietf:params:oauth:token-type:id-jag",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::SelfSigned => "urn:ietf:params:oauth:token-type:self_signed",
            Self::TransactionToken => "urn:ietf:params:oauth:token-type:txn_token",
            Self::UnsignedJson => "urn:ietf:params:oauth:token-type:unsigned_json",
            Self::Other(urn) => urn,
        }
    }

    /// The kind of this URN.
    #[must_use]
    pub fn from_text(urn: &str) -> Self {
        let known = [
            Self::AccessToken,
            Self::IdJag,
            Self::IdToken,
            Self::Jwt,
            Self::RefreshToken,
            Self::SelfSigned,
            Self::TransactionToken,
            Self::UnsignedJson,
        ];
        known.into_iter().find(|known| known.as_str() == urn).unwrap_or_else(|| Self::Other(urn.into()))
    }
}

impl fmt::Display for TokenTypeUrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
