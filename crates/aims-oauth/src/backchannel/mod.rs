//! Asking a user elsewhere: client-initiated backchannel authentication (CIBA Core 1.0, `docs/spec/hitl.md` section 1).
//!
//! The client says for whom it wants to act ([`BackchannelRequest`]), is told how to ask for the answer ([`BackchannelResponse`]), and asks the token endpoint
//! ([`Grant::Backchannel`](crate::Grant::Backchannel)) now and then, or when it is [told](PingNotification) that there is one. Tokens are never pushed to it (HIL-16).

mod binding_message;
mod client;
mod error;
mod id;
mod ping;
mod request;
mod response;

pub use self::binding_message::{BindingMessage, BindingMessageError};
pub use self::client::BackchannelClient;
pub use self::error::BackchannelError;
pub use self::id::AuthRequestId;
pub use self::ping::{NotificationToken, PingError, PingNotification, PresentedPing};
pub use self::request::{BackchannelRequest, UserHint};
pub use self::response::BackchannelResponse;
