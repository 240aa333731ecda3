//! The resource server: who may do what, and who has shown that the token is theirs.

mod authorized;
mod clients;
mod policy;
mod possession;
mod presented;
mod published;
mod refusal;
mod server;
mod shortfall;

pub use self::authorized::Authorized;
pub use self::clients::{ClientIdentities, IssuerAgents, NamedClients, SameIdentity};
pub use self::policy::BindingPolicy;
pub use self::possession::{Possession, PossessionError, Shown};
pub use self::presented::{PresentedError, PresentedToken, TokenScheme};
pub use self::refusal::ResourceError;
pub use self::server::ResourceServer;
pub use self::shortfall::Shortfall;
