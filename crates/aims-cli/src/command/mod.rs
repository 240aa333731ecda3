//! The subcommands, one module each.

pub(crate) mod bundle;
pub(crate) mod id;
pub(crate) mod jwk;
pub(crate) mod jwt_svid;
pub(crate) mod key;
pub(crate) mod revisions;
pub(crate) mod svid;
pub(crate) mod wit;
pub(crate) mod wpt;

mod anchors;
mod certificate;
mod context;
mod public_key;
mod token;
mod trust;
