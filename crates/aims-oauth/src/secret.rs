//! Tokens as their holders have them: texts that nobody reads but those they are for.
//!
//! None of them can be printed, serialised or compared with `==` (AIMS-19, AZR-8). Logs name a token by its [`Fingerprint`] (AZR-9).

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use aims_jose::base64url;
use aims_keys::{Backend, backend};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What names a token in a log: nobody gets the token back from it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 12]);

impl Fingerprint {
    /// Of a text that must not be logged.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self::of_digest(&backend::ring().sha256(secret.as_bytes()))
    }

    fn of_digest(digest: &[u8; 32]) -> Self {
        let mut first = [0; 12];
        first.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
        Self(first)
    }
}

/// The first 96 bits of the SHA-256 of the token, in base64url.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

macro_rules! secrets {
    ($($(#[$docs:meta])* $name:ident, $is:ident, $max:expr;)*) => {$(
        $(#[$docs])*
        ///
        /// `Debug` shows its fingerprint alone.
        #[derive(Clone)]
        pub struct $name {
            text: Zeroizing<Box<str>>,
            /// SHA-256 of the text, once somebody asked: it names the token, and proofs are about it.
            digest: OnceLock<[u8; 32]>,
        }

        impl $name {
            /// The text itself, for the one party that it is for.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.text
            }

            /// What names it in a log.
            #[must_use]
            pub fn fingerprint(&self) -> Fingerprint {
                Fingerprint::of_digest(self.digest(backend::ring()))
            }

            /// SHA-256 of the text, by the backend of whoever asks first.
            pub(crate) fn digest(&self, backend: Backend) -> &[u8; 32] {
                self.digest.get_or_init(|| backend.sha256(self.text.as_bytes()))
            }

            /// Whether both are the same text; how long that takes says nothing of where they differ.
            #[must_use]
            pub fn is_same(&self, other: &Self) -> bool {
                self.text.as_bytes().ct_eq(other.text.as_bytes()).into()
            }
        }

        impl FromStr for $name {
            type Err = SecretError;

            fn from_str(text: &str) -> Result<Self, SecretError> {
                check(text, $is, $max)?;
                Ok(Self { text: Zeroizing::new(text.into()), digest: OnceLock::new() })
            }
        }

        /// Without leaving a copy behind.
        impl TryFrom<String> for $name {
            type Error = SecretError;

            fn try_from(text: String) -> Result<Self, SecretError> {
                let mut text = Zeroizing::new(text);
                check(&text, $is, $max)?;
                // What does not fill its memory would be copied by `into_boxed_str`, and not wiped.
                let fills = text.len() == text.capacity();
                let text = if fills { std::mem::take(&mut *text).into() } else { text.as_str().into() };
                Ok(Self { text: Zeroizing::new(text), digest: OnceLock::new() })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.fingerprint()).finish()
            }
        }
    )*};
}

secrets! {
    /// An access token, opaque or not, as the agent has it and a resource server gets it.
    AccessToken, is_b64token, MAX_TOKEN;
    /// A refresh token.
    RefreshToken, is_visible, MAX_TOKEN;
    /// An ID Token, which nobody has looked at yet: what an issuer tells one client about a user.
    IdToken, is_visible, MAX_TOKEN;
    /// A token whatever its kind, as one endpoint gives it to be taken to another: an assertion, a grant, a token to be exchanged.
    SecurityToken, is_visible, MAX_TOKEN;
    /// An authorization code: good once, for a minute.
    AuthorizationCode, is_visible, MAX_CODE;
    /// A secret that a server gave to a client when it registered.
    ClientSecret, is_visible, MAX_CODE;
    /// A code that a user has against being asked by anybody (CIBA): the user's secret, as the client was given it.
    UserCode, is_typed, MAX_USER_CODE;
}

/// An access token is a token.
impl From<AccessToken> for SecurityToken {
    fn from(token: AccessToken) -> Self {
        Self { text: token.text, digest: token.digest }
    }
}

/// An ID Token is a token: to be exchanged, most often (JAG-2).
impl From<IdToken> for SecurityToken {
    fn from(token: IdToken) -> Self {
        Self { text: token.text, digest: token.digest }
    }
}

/// A refresh token is a token: to be revoked (REV-1).
impl From<RefreshToken> for SecurityToken {
    fn from(token: RefreshToken) -> Self {
        Self { text: token.text, digest: token.digest }
    }
}

/// Why a text is no such token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It has a character that no token has.
    #[error("the token has a character that no token has")]
    Character,
    /// There is nothing.
    #[error("the token is empty")]
    Empty,
    /// It is longer than anything that is read.
    #[error("the token is too long")]
    TooLong,
}

impl SecretError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Character => "token_character",
            Self::Empty => "token_empty",
            Self::TooLong => "token_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Character | Self::Empty => "ACT-4",
            Self::TooLong => "WIR-9",
        }
    }
}

fn check(text: &str, is: impl Fn(&str) -> bool, max: usize) -> Result<(), SecretError> {
    if text.is_empty() {
        return Err(SecretError::Empty);
    }
    if text.len() > max {
        return Err(SecretError::TooLong);
    }
    if is(text) { Ok(()) } else { Err(SecretError::Character) }
}

/// RFC 6750 §2.1: what can stand behind `Bearer`.
fn is_b64token(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    // `-`, `.` and `/` stand before the digits. All bytes are looked at, many at a time.
    let is_digit = |byte: u8| {
        byte.is_ascii_alphabetic() | matches!(byte, b'-'..=b'9') | matches!(byte, b'_' | b'~' | b'+')
    };
    !digits.is_empty() && digits.bytes().fold(true, |all, byte| all & is_digit(byte))
}

/// RFC 6749 appendix A: `VSCHAR`.
fn is_visible(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

/// Whatever a user can type.
fn is_typed(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// WIR-9.
const MAX_TOKEN: usize = 16 * 1024;

/// Of other servers; ours are short.
const MAX_CODE: usize = 4 * 1024;

/// Of people.
const MAX_USER_CODE: usize = 256;
