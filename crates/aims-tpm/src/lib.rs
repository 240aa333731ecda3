#![doc = include_str!("../README.md")]

mod attestation_key;
mod blob;
mod device;
mod error;
mod evidence;
mod info;
mod pcr;
mod public;
mod queue;
mod sealed;
mod settings;
mod signer;
mod store;
mod tcti;
mod tpm;

pub use crate::attestation_key::AttestationKey;
pub use crate::error::TpmError;
pub use crate::evidence::{Certification, Endorsement, EndorsementKind, Quote};
pub use crate::info::TpmInfo;
pub use crate::pcr::{PcrBank, PcrSelection, PcrValue};
pub use crate::sealed::Sealed;
pub use crate::settings::{AuthValue, TpmSettings};
pub use crate::signer::TpmSigner;
pub use crate::store::{TpmKeyStore, TpmKeyStoreBuilder};
pub use crate::tcti::{Tcti, TctiError};
pub use crate::tpm::Tpm;
