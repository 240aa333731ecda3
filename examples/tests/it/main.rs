#![cfg(test)]
//! The programs as their users run them: as processes, over sockets.

mod programs;
mod remote_signer;
#[cfg(target_os = "linux")]
#[cfg(target_os = "linux")]
mod soak;
mod tools;
#[cfg(target_os = "linux")]
#[cfg(target_os = "linux")]
mod workload;
