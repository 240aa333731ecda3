//! The header of a received JWE.

use aims_keys::{Algorithm, PublicNumbers};

use super::{JweError, KeyManagement};
use crate::base64url;
use crate::json::{self, Value};
use crate::jwk::JwkError;
use crate::jwk::members::Members;
use crate::jws::is_key_id;
use crate::short::ShortStr;

/// What of a header decides anything.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) kid: Option<ShortStr>,
    pub(super) parameters: Parameters,
}

/// What the key management algorithm needs beside the key.
#[derive(Clone, Debug)]
pub(super) enum Parameters {
    #[cfg_attr(not(feature = "jwe"), expect(dead_code, reason = "nothing is decrypted with it"))]
    EcdhEsA256Kw(Agreement),
    RsaOaep256,
}

/// The sender's half of a key agreement.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "jwe"), expect(dead_code, reason = "nothing is decrypted with it"))]
pub(super) struct Agreement {
    /// INVARIANT: a point on P-256 or P-384.
    pub(super) ephemeral: PublicNumbers,
    /// Strict base64url, like the next.
    pub(super) party_u: Option<Box<str>>,
    pub(super) party_v: Option<Box<str>>,
}

impl Parameters {
    pub(super) fn algorithm(&self) -> KeyManagement {
        match self {
            Self::EcdhEsA256Kw(_) => KeyManagement::EcdhEsA256Kw,
            Self::RsaOaep256 => KeyManagement::RsaOaep256,
        }
    }
}

impl Header {
    pub(super) fn decode(encoded: &str, limits: &json::Limits) -> Result<Self, JweError> {
        let text = base64url::decode(encoded).map_err(JweError::Base64)?;
        let (mut alg, mut enc, mut cty, mut kid) = (None, None, None, None);
        let (mut epk, mut apu, mut apv) = (None, None, None);
        let (mut critical, mut compressed, mut foreign) = (false, false, false);
        json::read_object(&text, limits, |name, value| {
            match &*name.as_str() {
                "alg" => alg = Some(value),
                "apu" => apu = Some(value),
                "apv" => apv = Some(value),
                "crit" => critical = true,
                "cty" => cty = Some(value),
                "enc" => enc = Some(value),
                "epk" => epk = Some(value),
                "kid" => kid = Some(value),
                "zip" => compressed = true,
                // Of AES-GCM key wrapping, of passwords, of JWS.
                "b64" | "iv" | "p2c" | "p2s" | "tag" => foreign = true,
                _ => {}
            }
            Ok::<_, JweError>(())
        })?;

        let algorithm = alg.and_then(|alg| alg.as_str()).ok_or(JweError::AlgorithmMissing)?;
        let algorithm = algorithm.parse().map_err(|_| JweError::UnknownAlgorithm)?;
        if !enc.is_some_and(|enc| enc.is_str(CONTENT_ENCRYPTION)) {
            return Err(JweError::ContentEncryption);
        }
        if critical {
            return Err(JweError::Critical);
        }
        if compressed {
            return Err(JweError::Compressed);
        }
        let agreement = [epk, apu, apv];
        if foreign || (algorithm == KeyManagement::RsaOaep256 && agreement.iter().any(Option::is_some)) {
            return Err(JweError::Parameter);
        }
        if !cty.is_some_and(|cty| cty.is_str(NESTED)) {
            return Err(JweError::NotNested);
        }
        let kid = kid.map(|kid| key_id(kid).ok_or(JweError::KeyId)).transpose()?;
        let parameters = match algorithm {
            KeyManagement::EcdhEsA256Kw => Parameters::EcdhEsA256Kw(Agreement {
                ephemeral: ephemeral(epk.ok_or(JweError::EphemeralKeyMissing)?)
                    .map_err(JweError::EphemeralKey)?,
                party_u: apu.map(party).transpose()?,
                party_v: apv.map(party).transpose()?,
            }),
            KeyManagement::RsaOaep256 => Parameters::RsaOaep256,
        };
        Ok(Self { kid, parameters })
    }
}

fn key_id(value: Value<'_>) -> Option<ShortStr> {
    let text = value.as_str()?;
    is_key_id(&text).then(|| ShortStr::from(&*text))
}

/// The sender's key: a point on one of the two curves. Whether it is that of the recipient's key, is seen with that key.
fn ephemeral(value: Value<'_>) -> Result<PublicNumbers, JwkError> {
    let members = Members::of(value)?;
    members.refuse_private()?;
    let alike = if members.is_on("P-384") { Algorithm::Es384 } else { Algorithm::Es256 };
    let numbers = members.public(alike)?;
    numbers.check()?;
    Ok(numbers)
}

fn party(value: Value<'_>) -> Result<Box<str>, JweError> {
    let text = value.as_raw_str().ok_or(JweError::PartyInfo)?;
    let mut bytes = [0; MAX_PARTY];
    base64url::decode_into(text, &mut bytes).map_err(|_| JweError::PartyInfo)?;
    Ok(text.into())
}

/// The one `enc` (JO-JWE-03).
pub(super) const CONTENT_ENCRYPTION: &str = "A256GCM";

/// The one `cty` (JO-JWE-06).
pub(super) const NESTED: &str = "JWT";

/// Of `apu` and `apv`, in bytes (JO-JWE-07).
const MAX_PARTY: usize = 256;
