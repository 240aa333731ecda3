//! The store on a token, against `SoftHSM` (TPM-40 to -45).
//!
//! `SoftHSM` finds its tokens through an environment variable of the process, so each test runs in a process of its own: the
//! test program calls itself for that one test. Where `SoftHSM` is missing, the tests say so and skip; with `CI` set they fail.

mod faults;
mod foreign;
mod keys;
mod world;
