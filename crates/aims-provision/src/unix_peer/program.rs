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
/// Hashing is a way to keep a machine busy: a program is hashed once, one at a time, and not if it is too large.
#[derive(Debug, Default)]
pub struct ProgramHashes {
    limits: ProgramLimits,
    known: Mutex<HashMap<ProgramId, [u8; 32]>>,
    /// One at a time.
    busy: Mutex<()>,
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

    /// `None` for what is not hashed.
    pub(super) fn digest(&self, program: &Program) -> Result<Option<[u8; 32]>, PeerError> {
        if program.id.size > self.limits.size || self.limits.size == 0 {
            return Ok(None);
        }
        if let Some(known) = self.known(program.id) {
            return Ok(Some(known));
        }
        let _one = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have hashed it meanwhile.
        if let Some(known) = self.known(program.id) {
            return Ok(Some(known));
        }
        let Some(digest) = self.hash(program)? else { return Ok(None) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(program.id, digest);
        Ok(Some(digest))
    }

    fn known(&self, id: ProgramId) -> Option<[u8; 32]> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
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

/// More programs than one machine runs agents in.
const MAX_KNOWN: usize = 10_000;
