//! The subcommands, one module each.

pub(crate) mod id;
pub(crate) mod jwk;
pub(crate) mod key;
pub(crate) mod revisions;
pub(crate) mod wit;
pub(crate) mod wpt;

mod context;
mod public_key;
mod token;
mod trust;
