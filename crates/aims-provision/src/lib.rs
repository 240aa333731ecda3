#![doc = include_str!("../README.md")]

mod authority;
mod collect;
mod credential_types;
mod entries;
mod entry;
mod join_token;
mod possession;
mod posture;
mod provisioner;
#[cfg(feature = "toml")]
mod registration;
mod rotation;
#[cfg(all(feature = "unix-peer", target_os = "linux"))]
mod unix_peer;

pub use crate::authority::{Authority, AuthorityError, AuthoritySettings};
pub use crate::collect::{CollectError, EvidenceSource};
pub use crate::credential_types::{CredentialType, CredentialTypes};
pub use crate::entries::{Entries, EntriesError};
pub use crate::entry::{Entry, EntryBuilder, EntryError};
pub use crate::join_token::{JoinToken, JoinTokenError, JoinTokens};
pub use crate::possession::{
    Challenge, ChallengeError, Challenges, ChallengesBuilder, KEY_PROOF_TYPE, KeyProof, KeyProofError,
    KeyProofVerifier, KeyProofVerifierBuilder, ProvenKey, TakenChallenge, UnsignedKeyProof,
};
pub use aims_attest::KeyBinding;

pub use crate::posture::{
    AllOf, AnyOf, AsRegistered, AttributeValue, HasEvidence, MinLevel, NOf, Phase, Posture, PostureAssessor,
    PostureQuestion, PostureReason, Terms,
};
pub use crate::provisioner::{Grant, NoGrant, Provisioner};
#[cfg(feature = "toml")]
pub use crate::registration::RegistrationError;
pub use crate::rotation::{Rotation, RotationState, renew_after};
#[cfg(all(feature = "unix-peer", target_os = "linux"))]
pub use crate::unix_peer::{PeerError, PeerProcess, ProgramHashes, ProgramLimits};
