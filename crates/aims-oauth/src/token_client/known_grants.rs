//! The grants that a client knows of.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::user_grant::{UserGrant, WeakGrant};

/// The grants of users that tokens came by, for as long as somebody has them: the host keeps them, and what is in them is secret all the same (AIMS-19).
#[derive(Default)]
pub(super) struct KnownGrants(Mutex<State>);

#[derive(Default)]
struct State {
    /// By where they are in memory: nothing else is there while the entry is.
    known: HashMap<usize, WeakGrant>,
    /// Of so many the dead are looked for.
    limit: usize,
}

impl KnownGrants {
    pub(super) fn know(&self, grant: &UserGrant) {
        let mut state = self.lock();
        let state = &mut *state;
        if state.known.len() >= state.limit {
            state.known.retain(|_, grant| grant.upgrade().is_some());
            state.limit = 2 * state.known.len() + FEW;
        }
        state.known.entry(grant.address()).or_insert_with(|| grant.downgrade());
    }

    pub(super) fn living(&self) -> Vec<UserGrant> {
        self.lock().known.values().filter_map(WeakGrant::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FEW: usize = 16;
