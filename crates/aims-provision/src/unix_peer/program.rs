//! Hashes of programs, remembered by file.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};

use super::PeerError;
use super::proc::{Program, ProgramId};

/// Hashes programs (SHA-256), and remembers the hash of each file as long as it is the same edition of it (ATT-44).
///
/// Hashing is a way to keep a machine busy: a program is hashed once, one at a time, and not if it is too large. And each user has so
/// much time for it: whoever starts one new program after the other is told to wait, and nobody else.
#[derive(Debug, Default)]
pub struct ProgramHashes {
    limits: ProgramLimits,
    known: Mutex<HashMap<ProgramId, Known>>,
    /// One at a time.
    busy: Mutex<()>,
    /// When what a user has spent is paid back, by user.
    spent: Mutex<HashMap<u32, Instant>>,
}

/// What came of one program.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// `None` when it took too long, which it need not the next time.
    digest: Option<[u8; 32]>,
    at: Instant,
}

/// What is hashed at all.
#[derive(Clone, Copy, Debug)]
pub struct ProgramLimits {
    size: u64,
    time: Duration,
}

impl ProgramLimits {
    /// Programs of up to 256 MiB, and for up to 5 s.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 256 * 1024 * 1024, time: Duration::from_secs(5) }
    }

    /// No program: no `unix:sha256` is ever proven.
    #[must_use]
    pub fn nothing() -> Self {
        Self { size: 0, time: Duration::ZERO }
    }

    /// Programs of up to so many bytes.
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.size = bytes;
        self
    }

    /// For up to this long each. Default: 5 s.
    #[must_use]
    pub fn max_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

impl Default for ProgramLimits {
    fn default() -> Self {
        Self::new()
    }
}

impl ProgramHashes {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hashes within these limits. Default: [`ProgramLimits::new`].
    #[must_use]
    pub fn with_limits(mut self, limits: ProgramLimits) -> Self {
        self.limits = limits;
        self
    }

    /// `None` for what is not hashed; `uid` is who runs it.
    pub(super) fn digest(&self, program: &Program, uid: u32) -> Result<Option<[u8; 32]>, PeerError> {
        if program.id.size > self.limits.size || self.limits.size == 0 {
            return Ok(None);
        }
        if let Some(known) = self.known(program.id) {
            return Ok(known.digest);
        }
        if !self.has_time(uid) {
            return Err(PeerError::Busy);
        }
        let _one = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have hashed it meanwhile.
        if let Some(known) = self.known(program.id) {
            return Ok(known.digest);
        }
        // Who waited meanwhile for the other programs of the same user.
        if !self.has_time(uid) {
            return Err(PeerError::Busy);
        }
        let began = Instant::now();
        let digest = self.hash(program);
        self.spend(uid, began.elapsed());
        let digest = digest?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(program.id, Known { digest, at: Instant::now() });
        Ok(digest)
    }

    fn known(&self, id: ProgramId) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()?;
        (known.digest.is_some() || known.at.elapsed() < TOO_LONG).then_some(known)
    }

    /// ATT-44: by user, so that nobody spends the time of others.
    fn has_time(&self, uid: u32) -> bool {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent
            .get(&uid)
            .is_none_or(|paid_back| *paid_back < Instant::now() + self.limits.time.saturating_mul(PAY_BACK))
    }

    fn spend(&self, uid: u32, time: Duration) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if spent.len() >= MAX_KNOWN {
            spent.retain(|_, paid_back| now < *paid_back);
        }
        let paid_back = spent.entry(uid).or_insert(now);
        *paid_back = (*paid_back).max(now) + time.saturating_mul(PAY_BACK);
    }

    fn hash(&self, program: &Program) -> Result<Option<[u8; 32]>, PeerError> {
        let began = Instant::now();
        let mut context = Context::new(&SHA256);
        let mut buffer = vec![0; 128 * 1024];
        let mut read = 0_u64;
        loop {
            let count = (&program.file).read(&mut buffer).map_err(|_| PeerError::Unreadable)?;
            if count == 0 {
                break;
            }
            read += count as u64;
            if read > program.id.size {
                // It grows while it is read.
                return Err(PeerError::Changed);
            }
            if began.elapsed() > self.limits.time {
                return Ok(None);
            }
            context.update(buffer.get(..count).unwrap_or_default());
        }
        if read != program.id.size {
            return Err(PeerError::Changed);
        }
        Ok(context.finish().as_ref().try_into().ok())
    }
}

/// A program that takes too long to hash is left alone for this long.
const TOO_LONG: Duration = Duration::from_secs(60);

/// A user may keep one processor busy for this part of the time, after a first while.
const PAY_BACK: u32 = 10;

/// More programs than one machine runs agents in.
const MAX_KNOWN: usize = 10_000;
