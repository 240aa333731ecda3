//! Tokens that are kept.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_credential::Flight;
use aims_keys::UnixTime;

use super::TokenNeed;
use super::need::Purpose;
use crate::{ClientError, HeldBinding, HeldToken, Issuer, OAuthClient, Resource};

/// What a token serves for: it serves for nothing else.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    issuer: Issuer,
    binding: HeldBinding,
    purpose: Purpose,
}

impl Key {
    pub(super) fn new(
        client: &OAuthClient,
        need: &TokenNeed,
        resource: &Resource,
        now: UnixTime,
    ) -> Result<Self, ClientError> {
        let (issuer, binding) = (client.issuer().clone(), client.binding(now)?);
        Ok(Self { issuer, binding, purpose: need.purpose(resource) })
    }

    pub(super) fn is_from(&self, issuer: &Issuer) -> bool {
        self.issuer == *issuer
    }

    pub(super) fn is_by_grant(&self, id: &str) -> bool {
        self.purpose.is_by_grant(id)
    }
}

/// Tokens by what they serve for; each is asked for by one request at a time.
pub(super) struct TokenCache {
    capacity: usize,
    slots: Mutex<HashMap<Key, Slot>>,
}

#[derive(Default)]
struct Slot {
    token: Option<HeldToken>,
    flight: Option<Arc<Flight>>,
    failed: Option<Failure>,
}

/// Nobody asks again at once for what was just refused.
struct Failure {
    error: ClientError,
    count: u32,
    at: UnixTime,
}

impl Failure {
    fn counts(&self, now: UnixTime) -> bool {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.count.min(8)).min(LONGEST_PAUSE);
        now < self.at + pause && now + LONGEST_PAUSE >= self.at
    }
}

/// What to do next.
enum Step {
    Done(Result<HeldToken, ClientError>),
    Wait(Arc<Flight>),
    Ask(Arc<Flight>),
    /// There is no room to remember what is asked for.
    AskAlone,
}

impl TokenCache {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { capacity, slots: Mutex::default() }
    }

    /// The token that is kept for this, if it is live; else, or when it soon is not, `obtain` is asked for another. All of it takes its time, so the clock is read
    /// again after each wait.
    pub(super) async fn get(
        &self,
        key: &Key,
        now: impl Fn() -> Result<UnixTime, ClientError>,
        obtain: impl AsyncFnOnce() -> Result<HeldToken, ClientError>,
    ) -> Result<HeldToken, ClientError> {
        loop {
            let began = now()?;
            let step = self.step(key, began);
            match step {
                Step::Done(outcome) => return outcome,
                Step::Wait(flight) => flight.over().await,
                Step::AskAlone => return obtain().await,
                Step::Ask(flight) => {
                    let asking = Asking { cache: self, key, flight };
                    let outcome = obtain().await;
                    let outcome = self.land(&asking, outcome, now().unwrap_or(began));
                    drop(asking);
                    return outcome;
                }
            }
        }
    }

    /// Forgets what this is so of. What is on its way belongs to whoever asked for it, and is not kept when it comes.
    pub(super) fn forget(&self, is: impl Fn(&Key) -> bool) {
        self.lock().retain(|key, slot| {
            let is_over = is(key);
            if let Some(token) = slot.token.as_ref().filter(|_| is_over) {
                token.discard();
            }
            !is_over
        });
    }

    pub(super) fn visit(&self, mut visit: impl FnMut(&HeldToken)) {
        // None of them is locked while somebody looks at it.
        let kept: Vec<HeldToken> = self.lock().values().filter_map(|slot| slot.token.clone()).collect();
        kept.iter().for_each(&mut visit);
    }

    fn step(&self, key: &Key, now: UnixTime) -> Step {
        let mut slots = self.lock();
        if !slots.contains_key(key) && !make_room(&mut slots, self.capacity, now) {
            return Step::AskAlone;
        }
        let slot = slots.entry(key.clone()).or_default();
        let live = slot.token.clone().filter(|token| token.is_live(now));
        let is_fresh = live.as_ref().is_some_and(|token| !token.is_due(now));
        if let Some(token) = &live
            && (is_fresh || slot.flight.is_some())
        {
            return Step::Done(Ok(token.clone()));
        }
        if let Some(flight) = &slot.flight {
            return Step::Wait(Arc::clone(flight));
        }
        if let Some(failure) = slot.failed.as_ref().filter(|failure| failure.counts(now)) {
            return Step::Done(live.ok_or_else(|| failure.error.clone()));
        }
        let flight = Arc::<Flight>::default();
        slot.flight = Some(Arc::clone(&flight));
        Step::Ask(flight)
    }

    /// What failed before its time was over takes nothing away.
    fn land(
        &self,
        asking: &Asking<'_>,
        outcome: Result<HeldToken, ClientError>,
        now: UnixTime,
    ) -> Result<HeldToken, ClientError> {
        let mut slots = self.lock();
        // It was forgotten meanwhile.
        let Some(slot) = asking.slot(&mut slots) else { return outcome };
        match outcome {
            Ok(token) => {
                slot.token = Some(token.clone());
                slot.failed = None;
                Ok(token)
            }
            Err(error) => {
                let count = slot.failed.as_ref().map_or(0, |failure| failure.count.saturating_add(1));
                slot.failed = Some(Failure { error: error.clone(), count, at: now });
                slot.token.clone().filter(|token| token.is_live(now)).ok_or(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for one more, if there can be: what is over goes first, then what ends soonest. What is being asked for stays.
fn make_room(slots: &mut HashMap<Key, Slot>, capacity: usize, now: UnixTime) -> bool {
    if slots.len() < capacity {
        return true;
    }
    let is_live = |slot: &Slot| slot.token.as_ref().is_some_and(|token| token.is_live(now));
    let has_failed = |slot: &Slot| slot.failed.as_ref().is_some_and(|failure| failure.counts(now));
    slots.retain(|_, slot| slot.flight.is_some() || is_live(slot) || has_failed(slot));
    if slots.len() < capacity {
        return true;
    }
    let idle = slots.iter().filter(|(_, slot)| slot.flight.is_none());
    let soonest = idle.min_by_key(|(_, slot)| slot.token.as_ref().and_then(HeldToken::expires));
    let Some(soonest) = soonest.map(|(key, _)| key.clone()) else { return false };
    slots.remove(&soonest);
    true
}

/// However it ends, whoever waits for it looks again: the request that asked may be gone.
struct Asking<'c> {
    cache: &'c TokenCache,
    key: &'c Key,
    flight: Arc<Flight>,
}

impl Asking<'_> {
    /// Where it lands: what was forgotten has another by now, or none.
    fn slot<'s>(&self, slots: &'s mut HashMap<Key, Slot>) -> Option<&'s mut Slot> {
        let is_own = |flight: &Arc<Flight>| Arc::ptr_eq(flight, &self.flight);
        slots.get_mut(self.key).filter(|slot| slot.flight.as_ref().is_some_and(is_own))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot(&mut self.cache.lock()) {
            slot.flight = None;
        }
        self.flight.end();
    }
}

/// Shows how many there are.
impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("len", &self.lock().len()).finish_non_exhaustive()
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
