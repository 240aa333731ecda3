//! The Model Context Protocol: who may call which tool, and what a server asks its client for.
//!
//! Of the protocol itself there is as much as decides about access: any implementation of it stands behind a [`McpLayer`](crate::McpLayer), or in front of a
//! [`TokenAgent`](crate::TokenAgent).

mod beside;
mod calls;
mod disguise;
mod form;
mod hash;
mod input;
mod scopes;
mod secrets;
mod state;

pub(crate) use self::beside::{check_fields, check_media_type, check_repeated};
pub use self::calls::{McpCall, McpCalls, McpMessageError};
pub use self::form::{FieldKind, FormField, FormRequest};
pub use self::input::{InputError, InputRequest, InputRequired, InputResponses, UrlRequest};
pub(crate) use self::scopes::OFFLINE;
pub use self::scopes::{McpScopes, McpScopesBuilder, McpScopesError};
pub use self::state::{RequestStateError, RequestStates};
