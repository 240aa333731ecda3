//! The paired harness: ours, raw, ours, raw, ... in one process, so that whatever slows the machine down slows both.

use std::time::{Duration, Instant};

use crate::row::{Goal, Op, Peer, Row};

/// What a row came to, per operation.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The median of ours, in nanoseconds.
    pub ns: f64,
    /// The median of the raw calls.
    pub raw_ns: Option<f64>,
    /// The median of the differences; ours alone where there is no raw call.
    pub over_raw_ns: f64,
    /// The interquartile range of the medians of ten parts of the run: what another run could say.
    pub spread_ns: f64,
    /// Allocations by ours: the median of single calls.
    pub allocs: f64,
    /// What the design asks for.
    pub goal: Option<Goal>,
    /// The others.
    pub peers: Vec<MeasuredPeer>,
    /// Bytes that stay allocated, and how many may.
    pub bytes: Option<(u64, u64)>,
}

/// What a peer came to, per operation.
#[derive(Clone, Debug)]
pub struct MeasuredPeer {
    /// `library/backend`.
    pub name: &'static str,
    /// The median, in nanoseconds.
    pub ns: f64,
    /// The median of the differences to its own primitive.
    pub over_own_raw_ns: Option<f64>,
    /// Allocations: the median of single calls.
    pub allocs: f64,
}

/// Measures a row for about `budget`.
#[must_use]
pub fn paired(mut row: Row, budget: Duration) -> Measured {
    // Short operations come in loops of their own.
    let calls = if row.per_call == 1 { BATCH } else { 1 };
    let ops = f64::from(calls * row.per_call);
    let batch = |op: &mut Op| timed(op, calls) / ops;

    let mut samples = Samples::new(&row);
    let began = Instant::now();
    // Before the first round that counts, everything runs for a while.
    while began.elapsed() < budget / 8 {
        samples.block(&mut row, batch);
    }
    samples.clear();
    let began = Instant::now();
    while began.elapsed() < budget || samples.ours.len() < MIN_ROUNDS {
        samples.block(&mut row, batch);
    }

    let per_call = f64::from(row.per_call);
    let over = samples.over_raw();
    Measured {
        ns: median(&samples.ours),
        raw_ns: row.raw.is_some().then(|| median(&samples.raw)),
        over_raw_ns: median(&over),
        spread_ns: spread(&over),
        allocs: allocations(&mut row.ours) / per_call,
        goal: row.goal,
        peers: row
            .peers
            .iter_mut()
            .zip(&samples.peers)
            .map(|(peer, (total, over))| MeasuredPeer {
                name: peer.name,
                ns: median(total),
                over_own_raw_ns: peer.raw.is_some().then(|| median(over)),
                allocs: allocations(&mut peer.op) / per_call,
            })
            .collect(),
        bytes: None,
    }
}

/// Of each round, nanoseconds per operation.
struct Samples {
    ours: Vec<f64>,
    raw: Vec<f64>,
    /// Of each peer, the total and the difference to its raw calls.
    peers: Vec<(Vec<f64>, Vec<f64>)>,
    round: usize,
}

impl Samples {
    fn new(row: &Row) -> Self {
        Self { ours: Vec::new(), raw: Vec::new(), peers: vec![Default::default(); row.peers.len()], round: 0 }
    }

    fn clear(&mut self) {
        self.ours.clear();
        self.raw.clear();
        for (total, over) in &mut self.peers {
            total.clear();
            over.clear();
        }
    }

    /// Some rounds of ours and raw, then of the peers: never one library with what another left in the caches.
    fn block(&mut self, row: &mut Row, batch: impl Fn(&mut Op) -> f64 + Copy) {
        for _ in 0..BLOCK {
            self.round(row, batch);
        }
        for peer in 0..row.peers.len() {
            for _ in 0..BLOCK {
                self.peer_round(peer, row, batch);
            }
        }
    }

    fn round(&mut self, row: &mut Row, batch: impl Fn(&mut Op) -> f64) {
        self.round += 1;
        // Neither is always the first.
        let raw_first = self.round.is_multiple_of(2);
        let mut raw = 0.0;
        if let Some(op) = row.raw.as_mut().filter(|_| raw_first) {
            raw = batch(op);
        }
        let ours = batch(&mut row.ours);
        if let Some(op) = row.raw.as_mut().filter(|_| !raw_first) {
            raw = batch(op);
        }
        self.ours.push(ours);
        self.raw.push(raw);
    }

    fn peer_round(&mut self, peer: usize, row: &mut Row, batch: impl Fn(&mut Op) -> f64) {
        let (Peer { op, raw, .. }, (total, over)) = (&mut row.peers[peer], &mut self.peers[peer]);
        let ns = batch(op);
        total.push(ns);
        if let Some(raw) = raw {
            over.push(ns - batch(raw));
        }
    }

    fn over_raw(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.raw).map(|(ours, raw)| ours - raw).collect()
    }
}

/// Nanoseconds of `calls` calls.
#[expect(clippy::cast_precision_loss, reason = "a duration of a few milliseconds")]
fn timed(op: &mut Op, calls: u32) -> f64 {
    let began = Instant::now();
    for _ in 0..calls {
        op();
    }
    began.elapsed().as_nanos() as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few hundred")]
fn allocations(op: &mut Op) -> f64 {
    let counts: Vec<f64> =
        (0..COUNTED_CALLS).map(|_| allocation_counter::measure(&mut *op).count_total as f64).collect();
    median(&counts)
}

fn spread(values: &[f64]) -> f64 {
    let medians: Vec<f64> = values.chunks(values.len().div_ceil(PARTS).max(1)).map(median).collect();
    interquartile(&medians)
}

/// How far the middle half of the values reaches.
#[must_use]
pub fn interquartile(values: &[f64]) -> f64 {
    quantile(values, 0.75) - quantile(values, 0.25)
}

/// The middle value.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that the fraction `at` of the others does not exceed.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "an index into what is in memory"
)]
pub fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len().saturating_sub(1) as f64 * at).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// Larger batches catch more of what else the machine does.
const BATCH: u32 = 4;

/// Rounds of ours, then of each peer, and so on.
const BLOCK: usize = 16;

/// Of a run, each of which has a median of its own.
const PARTS: usize = 10;

const MIN_ROUNDS: usize = 101;

const COUNTED_CALLS: usize = 33;
