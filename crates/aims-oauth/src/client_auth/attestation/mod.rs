//! Clients that somebody vouches for: attestation-based client authentication (draft-ietf-oauth-attestation-based-client-auth, `docs/spec/oauth.md`
//! section 6.3).

mod attester;
mod error;
mod held;
mod make;
mod pop;
mod presented;
mod verified;
mod verify;

pub use self::attester::{ClientAttesters, TrustedAttester};
pub use self::error::AttestationError;
pub use self::held::ClientAttestation;
pub use self::make::{NewAttestationPop, UnsignedAttestationPop};
pub use self::presented::PresentedAttestation;
pub use self::verified::{AttestationProof, VerifiedAttestation};
pub use self::verify::{AttestationVerifier, AttestationVerifierBuilder};

#[cfg(feature = "wit-svid")]
pub(super) use self::pop::{PopKey, PopVerifier};
pub(super) use self::presented::AttestationFields;

/// The field that carries an attestation.
pub const ATTESTATION_FIELD: &str = "oauth-client-attestation";

/// The field that carries the proof by the key in the attestation.
pub const ATTESTATION_POP_FIELD: &str = "oauth-client-attestation-pop";

/// The field in which a server says which challenge it wants.
pub const ATTESTATION_CHALLENGE_FIELD: &str = "oauth-client-attestation-challenge";

const ATTESTATION_TYPE: &str = "oauth-client-attestation+jwt";

const POP_TYPE: &str = "oauth-client-attestation-pop+jwt";
