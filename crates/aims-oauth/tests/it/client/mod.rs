//! Agents that get tokens.

mod about;
mod adversary;
mod approvals;
mod flows;
mod others;
mod step_up;
pub(crate) mod support;
mod tokens;
#[cfg(feature = "wit-svid")]
mod workloads;
