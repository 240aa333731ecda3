//! What has to be known about a workload together, before anything rests on it.

mod evaluate;
mod evidence;
mod judgement;

pub use self::evidence::EvidenceRule;
pub use self::judgement::{Judgement, Unmet};

use aims_keys::UnixTime;

use crate::{Appraisal, EvidenceType, Level, Selector};

/// A rule about appraisals, put together from rules: what is not allowed is refused (ATT-111).
///
/// Items count **together** only where they are about the same key and answer the same challenge, or where one hangs on the other as a process does on its machine: two
/// honest proofs of two parties are no proof of one (ATT-112). Evidence that names no key joins the others by a proof of possession
/// ([`Appraisal::with_possession`]).
///
/// ```
/// use std::time::Duration;
///
/// use aims_attest::{EvidenceRule, EvidenceType, Level, Policy};
///
/// // A key in a TPM of ours, used by the program that we know, both shown ten minutes ago at most.
/// let tpm = EvidenceRule::of(EvidenceType::Tpm2Quote).key_in_hardware().max_age(Duration::from_secs(600));
/// let program = EvidenceRule::of(EvidenceType::UnixPeer)
///     .selector("unix:sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae".parse()?);
/// let policy = Policy::all_of([tpm.into(), program.into()]).named("agents-3");
/// # let now = aims_keys::UnixTime::from_secs(1_790_000_000);
/// let judgement = policy.judge(&[], now);
/// assert!(!judgement.is_satisfied());
/// assert_eq!(judgement.unmet()[0].code(), "evidence_missing");
/// # Ok::<(), aims_attest::SelectorError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a policy does nothing until it judges"]
pub struct Policy {
    id: Option<String>,
    rule: Rule,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Rule {
    AllOf(Vec<Policy>),
    AnyOf(Vec<Policy>),
    Evidence(EvidenceRule),
    MinLevel(Level),
    NOf(usize, Vec<Policy>),
    Not(Box<Policy>),
    Proves(Vec<Selector>),
    SameKey(Box<Policy>),
    SameNode(Box<Policy>),
}

impl Policy {
    /// All of these; of none, nothing satisfies it.
    pub fn all_of(policies: impl IntoIterator<Item = Policy>) -> Self {
        Self::of(Rule::AllOf(policies.into_iter().collect()))
    }

    /// One of these at least; where several are satisfied, the one that is worth most counts.
    pub fn any_of(policies: impl IntoIterator<Item = Policy>) -> Self {
        Self::of(Rule::AnyOf(policies.into_iter().collect()))
    }

    /// So many of these, each by evidence that none of the others rests on. They take evidence in the order in which they are written. Of none, nothing
    /// satisfies it.
    pub fn n_of(n: usize, policies: impl IntoIterator<Item = Policy>) -> Self {
        Self::of(Rule::NOf(n, policies.into_iter().collect()))
    }

    /// Not this. Evidence of each type that `policy` speaks of has to be there all the same: what nobody has looked for is not absent (ATT-103).
    #[expect(clippy::should_implement_trait, reason = "the field's term, and no operator")]
    pub fn not(policy: Policy) -> Self {
        Self::of(Rule::Not(Box::new(policy)))
    }

    /// Something of this level at least.
    pub fn min_level(level: Level) -> Self {
        Self::of(Rule::MinLevel(level))
    }

    /// All of these, whatever evidence proves them.
    pub fn proves(selectors: impl IntoIterator<Item = Selector>) -> Self {
        Self::of(Rule::Proves(selectors.into_iter().collect()))
    }

    /// This, by evidence that is all about one key: what is about none does not count.
    pub fn same_key(policy: Policy) -> Self {
        Self::of(Rule::SameKey(Box::new(policy)))
    }

    /// This, by evidence that all hangs on one node, or is about it.
    pub fn same_node(policy: Policy) -> Self {
        Self::of(Rule::SameNode(Box::new(policy)))
    }

    /// With this name and version, for records (ATT-123).
    pub fn named(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Its name and version.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What these come to at `now`. What does not count then is as if it were not there.
    ///
    /// All of it is gone through, whatever was found first, so that every reason is told. Of several keys, each with what is about it, the one that
    /// is worth most counts, and of these the one that counts longest.
    #[must_use]
    pub fn judge(&self, appraisals: &[&Appraisal], now: UnixTime) -> Judgement {
        evaluate::judge(self, appraisals, now)
    }

    /// The types of evidence that it speaks of.
    #[must_use]
    pub fn evidence_types(&self) -> Vec<&EvidenceType> {
        let mut types = Vec::new();
        self.add_types(&mut types);
        types.sort();
        types.dedup();
        types
    }

    fn add_types<'p>(&'p self, types: &mut Vec<&'p EvidenceType>) {
        match &self.rule {
            Rule::AllOf(policies) | Rule::AnyOf(policies) | Rule::NOf(_, policies) => {
                for policy in policies {
                    policy.add_types(types);
                }
            }
            Rule::Evidence(rule) => types.push(rule.evidence_type()),
            Rule::MinLevel(_) | Rule::Proves(_) => {}
            Rule::Not(policy) | Rule::SameKey(policy) | Rule::SameNode(policy) => policy.add_types(types),
        }
    }

    fn of(rule: Rule) -> Self {
        Self { id: None, rule }
    }
}

impl From<EvidenceRule> for Policy {
    fn from(rule: EvidenceRule) -> Self {
        Self::of(Rule::Evidence(rule))
    }
}
