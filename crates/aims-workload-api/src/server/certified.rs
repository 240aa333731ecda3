//! Keys that were certified on evidence, for as long as their credentials live.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aims_credential::{Mark, MarkKey, MarkTable, MarkTableFull, Marks};
use aims_id::SpiffeId;
use aims_jose::Thumbprint;
use aims_keys::UnixTime;

/// What may be marked when evidence is rejected: any key can be called the previous one by its holder, and marks for keys that nobody has certified would take the room of those
/// that end a credential. It is forgotten with the process, and whatever was marked is taken back when no credential can be alive any more.
#[derive(Debug, Default)]
pub(super) struct Certified(Mutex<Keys>);

#[derive(Debug, Default)]
struct Keys {
    all: HashMap<[u8; 32], Known>,
    ends: BTreeSet<(UnixTime, [u8; 32])>,
}

#[derive(Debug)]
struct Known {
    key: Thumbprint,
    subjects: Vec<SpiffeId>,
    until: UnixTime,
    is_marked: bool,
}

impl Certified {
    /// Remembers a key whose credential for `subject` ends at `until`; says whether there was room.
    pub(super) fn add(
        &self,
        key: Thumbprint,
        subject: &SpiffeId,
        until: UnixTime,
        now: UnixTime,
        marks: &MarkTable,
    ) -> bool {
        let mut keys = self.lock();
        keys.sweep(now, marks);
        let name = *key.as_bytes();
        if !keys.all.contains_key(&name) && keys.all.len() >= MAX_KEYS {
            return false;
        }
        let Keys { all, ends } = &mut *keys;
        let new = || Known { key, subjects: Vec::new(), until: UnixTime::EPOCH, is_marked: false };
        let known = all.entry(name).or_insert_with(new);
        ends.remove(&(known.until, name));
        known.until = known.until.max(until + SKEW);
        ends.insert((known.until, name));
        if !known.subjects.contains(subject) {
            known.subjects.push(subject.clone());
        }
        true
    }

    /// Marks the key if it was certified for a subject that is not `left`.
    pub(super) fn end(
        &self,
        key: &Thumbprint,
        left: impl Fn(&SpiffeId) -> bool,
        now: UnixTime,
        marks: &MarkTable,
    ) -> Result<(), MarkTableFull> {
        let mut keys = self.lock();
        keys.sweep(now, marks);
        let Some(known) = keys.all.get_mut(key.as_bytes()) else { return Ok(()) };
        if known.subjects.iter().all(left) {
            return Ok(());
        }
        let name = MarkKey::Key(key);
        // A mark of somebody else's is not ours to take back.
        let is_ours = matches!(marks.mark(&name), Ok(None));
        marks.add(&name, Mark::dead())?;
        known.is_marked |= is_ours;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        // What is missing after a panic is not marked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn sweep(&mut self, now: UnixTime, marks: &MarkTable) {
        while let Some(&(until, name)) = self.ends.first()
            && until <= now
        {
            self.ends.pop_first();
            if let Some(known) = self.all.remove(&name).filter(|known| known.is_marked) {
                marks.clear(&MarkKey::Key(&known.key));
            }
        }
    }
}

/// What the clocks of verifiers may be behind.
const SKEW: Duration = Duration::from_secs(300);

/// In memory, 200 MB.
const MAX_KEYS: usize = 500_000;

#[cfg(test)]
mod tests {
    use aims_keys::{Algorithm, SoftwareKey, backend};

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    fn key() -> Thumbprint {
        Thumbprint::of(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap().public_key())
    }

    #[test]
    fn att_121_a_mark_stays_as_long_as_the_credential_may_and_takes_no_room_after() {
        let (certified, marks, hour) =
            (Certified::default(), MarkTable::with_capacity(2), Duration::from_secs(3600));
        let agent: SpiffeId = "spiffe://acme.example/agents/travel".parse().unwrap();
        let end = |key: &Thumbprint, now| certified.end(key, |_| false, now, &marks).unwrap();
        let is_marked = |key: &Thumbprint| marks.mark(&MarkKey::Key(key)).unwrap().is_some();
        let (ours, theirs, kept) = (key(), key(), key());
        for key in [ours, theirs, kept] {
            assert!(certified.add(key, &agent, NOW + hour, NOW, &marks));
        }
        marks.add(&MarkKey::Key(&theirs), Mark::dead()).unwrap();
        end(&key(), NOW);
        certified.end(&kept, |subject| *subject == agent, NOW, &marks).unwrap();
        end(&ours, NOW);
        end(&ours, NOW);
        end(&theirs, NOW);
        assert!(is_marked(&ours) && is_marked(&theirs) && !is_marked(&kept));
        assert!(certified.end(&kept, |_| false, NOW, &marks).is_err());
        // A second credential for a key is one more reason to keep the mark, and a shorter one none to let go of it.
        assert!(certified.add(ours, &agent, NOW, NOW, &marks));
        end(&key(), NOW + hour + SKEW - Duration::from_secs(1));
        assert!(is_marked(&ours));
        end(&key(), NOW + hour + SKEW);
        assert!(!is_marked(&ours) && is_marked(&theirs));
        assert_eq!((marks.len(), certified.lock().all.len()), (1, 0));
    }
}
