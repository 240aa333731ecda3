//! The crates `spiffe` 0.19 and `spiffe-rustls` 0.11: documents, tokens and certificates, and TLS.
//!
//! Where one side accepts what the other refuses, a table says so, with the requirement by which we refuse.

mod bundle;
mod jwt_svid;
mod our_server;
mod tls;
mod workload_api;
mod x509_svid;
