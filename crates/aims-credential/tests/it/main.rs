#![cfg(test)]
//! Tests of the public API, named after the requirements they exercise.

mod bundle;
mod bundle_map;
mod cache;
mod compile_fail;
mod counterexamples;
mod fetch;
mod holder;
mod https_url;
mod issue;
mod jwt_svid;
mod marks;
mod peers;
mod properties;
mod refreshed;
mod replay;
mod revisions;
mod spiffe_bundle;
mod support;
mod vectors;
mod verify;
#[cfg(feature = "wit-svid")]
mod wit_again;
#[cfg(feature = "wit-svid")]
mod wit_svid;
#[cfg(feature = "x509")]
mod x509;
