//! Agents that get tokens.

mod about;
mod addressee;
mod adversary;
mod approvals;
mod attested;
mod codes;
mod endpoints;
mod enterprise;
mod flows;
mod kept;
mod meanwhile;
mod memory;
mod others;
mod refusals;
mod services;
mod step_up;
mod steps;
pub(crate) mod support;
mod tokens;
#[cfg(feature = "wit-svid")]
mod workloads;
