//! TPM 2.0 evidence, as far as a verifier has to do with it (TPM-3): pure Rust, without a TPM and without its C library.

#[cfg(feature = "tpm")]
mod credential;
mod public;

#[cfg(feature = "tpm")]
pub use self::credential::{TpmCredential, TpmCredentialError};
pub use self::public::{
    TpmAttributes, TpmName, TpmNameError, TpmPublic, TpmPublicError, TpmPublicKind, TpmScheme, TpmSymmetric,
};
