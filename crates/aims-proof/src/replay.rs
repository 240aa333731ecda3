//! Replay memory in this process.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use aims_credential::{ReplayError, ReplayStore};
use aims_jose::Thumbprint;
use aims_keys::UnixTime;

/// Remembers proofs in memory: bounded, and nothing that still counts is forgotten to make room.
///
/// What it keeps of a proof is a 64-bit hash of sender and identifier under a secret key of its own. Two proofs that
/// collide (one chance in 10^13 with a million remembered) refuse the second; a proof is never taken for unseen. A process
/// that restarts has forgotten everything: proofs live for minutes at most.
#[derive(Debug)]
pub struct ReplayMemory {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// Per shard.
    capacity: usize,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    seen: HashSet<u64, ByValue>,
    /// What may be forgotten at each second.
    expiring: BTreeMap<UnixTime, Vec<u64>>,
    /// Everything that expired until here was forgotten.
    swept: Option<UnixTime>,
}

impl ReplayMemory {
    /// Remembers at most `capacity` proofs, spread over locks of their own; large memories are full a few percent before.
    ///
    /// A million take less than 64 MB. Choose the peak rate of requests times the longest lifetime of a proof.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let shards = if capacity < MIN_SHARDED { 1 } else { SHARDS };
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            capacity: capacity.div_ceil(shards),
            refused: AtomicU64::new(0),
        }
    }

    /// How many proofs are remembered, those included that expired and were not swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).seen.len()).sum()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many proofs were refused because there was no room; more than none is a reason for an alarm.
    #[must_use]
    pub fn refused_for_room(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl ReplayStore for ReplayMemory {
    fn remember(
        &self,
        sender: &Thumbprint,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError> {
        let mut hasher = self.hasher.build_hasher();
        // The sender has a fixed length, so the two cannot run into each other.
        hasher.write(sender.as_bytes());
        hasher.write(id.as_bytes());
        let hash = hasher.finish();

        // The table below uses the low bits of the hash.
        let index = usize::try_from(hash >> 48).unwrap_or_default() % self.shards.len();
        let shard = self.shards.get(index).ok_or(ReplayError::Unavailable)?;
        let outcome = lock(shard).remember(hash, until, now, self.capacity);
        if outcome == Err(ReplayError::Full) {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }
}

impl Shard {
    fn remember(
        &mut self,
        hash: u64,
        until: UnixTime,
        now: UnixTime,
        capacity: usize,
    ) -> Result<(), ReplayError> {
        self.sweep(now);
        // After a clock was set back, proofs come to life again that were forgotten.
        if self.swept.is_some_and(|swept| until <= swept) {
            return Err(ReplayError::Unavailable);
        }
        if self.seen.contains(&hash) {
            return Err(ReplayError::Replayed);
        }
        if self.seen.len() >= capacity {
            return Err(ReplayError::Full);
        }
        self.seen.insert(hash);
        self.expiring.entry(until).or_default().push(hash);
        Ok(())
    }

    /// Forgets what expired; each proof is looked at once in its life.
    fn sweep(&mut self, now: UnixTime) {
        while let Some(oldest) = self.expiring.first_entry()
            && *oldest.key() <= now
        {
            self.swept = Some(*oldest.key());
            for hash in oldest.remove() {
                self.seen.remove(&hash);
            }
        }
    }
}

/// A shard is changed only by steps that leave it whole, so a thread that panicked elsewhere did not break it.
fn lock(shard: &Mutex<Shard>) -> std::sync::MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The values are hashes under a secret key already.
#[derive(Clone, Copy, Debug, Default)]
struct ByValue;

impl BuildHasher for ByValue {
    type Hasher = Value;

    fn build_hasher(&self) -> Value {
        Value(0)
    }
}

struct Value(u64);

impl Hasher for Value {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0 << 8 | u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

const SHARDS: usize = 16;

/// Smaller memories have one lock, and are exact.
const MIN_SHARDED: usize = 4096;
