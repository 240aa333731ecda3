//! TPM 2.0 evidence, as far as a verifier has to do with it (TPM-3): pure Rust, without a TPM and without its C library.

mod attest;
mod bank;
mod boots;
mod certified;
#[cfg(feature = "tpm")]
mod credential;
mod device;
#[cfg(feature = "tpm")]
mod endorsement;
mod error;
mod event_log;
mod evidence;
mod pcr;
mod pcr_policy;
mod public;
mod reader;
mod reason;
mod signature;
mod verifier;

pub use self::attest::{Attest, Attested, Certified, ClockInfo, Quoted};
pub use self::bank::{PcrBank, PcrValue};
pub use self::boots::{Boot, BootCounters, BootError, MemoryBootCounters};
pub use self::certified::{CertifiedKey, CertifiedKeyError};
#[cfg(feature = "tpm")]
pub use self::credential::{TpmCredential, TpmCredentialError};
pub use self::device::{
    EnrolledDevices, TpmDevice, TpmDeviceError, TpmDevices, TpmDevicesUnavailable, TpmSignatureError,
};
#[cfg(feature = "tpm")]
pub use self::endorsement::{
    Endorsement, EndorsementError, EndorsementRoots, EndorsementRootsError, EndorsementVerifier,
    EndorsementVerifierBuilder, EnrolledTpm, EnrolledTpmError, Enrolment, EnrolmentError, PendingEnrolment,
    PendingEnrolmentError,
};
pub use self::error::TpmReadError;
pub use self::event_log::{EventLog, EventLogError, ReplayedEvent, ReplayedLog};
pub use self::evidence::{TpmEvidence, TpmEvidenceError};
pub use self::pcr::{PcrError, PcrSelection, PcrValues};
pub use self::pcr_policy::{PcrMismatch, PcrPolicy, PcrPolicyBuilder, PcrPolicyError};
pub use self::public::{
    TpmAttributes, TpmName, TpmNameError, TpmPublic, TpmPublicError, TpmPublicKind, TpmScheme, TpmSymmetric,
};
pub use self::signature::TpmSignature;
pub use self::verifier::{TpmVerifier, TpmVerifierBuilder};
