//! From what a workload has shown to what it may be issued.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_attest::{Appraisal, AppraisalId, BoundKey, EvidenceType, Judgement, Match, Policy, Proven, Unmet};
use aims_credential::Attested;
use aims_id::{Origin, SpiffeId};
use aims_jose::Thumbprint;
use aims_keys::backend::HashAlgorithm;
use aims_keys::{Backend, UnixTime};

use crate::posture::{
    AttributeValue, Phase, Posture, PostureAssessor, PostureQuestion, PostureReason, Terms,
};
use crate::{AsRegistered, CredentialType, CredentialTypes, Entries, Entry};

/// Decides what a workload may be issued: its evidence against the register, and then the posture assessor.
///
/// Cloning is cheap. It holds no keys: an [`Authority`](crate::Authority) issues what was [granted](Grant).
#[derive(Clone, Debug)]
pub struct Provisioner {
    posture: Arc<dyn PostureAssessor>,
}

impl Provisioner {
    /// Issues what the entries say.
    #[must_use]
    pub fn new() -> Self {
        Self { posture: Arc::new(AsRegistered) }
    }

    /// Asks this assessor besides, at each issuance and each renewal. Default: [`AsRegistered`].
    #[must_use]
    pub fn with_posture(mut self, posture: impl PostureAssessor + 'static) -> Self {
        self.posture = Arc::new(posture);
        self
    }

    /// What whoever `appraisals` are about may be issued at `now`: something for each entry that matches, in the order of registration.
    ///
    /// # Errors
    ///
    /// [`NoGrant`] when that is nothing.
    pub fn decide(
        &self,
        entries: &Entries,
        appraisals: &[Appraisal],
        phase: Phase,
        now: UnixTime,
    ) -> Result<Vec<Grant>, NoGrant> {
        let proven = Proven::of(appraisals, now);
        let live: Vec<&Appraisal> = proven.appraisals().collect();
        let mut grants = Vec::new();
        let (mut refused, mut insufficient) = (None, None);
        for entry in entries.candidates(proven.selectors()) {
            let Some(found) = proven.matches(entry.selectors()) else { continue };
            let basis = match Basis::of(entry, &found, &live, now) {
                Ok(basis) => basis,
                Err(unmet) => {
                    insufficient = insufficient.or(Some(unmet));
                    continue;
                }
            };
            let question = PostureQuestion { phase, entry, appraisals: &live, now };
            match self.posture.assess(&question) {
                Posture::Refuse(reason) => refused = refused.or(Some(reason)),
                Posture::Issue(terms) => match Grant::new(entry, entries.origin(), terms, basis) {
                    Ok(grant) => grants.push(grant),
                    Err(code) => refused = refused.or(Some(PostureReason::new(code))),
                },
            }
        }
        match (refused, insufficient) {
            _ if !grants.is_empty() => Ok(grants),
            (Some(reason), _) => Err(NoGrant::Posture(reason)),
            (None, Some(unmet)) => Err(NoGrant::Evidence(unmet)),
            (None, None) => Err(NoGrant::NoEntry),
        }
    }

    /// The entries for which nothing is issued at `now` only because evidence is missing: their selectors were proven, and the posture assessor would agree. Whoever has one is known
    /// here, and may be told whom to trust; for anything more there is [`decide`](Self::decide).
    #[must_use]
    pub fn unproven<'e>(
        &self,
        entries: &'e Entries,
        appraisals: &[Appraisal],
        phase: Phase,
        now: UnixTime,
    ) -> Vec<&'e Entry> {
        let proven = Proven::of(appraisals, now);
        let live: Vec<&Appraisal> = proven.appraisals().collect();
        let mut found = entries.candidates(proven.selectors());
        found.retain(|entry| {
            let question = PostureQuestion { phase, entry, appraisals: &live, now };
            proven
                .matches(entry.selectors())
                .is_some_and(|found| Basis::of(entry, &found, &live, now).is_err())
                && matches!(self.posture.assess(&question), Posture::Issue(_))
        });
        found
    }
}

impl Default for Provisioner {
    fn default() -> Self {
        Self::new()
    }
}

/// What a workload may be issued, because an entry says so, its selectors were proven, and the posture assessor agreed; only a
/// [`Provisioner`] makes one. It lasts as long as the evidence, and is asked for anew at each renewal.
#[derive(Clone)]
pub struct Grant {
    entry: Entry,
    terms: Terms,
    basis: Basis,
}

/// The evidence that a grant rests on.
#[derive(Clone)]
struct Basis {
    not_after: UnixTime,
    appraisals: Vec<AppraisalId>,
    /// Where the entry asks for more than selectors.
    judged: Option<Judged>,
}

/// What the evidence came to.
#[derive(Clone)]
struct Judged {
    judgement: Judgement,
    at: UnixTime,
    /// Of all evidence that counted, in the order of its appraisals.
    digests: Vec<[u8; 32]>,
}

impl Basis {
    fn of(entry: &Entry, found: &Match, live: &[&Appraisal], now: UnixTime) -> Result<Self, Vec<Unmet>> {
        let Some(policy) = entry.evidence() else {
            let (not_after, appraisals) = (found.not_after(), found.appraisals().to_vec());
            return Ok(Self { not_after, appraisals, judged: None });
        };
        // The selectors, too, by what belongs together.
        let proves = Policy::proves(entry.selectors().iter().cloned());
        let all = Policy::all_of([policy.clone(), proves]);
        let all = policy.id().into_iter().fold(all, Policy::named);
        let judgement = all.judge(live, now);
        let Some(not_after) = judgement.not_after() else { return Err(judgement.unmet().to_vec()) };
        let appraisals = judgement.appraisals().to_vec();
        let digest = |id| with_parents(live).find(|one| one.id() == id).map(|one| *one.evidence_digest());
        let digests = appraisals.iter().filter_map(digest).collect();
        Ok(Self { not_after, appraisals, judged: Some(Judged { judgement, at: now, digests }) })
    }
}

fn with_parents<'a>(appraisals: &[&'a Appraisal]) -> impl Iterator<Item = &'a Appraisal> {
    appraisals.iter().flat_map(|one| std::iter::successors(Some(*one), |own| own.parent()))
}

impl Grant {
    /// Narrows the terms to what the entry offers (D9), and refuses an identity that is not the trust domain's to give.
    fn new(entry: &Entry, origin: &Origin, mut terms: Terms, basis: Basis) -> Result<Self, &'static str> {
        if !terms.subject.is_in(origin) || !terms.subject.has_path() {
            return Err("subject_not_allowed");
        }
        terms.types = terms.types.and(entry.types());
        if terms.types.is_empty() {
            return Err("no_type_left");
        }
        if let Some(judged) = &basis.judged {
            let worth = judged.judgement.level().max_lifetime();
            terms.lifetime = Some(terms.lifetime.map_or(worth, |lifetime| lifetime.min(worth)));
        }
        Ok(Self { entry: entry.clone(), terms, basis })
    }

    /// The identity.
    #[must_use]
    pub fn subject(&self) -> &SpiffeId {
        &self.terms.subject
    }

    /// The kinds of credential.
    #[must_use]
    pub fn types(&self) -> CredentialTypes {
        self.terms.types
    }

    /// What else the credentials say.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<String, AttributeValue> {
        &self.terms.attributes
    }

    /// How long credentials of this kind live, if the entry or the assessor says so.
    #[must_use]
    pub fn lifetime(&self, kind: CredentialType) -> Option<Duration> {
        match (self.entry.lifetime(kind), self.terms.lifetime) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The DNS names in certificates.
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        self.entry.dns_names()
    }

    /// The entry.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// When the evidence ends: nothing is issued beyond it (ATT-24).
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.basis.not_after
    }

    /// The key that the evidence is about, where the entry asks for evidence and that is about one: nothing is issued for another.
    #[must_use]
    pub fn key(&self) -> Option<&Thumbprint> {
        self.basis.judged.as_ref()?.judgement.key().thumbprint()
    }

    /// What the evidence came to, where the entry asks for evidence, as credentials for this grant's [`key`](Self::key) say it.
    #[must_use]
    pub fn attested(&self, backend: Backend) -> Option<Attested> {
        let Judged { judgement, at, digests } = self.basis.judged.as_ref()?;
        let mut hasher = backend.hasher(HashAlgorithm::Sha256);
        hasher.update(judgement.policy_id().unwrap_or_default().as_bytes());
        hasher.update(&[0]);
        for digest in digests {
            hasher.update(digest);
        }
        let mut digest = [0; 32];
        digest.iter_mut().zip(hasher.finish().as_ref()).for_each(|(to, from)| *to = *from);
        let attested = Attested::new(judgement.level().number(), *at)
            .with_types(judgement.evidence_types().iter().map(EvidenceType::name))
            .with_result_digest(digest);
        let in_hardware = matches!(judgement.key(), BoundKey::Hardware(_));
        Some(if in_hardware { attested.with_key_in_hardware() } else { attested })
    }

    /// Whether it offers what `other` does, though it may rest on newer evidence.
    #[must_use]
    pub fn offers_as(&self, other: &Self) -> bool {
        self.terms == other.terms && self.entry == other.entry
    }

    /// The appraisals it rests on.
    #[must_use]
    pub fn appraisals(&self) -> &[AppraisalId] {
        &self.basis.appraisals
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("subject", self.subject())
            .field("types", &self.types())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}

/// Why nothing is granted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoGrant {
    /// An entry matches, and its evidence is not enough, or does not belong together.
    #[error("the evidence does not do: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Evidence(Vec<Unmet>),
    /// No entry matches what was proven.
    #[error("no entry matches the workload")]
    NoEntry,
    /// An entry matches, and the posture assessor refuses.
    #[error("the posture of the workload does not do: {0}")]
    Posture(PostureReason),
}

impl NoGrant {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Evidence(_) => "evidence_insufficient",
            Self::NoEntry => "no_entry",
            Self::Posture(_) => "posture_refused",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Evidence(_) => "ATT-111",
            Self::NoEntry => "ATT-102",
            Self::Posture(_) => "AIMS-14",
        }
    }
}
