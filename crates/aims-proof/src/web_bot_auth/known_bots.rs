//! The bots that a service admits.

use std::collections::{BTreeSet, HashSet};

use aims_jose::Thumbprint;

use super::{AgentUrl, KeySource, KeySourceError, Unaffiliated};

/// The bots that a service admits: none, until they are named.
///
/// ```
/// use aims_proof::web_bot_auth::KnownBots;
///
/// let bots = KnownBots::new().directory("https://bot.example")?.url("https://host.example/bots/7/keys.json".parse()?);
/// # let _ = bots;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KnownBots {
    urls: BTreeSet<AgentUrl>,
    keys: HashSet<Thumbprint>,
}

impl KnownBots {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Those whose keys are in the directory of this origin.
    ///
    /// # Errors
    ///
    /// [`KeySourceError`] when it is no origin.
    pub fn directory(self, origin: &str) -> Result<Self, KeySourceError> {
        Ok(self.url(KeySource::directory(origin)?.agent().clone()))
    }

    /// Those whose keys are at this URL: the whole of it, as [`VerifiedBot::agent`](super::VerifiedBot::agent) has it. An origin is for
    /// [`directory`](Self::directory); here it would be nobody's.
    #[must_use]
    pub fn url(mut self, url: AgentUrl) -> Self {
        self.urls.insert(url);
        self
    }

    /// Whoever holds this key.
    #[must_use]
    pub fn key(mut self, key: Thumbprint) -> Self {
        self.keys.insert(key);
        self
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn admit(&self, bot: &Unaffiliated) -> bool {
        bot.agent().is_some_and(|agent| self.urls.contains(agent)) || self.keys.contains(bot.thumbprint())
    }
}
