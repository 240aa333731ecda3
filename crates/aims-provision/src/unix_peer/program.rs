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

#[cfg(test)]
mod tests {
    use super::super::proc::ProcDir;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The program of this very test.
    fn own() -> Program {
        ProcDir::open(std::process::id()).unwrap().program().unwrap().unwrap()
    }

    fn remember(hashes: &ProgramHashes, id: ProgramId, digest: Option<[u8; 32]>, age: Duration) {
        let at = Instant::now().checked_sub(age).unwrap();
        hashes.known.lock().unwrap().insert(id, Known { digest, at });
    }

    fn known(hashes: &ProgramHashes) -> usize {
        hashes.known.lock().unwrap().len()
    }

    #[test]
    fn att_44_what_is_known_is_not_hashed_again() {
        let (hashes, id) = (ProgramHashes::new(), own().id);
        let digest = || hashes.digest(&own(), 7).unwrap();
        let right = digest();
        assert!(right.is_some() && known(&hashes) == 1);
        // What is remembered counts, for as long as it is the same file.
        remember(&hashes, id, Some([1; 32]), Duration::ZERO);
        assert_eq!(digest(), Some([1; 32]));
        remember(&hashes, id, Some([2; 32]), TOO_LONG * 2);
        assert_eq!(digest(), Some([2; 32]));
        // What took too long is tried again after a while.
        remember(&hashes, id, None, SECOND * 50);
        assert_eq!(digest(), None);
        remember(&hashes, id, None, TOO_LONG);
        assert_eq!(digest(), right);
    }

    #[test]
    fn att_44_so_many_programs_are_remembered() {
        let (hashes, mut other) = (ProgramHashes::new(), own().id);
        for size in 1..MAX_KNOWN {
            other.size = u64::MAX - size as u64;
            remember(&hashes, other, None, Duration::ZERO);
        }
        hashes.digest(&own(), 7).unwrap();
        assert_eq!(known(&hashes), MAX_KNOWN);
        hashes.known.lock().unwrap().remove(&own().id);
        other.size = u64::MAX;
        remember(&hashes, other, None, Duration::ZERO);
        hashes.digest(&own(), 7).unwrap();
        assert_eq!(known(&hashes), 1);
    }

    #[test]
    fn att_44_a_file_that_grows_or_shrinks_has_changed() {
        for other in [-1, 1] {
            let mut program = own();
            program.id.size = program.id.size.checked_add_signed(other).unwrap();
            assert_eq!(ProgramHashes::new().digest(&program, 7), Err(PeerError::Changed));
        }
    }

    #[test]
    fn att_124_a_user_pays_back_ten_times_what_it_has_spent() {
        let hashes = ProgramHashes::new();
        let owes = |uid| {
            let paid_back = hashes.spent.lock().unwrap()[&uid];
            paid_back.saturating_duration_since(Instant::now())
        };
        assert!(hashes.has_time(7));
        hashes.spend(7, SECOND * 2);
        assert!(owes(7) <= SECOND * 20 && owes(7) > SECOND * 18, "{:?}", owes(7));
        hashes.spend(7, SECOND * 2);
        assert!(owes(7) <= SECOND * 40 && owes(7) > SECOND * 38 && hashes.has_time(7), "{:?}", owes(7));
        hashes.spend(7, SECOND * 2);
        assert!(!hashes.has_time(7) && hashes.has_time(8));
        assert_eq!(hashes.digest(&own(), 7), Err(PeerError::Busy));
        assert!(hashes.digest(&own(), 8).is_ok_and(|digest| digest.is_some()));
        // What was paid back long ago is no credit.
        hashes.spent.lock().unwrap().insert(9, Instant::now().checked_sub(SECOND * 30).unwrap());
        hashes.spend(9, SECOND * 2);
        assert!(owes(9) > SECOND * 18);
    }

    #[test]
    fn att_124_whoever_has_paid_back_is_forgotten_when_there_are_many() {
        let hashes = ProgramHashes::new();
        let past = Instant::now().checked_sub(SECOND).unwrap();
        let mut spent = hashes.spent.lock().unwrap();
        spent.insert(1, Instant::now() + SECOND * 100);
        spent.extend((2..10_000).map(|uid| (uid, past)));
        drop(spent);
        hashes.spend(10_000, SECOND);
        assert_eq!(hashes.spent.lock().unwrap().len(), MAX_KNOWN);
        hashes.spend(10_001, SECOND);
        let spent = hashes.spent.lock().unwrap();
        let mut users: Vec<_> = spent.keys().copied().collect();
        users.sort_unstable();
        assert_eq!(users, [1, 10_000, 10_001]);
    }
}
