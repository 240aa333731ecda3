//! Who made a TPM, and which of its keys are its keys (TPM-28, TPM-29).

mod enrolled;
mod enrolled_error;
mod enrolment;
mod enrolment_error;
mod error;
mod identity;
mod pending;
mod pending_error;
mod roots;
mod verifier;

pub use self::enrolled::EnrolledTpm;
pub use self::enrolled_error::EnrolledTpmError;
pub use self::enrolment::Enrolment;
pub use self::enrolment_error::EnrolmentError;
pub use self::error::EndorsementError;
pub use self::pending::PendingEnrolment;
pub use self::pending_error::PendingEnrolmentError;
pub use self::roots::{EndorsementRoots, EndorsementRootsError};
pub use self::verifier::{Endorsement, EndorsementVerifier, EndorsementVerifierBuilder};
