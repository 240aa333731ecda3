//! A received token before it is decrypted.

use core::fmt;

use super::header::Header;
use super::{JweError, KeyManagement};
use crate::base64url::{self, Base64Error};
use crate::jws::Limits;

/// A token whose form and header are in order, and about which nothing else is known.
///
/// `Decrypter::decrypt` makes one by itself; it is here for those who want to know beforehand which key a token names, and
/// decrypt elsewhere. `Debug` shows the header only.
///
/// ```
/// use aims_jose::Limits;
/// use aims_jose::jwe::EncryptedJws;
///
/// let refusal = EncryptedJws::parse("a.signed.token", &Limits::new()).unwrap_err();
/// assert_eq!((refusal.code(), refusal.rule()), ("malformed_token", "JO-JWE-02"));
/// ```
#[cfg_attr(not(feature = "jwe"), expect(dead_code, reason = "nothing is decrypted"))]
pub struct EncryptedJws<'a> {
    /// The first segment as received: the additional authenticated data (RFC 7516 §5.2).
    pub(super) protected: &'a str,
    pub(super) header: Header,
    pub(super) encrypted_key: Vec<u8>,
    pub(super) iv: [u8; IV_LEN],
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: [u8; TAG_LEN],
}

impl<'a> EncryptedJws<'a> {
    /// Reads the form and the header of a compact JWE.
    ///
    /// # Errors
    ///
    /// [`JweError`] names the first check that failed: length, form, length of initialization vector and tag, base64url of the
    /// header and its JSON; then `alg`, `enc`, the absence of `crit`, `zip` and parameters of other algorithms, `cty`, `kid`,
    /// `epk`, `apu`, `apv`; then base64url of the other segments.
    pub fn parse(token: &'a str, limits: &Limits) -> Result<Self, JweError> {
        if token.len() > limits.token {
            return Err(JweError::TooLong);
        }
        // JO-B64-05: a brace is not base64url either, but this says what is wrong.
        if token.starts_with('{') {
            return Err(JweError::Form);
        }
        // One more than there may be, so that a text full of dots costs no more.
        let mut segments = token.splitn(SEGMENTS + 1, '.');
        let mut next = || segments.next().filter(|segment| !segment.is_empty()).ok_or(JweError::Form);
        let (protected, encrypted_key, iv, ciphertext, tag) = (next()?, next()?, next()?, next()?, next()?);
        if segments.next().is_some() {
            return Err(JweError::Form);
        }
        if base64url::decoded_len(iv.len()) != Some(IV_LEN) {
            return Err(JweError::InitializationVector);
        }
        if base64url::decoded_len(tag.len()) != Some(TAG_LEN) {
            return Err(JweError::Tag);
        }
        let header = Header::decode(protected, &limits.json)?;
        let decode = |text: &str| base64url::decode(text).map_err(JweError::Base64);
        Ok(Self {
            protected,
            header,
            encrypted_key: decode(encrypted_key)?,
            iv: fixed(iv).map_err(JweError::Base64)?,
            ciphertext: decode(ciphertext)?,
            tag: fixed(tag).map_err(JweError::Base64)?,
        })
    }

    /// `alg`: how the sender says the content key was encrypted.
    #[must_use]
    pub fn algorithm(&self) -> KeyManagement {
        self.header.parameters.algorithm()
    }

    /// `kid`, as received: 1 to 256 bytes without control characters.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }
}

impl fmt::Debug for EncryptedJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedJws")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.key_id())
            .finish_non_exhaustive()
    }
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], Base64Error> {
    let mut bytes = [0; N];
    base64url::decode_into(text, &mut bytes)?;
    Ok(bytes)
}

const SEGMENTS: usize = 5;

/// RFC 7518 §5.3: 96 bits.
pub(super) const IV_LEN: usize = 12;

/// RFC 7518 §5.3: 128 bits.
pub(super) const TAG_LEN: usize = 16;
