//! The testkit itself: what it mints is real, and its assertions fail when they should.
#![cfg(test)]

#[cfg(feature = "authority")]
mod authority;
mod refusal;
#[cfg(all(feature = "swtpm", unix))]
mod swtpm;
#[cfg(feature = "vectors")]
mod vectors;
