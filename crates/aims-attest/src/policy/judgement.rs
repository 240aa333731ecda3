//! What a policy comes to.

use std::fmt;

use aims_keys::UnixTime;

use crate::{AppraisalId, BoundKey, EvidenceType, KeyBinding, Level, Reason, Selector, Verdict};

/// What a [`Policy`](super::Policy) comes to, for one workload at one time.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub(super) policy_id: Option<String>,
    pub(super) satisfied: Option<Satisfied>,
    pub(super) unmet: Vec<Unmet>,
}

#[derive(Clone, Debug)]
pub(super) struct Satisfied {
    pub(super) level: Level,
    pub(super) not_after: UnixTime,
    pub(super) appraisals: Vec<AppraisalId>,
    pub(super) types: Vec<EvidenceType>,
    pub(super) key: BoundKey,
    pub(super) binding: Option<KeyBinding>,
}

impl Judgement {
    /// Whether the policy is satisfied.
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        self.satisfied.is_some()
    }

    /// The same as a verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.is_satisfied() { Verdict::Accepted } else { Verdict::Rejected(Reason::PolicyUnsatisfied) }
    }

    /// What the evidence is worth together (ATT-113): as much as the best of what counted. Nothing, where the policy is not satisfied.
    #[must_use]
    pub fn level(&self) -> Level {
        self.satisfied.as_ref().map_or(Level::NONE, |satisfied| satisfied.level)
    }

    /// When the first of what counted ends, if the policy is satisfied: nothing rests on it for longer (ATT-24).
    #[must_use]
    pub fn not_after(&self) -> Option<UnixTime> {
        self.satisfied.as_ref().map(|satisfied| satisfied.not_after)
    }

    /// What counted.
    #[must_use]
    pub fn appraisals(&self) -> &[AppraisalId] {
        self.satisfied.as_ref().map(|satisfied| satisfied.appraisals.as_slice()).unwrap_or_default()
    }

    /// The types of what counted, in order.
    #[must_use]
    pub fn evidence_types(&self) -> &[EvidenceType] {
        self.satisfied.as_ref().map(|satisfied| satisfied.types.as_slice()).unwrap_or_default()
    }

    /// The key that all of it is about: in hardware, if some of what counted says so itself.
    #[must_use]
    pub fn key(&self) -> &BoundKey {
        self.satisfied.as_ref().map_or(&BoundKey::None, |satisfied| &satisfied.key)
    }

    /// The challenge that all of it answers, with that key.
    #[must_use]
    pub fn binding(&self) -> Option<&KeyBinding> {
        self.satisfied.as_ref()?.binding.as_ref()
    }

    /// What was not there, of all parts that came to nothing. What another part made up for is told, too.
    #[must_use]
    pub fn unmet(&self) -> &[Unmet] {
        &self.unmet
    }

    /// The name and version of the policy.
    #[must_use]
    pub fn policy_id(&self) -> Option<&str> {
        self.policy_id.as_deref()
    }
}

/// One part of a policy that came to nothing. Its text is the code, and what it is about: `selector_missing (tpm2-quote, tpm:manufacturer:IBM)`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmet {
    code: &'static str,
    kind: Option<EvidenceType>,
    selector: Option<Selector>,
}

impl Unmet {
    pub(super) fn of(code: &'static str) -> Self {
        Self { code, kind: None, selector: None }
    }

    pub(super) fn about(self, kind: &EvidenceType) -> Self {
        Self { kind: Some(kind.clone()), ..self }
    }

    pub(super) fn without(self, selector: &Selector) -> Self {
        Self { selector: Some(selector.clone()), ..self }
    }

    /// A stable name for records and metrics: `evidence_missing`, `level_too_low`, `key_not_bound`, `key_not_in_hardware`, `not_fresh`, `too_old`, `selector_missing`,
    /// `other_verifier`, `other_policy`; of what is put together from rules `too_few`, `excluded`, `not_same_node`, `empty_policy`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The type of evidence that it was about, if it was about one.
    #[must_use]
    pub fn evidence_type(&self) -> Option<&EvidenceType> {
        self.kind.as_ref()
    }

    /// The selector that was not proven, where that was it: the first one of those that were asked for.
    #[must_use]
    pub fn selector(&self) -> Option<&Selector> {
        self.selector.as_ref()
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)?;
        match (&self.kind, &self.selector) {
            (None, None) => Ok(()),
            (Some(kind), None) => write!(f, " ({kind})"),
            (None, Some(selector)) => write!(f, " ({selector})"),
            (Some(kind), Some(selector)) => write!(f, " ({kind}, {selector})"),
        }
    }
}
