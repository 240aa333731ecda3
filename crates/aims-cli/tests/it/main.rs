#![cfg(test)]
//! The `aims` program, from outside.

mod attest;
mod bundle;
mod bundle_endpoint;
mod certificate;
mod http;
mod id;
mod input;
mod jwk;
mod jwt_svid;
mod key;
mod oauth;
mod output;
mod readme;
mod revoke;
mod support;
mod svid;
mod token;
mod tour;
#[cfg(feature = "tpm")]
mod tpm;
#[cfg(not(feature = "tpm"))]
mod tpm_absent;
mod vectors;
mod wit;
#[cfg(target_os = "linux")]
mod workload_api;
mod wpt;
