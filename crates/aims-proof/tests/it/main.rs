#![cfg(test)]
//! Tests of `aims-proof`, by subject.

mod attacks;
mod audiences;
mod authenticated;
mod carriers;
#[cfg(feature = "mtls")]
mod forwarded;
mod make;
#[cfg(feature = "mtls")]
mod mtls;
mod properties;
mod replay;
mod signature;
mod status;
mod support;
mod vectors;
#[cfg(feature = "web-bot-auth")]
mod web_bot_auth;
mod wpt;
#[cfg(feature = "legacy-wpt-01")]
mod wpt_01;
