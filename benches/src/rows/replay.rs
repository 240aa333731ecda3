//! Replay memory: a million proofs that count at the same time.

use std::thread;
use std::time::{Duration, Instant};

use aims_credential::ReplayStore;
use aims_jose::{Thumbprint, base64url};
use aims_proof::ReplayMemory;

use crate::fixtures::NOW;
use crate::measure::{Measured, interquartile, median};
use crate::row::Goal;

/// From empty to full, growing on the way; and how much memory that takes.
pub(super) fn one_thread() -> Measured {
    let proofs = Proofs::new();
    let times: Vec<f64> = (0..ROUNDS).map(|_| fill(&proofs, 1)).collect();
    let memory = ReplayMemory::with_capacity(CAPACITY);
    let allocated = allocation_counter::measure(|| proofs.insert(&memory, 0, LIVE));
    assert_eq!(memory.len(), LIVE);
    let ns = median(&times);
    Measured {
        ns,
        over_raw_ns: ns,
        spread_ns: interquartile(&times),
        allocs: per_insert(allocated.count_total),
        goal: Some(Goal { over_raw_ns: 300.0, allocs: None }),
        // What the empty memory takes is a few kilobytes.
        bytes: Some((allocated.bytes_current.unsigned_abs(), 64_000_000)),
        ..Measured::default()
    }
}

/// The same by two threads at once, over one: 1.6 times as many inserts a second is the goal.
pub(super) fn two_threads() -> Measured {
    let proofs = Proofs::new();
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (fill(&proofs, 2), fill(&proofs, 1))).collect();
    let two: Vec<f64> = rounds.iter().map(|(two, _)| *two).collect();
    let one: Vec<f64> = rounds.iter().map(|(_, one)| *one).collect();
    let over: Vec<f64> = rounds.iter().map(|(two, one)| two - one).collect();
    Measured {
        ns: median(&two),
        raw_ns: Some(median(&one)),
        over_raw_ns: median(&over),
        spread_ns: interquartile(&over),
        goal: Some(Goal { over_raw_ns: median(&one) / 1.6 - median(&one), allocs: None }),
        ..Measured::default()
    }
}

/// Nanoseconds per insert, of filling a new memory.
fn fill(proofs: &Proofs, threads: usize) -> f64 {
    let memory = ReplayMemory::with_capacity(CAPACITY);
    let share = LIVE / threads;
    let began = Instant::now();
    thread::scope(|scope| {
        for thread in 1..threads {
            let memory = &memory;
            scope.spawn(move || proofs.insert(memory, thread * share, share));
        }
        proofs.insert(&memory, 0, share);
    });
    let took = began.elapsed();
    assert_eq!(memory.len(), LIVE);
    took.as_secs_f64() * 1e9 / LIVE_F64
}

/// A million different pairs of sender and identifier, made from few.
struct Proofs {
    senders: Vec<Thumbprint>,
    ids: Vec<String>,
}

impl Proofs {
    fn new() -> Self {
        let bytes = |n: usize| [u8::try_from(n % 251).unwrap_or_default(); 32];
        let sender = |n| base64url::encode(bytes(n)).parse().expect("a thumbprint");
        let id = |n: usize| base64url::encode((n as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        Self { senders: (0..250).map(sender).collect(), ids: (0..LIVE / 250).map(id).collect() }
    }

    fn insert(&self, memory: &ReplayMemory, first: usize, count: usize) {
        for n in first..first + count {
            let (sender, id) = (&self.senders[n % self.senders.len()], &self.ids[n / self.senders.len()]);
            // Proofs of a minute arrive in order, give or take.
            let until = *NOW + Duration::from_secs(60 + (n / 20_000) as u64 + (n % 5) as u64);
            memory.remember(sender, id, until, *NOW).expect("a fresh proof");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "rounded to hundredths anyway")]
fn per_insert(count: u64) -> f64 {
    count as f64 / LIVE_F64
}

const LIVE: usize = 1_000_000;

const LIVE_F64: f64 = 1e6;

/// The shards are not filled evenly.
const CAPACITY: usize = 1_100_000;

const ROUNDS: usize = 7;
