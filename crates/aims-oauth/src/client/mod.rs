//! The client: how an agent gets tokens.
//!
//! Every grant is a flow: an object that yields a request, takes the answer, and becomes the next one. None of them sends anything.

mod approval;
mod authorization;
mod constraint;
mod credential;
mod error;
mod held;
mod no_answer;
mod nonces;
mod oauth_client;
mod pending;
mod refusal;
mod request;
pub(crate) mod sealed;
mod step_up;
mod token_flow;
mod told;
mod tries;

pub use self::approval::{AskFlow, AskStep, NotYet, PendingApproval, SentAsk};
pub use self::authorization::{AuthorizationFlow, AuthorizationStart, PushFlow, PushStep, SentPush};
pub use self::constraint::{HeldBinding, SenderConstraint};
pub use self::credential::ClientCredential;
pub use self::error::ClientError;
pub use self::held::{HeldGrant, HeldToken};
pub use self::no_answer::NoAnswer;
pub use self::nonces::NonceJar;
pub use self::oauth_client::OAuthClient;
pub(crate) use self::oauth_client::check_media_type;
pub use self::pending::PendingAuthorization;
pub use self::refusal::Refusal;
pub(crate) use self::refusal::refusal;
pub use self::request::EndpointRequest;
pub use self::step_up::{StepUp, StepUps};
pub(crate) use self::step_up::{is_known, of_resource};
pub use self::token_flow::{SentTokenRequest, TokenFlow, TokenStep};
