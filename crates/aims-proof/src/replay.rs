//! Replay memory in this process.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aims_credential::{ReplayError, ReplayStore};
use aims_jose::Thumbprint;
use aims_keys::UnixTime;

/// Remembers proofs in memory: bounded, and nothing that still counts is forgotten to make room.
///
/// ```
/// use aims_credential::{ReplayError, ReplayStore};
/// use aims_keys::UnixTime;
/// use aims_proof::ReplayMemory;
/// # use aims_jose::Thumbprint;
///
/// # let sender: Thumbprint = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse()?;
/// let (now, until) = (UnixTime::from_secs(1_790_000_000), UnixTime::from_secs(1_790_000_090));
/// let memory = ReplayMemory::with_capacity(100_000);
/// assert_eq!(memory.remember(&sender, "a-proof", until, now), Ok(()));
/// assert_eq!(memory.remember(&sender, "a-proof", until, now), Err(ReplayError::Replayed));
/// # Ok::<(), aims_jose::ParseThumbprintError>(())
/// ```
///
/// What it keeps of a proof is a 64-bit hash of sender and identifier under a secret key of its own. Two proofs that
/// collide (one chance in 10^13 with a million remembered) refuse the second; a proof is never taken for unseen. A process
/// that restarts has forgotten everything: proofs live for minutes at most.
///
/// No sender can fill it alone: each may hold at most four times as much as is still free, which leaves a fifth of the room
/// when one key sends everything, and a ninth when two do. One that wants more is refused; the others are not.
#[derive(Debug)]
pub struct ReplayMemory {
    shards: Box<[Line]>,
    hasher: RandomState,
    /// Per shard.
    capacity: usize,
    refused: AtomicU64,
}

/// On cache lines of its own, so that two threads at two shards do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(Mutex<Shard>);

#[derive(Debug, Default)]
struct Shard {
    seen: HashSet<u64, ByValue>,
    /// How many of them each sender has; no zeros.
    held: HashMap<u32, u32, ByValue>,
    /// What may be forgotten at each second.
    expiring: BTreeMap<UnixTime, Expiring>,
    /// Everything that expired until here was forgotten.
    swept: Option<UnixTime>,
}

/// Two lists of one length, for a list of pairs would have gaps between them.
#[derive(Debug, Default)]
struct Expiring {
    hashes: Vec<u64>,
    senders: Vec<u32>,
}

impl ReplayMemory {
    /// Remembers at most `capacity` proofs.
    ///
    /// From 8192 on they are spread over several locks, each with its share of the room, and the first is full when the
    /// memory is to about 96 %. A million take less than 64 MB, which is allocated as they come. Choose the peak rate of
    /// requests times the longest lifetime of a proof, leeway included.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let shards = (capacity / SHARD).clamp(1, MAX_SHARDS);
        Self {
            shards: (0..shards).map(|_| Line::default()).collect(),
            hasher: RandomState::new(),
            capacity: capacity / shards,
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
        let sender = room_of(&hasher);
        hasher.write(id.as_bytes());
        self.insert(hasher.finish(), sender, until, now)
    }

    fn remember_from_anyone(
        &self,
        sender: &Thumbprint,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), ReplayError> {
        let mut whose = self.hasher.build_hasher();
        whose.write(sender.as_bytes());
        let mut hasher = self.hasher.build_hasher();
        // The thumbprint of no key: longer than any.
        hasher.write(&[0; 33]);
        hasher.write(id.as_bytes());
        self.insert(hasher.finish(), room_of(&whose), until, now)
    }
}

impl ReplayMemory {
    fn insert(&self, hash: u64, sender: u32, until: UnixTime, now: UnixTime) -> Result<(), ReplayError> {
        // The table below uses the low bits of the hash.
        let index = usize::try_from(hash >> 48).unwrap_or_default() % self.shards.len();
        let shard = self.shards.get(index).ok_or(ReplayError::Unavailable)?;
        let outcome = lock(shard).remember(hash, sender, until, now, self.capacity);
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
        sender: u32,
        until: UnixTime,
        now: UnixTime,
        capacity: usize,
    ) -> Result<(), ReplayError> {
        self.sweep(now);
        // After a clock was set back, proofs come to life again that were forgotten.
        if self.swept.is_some_and(|swept| until <= swept) {
            return Err(ReplayError::Unavailable);
        }
        let held = self.held.get(&sender).copied().unwrap_or(0);
        if !has_room(held, capacity.saturating_sub(self.seen.len())) {
            return Err(if self.seen.contains(&hash) { ReplayError::Replayed } else { ReplayError::Full });
        }
        if !self.seen.insert(hash) {
            return Err(ReplayError::Replayed);
        }
        self.held.insert(sender, held.saturating_add(1));
        let expiring = self.expiring.entry(until).or_default();
        expiring.hashes.push(hash);
        expiring.senders.push(sender);
        Ok(())
    }

    /// Forgets what expired; each proof is looked at once in its life.
    fn sweep(&mut self, now: UnixTime) {
        while let Some(oldest) = self.expiring.first_entry()
            && *oldest.key() <= now
        {
            self.swept = Some(*oldest.key());
            let expired = oldest.remove();
            for hash in expired.hashes {
                self.seen.remove(&hash);
            }
            for sender in expired.senders {
                self.release(sender);
            }
        }
    }

    fn release(&mut self, sender: u32) {
        if let Entry::Occupied(mut held) = self.held.entry(sender) {
            match held.get_mut() {
                1 => drop(held.remove()),
                more => *more -= 1,
            }
        }
    }
}

/// Senders that collide share their room.
fn room_of(sender: &impl Hasher) -> u32 {
    u32::try_from(sender.finish() >> 32).unwrap_or_default()
}

/// Whether a sender that has `held` proofs may have another where so many are `free`.
fn has_room(held: u32, free: usize) -> bool {
    usize::try_from(held).is_ok_and(|held| free > 0 && held <= free.saturating_mul(TIMES_FREE))
}

/// A shard is changed only by steps that leave it whole, so a thread that panicked elsewhere did not break it.
fn lock(shard: &Line) -> MutexGuard<'_, Shard> {
    shard.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    // The table takes its control bits from the highest ones.
    fn write_u32(&mut self, value: u32) {
        self.0 = u64::from(value) << 32 | u64::from(value);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Proofs per lock. Fewer, and some locks would be full long before the others.
const SHARD: usize = 4096;

const MAX_SHARDS: usize = 64;

/// What a sender may hold, in terms of what is free: the rule of the "dynamic threshold" by which switches share buffers.
const TIMES_FREE: usize = 4;
