//! Programs a user of each crate would start from: see `src/bin`.
//!
//! | Program | Shows |
//! |---|---|
//! | `id` | identifiers and patterns (`aims-id`) |
//! | `keys` | a key that signs and verifies (`aims-keys`) |
//! | `remote_signer` | an issuer whose key is in a key service on the network, and such a service (`aims-keys`) |
//! | `appraiser` | evidence of one's own kind, a policy that asks for it, and what is granted on it (`aims-attest`, `aims-provision`) |
//! | `jose` | a signed token, made and read (`aims-jose`) |
//! | `credential` | an issuer: a trust bundle, and a credential for an agent (`aims-credential`) |
//! | `proof` | a proof of possession, verified once and refused the second time (`aims-proof`) |
//! | `webhook` | a signed webhook, sent and received (`aims-httpsig`) |
//! | `tool_axum` | a tool over HTTP that admits the agents of one trust domain (`aims`) |
//! | `tool_tonic` | the same over gRPC (`aims`) |
//! | `agent` | an agent that calls both (`aims`) |
//! | `certificates` | an authority: a bundle document, and certificates for two workloads (`aims-credential`) |
//! | `tool_mtls` | the tool over mutual TLS (`aims`) |
//! | `agent_mtls` | an agent that calls it (`aims`) |
//! | `mtls` | both in one program, with certificates that are renewed (`aims`) |
//! | `signed` | signed requests and signed answers, both ends (`aims`) |
//! | `tokens` | a tool that wants access tokens, and two agents that have one (`aims`) |
//! | `mcp` | a server of the Model Context Protocol and an agent that calls its tools, with the crate `rmcp` (`aims`) |
//! | `workload_api` | a Workload API on a Unix socket, with a register that is a file (`aims-workload-api`) |
//! | `workload` | a workload that asks it who it is, and follows the answer (`aims-workload-api`) |
//! | `tpm_issuer` | an issuer that asks for evidence of TPMs (`aims-attest`, `aims-workload-api`) |
//! | `tpm_agent` | an agent whose keys are in a TPM, with evidence of that for its issuer (`aims-tpm`, feature `tpm`) |
//! | `soak` | both under load, with a tool and two hundred callers |
//!
//! `credential` makes the files that `tool_axum`, `tool_tonic` and `agent` take, `certificates` those of the others:
//!
//! ```text
//! cargo run --bin credential -- /tmp/acme
//! cargo run --bin tool_axum -- /tmp/acme/trust.json
//! cargo run --bin tool_tonic -- /tmp/acme/trust.json
//! cargo run --bin agent -- /tmp/acme http://127.0.0.1:HTTP_PORT http://127.0.0.1:GRPC_PORT
//!
//! cargo run --bin certificates -- /tmp/acme-tls
//! cargo run --bin tool_mtls -- /tmp/acme-tls
//! cargo run --bin agent_mtls -- /tmp/acme-tls https://127.0.0.1:PORT
//! cargo run --bin mtls
//!
//! cargo run --bin signed
//! cargo run --bin tokens
//! cargo run --bin mcp
//! cargo run --bin remote_signer
//! ```

pub mod remote_signer;
pub mod search;
pub mod workload;

/// Pages whose code must compile: they belong to no crate that is published.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    mod front {}

    #[doc = include_str!("../../docs/act-for-a-user.md")]
    mod act_for_a_user {}

    #[doc = include_str!("../../docs/agent.md")]
    mod agent {}

    #[doc = include_str!("../../docs/hardware.md")]
    mod hardware {}

    #[doc = include_str!("../../docs/identity.md")]
    mod identity {}

    #[doc = include_str!("../../docs/mcp.md")]
    mod mcp {}

    #[doc = include_str!("../../docs/mtls.md")]
    mod mtls {}

    #[doc = include_str!("../../docs/signatures.md")]
    mod signatures {}

    #[doc = include_str!("../../docs/tool.md")]
    mod tool {}
}
