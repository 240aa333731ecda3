//! `DPoP`: that whoever sends a request has the key that its token is bound to (RFC 9449).

mod error;
mod make;
mod nonces;
mod target;
mod verify;

pub use self::error::DpopError;
pub use self::make::{DpopProver, NewDpopProof, UnsignedDpopProof};
pub use self::nonces::{DpopNonces, SealedNonces};
pub use self::target::{DpopTarget, DpopTargetError};
pub use self::verify::{DpopRequest, DpopVerifier, DpopVerifierBuilder, VerifiedDpopProof};

/// The field that carries a proof.
pub const DPOP_FIELD: &str = "dpop";

/// The field in which a server says which nonce it wants.
pub const DPOP_NONCE_FIELD: &str = "dpop-nonce";

const DPOP_TYPE: &str = "dpop+jwt";
