//! How much one account may use.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shares of the API, by account: so many streams at once, so many issuances at once and per second after that.
#[derive(Debug)]
pub(super) struct Quota {
    streams: usize,
    burst: f64,
    per_second: f64,
    accounts: Mutex<HashMap<String, Account>>,
}

#[derive(Debug)]
struct Account {
    streams: usize,
    left: f64,
    at: Instant,
}

impl Quota {
    pub(super) fn new(streams: usize, burst: u32, per_second: u32) -> Self {
        let accounts = Mutex::default();
        Self { streams, burst: f64::from(burst.max(1)), per_second: f64::from(per_second.max(1)), accounts }
    }

    /// Whether one more credential may be issued now; it counts.
    pub(super) fn take(&self, account: &str) -> bool {
        self.with(account, |quota, account| {
            let refilled = account.left + account.at.elapsed().as_secs_f64() * quota.per_second;
            account.left = refilled.min(quota.burst);
            account.at = Instant::now();
            let enough = account.left >= 1.0;
            if enough {
                account.left -= 1.0;
            }
            enough
        })
    }

    /// Whether one more stream may begin; it counts until it [ends](Self::end_stream).
    pub(super) fn begin_stream(&self, account: &str) -> bool {
        self.with(account, |quota, account| {
            let may = account.streams < quota.streams;
            account.streams += usize::from(may);
            may
        })
    }

    pub(super) fn end_stream(&self, account: &str) {
        self.with(account, |_, account| account.streams = account.streams.saturating_sub(1));
    }

    fn with<T>(&self, name: &str, change: impl FnOnce(&Self, &mut Account) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MANY {
            // Whoever has used nothing for a while is as good as new.
            let full = Duration::from_secs_f64(self.burst / self.per_second);
            accounts.retain(|_, account| account.streams > 0 || account.at.elapsed() < full);
        }
        let new = || Account { streams: 0, left: self.burst, at: Instant::now() };
        change(self, accounts.entry(name.to_owned()).or_insert_with(new))
    }
}

/// Accounts that are remembered before those that are idle are forgotten.
const MANY: usize = 10_000;
