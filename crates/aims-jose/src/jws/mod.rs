//! JWS in its compact form: parse, verify, sign.
//!
//! There is no JSON serialization, no `none`, no MAC and no unencoded payload: not a switch, but no code.

mod error;
mod header;
mod sign;

use aims_keys::{Algorithm, AlgorithmSet, PublicKey};

use crate::{base64url, json};

pub use self::error::JwsError;
pub use self::header::Header;
pub use self::sign::{NewHeader, UnsignedJws};

/// How much of a token is read before its signature is known to be good.
#[derive(Clone, Debug)]
pub struct Limits {
    pub(crate) token: usize,
    pub(crate) json: json::Limits,
}

impl Limits {
    /// A token of at most 16 KiB; JSON as [`json::Limits::new`] says.
    #[must_use]
    pub fn new() -> Self {
        Self { token: 16 * 1024, json: json::Limits::new() }
    }

    /// The longest token, in bytes. ML-DSA signatures need more than the default leaves.
    #[must_use]
    pub fn token(mut self, bytes: usize) -> Self {
        self.token = bytes;
        self
    }

    /// The limits of header and claims.
    #[must_use]
    pub fn json(mut self, limits: json::Limits) -> Self {
        self.json = limits;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// A token whose form and header are in order, and about which nothing else is known.
///
/// The header tells which key and algorithm the sender claims to have used. The payload is out of reach until
/// [`verify`](Self::verify) has checked the signature.
#[derive(Debug)]
pub struct UnverifiedJws<'a> {
    /// Header and payload as received, and the dot between: what was signed.
    signing_input: &'a str,
    payload: &'a str,
    signature: &'a str,
    header: Header,
}

impl<'a> UnverifiedJws<'a> {
    /// Reads the form and the header of a compact JWS, and nothing else.
    ///
    /// # Errors
    ///
    /// [`JwsError`] names the first check that failed: length, form, base64url, JSON, then `alg`, `crit` and `kid`.
    pub fn parse(token: &'a str, limits: &Limits) -> Result<Self, JwsError> {
        if token.len() > limits.token {
            return Err(JwsError::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Form)?;
        if header.is_empty() || signature.is_empty() || payload.contains('.') {
            return Err(JwsError::Form);
        }
        let header = Header::decode(header, &limits.json)?;
        Ok(Self { signing_input, payload, signature, header })
    }

    /// The header, as the sender wrote it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Checks the signature with `key`, and only then gives the payload out.
    ///
    /// `key` is the one that the caller chose among keys it trusts; the header decides nothing but that it must agree.
    ///
    /// # Errors
    ///
    /// [`JwsError::AlgorithmNotAllowed`], [`JwsError::AlgorithmMismatch`], [`JwsError::Base64`] or
    /// [`JwsError::Signature`].
    pub fn verify(self, key: &PublicKey, allowed: AlgorithmSet) -> Result<VerifiedJws, JwsError> {
        self.peek()?.verify(key, allowed)
    }

    /// Decodes the payload before the signature is checked, for the one purpose of choosing the key.
    ///
    /// # Errors
    ///
    /// [`JwsError::Base64`].
    pub fn peek(self) -> Result<PeekedJws<'a>, JwsError> {
        let payload = base64url::decode(self.payload).map_err(JwsError::Base64)?;
        Ok(PeekedJws {
            signing_input: self.signing_input,
            signature: self.signature,
            header: self.header,
            payload,
        })
    }
}

/// A token whose payload was decoded before its signature was checked.
///
/// Some profiles name the key only together with a claim: a WIT is verified with the keys of its subject's trust domain.
/// Nothing but the choice of the key may rest on what is read here.
#[derive(Debug)]
pub struct PeekedJws<'a> {
    signing_input: &'a str,
    signature: &'a str,
    header: Header,
    payload: Vec<u8>,
}

impl PeekedJws<'_> {
    /// The header, as the sender wrote it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, which anybody may have written.
    #[must_use]
    pub fn untrusted_payload(&self) -> &[u8] {
        &self.payload
    }

    /// As [`UnverifiedJws::verify`].
    ///
    /// # Errors
    ///
    /// As [`UnverifiedJws::verify`].
    pub fn verify(self, key: &PublicKey, allowed: AlgorithmSet) -> Result<VerifiedJws, JwsError> {
        let algorithm = self.header.algorithm();
        if !allowed.contains(algorithm) {
            return Err(JwsError::AlgorithmNotAllowed(algorithm));
        }
        if !algorithm.is_same_algorithm(key.algorithm()) {
            return Err(JwsError::AlgorithmMismatch { header: algorithm, key: key.algorithm() });
        }
        verify_signature(self.signing_input, self.signature, key)?;
        Ok(VerifiedJws { header: self.header, payload: self.payload })
    }
}

/// A token whose signature was good under the key that the caller named. [`UnverifiedJws::verify`] is the only way to one.
#[derive(Debug)]
pub struct VerifiedJws {
    header: Header,
    payload: Vec<u8>,
}

impl VerifiedJws {
    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes that were signed, and the header.
    #[must_use]
    pub fn into_parts(self) -> (Header, Vec<u8>) {
        (self.header, self.payload)
    }
}

/// Checks a signature over the bytes as received, never over re-encoded ones (JO-B64-03).
fn verify_signature(signing_input: &str, encoded: &str, key: &PublicKey) -> Result<(), JwsError> {
    let mut small = [0; SMALL_SIGNATURE];
    let mut large = Vec::new();
    let len = base64url::decoded_len(encoded.len()).ok_or(JwsError::Signature)?;
    if key.algorithm().signature_len().is_some_and(|expected| expected != len) {
        return Err(JwsError::Signature);
    }
    let buffer = if let Some(buffer) = small.get_mut(..len) {
        buffer
    } else {
        large.resize(len, 0);
        large.as_mut_slice()
    };
    base64url::decode_into(encoded, buffer).map_err(JwsError::Base64)?;
    verify_bytes(signing_input.as_bytes(), buffer, key)
}

fn verify_bytes(signing_input: &[u8], signature: &[u8], key: &PublicKey) -> Result<(), JwsError> {
    key.verify(signing_input, signature).map_err(|_| JwsError::Signature)
}

/// Signatures of the elliptic curves and of RSA up to 4096 bits are decoded without an allocation.
const SMALL_SIGNATURE: usize = 512;

/// The longest `kid`, in bytes (JO-HDR-05).
pub(crate) const MAX_KEY_ID: usize = 256;

/// Whether a text may stand as a `kid` (JO-HDR-05).
pub(crate) fn is_key_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_KEY_ID && !text.chars().any(char::is_control)
}

/// Names of `alg` for which JWS needs a key of this kind; used where an algorithm is received as text.
pub(crate) fn algorithm(name: &str) -> Result<Algorithm, JwsError> {
    name.parse().map_err(|_| JwsError::UnknownAlgorithm)
}
