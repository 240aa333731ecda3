//! The keys of one kind, one after the other.

use std::time::Duration;

use aims_keys::UnixTime;

/// The keys with which one kind of credential is signed: one signs, the next is published before it does, the old ones stay
/// published until what they signed has expired.
#[derive(Debug)]
pub(super) struct Line<K> {
    current: Link<K>,
    next: Option<Link<K>>,
    old: Vec<Old<K>>,
}

#[derive(Debug)]
struct Link<K> {
    key: K,
    signs_from: UnixTime,
}

#[derive(Debug)]
struct Old<K> {
    key: K,
    gone_at: UnixTime,
}

/// How long each stage of a key lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// A key signs for this long.
    pub(super) signs_for: Duration,
    /// It is published this long before.
    pub(super) ahead: Duration,
    /// It stays published this long after, since what it signed lives that long.
    pub(super) lingers: Duration,
}

/// What a step has changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Step {
    /// Other keys are published than before.
    pub(super) published: bool,
    /// Another key signs than before.
    pub(super) signs: bool,
}

impl<K> Line<K> {
    pub(super) fn new(key: K, now: UnixTime) -> Self {
        Self { current: Link { key, signs_from: now }, next: None, old: Vec::new() }
    }

    /// The key that signs.
    pub(super) fn current(&self) -> &K {
        &self.current.key
    }

    /// Every key that is published: the one that signs, those before it, the one after it.
    pub(super) fn published(&self) -> impl Iterator<Item = &K> {
        let old = self.old.iter().map(|old| &old.key);
        std::iter::once(&self.current.key).chain(old).chain(self.next.iter().map(|next| &next.key))
    }

    /// Does what is due at `now`. A key that cannot sign any more, by `serves`, is replaced at once; the other one is published in the same
    /// step. Keys that are gone come out in `gone`, and what was changed in `step`, also when a key could not be made.
    pub(super) fn advance<E>(
        &mut self,
        now: UnixTime,
        timing: &Timing,
        serves: impl Fn(&K) -> bool,
        make: impl FnOnce() -> Result<K, E>,
        gone: &mut Vec<K>,
        step: &mut Step,
    ) -> Result<(), E> {
        self.set_back(now, timing);
        step.published |= self.drop_old(now, gone);
        let is_useless = !serves(&self.current.key);
        if let Some(next) = self.next.take_if(|next| is_useless && !serves(&next.key)) {
            // It has outlived its own certificate before it was needed.
            gone.push(next.key);
            step.published = true;
        }
        if self.next.is_none() && (is_useless || now >= self.current.signs_from + timing.publish_after()) {
            self.publish(make()?, now, timing);
            step.published = true;
        }
        if self.next.as_ref().is_some_and(|next| is_useless || now >= next.signs_from) {
            self.promote(now, timing);
            step.signs = true;
        }
        Ok(())
    }

    /// Publishes the next key now, unless one is published already; it signs once everybody can have it.
    pub(super) fn rotate<E>(
        &mut self,
        now: UnixTime,
        timing: &Timing,
        make: impl FnOnce() -> Result<K, E>,
    ) -> Result<Step, E> {
        if self.next.is_some() {
            return Ok(Step::default());
        }
        self.publish(make()?, now, timing);
        Ok(Step { published: true, signs: false })
    }

    /// Replaces all keys by a new one, at once: whatever they signed is worth nothing any more.
    pub(super) fn replace<E>(
        &mut self,
        now: UnixTime,
        make: impl FnOnce() -> Result<K, E>,
        gone: &mut Vec<K>,
    ) -> Result<Step, E> {
        let before = std::mem::replace(self, Self::new(make()?, now));
        gone.push(before.current.key);
        gone.extend(before.next.map(|next| next.key));
        gone.extend(before.old.into_iter().map(|old| old.key));
        Ok(Step { published: true, signs: true })
    }

    /// When something is due.
    pub(super) fn next_step(&self, timing: &Timing) -> UnixTime {
        let own = match &self.next {
            Some(next) => next.signs_from,
            None => self.current.signs_from + timing.publish_after(),
        };
        self.old.iter().map(|old| old.gone_at).fold(own, UnixTime::min)
    }

    /// After the clock was set back: what was planned by the time before would happen that much later.
    fn set_back(&mut self, now: UnixTime, timing: &Timing) {
        self.current.signs_from = self.current.signs_from.min(now);
        if let Some(next) = &mut self.next {
            next.signs_from = next.signs_from.min(now + timing.ahead);
        }
        for old in &mut self.old {
            // Twice: a clock that is corrected by a little takes no key away before what it signed has expired.
            old.gone_at = old.gone_at.min(now + timing.lingers * 2);
        }
    }

    fn publish(&mut self, key: K, now: UnixTime, timing: &Timing) {
        self.next = Some(Link { key, signs_from: now + timing.ahead });
    }

    fn promote(&mut self, now: UnixTime, timing: &Timing) {
        let Some(next) = self.next.take() else { return };
        let before = std::mem::replace(&mut self.current, Link { key: next.key, signs_from: now });
        self.old.push(Old { key: before.key, gone_at: now + timing.lingers });
    }

    fn drop_old(&mut self, now: UnixTime, gone: &mut Vec<K>) -> bool {
        let before = self.old.len();
        let (kept, over) = self.old.drain(..).partition(|old| now < old.gone_at);
        self.old = kept;
        gone.extend(Vec::<Old<K>>::into_iter(over).map(|old| old.key));
        self.old.len() != before
    }
}

impl Timing {
    fn publish_after(&self) -> Duration {
        self.signs_for.saturating_sub(self.ahead)
    }
}
