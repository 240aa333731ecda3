//! The header of a received JWS.

use aims_keys::Algorithm;

use super::{JwsError, is_key_id};
use crate::base64url;
use crate::json::{self, Value};
use crate::short::ShortStr;

/// The header members that choose a verifier and a key; everything else in the header is ignored.
///
/// Keys that a header carries or points to (`jwk`, `jku`, `x5u`, `x5c`, `x5t`, `x5t#S256`) are never used;
/// [`names_a_key`](Self::names_a_key) says that one was there.
#[derive(Clone, Debug)]
pub struct Header {
    algorithm: Algorithm,
    typ: Option<ShortStr>,
    kid: Option<ShortStr>,
    nested: bool,
    names_a_key: bool,
    other_members: bool,
}

impl Header {
    /// `alg`: what the sender says the signature was made with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `typ`, as received.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// `kid`, as received: 1 to 256 bytes without control characters.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether a key stands in the header, or a place to fetch one from. It was ignored.
    #[must_use]
    pub fn names_a_key(&self) -> bool {
        self.names_a_key
    }

    /// Whether there are members other than `alg`, `kid` and `typ`, which some profiles forbid.
    #[must_use]
    pub fn has_other_members(&self) -> bool {
        self.other_members
    }

    /// Whether the payload is said to be a token itself (`cty` is `JWT`), or `cty` is not a string.
    #[must_use]
    pub fn is_nested(&self) -> bool {
        self.nested
    }

    /// Requires exactly this `typ`, in its short form.
    ///
    /// # Errors
    ///
    /// [`JwsError::Type`], also when there is no `typ`.
    pub fn require_typ(&self, typ: &str) -> Result<(), JwsError> {
        if self.typ.as_deref() == Some(typ) { Ok(()) } else { Err(JwsError::Type) }
    }

    /// Requires this media type, compared as RFC 7515 §4.1.9 says: without regard to case, `application/` optional.
    ///
    /// `short` is the type without `application/`.
    ///
    /// # Errors
    ///
    /// [`JwsError::Type`], also when there is no `typ`.
    pub fn require_media_type(&self, short: &str) -> Result<(), JwsError> {
        match self.typ.as_deref() {
            Some(typ) if is_media_type(typ, short) => Ok(()),
            _ => Err(JwsError::Type),
        }
    }

    pub(super) fn decode(encoded: &str, limits: &json::Limits) -> Result<Self, JwsError> {
        let mut small = [0; SMALL_HEADER];
        if encoded.len() <= SMALL_HEADER {
            let len = base64url::decode_into(encoded, &mut small).map_err(JwsError::Base64)?;
            Self::read(small.get(..len).unwrap_or_default(), limits)
        } else {
            Self::read(&base64url::decode(encoded).map_err(JwsError::Base64)?, limits)
        }
    }

    fn read(text: &[u8], limits: &json::Limits) -> Result<Self, JwsError> {
        let (mut alg, mut typ, mut kid, mut cty) = (None, None, None, None);
        let (mut critical, mut unencoded) = (false, false);
        let (mut names_a_key, mut other_members) = (false, false);
        json::read_object(text, limits, |name, value| {
            match &*name.as_str() {
                "alg" => alg = Some(value),
                "kid" => kid = Some(value),
                "typ" => typ = Some(value),
                other => {
                    other_members = true;
                    match other {
                        "b64" => unencoded = true,
                        "crit" => critical = true,
                        "cty" => cty = Some(value),
                        "jku" | "jwk" | "x5c" | "x5t" | "x5t#S256" | "x5u" => names_a_key = true,
                        _ => {}
                    }
                }
            }
            Ok::<_, JwsError>(())
        })?;

        // The order of JO-VER, as far as it needs no policy.
        let algorithm = alg.and_then(|alg| alg.as_str()).ok_or(JwsError::AlgorithmMissing)?;
        let algorithm = algorithm.parse().map_err(|_| JwsError::UnknownAlgorithm)?;
        let typ = typ.map(|typ| short(typ).ok_or(JwsError::Type)).transpose()?;
        if critical {
            return Err(JwsError::Critical);
        }
        if unencoded {
            return Err(JwsError::UnencodedPayload);
        }
        let kid = kid.map(|kid| key_id(kid).ok_or(JwsError::KeyId)).transpose()?;
        // A `cty` that is no string says nothing good about the payload.
        let nested = cty.is_some_and(|cty| cty.as_str().is_none_or(|cty| is_media_type(&cty, "jwt")));
        Ok(Self { algorithm, typ, kid, nested, names_a_key, other_members })
    }
}

fn short(value: Value<'_>) -> Option<ShortStr> {
    value.as_str().map(|text| ShortStr::from(&*text))
}

fn key_id(value: Value<'_>) -> Option<ShortStr> {
    let text = value.as_str()?;
    is_key_id(&text).then(|| ShortStr::from(&*text))
}

/// RFC 7515 §4.1.9: a value without a slash counts as one of `application/`.
fn is_media_type(received: &str, short: &str) -> bool {
    let subtype = match received.split_once('/') {
        Some((kind, subtype)) if kind.eq_ignore_ascii_case("application") => subtype,
        Some(_) => return false,
        None => received,
    };
    subtype.eq_ignore_ascii_case(short)
}

/// Encoded headers up to this many characters are decoded without an allocation.
const SMALL_HEADER: usize = 512;
