//! Workload Proof Tokens (draft-ietf-wimse-wpt-02).

mod claims;
mod error;
mod http;
mod make;
mod verify;

pub use self::error::WptError;
pub use self::http::{CHALLENGE, ProofError, TXN_TOKEN_FIELD};
pub use self::make::{MakeWptError, NewWpt, UnsignedWpt};
pub use self::verify::{VerifiedProof, WptRequest, WptVerifier, WptVerifierBuilder};

use aims_jose::base64url;
use aims_keys::Backend;

/// `typ` of a WPT.
const WPT_TYPE: &str = "wpt+jwt";

/// The hash that binds a token to a proof: SHA-256 of its ASCII bytes, in base64url.
fn binding(backend: Backend, value: &str) -> String {
    base64url::encode(backend.sha256(value.as_bytes()))
}
