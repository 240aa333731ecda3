//! The hashes by which an ID Token names what it came with (HIL-14).

use aims_jose::base64url;
use aims_keys::{Algorithm, Backend};
use subtle::ConstantTimeEq;

/// The left half of the hash that belongs to the algorithm of the token; nothing, where none does.
pub(super) fn left_half(text: &str, algorithm: Algorithm, backend: Backend) -> Option<String> {
    let half = |hash: &[u8]| base64url::encode(hash.get(..hash.len() / 2).unwrap_or_default());
    let text = text.as_bytes();
    match algorithm {
        Algorithm::Es256 | Algorithm::Ps256 | Algorithm::Rs256 => Some(half(&backend.sha256(text))),
        Algorithm::Es384 => Some(half(&backend.sha384(text))),
        // Ed25519 hashes with SHA-512 inside, and so do those that write such tokens.
        Algorithm::EdDsa | Algorithm::Ed25519 | Algorithm::Ps512 => Some(half(&backend.sha512(text))),
        _ => None,
    }
}

/// Whether two texts are the same; how long that takes says nothing of where they differ.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
