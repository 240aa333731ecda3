//! What was verified, until it ends.

use std::sync::atomic::{AtomicUsize, Ordering};

use aims_keys::UnixTime;
use quick_cache::sync::Cache;

/// Evidence by its hash: bounded, and rid of what has ended before it takes room for long. Credentials are renewed all the time, and one that was replaced is never
/// asked for again.
///
/// ```
/// use aims_credential::{Ends, Remembered};
/// use aims_keys::UnixTime;
///
/// #[derive(Clone, Debug)]
/// struct Until(UnixTime);
///
/// impl Ends for Until {
///     fn not_after(&self) -> UnixTime {
///         self.0
///     }
/// }
///
/// let (now, hash) = (UnixTime::from_secs(1_790_000_000), [7; 32]);
/// let remembered = Remembered::new(100);
/// remembered.insert(hash, Until(now), now);
/// assert!(remembered.get(&hash).is_some() && remembered.get(&[8; 32]).is_none());
/// ```
#[derive(Debug)]
pub struct Remembered<V: Ends> {
    by_hash: Cache<[u8; 32], V>,
    /// How many more come before what has ended is taken out.
    until_sweep: AtomicUsize,
}

/// What counts for a while.
pub trait Ends: Clone {
    /// When that is over.
    fn not_after(&self) -> UnixTime;
}

impl<V: Ends> Remembered<V> {
    /// Remembers at most about `capacity`; those used least make room.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { by_hash: Cache::new(capacity), until_sweep: AtomicUsize::new(FEW) }
    }

    /// What goes by this hash. It may have ended: whoever uses it asks.
    pub fn get(&self, hash: &[u8; 32]) -> Option<V> {
        self.by_hash.get(hash)
    }

    /// Remembers it until it ends, or others need the room.
    pub fn insert(&self, hash: [u8; 32], value: V, now: UnixTime) {
        self.by_hash.insert(hash, value);
        // Of several that come at once, one brings it to zero; the others find it large.
        if self.until_sweep.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        self.by_hash.retain(|_, value| now < value.not_after());
        // As many as are looked at: each costs two looks at most, however many there are.
        self.until_sweep.store(FEW.max(self.by_hash.len()), Ordering::Relaxed);
    }

    /// Forgets it.
    pub fn remove(&self, hash: &[u8; 32]) {
        self.by_hash.remove(hash);
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// So few are not worth a look.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Until(u64);

    impl Ends for Until {
        fn not_after(&self) -> UnixTime {
            UnixTime::from_secs(self.0)
        }
    }

    fn hash(number: u64) -> [u8; 32] {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(number.to_be_bytes()) {
            *to = from;
        }
        hash
    }

    #[test]
    fn aims_17_what_has_ended_takes_no_room() {
        let remembered = Remembered::new(10_000);
        // A thousand that last, and new ones all the time that last for ten.
        for number in 0..1000 {
            remembered.insert(hash(number), Until(1_000_000), UnixTime::from_secs(0));
        }
        let mut most = 0;
        for number in 1000..50_000 {
            remembered.insert(hash(number), Until(number + 10), UnixTime::from_secs(number));
            most = most.max(remembered.len());
        }
        assert!(most < 2100, "{most}");
        assert!((0..1000).all(|number| remembered.get(&hash(number)).is_some()));
        assert!(remembered.get(&hash(49_999)).is_some());
        remembered.remove(&hash(49_999));
        assert!(remembered.get(&hash(49_999)).is_none());
    }

    #[test]
    fn aims_17_few_are_left_alone_and_many_are_bounded() {
        let remembered = Remembered::new(100);
        for number in 0..FEW as u64 - 1 {
            remembered.insert(hash(number), Until(0), UnixTime::from_secs(1));
        }
        assert_eq!(remembered.len(), FEW - 1);
        remembered.insert(hash(1000), Until(9), UnixTime::from_secs(1));
        assert_eq!(remembered.len(), 1);
        for number in 2000..4000 {
            remembered.insert(hash(number), Until(9), UnixTime::from_secs(1));
        }
        assert!(remembered.len() <= 100);
    }
}
