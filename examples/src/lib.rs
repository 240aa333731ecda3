//! Programs a user of each crate would start from: see `src/bin`.
