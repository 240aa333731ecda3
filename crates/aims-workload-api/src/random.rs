//! Chance, for pauses: nothing that must not be guessed.

use std::hash::{BuildHasher, RandomState};

/// Any number.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}
