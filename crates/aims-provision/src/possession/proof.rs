//! A received proof, taken apart.

use std::borrow::Cow;

use aims_jose::json::{self, Kind, Object, Span, Value};
use aims_jose::jwt::claim;
use aims_jose::{ClaimsError, Jwk, JwsError, UnverifiedJws, base64url};
use aims_keys::{AlgorithmSet, Backend, PublicKey, UnixTime};

use super::KeyProofError;

/// `typ` of a proof as a token. The type is private to this project.
///
/// Its header has exactly `alg`, `jwk` (the public key) and `typ`; its claims are exactly `aud` (one string), `binding` (the
/// [`KeyBinding`](aims_attest::KeyBinding) in base64url), `iat` and `nonce` (the challenge in base64url).
pub const KEY_PROOF_TYPE: &str = "aims-key-proof+jwt";

/// A proof that its sender holds a key, as received; nothing is known about it.
///
/// `Debug` shows which form it has.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum KeyProof<'a> {
    /// A token of type [`KEY_PROOF_TYPE`].
    Jws(&'a str),
    /// A certificate request whose challenge is the binding.
    #[non_exhaustive]
    Request {
        /// The request (PKCS#10) in DER.
        der: &'a [u8],
        /// The nonce of the challenge it answers, in base64url.
        nonce: &'a str,
    },
}

impl<'a> KeyProof<'a> {
    /// A token.
    #[must_use]
    pub fn jws(token: &'a str) -> Self {
        Self::Jws(token)
    }

    /// A certificate request in DER, and the nonce of the challenge it answers.
    #[must_use]
    pub fn request(der: &'a [u8], nonce: &'a str) -> Self {
        Self::Request { der, nonce }
    }
}

impl std::fmt::Debug for KeyProof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jws(_) => "Jws(..)",
            Self::Request { .. } => "Request(..)",
        })
    }
}

/// A token whose signature was good under the key in its own header, which anybody can make.
pub(super) struct Token {
    pub(super) key: PublicKey,
    pub(super) issued_at: UnixTime,
    audience: Span,
    binding: Span,
    nonce: Span,
    claims: Object,
}

impl Token {
    /// Reads the token and checks its signature. The claims are read after that.
    pub(super) fn verify(
        token: &str,
        allowed: AlgorithmSet,
        backend: Backend,
    ) -> Result<Self, KeyProofError> {
        let jws = UnverifiedJws::parse(token, &LIMITS)?;
        jws.header().require_typ(KEY_PROOF_TYPE)?;
        let algorithm = jws.header().algorithm();
        if !allowed.contains(algorithm) {
            return Err(KeyProofError::AlgorithmNotAllowed);
        }
        let jwk = header_key(token, &jws, backend)?;
        let (_, payload) = jws.verify(jwk.public_key(), AlgorithmSet::of(&[algorithm]))?.into_parts();
        Self::read(payload, jwk.public_key().clone())
    }

    fn read(payload: Vec<u8>, key: PublicKey) -> Result<Self, KeyProofError> {
        if payload.is_empty() {
            return Err(ClaimsError::NoPayload.into());
        }
        let (mut audience, mut binding, mut issued_at, mut nonce) = (None, None, None, None);
        let claims = Object::read(payload, &CLAIM_LIMITS, |name, value| {
            match &*name.as_str() {
                "aud" => audience = Some(string("aud", value)?),
                "binding" => binding = Some(string("binding", value)?),
                "iat" => issued_at = Some(claim::date("iat", value)?),
                "nonce" => nonce = Some(string("nonce", value)?),
                _ => return Err(KeyProofError::UnexpectedClaim),
            }
            Ok(())
        })?;
        Ok(Self {
            key,
            issued_at: issued_at.ok_or(ClaimsError::Missing("iat"))?,
            audience: audience.ok_or(ClaimsError::Missing("aud"))?,
            binding: binding.ok_or(ClaimsError::Missing("binding"))?,
            nonce: nonce.ok_or(ClaimsError::Missing("nonce"))?,
            claims,
        })
    }

    pub(super) fn audience(&self) -> Cow<'_, str> {
        self.text(self.audience)
    }

    pub(super) fn binding(&self) -> Cow<'_, str> {
        self.text(self.binding)
    }

    pub(super) fn nonce(&self) -> Cow<'_, str> {
        self.text(self.nonce)
    }

    fn text(&self, span: Span) -> Cow<'_, str> {
        // INVARIANT: the spans were taken from this object, of values that are strings.
        self.claims.at(span).and_then(|value| value.as_str()).unwrap_or_default()
    }
}

/// The key that the header carries. Elsewhere such keys are ignored; here it is what the proof is about, and nothing is believed
/// because of it.
fn header_key(token: &str, jws: &UnverifiedJws<'_>, backend: Backend) -> Result<Jwk, KeyProofError> {
    let (encoded, _) = token.split_once('.').ok_or(JwsError::Form)?;
    let text = base64url::decode(encoded).map_err(JwsError::Base64)?;
    let mut key = None;
    json::read_object(&text, &CLAIM_LIMITS, |name, value| {
        match &*name.as_str() {
            "alg" | "typ" => {}
            "jwk" => key = Some(value),
            _ => return Err(KeyProofError::UnexpectedHeader),
        }
        Ok(())
    })?;
    let key = key.ok_or(KeyProofError::NoKey)?;
    Ok(Jwk::from_value(key, Some(jws.header().algorithm()), backend)?)
}

fn string(name: &'static str, value: Value<'_>) -> Result<Span, ClaimsError> {
    if value.kind() == Kind::String { Ok(value.span()) } else { Err(ClaimsError::WrongType(name)) }
}

const CLAIM_LIMITS: json::Limits = json::Limits::new().depth(4);

/// In bytes: room for an RSA key of 8192 bits with its signature, and for an audience of 2048 bytes.
const LIMITS: aims_jose::Limits = aims_jose::Limits::new().token(8 * 1024).json(CLAIM_LIMITS);
