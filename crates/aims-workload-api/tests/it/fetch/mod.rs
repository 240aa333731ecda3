//! The guarded fetcher.

mod addresses;
mod answers;
mod bots;
mod client_documents;
mod posts;
mod redirects;
pub(crate) mod support;
mod trust;
