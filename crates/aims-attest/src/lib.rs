#![doc = include_str!("../README.md")]

mod appraisal;
mod asked;
mod binding;
mod evidence;
mod hex;
mod policy;
mod proven;
mod selector;
pub mod tpm;
mod unix;
mod verdict;
mod verifier;

pub use crate::appraisal::{Appraisal, AppraisalBuilder, AppraisalId};
pub use crate::asked::Asked;
pub use crate::binding::KeyBinding;
pub use crate::evidence::{Evidence, EvidenceJsonError, EvidenceTooLarge, EvidenceType, UnknownEvidenceType};
pub use crate::policy::{EvidenceRule, Judgement, Policy, Unmet};
pub use crate::proven::{Match, Proven};
pub use crate::selector::{Selector, SelectorError};
pub use crate::unix::{UnixProcess, UnixVerifier};
pub use crate::verdict::{BoundKey, Freshness, Level, Reason, Verdict};
pub use crate::verifier::{Verifier, Verifiers};
