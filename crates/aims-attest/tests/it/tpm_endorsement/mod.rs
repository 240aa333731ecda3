//! Who made a TPM, and which of its keys are its keys.

#[cfg(feature = "tpm")]
mod certificates;
#[cfg(feature = "tpm")]
mod credential;
#[cfg(feature = "tpm")]
mod endorsement;
#[cfg(feature = "tpm")]
mod enrolled;
#[cfg(feature = "tpm")]
mod enrolment;
#[cfg(feature = "tpm")]
mod pending;
mod public;
#[cfg(feature = "tpm")]
mod roots;
mod support;
#[cfg(feature = "tpm")]
mod tpm;
