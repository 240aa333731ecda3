//! What a user of a token knows.

use core::fmt;
use core::hint::black_box;

use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use crate::store::StoreError;

/// The PIN of a token's user: 1 to 255 bytes. Overwritten when it is dropped, and shown nowhere.
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes the PIN.
    ///
    /// # Errors
    ///
    /// [`StoreError::AuthRequired`] when it is empty, [`StoreError::AuthFailed`] when no token has one so long.
    pub fn new(pin: impl Into<Zeroizing<String>>) -> Result<Self, StoreError> {
        let pin = pin.into();
        match pin.len() {
            0 => Err(StoreError::AuthRequired),
            1..=MAX_LEN => Ok(Self(pin)),
            _ => Err(StoreError::AuthFailed),
        }
    }

    /// For one login. Its copy is of the exact length, so no rest of it stays behind, and is overwritten too.
    pub(super) fn for_login(&self) -> AuthPin {
        AuthPin::from((*self.0).clone())
    }

    /// In a time that depends on the lengths alone.
    pub(super) fn equals(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        let difference = ours.iter().zip(theirs).fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
        ours.len() == theirs.len() && difference == 0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}

const MAX_LEN: usize = 255;
