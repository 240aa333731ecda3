//! Keys in a service on the network: a client that is a signer, and a small service for it. The pattern for a cloud's key service.
//!
//! ```text
//! GET  /keys/NAME        ->  {"key": "NAME/1", "algorithm": "ES256", "public_key": "-----BEGIN PUBLIC KEY-----..."}
//! POST /keys/NAME/sign   <-  {"algorithm": "ES256", "message": "base64url"}
//!                        ->  {"key": "NAME/1", "signature": "base64url of DER"}
//! ```
//!
//! With `authorization: Bearer TOKEN`. Services of clouds differ in names and in form: AWS and Google give DER, as here, Azure and
//! Vault (`marshaling_algorithm=jws`) give `r || s`; most take a digest where this one takes the message, because the keys of
//! [`server`] are software, which takes no digests. Those are the lines to change: `Answer` and `body` of [`client`].

pub mod client;
pub mod server;

pub use client::{RemoteSigner, RemoteSignerError};
pub use server::KeyService;
