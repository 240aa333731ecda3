//! How much one account may use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Shares of the API, by account: so many streams at once, so many issuances at once and per second after that, and of connections never so
/// many that there are none for others.
#[derive(Debug)]
pub(super) struct Quota {
    streams: usize,
    burst: f64,
    per_second: f64,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    all: HashMap<String, Account>,
    /// When there are so many, those that are idle are forgotten.
    many: usize,
}

#[derive(Debug)]
struct Account {
    connections: usize,
    streams: usize,
    left: f64,
    at: Instant,
    appraisals: Arc<Semaphore>,
}

impl Account {
    fn is_idle(&self) -> bool {
        self.streams == 0 && self.connections == 0 && Arc::strong_count(&self.appraisals) == 1
    }
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

    /// Whether one more connection may be open, where `free` are left, this one included: an account may have twice as many as it leaves to
    /// others. It counts until it [ends](Self::end_connection).
    pub(super) fn begin_connection(&self, account: &str, free: usize) -> bool {
        self.with(account, |_, account| {
            let may = account.connections < free.saturating_mul(2);
            account.connections += usize::from(may);
            may
        })
    }

    pub(super) fn end_connection(&self, account: &str) {
        self.with(account, |_, account| account.connections = account.connections.saturating_sub(1));
    }

    /// Who wants to look at a caller waits for one of these: looking takes a thread, and no account may have all of them.
    pub(super) fn appraisals(&self, account: &str) -> Arc<Semaphore> {
        self.with(account, |_, account| Arc::clone(&account.appraisals))
    }

    pub(super) fn end_stream(&self, account: &str) {
        self.with(account, |_, account| account.streams = account.streams.saturating_sub(1));
    }

    fn with<T>(&self, name: &str, change: impl FnOnce(&Self, &mut Account) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.all.len() >= accounts.many.max(MANY) {
            // Whoever has used nothing for a while is as good as new.
            let full = Duration::from_secs_f64(self.burst / self.per_second);
            accounts.all.retain(|_, account| !account.is_idle() || account.at.elapsed() < full);
            // Not again for each one more.
            accounts.many = accounts.all.len() * 2;
        }
        let new = || Account {
            connections: 0,
            streams: 0,
            left: self.burst,
            at: Instant::now(),
            appraisals: Arc::new(Semaphore::new(APPRAISALS)),
        };
        change(self, accounts.all.entry(name.to_owned()).or_insert_with(new))
    }
}

/// At once, of one account.
const APPRAISALS: usize = 4;

/// Accounts that are remembered before those that are idle are forgotten.
const MANY: usize = 10_000;

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn known(quota: &Quota) -> usize {
        quota.accounts.lock().unwrap().all.len()
    }

    #[tokio::test(start_paused = true)]
    async fn aims_17_credentials_are_issued_so_many_at_once_and_so_many_in_a_second() {
        let quota = Quota::new(1, 3, 2);
        let taken = |name: &str| (0..10).take_while(|_| quota.take(name)).count();
        assert_eq!(taken("greedy"), 3);
        assert_eq!(taken("other"), 3, "a share of its own");
        advance(Duration::from_millis(490)).await;
        assert_eq!(taken("greedy"), 0);
        advance(Duration::from_millis(20)).await;
        assert_eq!(taken("greedy"), 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!(taken("greedy"), 2);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(taken("greedy"), 3, "what is not used does not add up");
    }

    #[test]
    fn aims_17_what_has_ended_does_not_count() {
        let quota = Quota::new(2, 1, 1);
        for _ in 0..3 {
            assert!(quota.begin_stream("a") && quota.begin_stream("a") && !quota.begin_stream("a"));
            assert!(quota.begin_stream("b"));
            quota.end_stream("a");
            assert!(quota.begin_stream("a") && !quota.begin_stream("a"));
            for name in ["a", "a", "b", "nobody"] {
                quota.end_stream(name);
            }
        }
        // Twice as many as are left to others, this one included.
        for free in [3, 3, 2, 2] {
            assert!(quota.begin_connection("a", free));
        }
        assert!(!quota.begin_connection("a", 2) && !quota.begin_connection("a", 0));
        assert!(quota.begin_connection("b", 1) && quota.begin_connection("b", 1));
        assert!(!quota.begin_connection("b", 1));
        quota.end_connection("a");
        assert!(quota.begin_connection("a", 2) && !quota.begin_connection("a", 2));
    }

    #[tokio::test(start_paused = true)]
    async fn aims_17_an_account_is_forgotten_when_nothing_of_it_is_open_and_its_share_is_whole() {
        let quota = Quota::new(10, 10, 2);
        assert!(quota.begin_stream("stream") && quota.begin_connection("connection", 1));
        let turn = quota.appraisals("appraisal");
        for number in 3..MANY {
            quota.take(&number.to_string());
        }
        assert_eq!(known(&quota), MANY);
        // Until a share of ten is whole, at two in a second, five seconds pass.
        advance(Duration::from_millis(4_900)).await;
        quota.take("late");
        assert_eq!((known(&quota), quota.accounts.lock().unwrap().many), (MANY + 1, MANY * 2));
        advance(Duration::from_millis(100)).await;
        for number in 0..MANY - 1 {
            quota.take(&format!("more {number}"));
        }
        assert_eq!(known(&quota), MANY * 2, "not again for each one more");
        quota.take("last");
        let accounts = quota.accounts.lock().unwrap();
        assert_eq!(accounts.all.len(), MANY + 4, "those that are new, those of whom something is open");
        for name in ["stream", "connection", "appraisal", "late", "last"] {
            assert!(accounts.all.contains_key(name), "{name}");
        }
        drop((accounts, turn));
    }
}
