//! A received token, before and after its signature was checked.

use core::fmt;

use aims_keys::{AlgorithmSet, Backend, PublicKey, Signature};

use super::{Header, HeaderMemo, JwsError, Limits};
use crate::jwk::{Jwk, JwkError};
use crate::{base64url, json};

/// A token whose form and header are in order, and about which nothing else is known.
///
/// The header tells which key and algorithm the sender claims to have used. The payload is out of reach until
/// [`verify`](Self::verify) has checked the signature. `Debug` shows the header only, here and in the types that follow.
///
/// ```
/// use aims_jose::{JwkSet, Limits, UnverifiedJws};
/// use aims_keys::{AlgorithmSet, backend};
///
/// fn payload(token: &str, keys: &JwkSet) -> Result<Vec<u8>, aims_jose::JwsError> {
///     let jws = UnverifiedJws::parse(token, &Limits::new())?;
///     jws.header().require_typ("example+jws")?;
///     let key = keys.find_for(jws.header())?;
///     Ok(jws.verify(key.public_key(), AlgorithmSet::STANDARD)?.into_parts().1)
/// }
/// # assert_eq!(payload("..", &JwkSet::new(Vec::new()).unwrap()).unwrap_err().code(), "malformed_token");
/// ```
pub struct UnverifiedJws<'a> {
    /// Header and payload as received, and the dot between: what was signed.
    signing_input: &'a str,
    header: Header,
    /// Where the header is to be remembered once it is known to be signed; `None` if it came from there.
    memo: Option<&'a HeaderMemo>,
    /// The payload and behind it the signature, in one allocation.
    decoded: Vec<u8>,
    payload_len: usize,
}

impl<'a> UnverifiedJws<'a> {
    /// Reads the form and the header of a compact JWS, and nothing else.
    ///
    /// # Errors
    ///
    /// [`JwsError`] names the first check that failed: length, form, base64url of all three segments, JSON of the header,
    /// then whether `alg` is known, `typ` a string, `crit` and `b64` absent, and `kid` well-formed.
    pub fn parse(token: &'a str, limits: &Limits) -> Result<Self, JwsError> {
        Self::read(token, limits, None)
    }

    /// As [`parse`](Self::parse), for a verifier that remembers headers: one that is in `memo` is not read again, and
    /// another is put there by [`verify`](Self::verify). The limits are those of the memo.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_with(token: &'a str, memo: &'a HeaderMemo) -> Result<Self, JwsError> {
        Self::read(token, memo.limits(), Some(memo))
    }

    fn read(token: &'a str, limits: &Limits, memo: Option<&'a HeaderMemo>) -> Result<Self, JwsError> {
        if token.len() > limits.token {
            return Err(JwsError::TooLong);
        }
        // JO-B64-05: a brace is not base64url either, but this says what is wrong.
        if token.starts_with('{') {
            return Err(JwsError::Form);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Form)?;
        if header.is_empty() || signature.is_empty() {
            return Err(JwsError::Form);
        }
        // One dot more is a matter of form. No base64url holds a dot, so it need be looked for only if something is wrong.
        let (decoded, payload_len) = decode_both(payload, signature)
            .map_err(|error| if payload.contains('.') { JwsError::Form } else { JwsError::Base64(error) })?;
        let (header, memo) = match memo.and_then(|memo| memo.get(header)) {
            Some(known) => (known, None),
            None => (Header::decode(header, &limits.json)?, memo),
        };
        Ok(Self { signing_input, header, memo, decoded, payload_len })
    }

    /// The header, as the sender wrote it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The public key that the header carries (`jwk`), bound to the algorithm of the header; `None` where it carries none.
    ///
    /// Anybody can put one there. It is for proofs that their sender holds a key, whoever that is (RFC 9449 §4.2), and for no other token: whatever else is believed
    /// rests on what that key is known as.
    ///
    /// # Errors
    ///
    /// [`JwkError`]: it is none, or not one to be used; one with private members among them.
    pub fn embedded_key(&self, backend: Backend) -> Result<Option<Jwk>, JwkError> {
        let encoded = self.signing_input.split('.').next().unwrap_or_default();
        // INVARIANT: the header was read before.
        let text = base64url::decode(encoded).unwrap_or_default();
        let mut key = None;
        json::read_object(&text, &json::Limits::new(), |name, value| {
            if name == "jwk" {
                key = Some(value);
            }
            Ok::<_, JwkError>(())
        })?;
        key.map(|key| Jwk::from_value(key, Some(self.header.algorithm()), backend)).transpose()
    }

    /// Checks the signature with `key`, and only then gives the payload out.
    ///
    /// `key` is the one that the caller chose among keys it trusts; the header decides nothing but that it must agree.
    ///
    /// # Errors
    ///
    /// [`JwsError::AlgorithmNotAllowed`], [`JwsError::AlgorithmMismatch`] or [`JwsError::Signature`].
    pub fn verify(self, key: &PublicKey, allowed: AlgorithmSet) -> Result<VerifiedJws, JwsError> {
        let mut payload = self.decoded;
        let signature = payload.get(self.payload_len..).unwrap_or_default();
        check_signature(self.signing_input, signature, &self.header, self.memo, key, allowed)?;
        payload.truncate(self.payload_len);
        Ok(VerifiedJws { header: self.header, key: key.clone(), payload })
    }

    /// Gives the payload out before the signature is checked, for the one purpose of choosing the key.
    #[must_use]
    pub fn peek(self) -> PeekedJws<'a> {
        PeekedJws(self)
    }
}

impl fmt::Debug for UnverifiedJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJws").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A token whose payload is in reach before its signature was checked.
///
/// Some profiles name the key only together with a claim: a WIT is verified with the keys of its subject's trust domain.
/// Nothing but the choice of the key may rest on what is read here.
pub struct PeekedJws<'a>(UnverifiedJws<'a>);

impl<'a> PeekedJws<'a> {
    /// The header, as the sender wrote it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// The payload, which anybody may have written.
    #[must_use]
    pub fn untrusted_payload(&self) -> &[u8] {
        self.0.decoded.get(..self.0.payload_len).unwrap_or_default()
    }

    /// The same by value, so that it need not be copied to be kept, and the signature over it, which is still to be verified.
    #[must_use]
    pub fn into_untrusted_payload(self) -> (Vec<u8>, UnverifiedSignature<'a>) {
        let UnverifiedJws { signing_input, header, memo, decoded: mut payload, payload_len } = self.0;
        let signature = payload.get(payload_len..).unwrap_or_default().into();
        payload.truncate(payload_len);
        (payload, UnverifiedSignature { signing_input, header, memo, signature })
    }

    /// As [`UnverifiedJws::verify`].
    ///
    /// # Errors
    ///
    /// As [`UnverifiedJws::verify`].
    pub fn verify(self, key: &PublicKey, allowed: AlgorithmSet) -> Result<VerifiedJws, JwsError> {
        self.0.verify(key, allowed)
    }
}

impl fmt::Debug for PeekedJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeekedJws").field("header", &self.0.header).finish_non_exhaustive()
    }
}

/// What is left of a token whose payload was [taken out](PeekedJws::into_untrusted_payload) before its signature was checked.
pub struct UnverifiedSignature<'a> {
    signing_input: &'a str,
    header: Header,
    memo: Option<&'a HeaderMemo>,
    signature: Signature,
}

impl UnverifiedSignature<'_> {
    /// The header, as the sender wrote it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// As [`UnverifiedJws::verify`]: the payload that was taken out is to be believed then, and the header.
    ///
    /// # Errors
    ///
    /// As [`UnverifiedJws::verify`].
    pub fn verify(self, key: &PublicKey, allowed: AlgorithmSet) -> Result<Header, JwsError> {
        let signature = self.signature.as_bytes();
        check_signature(self.signing_input, signature, &self.header, self.memo, key, allowed)?;
        Ok(self.header)
    }
}

impl fmt::Debug for UnverifiedSignature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedSignature").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A token whose signature was good under the key that the caller named.
///
/// [`UnverifiedJws::verify`] is the only way to one.
pub struct VerifiedJws {
    header: Header,
    key: PublicKey,
    payload: Vec<u8>,
}

impl VerifiedJws {
    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The key under which the signature was good.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The header, and the bytes that were signed.
    #[must_use]
    pub fn into_parts(self) -> (Header, Vec<u8>) {
        (self.header, self.payload)
    }
}

impl fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJws").field("header", &self.header).finish_non_exhaustive()
    }
}

fn check_signature(
    signing_input: &str,
    signature: &[u8],
    header: &Header,
    memo: Option<&HeaderMemo>,
    key: &PublicKey,
    allowed: AlgorithmSet,
) -> Result<(), JwsError> {
    let algorithm = header.algorithm();
    if !allowed.contains(algorithm) {
        return Err(JwsError::AlgorithmNotAllowed(algorithm));
    }
    if !algorithm.is_same_algorithm(key.algorithm()) {
        return Err(JwsError::AlgorithmMismatch { header: algorithm, key: key.algorithm() });
    }
    // JO-B64-03: over the bytes as received, never over re-encoded ones.
    key.verify(signing_input.as_bytes(), signature).map_err(|_| JwsError::Signature)?;
    if let (Some(memo), Some((encoded, _))) = (memo, signing_input.split_once('.')) {
        memo.remember(encoded, header);
    }
    Ok(())
}

/// Both texts decoded, one behind the other, and the length of the first.
fn decode_both(payload: &str, signature: &str) -> Result<(Vec<u8>, usize), base64url::Base64Error> {
    let len = |text: &str| base64url::decoded_len(text.len()).ok_or(base64url::Base64Error::Length);
    let payload_len = len(payload)?;
    let mut decoded = vec![0; payload_len + len(signature)?];
    let (front, back) = decoded.split_at_mut_checked(payload_len).unwrap_or_default();
    base64url::decode_into(payload, front)?;
    base64url::decode_into(signature, back)?;
    Ok((decoded, payload_len))
}
