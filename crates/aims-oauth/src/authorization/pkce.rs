//! PKCE: that whoever redeems a code is who asked for it (RFC 7636).

use std::fmt;
use std::str::FromStr;

use aims_jose::base64url;
use aims_keys::{Backend, KeyError};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// `code_verifier`: the secret of one authorization request, which never leaves the client before the code is redeemed.
///
/// ```
/// use aims_keys::backend;
/// use aims_oauth::CodeVerifier;
///
/// let verifier = CodeVerifier::generate(backend::ring())?;
/// let challenge = verifier.challenge(backend::ring()); // goes with the authorization request
/// assert!(challenge.is_of(&verifier, backend::ring())); // at the token endpoint
/// # Ok::<(), aims_keys::KeyError>(())
/// ```
#[derive(Clone)]
pub struct CodeVerifier(Zeroizing<Box<str>>);

impl CodeVerifier {
    /// Of 256 random bits.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`].
    pub fn generate(backend: Backend) -> Result<Self, KeyError> {
        let mut random = Zeroizing::new([0; 32]);
        backend.fill_random(&mut *random)?;
        Ok(Self(Zeroizing::new(base64url::encode(*random).into())))
    }

    /// The text itself, for the token endpoint alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the authorization server is told before: `S256` of it.
    #[must_use]
    pub fn challenge(&self, backend: Backend) -> CodeChallenge {
        CodeChallenge(base64url::encode(backend.sha256(self.0.as_bytes())).into())
    }
}

impl FromStr for CodeVerifier {
    type Err = PkceError;

    fn from_str(text: &str) -> Result<Self, PkceError> {
        let is_sound = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        if (43..=128).contains(&text.len()) && is_sound {
            Ok(Self(Zeroizing::new(text.into())))
        } else {
            Err(PkceError::Verifier)
        }
    }
}

/// Shows nothing.
impl fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeVerifier(..)")
    }
}

/// `code_challenge`, by the one method that counts: `S256` (PKC-1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CodeChallenge(Box<str>);

impl CodeChallenge {
    /// `code_challenge_method`.
    pub const METHOD: &'static str = "S256";

    /// The 43 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of this verifier; how long that takes says nothing of where they differ (PKC-3).
    #[must_use]
    pub fn is_of(&self, verifier: &CodeVerifier, backend: Backend) -> bool {
        self.0.as_bytes().ct_eq(verifier.challenge(backend).0.as_bytes()).into()
    }
}

impl FromStr for CodeChallenge {
    type Err = PkceError;

    fn from_str(text: &str) -> Result<Self, PkceError> {
        match base64url::decode(text) {
            Ok(hash) if hash.len() == 32 => Ok(Self(text.into())),
            _ => Err(PkceError::Challenge),
        }
    }
}

/// Why a text is no part of PKCE.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PkceError {
    /// It is not the hash of a verifier.
    #[error("the code challenge is malformed")]
    Challenge,
    /// The method is another than `S256`.
    #[error("the code challenge method is not S256")]
    Method,
    /// It is not of 43 to 128 unreserved characters.
    #[error("the code verifier is malformed")]
    Verifier,
}

impl PkceError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Challenge => "code_challenge",
            Self::Method => "code_challenge_method",
            Self::Verifier => "code_verifier",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        if matches!(self, Self::Method) { "PKC-1" } else { "PKC-2" }
    }
}
