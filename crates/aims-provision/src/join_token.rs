//! Join tokens: the word of an operator, once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aims_attest::{Appraisal, AppraisalBuilder, Evidence, EvidenceType, Freshness, Level, Selector};
use aims_jose::base64url;
use aims_keys::{Backend, KeyError, UnixTime};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::ProvenKey;

/// Secrets that an operator hands out, each good for one workload, once: for agents on machines where nobody vouches for them (ATT-96).
///
/// Whoever shows a token first, together with a key that it holds, is taken for the workload that the token was made for; the appraisal is bound to that key.
/// It is worth little ([`Level::ASSERTED`]): give it to entries that a posture assessor does not ask for more. Tokens are kept as hashes, so
/// whoever reads this memory learns none.
///
/// ```
/// use aims_keys::{UnixTime, backend};
/// use aims_provision::JoinTokens;
///
/// let now = UnixTime::from_secs(1_790_000_000);
/// let tokens = JoinTokens::new(backend::ring());
/// let token = tokens.create(["join:agent:travel".parse().unwrap()], now)?;
/// println!("give this to the agent, and to nobody else: {}", token.expose());
/// # Ok::<(), aims_provision::JoinTokenError>(())
/// ```
pub struct JoinTokens {
    backend: Backend,
    lifetime: Duration,
    capacity: usize,
    /// By the first half of the hash: a look-up takes no longer for a token that is nearly right.
    tokens: Mutex<HashMap<[u8; 16], Kept>>,
}

struct Kept {
    /// The second half of the hash.
    rest: [u8; 16],
    selectors: Vec<Selector>,
    not_after: UnixTime,
}

impl JoinTokens {
    /// No tokens yet; at most 10 000 at once.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend, lifetime: DEFAULT_LIFETIME, capacity: DEFAULT_CAPACITY, tokens: Mutex::default() }
    }

    /// How long a token may be used. Default: 10 min; at most 24 h.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(Duration::from_secs(86_400));
        self
    }

    /// How many may be alive at once. Default: 10 000.
    #[must_use]
    pub fn with_capacity(mut self, tokens: usize) -> Self {
        self.capacity = tokens;
        self
    }

    /// Makes a token, which will prove these selectors once.
    ///
    /// # Errors
    ///
    /// [`JoinTokenError::NoSelectors`], [`JoinTokenError::Full`], [`JoinTokenError::Random`].
    pub fn create(
        &self,
        selectors: impl IntoIterator<Item = Selector>,
        now: UnixTime,
    ) -> Result<JoinToken, JoinTokenError> {
        let selectors: Vec<_> = selectors.into_iter().collect();
        if selectors.is_empty() || selectors.len() > MAX_SELECTORS {
            return Err(JoinTokenError::NoSelectors);
        }
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        self.backend.fill_random(&mut *secret).map_err(JoinTokenError::Random)?;
        let token = JoinToken(Zeroizing::new(base64url::encode(secret.as_slice())));
        let (name, rest) = self.hash(token.expose());

        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= self.capacity {
            tokens.retain(|_, kept| now < kept.not_after);
        }
        // Nothing that counts is forgotten for something new.
        if tokens.len() >= self.capacity {
            return Err(JoinTokenError::Full);
        }
        tokens.insert(name, Kept { rest, selectors, not_after: now + self.lifetime });
        Ok(token)
    }

    /// Uses a token up for whoever holds `key`: what comes out proves the selectors of the token, and nothing does a second time.
    ///
    /// The appraisal counts for `counts_for` from `now`. A token that is shown is used up, whatever comes of it: while the clock is set back by more than two minutes, too. Tell the caller
    /// no more than that it was refused.
    ///
    /// # Errors
    ///
    /// [`JoinTokenError::Unknown`] for a token that never was, was used, or has expired: which of these, nobody can tell any more.
    pub fn redeem(
        &self,
        token: &str,
        key: &ProvenKey,
        counts_for: Duration,
        now: UnixTime,
    ) -> Result<Appraisal, JoinTokenError> {
        if token.len() != TEXT_LEN {
            return Err(JoinTokenError::Unknown);
        }
        let (name, rest) = self.hash(token);
        // Made while the clock was ahead, it would live for longer than it should.
        let latest = now + self.lifetime + LEEWAY;
        let counts = |kept: &Kept| now < kept.not_after && kept.not_after <= latest;
        let kept = self.take(&name, &rest).filter(counts).ok_or(JoinTokenError::Unknown)?;
        // INVARIANT: shorter than any evidence may be.
        let evidence = Evidence::new(EvidenceType::JoinToken, name.to_vec(), now)
            .map_err(|_| JoinTokenError::Unknown)?;
        let builder = Appraisal::accepted(&evidence, "join-token", (now, now + counts_for), self.backend)
            .level(Level::ASSERTED)
            .freshness(Freshness::OneTimeUse)
            .bound(key.bound_key(), key.binding());
        Ok(kept.selectors.into_iter().fold(builder, AppraisalBuilder::selector).build())
    }

    /// How many may still be used, those included that have expired since.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Under the lock, so that of two who show one token at once one gets it.
    fn take(&self, name: &[u8; 16], rest: &[u8; 16]) -> Option<Kept> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = tokens.get(name).is_some_and(|kept| bool::from(kept.rest.ct_eq(rest)));
        if is_it { tokens.remove(name) } else { None }
    }

    fn hash(&self, token: &str) -> ([u8; 16], [u8; 16]) {
        let hash = self.backend.sha256(token.as_bytes());
        let (mut name, mut rest) = ([0; 16], [0; 16]);
        for (half, bytes) in [&mut name, &mut rest].into_iter().zip(hash.chunks_exact(16)) {
            half.copy_from_slice(bytes);
        }
        (name, rest)
    }
}

/// Shows how many there are.
impl fmt::Debug for JoinTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinTokens").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A join token: 43 characters that are a secret. Overwritten when it is dropped.
pub struct JoinToken(Zeroizing<String>);

impl JoinToken {
    /// The text, for the one who is to use it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken(..)")
    }
}

/// Why there is no join token, or one does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinTokenError {
    /// As many are alive as may be.
    #[error("too many join tokens are waiting to be used")]
    Full,
    /// A token without selectors would prove nothing; with more than 64 it would prove too much.
    #[error("a join token has from 1 to 64 selectors")]
    NoSelectors,
    /// There is no randomness.
    #[error("the random generator failed")]
    Random(#[source] KeyError),
    /// There is no such token, or not any more.
    #[error("the join token does not count")]
    Unknown,
}

impl JoinTokenError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full => "too_many_join_tokens",
            Self::NoSelectors => "join_token_selectors",
            Self::Random(error) => error.code(),
            Self::Unknown => "join_token_unknown",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Full | Self::Unknown => "ATT-96",
            Self::NoSelectors => "ATT-102",
            Self::Random(error) => error.rule(),
        }
    }
}

/// ATT-96 wants 16 at least.
const SECRET_LEN: usize = 32;

const TEXT_LEN: usize = 43;

const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

/// For a clock that is corrected by a little.
const LEEWAY: Duration = Duration::from_secs(120);

const DEFAULT_CAPACITY: usize = 10_000;

const MAX_SELECTORS: usize = 64;
