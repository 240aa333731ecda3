//! The guarded fetcher.

mod addresses;
mod answers;
mod bots;
mod posts;
mod redirects;
pub(crate) mod support;
mod trust;
