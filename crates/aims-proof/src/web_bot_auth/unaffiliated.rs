//! Callers without an identity that anybody vouches for.

use std::time::Duration;

use aims_credential::{Lapsed, MarkKey, Marks};
use aims_jose::Thumbprint;
use aims_keys::UnixTime;

use super::{AgentUrl, VerifiedBot};
use crate::Layer;

/// A caller that proved, for this request, that it holds a key, and that no issuer vouches for: a bot, known by the URL of its keys or by a
/// key alone.
///
/// It is no [`Authenticated`](crate::Authenticated) workload, has no identifier, and becomes neither: whoever admits it names it, as
/// [`KnownBots`](super::KnownBots) do. It ends with its signature, minutes after it was made; ask [`still_valid`](Self::still_valid) at every
/// use.
#[derive(Clone, Debug)]
pub struct Unaffiliated {
    agent: Option<AgentUrl>,
    thumbprint: Thumbprint,
    begun: UnixTime,
    not_after: UnixTime,
    leeway: Duration,
}

impl Unaffiliated {
    /// By a signature of Web Bot Auth.
    #[must_use]
    pub fn by_web_bot_auth(bot: &VerifiedBot) -> Self {
        let (begun, not_after, leeway) = bot.times();
        Self { agent: bot.agent().cloned(), thumbprint: *bot.thumbprint(), begun, not_after, leeway }
    }

    /// The URL that it is known by, if it is by one.
    #[must_use]
    pub fn agent(&self) -> Option<&AgentUrl> {
        self.agent.as_ref()
    }

    /// Its key.
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// How it proved possession: a stable name for records and policy.
    #[must_use]
    pub fn method(&self) -> &'static str {
        "web_bot_auth"
    }

    /// End to end: intermediaries pass the signature on, and could not make it.
    #[must_use]
    pub fn layer(&self) -> Layer {
        Layer::Application
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// The names under which it can be cut off.
    pub fn mark_keys(&self) -> impl Iterator<Item = MarkKey<'_>> {
        let url = self.agent.iter().map(|agent| MarkKey::Url(agent.as_str()));
        std::iter::once(MarkKey::Key(&self.thumbprint)).chain(url)
    }

    /// Whether it still counts at `now`.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        if now >= self.not_after + self.leeway {
            return Err(Lapsed::Expired);
        }
        marks.check_each(&mut self.mark_keys(), &|mark| mark.check(self.begun, self.leeway))
    }
}
