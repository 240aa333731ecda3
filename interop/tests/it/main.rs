//! Other implementations as oracles: what we make they verify, and what they make we verify.
#![cfg(test)]

mod generated;
mod httpsig;
mod josekit_oracle;
mod jwe;
mod nginx;
mod oauth;
mod oidc;
mod openssl_certificates;
mod openssl_tls;
mod peer;
mod spiffe;
mod support;
mod tpm;
mod wimsey_oracle;
