//! The testkit itself: what it mints is real, and its assertions fail when they should.
#![cfg(test)]

#[cfg(feature = "authority")]
mod authority;
mod refusal;
#[cfg(feature = "vectors")]
mod vectors;
