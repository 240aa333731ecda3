#![doc = include_str!("../README.md")]

mod attempts;
mod bundle;
mod bundle_map;
mod bundle_set;
mod fetch;
mod flight;
mod freshness;
mod holder;
mod http_freshness;
mod https_url;
mod jwt_svid;
mod marks;
mod peers;
mod post;
mod refreshed;
mod remembered;
mod replay;
mod revisions;
mod skipped;
mod spiffe_bundle;
mod token;
mod wit;
#[cfg(feature = "x509")]
pub mod x509;

pub use crate::attempts::{Attempts, PerMinute};
pub use crate::bundle::{BundleSource, TrustBundle};
pub use crate::bundle_map::{BundleMap, BundleMapError};
pub use crate::bundle_set::BundleSet;
pub use crate::fetch::{Fetch, FetchError, FetchRequest, Fetched};
pub use crate::flight::Flight;
pub use crate::freshness::Freshness;
pub use crate::holder::{Credential, CredentialSource, CurrentCredential, Holder, HolderError};
pub use crate::https_url::{HttpsUrl, HttpsUrlError};
pub use crate::jwt_svid::{
    JwtSvid, JwtSvidError, JwtSvidIssueError, JwtSvidIssuer, JwtSvidRequest, JwtSvidSource,
    JwtSvidUnavailable, JwtSvidVerifier, JwtSvidVerifierBuilder, UnsignedJwtSvid, VerifiedJwtSvid,
};
pub use crate::marks::{Lapsed, LineageId, Mark, MarkKey, MarkTable, MarkTableFull, Marks, MarksUnavailable};
pub use crate::peers::{AccessHandle, ExpectedPeers, PeerError, PeerMap};
pub use crate::post::{Post, PostRequest, Posted};
pub use crate::refreshed::{RefreshError, Refreshed};
pub use crate::remembered::{Ends, Remembered};
pub use crate::replay::{ReplayError, ReplayStore};
pub use crate::revisions::{SPEC_REVISIONS, SpecRevision};
pub use crate::skipped::{SkipReason, SkippedKey};
pub use crate::spiffe_bundle::SpiffeBundleError;
pub use crate::wit::{
    Attested, ClaimValue, IssueError, UnsignedWit, VerifiedWit, WIT_FIELD, Wit, WitCache, WitError,
    WitIssuer, WitProfile, WitRequest, WitVerifier, WitVerifierBuilder,
};
