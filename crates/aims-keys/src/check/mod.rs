//! What a key must be before it is used: the checks that backends do not make at load.

mod curve;
mod ed25519;
mod pairwise;
mod rsa;

pub(crate) use curve::{p256_on_curve, p384_on_curve};
pub(crate) use ed25519::ed25519_point;
pub(crate) use pairwise::signs_for_its_public_key;
pub(crate) use rsa::rsa_numbers;
