//! Web Bot Auth: bots that say who they are to sites that have never heard of them (draft-meunier-webbotauth-httpsig-protocol).
//!
//! A bot signs its requests, and names in `Signature-Agent` the `https` URL under which its keys are published. A site fetches the
//! keys and knows, from then on, the bot again by that URL. That is all it knows: a URL is not an identity that anybody vouches for,
//! so what comes out is [`Unaffiliated`], which a list of callers must name to admit ([`KnownBots`]), and never an
//! [`Authenticated`](crate::Authenticated) workload.
//!
//! | For | Use |
//! |---|---|
//! | a bot that signs | [`BotSigner`], with a [`KeySource`] |
//! | the place where its keys are published | [`PublishedDirectory`] |
//! | a site that verifies | [`BotVerifier`], with [`Directories`] |
//! | what comes out | [`BotOutcome`], [`VerifiedBot`], [`Unaffiliated`] |
//!
//! Requirements: `docs/spec/http-signatures.md` section 15 (HS-WBA).

mod agent_url;
mod algorithms;
mod directories;
mod directory;
mod keys;
mod known_bots;
mod outcome;
mod possession;
mod publish;
mod sign;
mod signature_agent;
mod source;
mod test_keys;
mod unaffiliated;
mod verify;

use aims_credential::SpecRevision;

pub use self::agent_url::AgentUrl;
pub use self::directories::{Directories, DirectoriesBuilder};
pub use self::directory::{
    DirectoryError, DirectoryKey, DirectoryKeyError, KeyDirectory, SkippedDirectoryKey,
};
pub use self::keys::{BotKey, BotKeys, DiscoveryError, NoDiscovery};
pub use self::known_bots::KnownBots;
pub use self::outcome::{BotOutcome, Unverified, VerifiedBot};
pub use self::possession::{Possession, PossessionError};
pub use self::publish::PublishedDirectory;
pub use self::sign::{BotFields, BotSignError, BotSigner, NewBotSignature, UnsignedBotSignature};
pub use self::signature_agent::{IgnoredMember, SignatureAgent, SignatureAgentError};
pub use self::source::{Discovery, KeySource, KeySourceError};
pub use self::unaffiliated::Unaffiliated;
pub use self::verify::{BotError, BotVerifier, BotVerifierBuilder};

/// The specification.
pub const SPEC_REVISIONS: &[SpecRevision] = &[SpecRevision::new(
    "draft-meunier-webbotauth-httpsig-protocol",
    "a28dfe8a5b58a7deb6e44cdc98b7e42df2fabf5a",
    "2026-08-20",
)];

/// The `tag` of signatures by bots.
pub const TAG: &str = "web-bot-auth";

/// The `tag` of signatures by which a directory shows that it has its keys.
pub const DIRECTORY_TAG: &str = "http-message-signatures-directory";

/// Where the directory of an origin is.
pub const DIRECTORY_PATH: &str = "/.well-known/http-message-signatures-directory";

/// The media type of a directory.
pub const DIRECTORY_MEDIA_TYPE: &str = "application/http-message-signatures-directory+json";

/// The field in which a bot says where its keys are.
pub const SIGNATURE_AGENT_FIELD: &str = "signature-agent";
