//! What resources wanted beyond what was asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::TokenNeed;
use super::need::Purpose;
use crate::client::of_resource;
use crate::{HeldToken, Issuer, Scope};

/// The scopes that [step-ups](crate::StepUp::Scope) brought, by need: the next token for the same need is asked for with them at once, and not after the same challenge (MCP-12).
///
/// A resource chooses what its challenges say, so only what the authorization server granted is remembered, for that need alone, and no more of it than 1 KiB; never
/// `offline_access` (MCP-5). It gives no right: the server decides each time. Where it gives less, [`forget`](Self::forget) it. What a user granted is not widened here.
///
/// Of more needs than it has room for, those that were not asked about for the longest time are forgotten.
pub struct ScopeMemory {
    capacity: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// How often it was asked, and told.
    clock: u64,
    scopes: HashMap<Key, Entry>,
}

/// A need, and the server that it names, if it names one.
type Key = (Option<Issuer>, Purpose);

struct Entry {
    /// Not empty, and none of it was told.
    scope: Scope,
    used: u64,
}

impl ScopeMemory {
    /// For so many needs.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity, known: Mutex::default() }
    }

    /// The need with all that it was told, and was stepped up to; `None`, where it never was.
    #[must_use]
    pub fn widened(&self, need: &TokenNeed) -> Option<TokenNeed> {
        let mut known = self.lock();
        if known.scopes.is_empty() {
            return None;
        }
        let used = known.tick();
        let entry = known.scopes.get_mut(&key(need))?;
        entry.used = used;
        let all = scope_of(need).or(&entry.scope).ok()?;
        Some(need.clone().scope(all))
    }

    /// The need was `told`, and stepped up to what was `asked` for; the resource took this token that came of it. What the server did not grant, and what is too long, is
    /// not learned.
    pub fn learn(&self, told: &TokenNeed, asked: &TokenNeed, token: &HeldToken) {
        if told.is_by_grant() || self.capacity == 0 {
            return;
        }
        let granted = asked.told_scope().zip(token.scope()).map(|(asked, granted)| asked.and(granted));
        let more = granted.map(|granted| granted.without(&scope_of(told)));
        let Some(more) = more.as_ref().and_then(of_resource) else { return };
        let key = key(told);
        let mut known = self.lock();
        let known = &mut *known;
        let used = known.tick();
        let before = known.scopes.get(&key).map(|entry| entry.scope.clone()).unwrap_or_default();
        let Some(scope) = before.or(&more).ok().filter(|scope| scope.as_str().len() <= MAX_SCOPE) else {
            return;
        };
        if known.scopes.len() >= self.capacity && !known.scopes.contains_key(&key) {
            known.drop_oldest();
        }
        known.scopes.insert(key, Entry { scope, used });
    }

    /// Forgets what the need was stepped up to.
    pub fn forget(&self, need: &TokenNeed) {
        self.lock().scopes.remove(&key(need));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn drop_oldest(&mut self) {
        let oldest = self.scopes.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
        oldest.map(|key| self.scopes.remove(&key));
    }
}

/// Shows how much there is.
impl fmt::Debug for ScopeMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeMemory").field("len", &self.lock().scopes.len()).finish_non_exhaustive()
    }
}

fn key(need: &TokenNeed) -> Key {
    (need.issuer().cloned(), need.purpose(need.resource()))
}

fn scope_of(need: &TokenNeed) -> Scope {
    need.told_scope().cloned().unwrap_or_default()
}

/// In bytes: beyond what a tool has names for, and far below what a header carries.
const MAX_SCOPE: usize = 1024;
