//! What is remembered of each URL.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Attempts, Flight, PerMinute};
use aims_jose::Thumbprint;
use aims_keys::UnixTime;

use super::Settings;
use crate::web_bot_auth::{BotKey, Discovery, DiscoveryError, KeyDirectory, KeySource};

/// By what is fetched, and how it is read. The query is part of it, since another query may bring another document.
pub(super) type Place = (Discovery, Box<str>);

pub(super) fn place(source: &KeySource) -> Place {
    (source.discovery(), source.url().as_str().into())
}

/// What to do next about a key.
pub(super) enum Step {
    /// It is known, or known not to be known.
    Done(Result<BotKey, DiscoveryError>),
    /// Somebody asks already.
    Wait(Arc<Flight>),
    /// Ask.
    Fetch(Arc<Flight>),
}

/// All URLs, bounded.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: HashMap<Place, Entry>,
    /// Counts look-ups, so that what was not used for longest is known.
    ticks: u64,
    budget: PerMinute,
}

#[derive(Debug, Default)]
struct Entry {
    authority: Box<str>,
    directory: Option<KeyDirectory>,
    fetched: UnixTimeOrNever,
    fresh_until: UnixTimeOrNever,
    error: Option<DiscoveryError>,
    attempts: Attempts,
    flight: Option<Arc<Flight>>,
    used: u64,
    /// The site named it itself: it stays, and is not counted with what strangers name.
    is_known: bool,
}

type UnixTimeOrNever = Option<UnixTime>;

impl Table {
    /// With the URLs that the site named.
    pub(super) fn of(known: &[KeySource]) -> Self {
        let entry = |source: &KeySource| Entry { is_known: true, ..Entry::of(source) };
        Self {
            entries: known.iter().map(|source| (place(source), entry(source))).collect(),
            ..Self::default()
        }
    }

    pub(super) fn step(
        &mut self,
        source: &KeySource,
        thumbprint: &Thumbprint,
        now: UnixTime,
        may_fetch: bool,
        settings: &Settings,
    ) -> Step {
        self.ticks += 1;
        let place = place(source);
        let Some(entry) = self.entries.get_mut(&place) else {
            if settings.only_known {
                return Step::Done(Err(DiscoveryError::Unknown));
            }
            // What was fetched may have had to make room by now. Nothing makes room for what is not fetched.
            let may_fetch = may_fetch
                && !self.is_crowded(source, settings)
                && self.budget.take(now, settings.per_minute)
                && self.make_room(settings);
            if !may_fetch {
                return Step::Done(Err(DiscoveryError::Busy));
            }
            let flight = Arc::<Flight>::default();
            let entry = Entry { flight: Some(Arc::clone(&flight)), ..Entry::of(source) };
            self.entries.insert(place, entry);
            return Step::Fetch(flight);
        };
        entry.used = self.ticks;
        let settled = entry.settled(thumbprint, now, settings);
        if entry.is_fresh(now) && settled.is_ok() {
            return Step::Done(settled);
        }
        if let Some(flight) = &entry.flight {
            return Step::Wait(Arc::clone(flight));
        }
        if !may_fetch || entry.attempts.are_resting(now) {
            return Step::Done(settled);
        }
        let may_start = entry.attempts.begin(now);
        let is_stranger = !entry.is_known;
        if !may_start
            || is_stranger
                && (self.is_crowded(source, settings) || !self.budget.take(now, settings.per_minute))
        {
            // What is held still counts, as if the fetch had failed.
            return Step::Done(settled.map_err(|_| DiscoveryError::Busy));
        }
        let flight = Arc::<Flight>::default();
        if let Some(entry) = self.entries.get_mut(&place) {
            entry.flight = Some(Arc::clone(&flight));
        }
        Step::Fetch(flight)
    }

    /// HS-WBA-08: what was fetched takes the place of what was there; what failed does not.
    pub(super) fn land(
        &mut self,
        place: &Place,
        outcome: Result<(KeyDirectory, Duration), DiscoveryError>,
        now: UnixTime,
    ) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        match outcome {
            Ok((directory, fresh)) => {
                entry.directory = Some(directory);
                (entry.fetched, entry.fresh_until) = (Some(now), Some(now + fresh));
                entry.error = None;
                entry.attempts.succeeded(now);
            }
            Err(error) => {
                entry.error = Some(error);
                entry.attempts.failed(now);
            }
        }
    }

    /// The fetch is over, whether or not it brought anything.
    pub(super) fn clear(&mut self, place: &Place, flight: &Arc<Flight>) {
        if let Some(entry) = self.entries.get_mut(place)
            && entry.flight.as_ref().is_some_and(|known| Arc::ptr_eq(known, flight))
        {
            entry.flight = None;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Makes room for one more: of what strangers named, what never had keys goes first, then what was not used for longest.
    fn make_room(&mut self, settings: &Settings) -> bool {
        if self.entries.len() < settings.capacity {
            return true;
        }
        let idle = self.entries.iter().filter(|(_, entry)| !entry.is_known && entry.flight.is_none());
        let oldest = idle.min_by_key(|(_, entry)| (entry.directory.is_some(), entry.used));
        let Some(place) = oldest.map(|(place, _)| place.clone()) else { return false };
        self.entries.remove(&place);
        true
    }

    /// Whether as much is under way as may be: in all, and to one host.
    fn is_crowded(&self, source: &KeySource, settings: &Settings) -> bool {
        let under_way = self.entries.values().filter(|entry| entry.flight.is_some());
        let (mut all, mut same) = (0, 0);
        for entry in under_way {
            all += 1;
            same += usize::from(*entry.authority == *source.url().authority());
        }
        all >= settings.concurrent || same >= PER_HOST
    }
}

impl Entry {
    fn of(source: &KeySource) -> Self {
        Self { authority: source.url().authority().into(), ..Self::default() }
    }

    /// By a clock that was set back, nothing is fresh that was fetched later.
    fn is_fresh(&self, now: UnixTime) -> bool {
        let is_past = self.fetched.is_some_and(|fetched| fetched <= now);
        is_past && self.fresh_until.is_some_and(|end| now < end)
    }

    /// What can be said without asking.
    fn settled(
        &self,
        thumbprint: &Thumbprint,
        now: UnixTime,
        settings: &Settings,
    ) -> Result<BotKey, DiscoveryError> {
        let unknown = || self.error.clone().unwrap_or(DiscoveryError::NotProvided);
        let (Some(directory), Some(fetched), Some(fresh_until)) =
            (&self.directory, self.fetched, self.fresh_until)
        else {
            return Err(unknown());
        };
        if now >= fresh_until + settings.max_stale {
            return Err(unknown());
        }
        let key = directory.get(thumbprint).filter(|key| key.counts_at(now)).ok_or_else(unknown)?;
        if settings.shown && key.shown_until().is_none_or(|end| end <= now) {
            return Err(DiscoveryError::NotShown);
        }
        Ok(BotKey::new(key, fetched))
    }
}

/// Fetches from one host at once.
const PER_HOST: usize = 4;
