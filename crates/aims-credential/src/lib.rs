#![doc = include_str!("../README.md")]

mod bundle;
mod bundle_set;
mod holder;
mod jwt_svid;
mod marks;
mod peers;
mod replay;
mod revisions;
mod token;
mod wit;
#[cfg(feature = "x509")]
pub mod x509;

pub use crate::bundle::{BundleSource, SkippedKey, TrustBundle};
pub use crate::bundle_set::BundleSet;
pub use crate::holder::{Credential, CredentialSource, CurrentCredential, Holder, HolderError};
pub use crate::jwt_svid::{
    JwtSvid, JwtSvidError, JwtSvidIssueError, JwtSvidIssuer, JwtSvidRequest, JwtSvidVerifier,
    JwtSvidVerifierBuilder, UnsignedJwtSvid, VerifiedJwtSvid,
};
pub use crate::marks::{Lapsed, Mark, MarkKey, MarkTable, MarkTableFull, Marks, MarksUnavailable};
pub use crate::peers::{AccessHandle, ExpectedPeers, PeerError, PeerMap};
pub use crate::replay::{ReplayError, ReplayStore};
pub use crate::revisions::{SPEC_REVISIONS, SpecRevision};
pub use crate::wit::{
    ClaimValue, IssueError, UnsignedWit, VerifiedWit, WIT_FIELD, Wit, WitCache, WitError, WitIssuer,
    WitProfile, WitRequest, WitVerifier, WitVerifierBuilder,
};
