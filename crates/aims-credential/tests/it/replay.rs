//! The contract of replay memory, by the smallest store that keeps it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aims_credential::{ReplayError, ReplayStore};
use aims_jose::Thumbprint;
use aims_keys::{Algorithm, UnixTime};
use aims_testkit::assert_refused;

use crate::support::{at, key, public};

#[derive(Debug, Default)]
struct Two(Mutex<HashMap<(Option<Thumbprint>, String), UnixTime>>);

impl Two {
    fn insert(
        &self,
        sender: Option<&Thumbprint>,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError> {
        let mut seen = self.0.lock().map_err(|_| ReplayError::Unavailable)?;
        seen.retain(|_, until| *until > now);
        let entry = (sender.copied(), id.to_owned());
        if seen.contains_key(&entry) {
            return Err(ReplayError::Replayed);
        }
        if seen.len() >= 2 {
            return Err(ReplayError::Full);
        }
        seen.insert(entry, until);
        Ok(())
    }
}

impl ReplayStore for Two {
    fn remember(
        &self,
        sender: &Thumbprint,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError> {
        self.insert(Some(sender), id, until, now)
    }

    fn remember_from_anyone(
        &self,
        _: &Thumbprint,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError> {
        self.insert(None, id, until, now)
    }
}

#[test]
fn hsig_11_what_counts_once_whoever_sends_it_is_asked_through_the_handle_too() {
    let [one, other] =
        [Algorithm::Es256, Algorithm::Ed25519].map(|algorithm| Thumbprint::of(public(&key(algorithm))));
    let store: Arc<dyn ReplayStore> = Arc::new(Two::default());
    let (now, until) = (at(0), at(60));
    store.remember_from_anyone(&one, "a", until, now).unwrap();
    assert_refused!(store.remember_from_anyone(&other, "a", until, now), "replay", "WPT-11");
    store.remember(&one, "a", until, now).unwrap();
}

#[test]
fn wpt_11_a_shared_store_is_asked_through_its_handle() {
    let sender = |key| Thumbprint::of(public(key));
    let (a, b) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let store: Arc<dyn ReplayStore> = Arc::new(Two::default());
    store.remember(&sender(&a), "1", at(10), at(0)).unwrap();
    assert_refused!(store.remember(&sender(&a), "1", at(10), at(9)), "replay", "WPT-11");
    store.remember(&sender(&b), "1", at(20), at(9)).unwrap();
    assert_refused!(store.remember(&sender(&b), "2", at(20), at(9)), "replay_store_full", "WPT-11");
    store.remember(&sender(&b), "2", at(20), at(10)).unwrap();
    let lost = ReplayError::Unavailable;
    assert_eq!((lost.code(), lost.rule()), ("replay_store_unavailable", "WPT-11"));
}
