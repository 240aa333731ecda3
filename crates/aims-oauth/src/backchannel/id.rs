//! What a request is called that a user is asked about (HIL-6).

use std::fmt;
use std::str::FromStr;

use aims_jose::base64url;
use aims_keys::{Backend, KeyError};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Fingerprint, MessageError};

/// `auth_req_id`: a request that a user is asked about elsewhere (HIL-6). Whoever has it and is the client gets the tokens.
#[derive(Clone)]
pub struct AuthRequestId(Zeroizing<Box<str>>);

impl AuthRequestId {
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

    /// The text itself, for the server that gave it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What names it in a log.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }

    /// Whether both are the same text; how long that takes says nothing of where they differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl FromStr for AuthRequestId {
    type Err = MessageError;

    fn from_str(text: &str) -> Result<Self, MessageError> {
        let is_sound = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if text.is_empty() || text.len() > MAX_LEN || !is_sound {
            return Err(MessageError::Value("auth_req_id"));
        }
        Ok(Self(Zeroizing::new(text.into())))
    }
}

impl fmt::Debug for AuthRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthRequestId").field(&self.fingerprint()).finish()
    }
}

/// Of servers of others; ours are short.
const MAX_LEN: usize = 1024;
