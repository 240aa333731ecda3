//! The header of a received JWS.

use aims_keys::Algorithm;

use super::{JwsError, algorithm, is_key_id};
use crate::base64url;
use crate::json::{self, Kind, Value};
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

    /// Whether the payload is said to be a token itself (`cty` is `JWT`).
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
    /// # Errors
    ///
    /// [`JwsError::Type`], also when there is no `typ`.
    pub fn require_media_type(&self, short: &str) -> Result<(), JwsError> {
        let typ = self.typ.as_deref().ok_or(JwsError::Type)?;
        let subtype = match typ.split_once('/') {
            Some((kind, subtype)) if kind.eq_ignore_ascii_case("application") => subtype,
            Some(_) => return Err(JwsError::Type),
            None => typ,
        };
        if subtype.eq_ignore_ascii_case(short) { Ok(()) } else { Err(JwsError::Type) }
    }

    pub(super) fn decode(encoded: &str, limits: &json::Limits) -> Result<Self, JwsError> {
        let mut small = [0; SMALL_HEADER];
        let len = base64url::decoded_len(encoded.len()).ok_or(JwsError::Form)?;
        match small.get_mut(..len) {
            Some(buffer) => {
                base64url::decode_into(encoded, buffer).map_err(JwsError::Base64)?;
                Self::read(buffer, limits)
            }
            None => Self::read(&base64url::decode(encoded).map_err(JwsError::Base64)?, limits),
        }
    }

    fn read(text: &[u8], limits: &json::Limits) -> Result<Self, JwsError> {
        let mut alg: Option<Value<'_>> = None;
        let mut header = Self {
            algorithm: Algorithm::Es256,
            typ: None,
            kid: None,
            nested: false,
            names_a_key: false,
            other_members: false,
        };
        let mut critical = false;
        let mut unencoded = false;
        json::read_object(text, limits, |name, value| {
            let known = match &*name.as_str() {
                "alg" => {
                    alg = Some(value);
                    true
                }
                "typ" => {
                    header.typ = Some(short(value).ok_or(JwsError::Type)?);
                    true
                }
                "kid" => {
                    header.kid = Some(short(value).filter(|kid| is_key_id(kid)).ok_or(JwsError::KeyId)?);
                    true
                }
                _ => false,
            };
            header.other_members |= !known;
            match &*name.as_str() {
                "crit" => critical = true,
                "b64" => unencoded = true,
                "cty" => header.nested |= names_a_token(value),
                "jwk" | "jku" | "x5u" | "x5c" | "x5t" | "x5t#S256" => header.names_a_key = true,
                _ => {}
            }
            Ok::<_, JwsError>(())
        })?;

        let alg = alg.and_then(|alg| alg.as_str()).ok_or(JwsError::AlgorithmMissing)?;
        header.algorithm = algorithm(&alg)?;
        if critical {
            return Err(JwsError::Critical);
        }
        if unencoded {
            return Err(JwsError::UnencodedPayload);
        }
        Ok(header)
    }
}

fn short(value: Value<'_>) -> Option<ShortStr> {
    value.as_str().map(|text| ShortStr::from(&*text))
}

/// `cty` is a media type, compared as `typ` is; one that is no string says nothing good about the payload.
fn names_a_token(value: Value<'_>) -> bool {
    if value.kind() != Kind::String {
        return true;
    }
    value.as_str().is_some_and(|cty| {
        let short = cty.rsplit_once('/').map_or(&*cty, |(_, subtype)| subtype);
        short.eq_ignore_ascii_case("jwt")
    })
}

/// Headers up to this many bytes are decoded without an allocation.
const SMALL_HEADER: usize = 512;
