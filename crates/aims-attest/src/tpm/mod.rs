//! TPM 2.0 evidence, as far as a verifier has to do with it (TPM-3): pure Rust, without a TPM and without its C library.

mod public;

pub use self::public::{
    TpmAttributes, TpmName, TpmNameError, TpmPublic, TpmPublicError, TpmPublicKind, TpmScheme, TpmSymmetric,
};
