//! Making an encrypted token.

use super::header::{CONTENT_ENCRYPTION, NESTED};
use super::primitives::{self, random_key};
use super::{EncryptionKey, JweError};
use crate::base64url;
use crate::json::ObjectWriter;
use crate::jws::{Limits, UnverifiedJws};

/// Encrypts a signed token to `key`.
///
/// The header says `alg` and `kid` of the key, `enc` `A256GCM` and `cty` `JWT`, and nothing else can be put there. Content
/// key, initialization vector and ephemeral key are fresh.
///
/// # Errors
///
/// [`JweError::Content`] when `signed` is not a compact JWS; [`JweError::TooLong`] when the result would be longer than the
/// 16 KiB that a [`Decrypter`](super::Decrypter) takes unless told otherwise; [`JweError::Random`], [`JweError::Encryption`].
pub fn encrypt(signed: &str, key: &EncryptionKey) -> Result<String, JweError> {
    let limits = Limits::new();
    UnverifiedJws::parse(signed, &limits).map_err(JweError::Content)?;

    let content_key = random_key()?;
    let sealed = key.sealer().seal(&content_key)?;
    let mut header = ObjectWriter::new();
    header.str("alg", key.algorithm().name()).str("cty", NESTED).str("enc", CONTENT_ENCRYPTION);
    sealed.write(&mut header);
    if let Some(kid) = key.key_id() {
        header.str("kid", kid);
    }
    let mut token = base64url::encode(header.finish()?);
    let content = primitives::encrypt(&content_key, signed.as_bytes(), &token)?;
    for segment in [sealed.encrypted.as_slice(), &content.iv, &content.ciphertext, &content.tag] {
        token.push('.');
        base64url::encode_into(&mut token, segment);
    }
    if token.len() > limits.token { Err(JweError::TooLong) } else { Ok(token) }
}
