//! What an attester was asked.

use aims_jose::Thumbprint;
use aims_keys::UnixTime;

use crate::KeyBinding;

/// What whoever brought evidence had been asked, and when the answer is looked at: all that a [`Verifier`](crate::Verifier) knows besides the evidence.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    now: UnixTime,
    bound: Option<(&'a KeyBinding, &'a Thumbprint)>,
}

impl<'a> Asked<'a> {
    /// Nothing: evidence that says who somebody is, whoever asks.
    #[must_use]
    pub fn at(now: UnixTime) -> Self {
        Self { now, bound: None }
    }

    /// An answer to a challenge, about the key that is to be certified (ATT-21): `binding` is of that challenge and of `key`, and the challenge was taken back before (it counts once).
    #[must_use]
    pub fn bound(now: UnixTime, binding: &'a KeyBinding, key: &'a Thumbprint) -> Self {
        Self { now, bound: Some((binding, key)) }
    }

    /// The time of whoever appraises: evidence is judged by no other (ATT-25).
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.now
    }

    /// What the evidence has to hold, where it can hold anything.
    #[must_use]
    pub fn binding(&self) -> Option<&'a KeyBinding> {
        self.bound.map(|(binding, _)| binding)
    }

    /// The key that is to be certified.
    #[must_use]
    pub fn key(&self) -> Option<&'a Thumbprint> {
        self.bound.map(|(_, key)| key)
    }
}
