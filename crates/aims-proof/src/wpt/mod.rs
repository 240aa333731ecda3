//! Workload Proof Tokens (draft-ietf-wimse-wpt-02).

mod claims;
mod error;
mod http;
mod make;
mod verify;

pub use self::error::WptError;
#[cfg(feature = "legacy-wpt-01")]
pub use self::http::WPT_01_FIELD;
pub use self::http::{CHALLENGE, ProofError, TXN_TOKEN_FIELD};
pub use self::make::{MakeWptError, NewWpt, UnsignedWpt};
pub use self::verify::{VerifiedProof, WptRequest, WptVerifier, WptVerifierBuilder};

use aims_jose::base64url;
use aims_keys::Backend;

/// Which revision of the draft a verifier follows.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum WptProfile {
    /// draft-ietf-wimse-wpt-01: the proof is in the field `Workload-Proof-Token`, covers an access token in `Authorization`
    /// by its claim `ath`, and a refusal has status 400.
    #[cfg(feature = "legacy-wpt-01")]
    Wpt01,
    /// draft-ietf-wimse-wpt-02: the proof is in `Authorization`, under the scheme `WPT`.
    Wpt02,
}

/// `typ` of a WPT.
const WPT_TYPE: &str = "wpt+jwt";

/// The hash that binds a token to a proof: SHA-256 of its ASCII bytes, in base64url.
fn binding(backend: Backend, value: &str) -> String {
    base64url::encode(backend.sha256(value.as_bytes()))
}
