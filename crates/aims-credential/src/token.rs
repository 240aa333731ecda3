//! What the tokens of a trust domain share, whichever kind they are of.

use std::time::Duration;

use aims_id::WorkloadId;
use aims_jose::{Limits, UnsignedJws, base64url, json};
use aims_keys::{Algorithm, AlgorithmSet, Backend, PublicKey, PublicNumbers, SignError, UnixTime};

use crate::MarkKey;

/// The longest token, in bytes, unless more is allowed (`docs/spec/wimse.md` section 4.2).
pub(crate) const DEFAULT_TOKEN_LEN: usize = 8 * 1024;

/// The longest token that can be allowed: enough for ML-DSA, and what JO-B64-01 names.
pub(crate) const MAX_TOKEN_LEN: usize = 16 * 1024;

/// Of header and claims, each (`docs/spec/wimse.md` section 4.2).
pub(crate) const JSON_LIMITS: json::Limits = json::Limits::new().depth(8);

/// How far clocks may disagree unless a verifier says otherwise.
pub(crate) const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// How far a verifier may let clocks disagree.
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(120);

/// Of the nine algorithms of SPIFFE's tokens (JS-3, WS-3), those that these crates have.
pub(crate) const SPIFFE_ALGORITHMS: AlgorithmSet =
    AlgorithmSet::of(&[Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256, Algorithm::Rs256]);

/// Of a token of at most `len` bytes.
pub(crate) fn limits(len: usize) -> Limits {
    Limits::new().token(len).json(JSON_LIMITS)
}

/// `iat`, or else `nbf`; the epoch, so that every cut ends the token, when neither is known to have passed by `latest`.
pub(crate) fn begun(iat: Option<UnixTime>, nbf: Option<UnixTime>, latest: UnixTime) -> UnixTime {
    // Where a profile lets an `iat` lie ahead, one that does says nothing about what came before it.
    iat.filter(|&iat| iat <= latest).or(nbf).unwrap_or(UnixTime::EPOCH)
}

/// The names under which a token can be cut off.
pub(crate) fn mark_keys<'a>(
    subject: &'a WorkloadId,
    token_id: Option<&'a str>,
) -> impl Iterator<Item = MarkKey<'a>> {
    let credential = token_id.map(|id| MarkKey::Credential { origin: subject.origin_str(), id });
    std::iter::once(MarkKey::Agent(subject)).chain(credential)
}

/// A `jti` of 128 random bits.
pub(crate) fn new_token_id(backend: Backend) -> Result<String, SignError> {
    let mut id = [0; 16];
    backend.fill_random(&mut id).map_err(|_| SignError::Backend)?;
    Ok(base64url::encode(id))
}

/// The length of `token` once `key` has signed it, in bytes.
pub(crate) fn signed_len(token: &UnsignedJws, key: &PublicKey) -> usize {
    let signature = match key.numbers() {
        PublicNumbers::Rsa { n, .. } => n.len(),
        _ => key.algorithm().signature_len().unwrap_or(0),
    };
    token.signing_input().len() + 1 + (signature * 4).div_ceil(3)
}
