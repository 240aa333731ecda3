//! What a verifier found.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aims_jose::Thumbprint;
use aims_keys::{Backend, UnixTime};

use crate::{BoundKey, Evidence, EvidenceType, Freshness, KeyBinding, Level, Reason, Selector, Verdict};

/// What a [`Verifier`](crate::Verifier) found in evidence (ATT-3). Cloning is cheap.
///
/// It proves something only as long as it counts: [`Proven`](crate::Proven) says what.
#[derive(Clone)]
pub struct Appraisal(Arc<Fields>);

#[derive(Clone)]
struct Fields {
    id: AppraisalId,
    kind: EvidenceType,
    verdict: Verdict,
    claims: BTreeMap<String, String>,
    selectors: Vec<Selector>,
    level: Level,
    bound_key: BoundKey,
    binding: Option<KeyBinding>,
    not_before: UnixTime,
    expires: UnixTime,
    freshness: Freshness,
    vector: BTreeMap<String, String>,
    evidence_digest: [u8; 32],
    verifier_id: String,
    policy_id: Option<String>,
    reasons: Vec<Reason>,
    detail: Option<String>,
    parent: Option<Appraisal>,
}

/// The name of an appraisal: 16 random bytes.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AppraisalId([u8; 16]);

impl AppraisalId {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// In hexadecimal digits.
impl fmt::Display for AppraisalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AppraisalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppraisalId({self})")
    }
}

impl Appraisal {
    /// For verifiers: the evidence is good. It counts from `now` until `expires`; what it proves is to be added.
    ///
    /// Only what was verified goes into an appraisal, nothing that the attester merely wrote next to it.
    pub fn accepted(
        evidence: &Evidence,
        verifier_id: &str,
        (now, expires): (UnixTime, UnixTime),
        backend: Backend,
    ) -> AppraisalBuilder {
        AppraisalBuilder(Self::fields(evidence, verifier_id, Verdict::Accepted, (now, expires), backend))
    }

    /// For verifiers: the evidence is not good, or nobody can tell.
    #[must_use]
    pub fn refused(
        evidence: &Evidence,
        verifier_id: &str,
        verdict: Verdict,
        now: UnixTime,
        backend: Backend,
    ) -> Self {
        // Nothing is accepted by this door.
        let verdict = if verdict == Verdict::Accepted { Verdict::Error } else { verdict };
        let mut fields = Self::fields(evidence, verifier_id, verdict, (now, now), backend);
        if let Verdict::Rejected(reason) = verdict {
            fields.reasons.push(reason);
        }
        Self(Arc::new(fields))
    }

    /// For verifiers: the same refusal, with what is wrong in words. What was accepted stays as it is.
    #[must_use]
    pub fn with_detail(&self, detail: impl Into<String>) -> Self {
        let mut fields = (*self.0).clone();
        if fields.verdict != Verdict::Accepted {
            fields.detail = Some(detail.into());
        }
        Self(Arc::new(fields))
    }

    fn fields(
        evidence: &Evidence,
        verifier_id: &str,
        verdict: Verdict,
        (not_before, expires): (UnixTime, UnixTime),
        backend: Backend,
    ) -> Fields {
        let mut id = [0; 16];
        // Without randomness there is no name, and without a name nothing can be looked up later: it is not accepted.
        let verdict = if backend.fill_random(&mut id).is_ok() { verdict } else { Verdict::Error };
        Fields {
            id: AppraisalId(id),
            kind: evidence.evidence_type().clone(),
            verdict,
            claims: BTreeMap::new(),
            selectors: Vec::new(),
            level: Level::NONE,
            bound_key: BoundKey::None,
            binding: None,
            not_before,
            expires,
            freshness: Freshness::Static,
            vector: BTreeMap::new(),
            evidence_digest: evidence.digest(backend),
            verifier_id: verifier_id.to_owned(),
            policy_id: None,
            reasons: Vec::new(),
            detail: None,
            parent: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &AppraisalId {
        &self.0.id
    }

    /// The type of the evidence.
    #[must_use]
    pub fn evidence_type(&self) -> &EvidenceType {
        &self.0.kind
    }

    /// What came of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.0.verdict
    }

    /// What the evidence says, as far as it was verified.
    #[must_use]
    pub fn claims(&self) -> &BTreeMap<String, String> {
        &self.0.claims
    }

    /// What the evidence would prove while the appraisal counts. Ask [`Proven`](crate::Proven), which asks whether it does.
    #[must_use]
    pub fn selectors(&self) -> &[Selector] {
        &self.0.selectors
    }

    /// What it is worth: no more than what it hangs on (ATT-4).
    #[must_use]
    pub fn level(&self) -> Level {
        let own = self.0.level;
        self.0.parent.as_ref().map_or(own, |parent| own.min(parent.level()))
    }

    /// The key that belongs to it.
    #[must_use]
    pub fn bound_key(&self) -> &BoundKey {
        &self.0.bound_key
    }

    /// The challenge and the key that it is bound to, if it is bound to a key.
    #[must_use]
    pub fn binding(&self) -> Option<&KeyBinding> {
        self.0.binding.as_ref()
    }

    /// The same evidence, which names no key, beside a proof of possession: the key has signed what binds it to a challenge of the session in which the evidence was
    /// collected, and that proof was verified (ATT-22). Evidence that names a key itself stays as it is.
    #[must_use]
    pub fn with_possession(&self, key: Thumbprint, binding: KeyBinding) -> Self {
        let mut fields = (*self.0).clone();
        if fields.bound_key == BoundKey::None {
            (fields.bound_key, fields.binding) = (BoundKey::ProofOfPossession(key), Some(binding));
        }
        Self(Arc::new(fields))
    }

    /// From when on it counts.
    #[must_use]
    pub fn not_before(&self) -> UnixTime {
        let own = self.0.not_before;
        self.0.parent.as_ref().map_or(own, |parent| own.max(parent.not_before()))
    }

    /// From when on it does not count any more: no later than what it hangs on.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        let own = self.0.expires;
        self.0.parent.as_ref().map_or(own, |parent| own.min(parent.expires()))
    }

    /// Why the evidence is not yesterday's.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.0.freshness
    }

    /// What the verifier found about single aspects, by name, such as the categories of an EAR.
    #[must_use]
    pub fn vector(&self) -> &BTreeMap<String, String> {
        &self.0.vector
    }

    /// SHA-256 of the evidence.
    #[must_use]
    pub fn evidence_digest(&self) -> &[u8; 32] {
        &self.0.evidence_digest
    }

    /// Who appraised it.
    #[must_use]
    pub fn verifier_id(&self) -> &str {
        &self.0.verifier_id
    }

    /// By which policy, if by one.
    #[must_use]
    pub fn policy_id(&self) -> Option<&str> {
        self.0.policy_id.as_deref()
    }

    /// Why it was rejected.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.0.reasons
    }

    /// What is wrong, more exactly than the [reasons](Self::reasons) say: which PCR it is, for one. It is for the log of whoever verifies; whoever brought the evidence is told less (ATT-122).
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// What it hangs on: the appraisal of the node on which the workload runs (ATT-4).
    #[must_use]
    pub fn parent(&self) -> Option<&Appraisal> {
        self.0.parent.as_ref()
    }

    /// Whether it was accepted and counts at `now`, and likewise everything that it hangs on.
    #[must_use]
    pub fn counts(&self, now: UnixTime) -> bool {
        let own = self.0.verdict == Verdict::Accepted && (self.0.not_before..self.0.expires).contains(&now);
        own && self.0.parent.as_ref().is_none_or(|parent| parent.counts(now))
    }
}

/// Shows no claims: they may identify persons and machines.
impl fmt::Debug for Appraisal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appraisal")
            .field("id", self.id())
            .field("type", self.evidence_type())
            .field("verdict", &self.verdict())
            .field("level", &self.level())
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}

/// What an accepted [`Appraisal`] says besides.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct AppraisalBuilder(Fields);

impl AppraisalBuilder {
    /// Adds a fact that was verified. An appraisal with more than 1024 is not accepted.
    pub fn selector(mut self, selector: Selector) -> Self {
        self.0.selectors.push(selector);
        self
    }

    /// Adds something that the evidence says and that was verified.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.claims.insert(name.into(), value.into());
        self
    }

    /// What it is worth. Default: nothing.
    pub fn level(mut self, level: Level) -> Self {
        self.0.level = level;
        self
    }

    /// The key that belongs to it, and what bound it to the challenge. Default: none.
    pub fn bound(mut self, key: BoundKey, binding: KeyBinding) -> Self {
        self.0.binding = (key != BoundKey::None).then_some(binding);
        self.0.bound_key = key;
        self
    }

    /// Why it is not yesterday's. Default: [`Freshness::Static`].
    pub fn freshness(mut self, freshness: Freshness) -> Self {
        self.0.freshness = freshness;
        self
    }

    /// Adds what was found about one aspect.
    pub fn aspect(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.vector.insert(name.into(), value.into());
        self
    }

    /// The policy it was appraised by.
    pub fn policy(mut self, id: impl Into<String>) -> Self {
        self.0.policy_id = Some(id.into());
        self
    }

    /// Hangs it on the appraisal of the node (ATT-4): it is worth no more, and ends no later.
    pub fn parent(mut self, node: Appraisal) -> Self {
        self.0.parent = Some(node);
        self
    }

    /// Finishes.
    #[must_use]
    pub fn build(mut self) -> Appraisal {
        let fields = &mut self.0;
        fields.selectors.sort();
        fields.selectors.dedup();
        if fields.selectors.len() > MAX_SELECTORS {
            fields.verdict = Verdict::Rejected(Reason::TooLarge);
            fields.reasons.push(Reason::TooLarge);
        }
        if depth(fields.parent.as_ref()) > MAX_DEPTH {
            fields.verdict = Verdict::Rejected(Reason::ParentInvalid);
            fields.reasons.push(Reason::ParentInvalid);
            fields.parent = None;
        }
        if fields.verdict != Verdict::Accepted {
            fields.selectors.clear();
        }
        Appraisal(Arc::new(self.0))
    }
}

impl fmt::Debug for AppraisalBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppraisalBuilder").field("type", &self.0.kind).finish_non_exhaustive()
    }
}

fn depth(mut appraisal: Option<&Appraisal>) -> usize {
    let mut depth = 0;
    while let Some(own) = appraisal {
        depth += 1;
        appraisal = own.parent();
    }
    depth
}

/// ATT-101
const MAX_SELECTORS: usize = 1024;

/// Container on process on node: more levels than there are.
const MAX_DEPTH: usize = 8;
