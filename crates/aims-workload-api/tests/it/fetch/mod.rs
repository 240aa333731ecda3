//! The guarded fetcher.

mod addresses;
mod answers;
mod redirects;
pub(crate) mod support;
mod trust;
