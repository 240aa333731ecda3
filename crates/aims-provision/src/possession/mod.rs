//! Proof of possession, for workloads that keep their own key.

mod challenge;
mod challenge_error;
mod challenges;
mod error;
mod proof;
mod proven;
mod unsigned;
mod verify;

pub use self::challenge::Challenge;
pub use self::challenge_error::ChallengeError;
pub use self::challenges::{Challenges, ChallengesBuilder, TakenChallenge};
pub use self::error::KeyProofError;
pub use self::proof::{KEY_PROOF_TYPE, KeyProof};
pub use self::proven::ProvenKey;
pub use self::unsigned::UnsignedKeyProof;
pub use self::verify::{KeyProofVerifier, KeyProofVerifierBuilder};
