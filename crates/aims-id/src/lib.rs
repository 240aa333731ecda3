#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod error;
mod grammar;
mod id_set;
mod origin;
mod pattern;
mod scheme;
#[cfg(feature = "serde")]
mod serde_impls;
mod spiffe_id;
mod text;
mod trust_domain;
mod workload_id;

pub use self::error::ParseIdError;
pub use self::id_set::IdSet;
pub use self::origin::Origin;
pub use self::pattern::{IdPattern, ParsePatternError};
pub use self::scheme::Scheme;
pub use self::spiffe_id::SpiffeId;
pub use self::trust_domain::TrustDomain;
pub use self::workload_id::WorkloadId;
