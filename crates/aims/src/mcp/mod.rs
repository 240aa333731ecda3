//! The Model Context Protocol: who may call which tool, and what a server asks its client for.
//!
//! Of the protocol itself there is as much as decides about access: any implementation of it stands behind a [`McpLayer`](crate::McpLayer), or in front of a
//! [`TokenAgent`](crate::TokenAgent).

mod calls;
mod scopes;

pub use self::calls::{McpCall, McpCalls, McpMessageError};
pub(crate) use self::scopes::OFFLINE;
pub use self::scopes::{McpScopes, McpScopesBuilder, McpScopesError};
