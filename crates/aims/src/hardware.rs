//! Callers whose keys hardware holds.

use std::time::Duration;

use aims_credential::VerifiedWit;

use crate::decide::{Decide, Decision, Question};

/// Admits whom another rule admits, if hardware holds the key that the caller has used: by the word of the issuer of its WIT, who has appraised evidence of that key
/// (`docs/spec/attestation.md`, ATT-115; the claim `attest`).
///
/// The issuer is the one of the caller's trust domain: a domain that is federated says this of its own workloads, and is believed as far as it is believed in who they are. Certificates say nothing
/// of evidence, and neither do access tokens: whoever is known by these alone is refused.
///
/// ```
/// use std::time::Duration;
/// use aims::{Callers, HardwareKeys};
///
/// let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse().unwrap());
/// let rule = HardwareKeys::and(callers).max_age(Duration::from_secs(3600));
/// # let _ = rule;
/// ```
#[derive(Clone, Debug)]
pub struct HardwareKeys<D> {
    then: D,
    min_level: u8,
    max_age: Option<Duration>,
}

impl<D: Decide> HardwareKeys<D> {
    /// Whom `then` admits, with a key in hardware.
    #[must_use]
    pub fn and(then: D) -> Self {
        Self { then, min_level: HARDWARE, max_age: None }
    }

    /// With evidence of this level at least; default: 4, hardware. Level 5 asks for software that is known, besides.
    #[must_use]
    pub fn min_level(mut self, level: u8) -> Self {
        self.min_level = level;
        self
    }

    /// Appraised so long ago at most. Default: as long as the WIT lives, which is no longer than the evidence counts.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    fn refuses(&self, question: &Question<'_>) -> Option<&'static str> {
        let Some(attested) = question.caller.wit().and_then(VerifiedWit::attested) else {
            return Some("key_not_attested");
        };
        if !attested.is_key_in_hardware() {
            return Some("key_not_in_hardware");
        }
        if attested.level() < self.min_level {
            return Some("level_too_low");
        }
        let is_old = |age: Duration| {
            question.now.since(attested.at()) > age || attested.at().since(question.now) > SKEW
        };
        self.max_age.is_some_and(is_old).then_some("evidence_too_old")
    }
}

impl<D: Decide> Decide for HardwareKeys<D> {
    fn decide(&self, question: &Question<'_>) -> Decision {
        match self.refuses(question) {
            Some(reason) => Decision::Deny { policy: POLICY.into(), reason: reason.into() },
            None => self.then.decide(question),
        }
    }
}

/// The name of the rule in records.
const POLICY: &str = "hardware-keys";

/// ATT-113.
const HARDWARE: u8 = 4;

/// What clocks may disagree.
const SKEW: Duration = Duration::from_secs(60);
