//! What one piece of evidence has to be.

use std::time::Duration;

use aims_keys::UnixTime;

use super::Unmet;
use crate::{Appraisal, BoundKey, EvidenceType, Freshness, Level, Selector};

/// Evidence of one type, and what it has to prove besides. It becomes a [`Policy`](super::Policy) by `into`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a rule does nothing until a policy has it"]
pub struct EvidenceRule {
    kind: EvidenceType,
    key: KeyRule,
    freshness: Option<Freshness>,
    level: Level,
    max_age: Option<Duration>,
    selectors: Vec<Selector>,
    verifier: Option<String>,
    policy: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum KeyRule {
    Any,
    Bound,
    Hardware,
}

impl EvidenceRule {
    /// Evidence of this type, accepted.
    pub fn of(kind: EvidenceType) -> Self {
        Self {
            kind,
            key: KeyRule::Any,
            freshness: None,
            level: Level::NONE,
            max_age: None,
            selectors: Vec::new(),
            verifier: None,
            policy: None,
        }
    }

    /// It is about a key: because it says so itself, or by a proof of possession.
    pub fn about_key(mut self) -> Self {
        self.key = KeyRule::Bound;
        self
    }

    /// It says itself about which key it is, and that hardware holds it.
    pub fn key_in_hardware(mut self) -> Self {
        self.key = KeyRule::Hardware;
        self
    }

    /// At least so fresh (ATT-20): of the kinds of freshness, a nonce is worth most, then what can be used once or holds a time, then the first of its kind.
    pub fn freshness(mut self, least: Freshness) -> Self {
        self.freshness = Some(least);
        self
    }

    /// Of this level at least.
    pub fn min_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Appraised so long ago at most.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// It proves this.
    pub fn selector(mut self, selector: Selector) -> Self {
        self.selectors.push(selector);
        self
    }

    /// Appraised by this verifier.
    pub fn by_verifier(mut self, id: impl Into<String>) -> Self {
        self.verifier = Some(id.into());
        self
    }

    /// Appraised by this policy of its verifier, in this version.
    pub fn by_policy(mut self, id: impl Into<String>) -> Self {
        self.policy = Some(id.into());
        self
    }

    /// The type.
    #[must_use]
    pub fn evidence_type(&self) -> &EvidenceType {
        &self.kind
    }

    /// Until when an appraisal satisfies it, or what it lacks. Whether it is about the key that all is about, and what it is worth then, is known to whoever asks.
    pub(super) fn check(
        &self,
        appraisal: &Appraisal,
        is_bound: bool,
        level: Level,
        now: UnixTime,
    ) -> Result<UnixTime, Unmet> {
        let lacks = |code| Err(Unmet::of(code).about(&self.kind));
        if level < self.level {
            return lacks("level_too_low");
        }
        match self.key {
            KeyRule::Bound if !is_bound => return lacks("key_not_bound"),
            KeyRule::Hardware if !is_bound || !matches!(appraisal.bound_key(), BoundKey::Hardware(_)) => {
                return lacks("key_not_in_hardware");
            }
            _ => {}
        }
        if self.freshness.is_some_and(|least| rank(appraisal.freshness()) < rank(least)) {
            return lacks("not_fresh");
        }
        if let Some(missing) = self.selectors.iter().find(|one| !appraisal.selectors().contains(one)) {
            return Err(Unmet::of("selector_missing").about(&self.kind).without(missing));
        }
        if self.verifier.as_ref().is_some_and(|id| id != appraisal.verifier_id()) {
            return lacks("other_verifier");
        }
        if self.policy.as_ref().is_some_and(|id| appraisal.policy_id() != Some(id)) {
            return lacks("other_policy");
        }
        let Some(age) = self.max_age else { return Ok(appraisal.expires()) };
        // It is as old as what it hangs on.
        let mut oldest = Some(appraisal);
        let mut begun = appraisal.not_before();
        while let Some(one) = oldest {
            begun = begun.min(one.not_before());
            oldest = one.parent();
        }
        if now >= begun + age { lacks("too_old") } else { Ok(appraisal.expires().min(begun + age)) }
    }
}

/// ATT-20: how little is left to whoever kept evidence of somebody else.
fn rank(freshness: Freshness) -> u8 {
    match freshness {
        Freshness::Static => 0,
        Freshness::Tofu => 1,
        Freshness::Timestamp | Freshness::OneTimeUse => 2,
        Freshness::Nonce => 3,
    }
}
