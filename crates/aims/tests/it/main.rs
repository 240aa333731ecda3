#![cfg(test)]
//! Guard and Agent against each other, and against attackers.

mod agent;
#[cfg(feature = "mtls")]
mod behind;
mod concurrency;
mod evidence;
#[cfg(feature = "mtls")]
mod forwarded;
mod guard;
mod hardware;
#[cfg(feature = "mcp")]
mod mcp;
#[cfg(feature = "mtls")]
mod mtls;
mod permit;
mod record;
#[cfg(feature = "reqwest")]
mod reqwest;
mod sanitize;
mod secrets;
mod signature;
mod support;
#[cfg(feature = "oauth")]
mod token_agent;
#[cfg(feature = "oauth")]
mod token_memory;
#[cfg(all(feature = "axum", feature = "oauth", feature = "reqwest", feature = "tokio"))]
mod token_reqwest;
#[cfg(feature = "oauth")]
mod tokens;
mod trace;
#[cfg(all(feature = "axum", feature = "hyper", feature = "tonic"))]
mod transport;
