//! The challenges that an issuer has handed out.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_keys::{Backend, UnixTime};
use subtle::ConstantTimeEq;

use super::challenge::read_nonce;
use super::{Challenge, ChallengeError};

/// Hands out challenges, and takes each back once (ATT-21).
///
/// A challenge belongs to a *session*: bytes of the caller's choice that name the connection or the peer, and that come from the
/// transport, never from the message. It counts for that session alone. Whoever shows it in another session learns nothing
/// and changes nothing: it is refused like one that never was, and stays good for the session it belongs to.
///
/// ```
/// use std::time::Duration;
///
/// use aims_keys::{UnixTime, backend};
/// use aims_provision::Challenges;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let challenges = Challenges::builder(backend::ring()).build();
/// let now = UnixTime::from_secs(1_790_000_000);
/// let (audience, session) = ("spiffe://acme.example", b"connection 7");
/// let challenge = challenges.issue(audience, session, now)?;
///
/// let later = now + Duration::from_secs(2);
/// assert!(challenges.take(&challenge.nonce(), audience, b"connection 8", later).is_err());
/// challenges.take(&challenge.nonce(), audience, session, later)?;
/// assert!(challenges.take(&challenge.nonce(), audience, session, later).is_err());
/// # Ok(()) }
/// ```
///
/// They are kept in memory and not sealed by a MAC: a sealed challenge that counts once needs a memory of those that were used, with the
/// same bounds, and a process that begins again with the same key has lost that memory. Here what is not remembered is refused, so
/// that a restart costs a workload one more round and nothing else. What is kept of a challenge are digests, so a look-up says nothing
/// about the challenges of others by the time it takes.
///
/// The number alive is bounded, in all and per session; when there is no room, no challenge is handed out (ATT-23). None that counts is
/// given up for another.
pub struct Challenges {
    backend: Backend,
    lifetime: Duration,
    capacity: usize,
    per_session: usize,
    alive: Mutex<Alive>,
}

#[derive(Default)]
struct Alive {
    /// By the digest of the nonce.
    all: HashMap<Digest, Issued>,
    /// The same, by when they end.
    ends: BTreeSet<(UnixTime, Digest)>,
    /// How many each session has; no zeros.
    held: HashMap<Digest, usize>,
}

type Digest = [u8; 32];

struct Issued {
    session: Digest,
    audience: Digest,
    at: UnixTime,
    until: UnixTime,
}

impl Challenges {
    /// Starts from the source of randomness.
    pub fn builder(backend: Backend) -> ChallengesBuilder {
        ChallengesBuilder(Self {
            backend,
            lifetime: DEFAULT_LIFETIME,
            capacity: DEFAULT_CAPACITY,
            per_session: DEFAULT_PER_SESSION,
            alive: Mutex::default(),
        })
    }

    /// A fresh challenge for this audience and this session.
    ///
    /// # Errors
    ///
    /// [`ChallengeError::Audience`], [`ChallengeError::Full`], [`ChallengeError::SessionFull`], [`ChallengeError::Random`].
    pub fn issue(&self, audience: &str, session: &[u8], now: UnixTime) -> Result<Challenge, ChallengeError> {
        let mut nonce = [0; 32];
        self.backend.fill_random(&mut nonce).map_err(ChallengeError::Random)?;
        let challenge = Challenge::from_parts(audience, nonce)?;
        let issued = Issued {
            session: self.backend.sha256(session),
            audience: self.backend.sha256(audience.as_bytes()),
            at: now,
            until: now + self.lifetime,
        };
        let key = self.backend.sha256(&nonce);

        let mut alive = self.lock();
        alive.sweep(now, now + self.lifetime);
        if alive.all.len() >= self.capacity {
            return Err(ChallengeError::Full);
        }
        if alive.held.get(&issued.session).copied().unwrap_or_default() >= self.per_session {
            return Err(ChallengeError::SessionFull);
        }
        *alive.held.entry(issued.session).or_default() += 1;
        alive.ends.insert((issued.until, key));
        alive.all.insert(key, issued);
        Ok(challenge)
    }

    /// Takes a challenge back, by its nonce in base64url. Of several callers with the same one, exactly one gets it.
    ///
    /// Once the session is the right one the challenge is gone, whatever the outcome here and afterwards.
    ///
    /// # Errors
    ///
    /// [`ChallengeError::Nonce`]; [`ChallengeError::Unknown`] for one that was never handed out, was used, or belongs to another session;
    /// [`ChallengeError::Expired`]; [`ChallengeError::AudienceMismatch`].
    pub fn take(
        &self,
        nonce: &str,
        audience: &str,
        session: &[u8],
        now: UnixTime,
    ) -> Result<TakenChallenge, ChallengeError> {
        let nonce = read_nonce(nonce)?;
        let key = self.backend.sha256(&nonce);
        let issued = self.lock().take(&key, &self.backend.sha256(session)).ok_or(ChallengeError::Unknown)?;
        // After a clock was set back, what comes from the future would live longer than it should.
        if now < issued.at || now >= issued.until {
            return Err(ChallengeError::Expired);
        }
        if !bool::from(issued.audience.ct_eq(&self.backend.sha256(audience.as_bytes()))) {
            return Err(ChallengeError::AudienceMismatch);
        }
        Ok(TakenChallenge {
            challenge: Challenge::from_parts(audience, nonce)?,
            session: session.into(),
            issued: issued.at,
            not_after: issued.until,
        })
    }

    /// How long a challenge lives.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// How many are remembered, those included that expired and were not swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().all.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn backend(&self) -> Backend {
        self.backend
    }

    fn lock(&self) -> MutexGuard<'_, Alive> {
        // Nothing panics while it is held; if it did, what is missing in it is refused.
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alive {
    /// Removes the challenge if it belongs to this session.
    fn take(&mut self, key: &Digest, session: &Digest) -> Option<Issued> {
        if !bool::from(self.all.get(key)?.session.ct_eq(session)) {
            return None;
        }
        self.remove(key)
    }

    fn remove(&mut self, key: &Digest) -> Option<Issued> {
        let issued = self.all.remove(key)?;
        self.ends.remove(&(issued.until, *key));
        if let Some(held) = self.held.get_mut(&issued.session) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&issued.session);
            }
        }
        Some(issued)
    }

    /// Removes what has ended, and what ends later than anything issued now: of before a clock was set back, it counts no more, and would take
    /// up room for as long as the clock was ahead.
    fn sweep(&mut self, now: UnixTime, latest: UnixTime) {
        while let Some(&(until, key)) = self.ends.first()
            && until <= now
        {
            self.ends.pop_first();
            self.remove(&key);
        }
        while let Some(&(until, key)) = self.ends.last()
            && until > latest
        {
            self.ends.pop_last();
            self.remove(&key);
        }
    }
}

/// Shows how many there are.
impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenges")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// Options of [`Challenges`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ChallengesBuilder(Challenges);

impl ChallengesBuilder {
    /// How long a challenge lives. Default: 60 s; at most 300 s.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.0.lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// How many may be alive at once. Default: 10,000, which take less than 4 MB.
    pub fn capacity(mut self, challenges: usize) -> Self {
        self.0.capacity = challenges;
        self
    }

    /// How many one session may have at once, so that none can take the room of all. Default: 8.
    pub fn per_session(mut self, challenges: usize) -> Self {
        self.0.per_session = challenges;
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> Challenges {
        self.0
    }
}

/// A challenge that came back in its session, in time, and for the first time; [`Challenges::take`] is the only way to one.
///
/// That somebody knows it proves nothing about a key yet.
pub struct TakenChallenge {
    challenge: Challenge,
    session: Box<[u8]>,
    issued: UnixTime,
    not_after: UnixTime,
}

impl TakenChallenge {
    /// The challenge, to compute what evidence must carry.
    #[must_use]
    pub fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The session it was handed out to.
    #[must_use]
    pub fn session(&self) -> &[u8] {
        &self.session
    }

    pub(super) fn into_session(self) -> Box<[u8]> {
        self.session
    }

    /// When it was handed out.
    #[must_use]
    pub fn issued_at(&self) -> UnixTime {
        self.issued
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }
}

/// Shows neither the challenge nor the session.
impl fmt::Debug for TakenChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakenChallenge")
            .field("audience", &self.challenge.audience())
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

const MAX_LIFETIME: Duration = Duration::from_secs(300);

const DEFAULT_CAPACITY: usize = 10_000;

const DEFAULT_PER_SESSION: usize = 8;
