//! Whether a private key signs what its public key verifies (JO-KEY-07).
//!
//! *ring* takes the CRT exponents of an RSA key as they are; wrong ones would come to light at the first signature.

use crate::public::KeyError;
use crate::signer::{SignInput, Signer};
use crate::software::SoftwareKey;

/// Makes one signature and verifies it.
pub(crate) fn signs_for_its_public_key(key: &SoftwareKey) -> Result<(), KeyError> {
    const MESSAGE: &[u8] = b"aims-keys: does this key belong to its public key?";

    let signature = Signer::sign(key, SignInput::Message(MESSAGE)).map_err(|_| KeyError::Inconsistent)?;
    let public = Signer::public_key(key);
    public.verify(MESSAGE, signature.as_bytes()).map_err(|_| KeyError::Inconsistent)
}
