//! Decrypting, up to the text of a signed token.

use core::fmt;

use aims_keys::PublicNumbers;
use zeroize::Zeroizing;

use super::header::Parameters;
use super::{DecryptionKey, EncryptedJws, JweError};
use crate::jwk::JwkError;
use crate::jws::{JwsError, Limits, UnverifiedJws};

/// Decrypts tokens with the keys of one recipient.
///
/// Its outcome is untrusted: see the [module](super).
#[derive(Debug)]
pub struct Decrypter {
    /// INVARIANT: no two with the same `kid` and algorithm.
    keys: Vec<DecryptionKey>,
    limits: Limits,
    single_key: bool,
}

impl Decrypter {
    /// A decrypter with these keys, which are found by `kid` and never tried in turn.
    ///
    /// # Errors
    ///
    /// [`JwkError::DuplicateKeyId`] when two have the same `kid` and algorithm.
    pub fn new(keys: Vec<DecryptionKey>) -> Result<Self, JwkError> {
        for (at, key) in keys.iter().enumerate() {
            let same = |other: &DecryptionKey| {
                key.key_id().is_some()
                    && other.key_id() == key.key_id()
                    && other.algorithm() == key.algorithm()
            };
            if keys.iter().skip(at + 1).any(same) {
                return Err(JwkError::DuplicateKeyId);
            }
        }
        Ok(Self { keys, limits: Limits::new(), single_key: false })
    }

    /// How much of a token is read, before and after it is decrypted. Default: [`Limits::new`].
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Accepts tokens without `kid` if there is exactly one key. Default: `kid` is required.
    #[must_use]
    pub fn with_single_key(self) -> Self {
        Self { single_key: true, ..self }
    }

    /// Decrypts `token`, whose content must be a compact JWS.
    ///
    /// # Errors
    ///
    /// [`JweError`] names the first check that failed: those of [`EncryptedJws::parse`], the key, what can be seen to be wrong
    /// for it, [`JweError::Decryption`], and [`JweError::Content`].
    pub fn decrypt(&self, token: &str) -> Result<NestedJws, JweError> {
        let token = EncryptedJws::parse(token, &self.limits)?;
        let key = self.find(&token)?;
        fits(&token, key)?;
        let mut content = key.opener().open(&token)?;
        let text = String::from_utf8(std::mem::take(&mut *content)).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            JweError::Content(JwsError::Form)
        })?;
        let nested = NestedJws(Zeroizing::new(text));
        UnverifiedJws::parse(nested.unverified(), &self.limits).map_err(JweError::Content)?;
        Ok(nested)
    }

    /// The key that the header names, and that is bound to the header's algorithm.
    fn find(&self, token: &EncryptedJws<'_>) -> Result<&DecryptionKey, JweError> {
        let header = token.algorithm();
        let mut named = match (token.key_id(), self.keys.as_slice()) {
            (None, [only]) if self.single_key => vec![only],
            (None, _) if self.single_key => return Err(JweError::UnknownKey),
            (None, _) => return Err(JweError::KeyIdMissing),
            (kid, keys) => keys.iter().filter(|key| key.key_id() == kid).collect(),
        };
        let other = named.first().ok_or(JweError::UnknownKey)?.algorithm();
        named.retain(|key| key.algorithm() == header);
        named.first().copied().ok_or(JweError::AlgorithmMismatch { header, key: other })
    }
}

/// A signed token that came out of an encrypted one, and that nobody has verified.
///
/// Anybody may have made it: the key that it was encrypted to is public. There is no way from it to claims; give
/// [`unverified`](Self::unverified) to the verifier that would have taken the token if it had not been encrypted. The text is
/// overwritten when it is dropped, and `Debug` shows nothing of it.
pub struct NestedJws(Zeroizing<String>);

impl NestedJws {
    /// The signed token in its compact form.
    #[must_use]
    pub fn unverified(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NestedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NestedJws(..)")
    }
}

/// Whether the public parts of a token are those that a sender makes for this key.
fn fits(token: &EncryptedJws<'_>, key: &DecryptionKey) -> Result<(), JweError> {
    use PublicNumbers::{P256, P384, Rsa};

    let own = key.encryption_key().numbers();
    let encrypted_len = match &token.header.parameters {
        Parameters::EcdhEsA256Kw(agreement) => match (&agreement.ephemeral, own) {
            (P256 { .. }, P256 { .. }) | (P384 { .. }, P384 { .. }) => WRAPPED_KEY_LEN,
            _ => return Err(JweError::EphemeralKey(JwkError::Curve)),
        },
        Parameters::RsaOaep256 => match own {
            Rsa { n, .. } => n.len(),
            // `find` gives a key of the header's algorithm.
            _ => return Err(JweError::UnknownKey),
        },
    };
    if token.encrypted_key.len() == encrypted_len { Ok(()) } else { Err(JweError::EncryptedKeyLength) }
}

/// 32 bytes and 8 of key wrapping (RFC 3394 §2.2.1).
const WRAPPED_KEY_LEN: usize = 40;
