//! The posture decision: whether a workload gets credentials, and which.

mod combine;
mod terms;

pub use self::combine::{AllOf, AnyOf, NOf};
pub use self::terms::{AttributeValue, Terms};

use std::fmt;
use std::sync::Arc;

use aims_attest::{Appraisal, EvidenceType, Level};
use aims_keys::UnixTime;

use crate::Entry;

/// Decides, at each issuance and at each renewal, from what was found out about the workload (AIMS-14).
///
/// An assessor asks of evidence what an entry's selectors cannot: how strong it is, how new, whether there are several kinds of it. It may
/// keep what the entry offers or take away from it, and it may give the workload another identifier of the trust domain; it cannot
/// add kinds of credential or time. It answers from what it is given, without waiting: what has to be fetched is fetched beforehand.
///
/// ```
/// use aims_attest::{EvidenceType, Level};
/// use aims_provision::{AllOf, AsRegistered, MinLevel, Posture, PostureAssessor, PostureQuestion, Terms};
///
/// // What the entry says, if a machine vouches for the workload.
/// let assessor = AllOf::new().and(MinLevel::new(Level::OBSERVED)).and(AsRegistered);
/// # let _ = assessor;
///
/// /// Nothing on Sundays, whoever asks.
/// #[derive(Debug)]
/// struct Weekdays;
///
/// impl PostureAssessor for Weekdays {
///     fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
///         let is_sunday = (question.now.as_secs() / 86_400 + 4) % 7 == 0;
///         if is_sunday { Posture::refuse("sunday") } else { Posture::Issue(Terms::of(question.entry)) }
///     }
/// }
/// ```
pub trait PostureAssessor: fmt::Debug + Send + Sync {
    /// What `question` comes to.
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture;
}

impl<P: PostureAssessor + ?Sized> PostureAssessor for Arc<P> {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        (**self).assess(question)
    }
}

/// What a [`PostureAssessor`] is asked: may this workload have what this entry offers?
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PostureQuestion<'a> {
    /// Whether it has credentials already.
    pub phase: Phase,
    /// An entry whose selectors it has shown.
    pub entry: &'a Entry,
    /// What was found out about it, as far as it counts now: accepted and not expired.
    pub appraisals: &'a [&'a Appraisal],
    /// The time.
    pub now: UnixTime,
}

impl<'a> PostureQuestion<'a> {
    /// A question, for tests of an assessor; those of the tests of [`Provisioner`](crate::Provisioner) come from what it is given.
    #[must_use]
    pub fn new(phase: Phase, entry: &'a Entry, appraisals: &'a [&'a Appraisal], now: UnixTime) -> Self {
        Self { phase, entry, appraisals, now }
    }
}

/// Which of the two phases of provisioning it is (AIMS-18).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the draft has these two")]
pub enum Phase {
    /// The workload has no credential yet.
    Initial,
    /// It renews one.
    Renewal,
}

/// What an assessor has decided.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever issues decides about either")]
pub enum Posture {
    /// It may, on these terms.
    Issue(Terms),
    /// It may not.
    Refuse(PostureReason),
}

impl Posture {
    /// No, for this reason: a short name in lower case, for records.
    #[must_use]
    pub fn refuse(code: &'static str) -> Self {
        Self::Refuse(PostureReason::new(code))
    }
}

/// Why nothing is issued: one name for each assessor that was against it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PostureReason(Vec<&'static str>);

impl PostureReason {
    /// One reason.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self(vec![code])
    }

    /// The reasons, each a stable name.
    #[must_use]
    pub fn codes(&self) -> &[&'static str] {
        &self.0
    }
}

impl fmt::Display for PostureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// What the entry says, for whoever has shown its selectors.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings")]
pub struct AsRegistered;

impl PostureAssessor for AsRegistered {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        Posture::Issue(Terms::of(question.entry))
    }
}

/// What the entry says, if some evidence is of this level at least (ATT-113).
#[derive(Clone, Copy, Debug)]
pub struct MinLevel(Level);

impl MinLevel {
    /// At least this level.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self(level)
    }
}

impl PostureAssessor for MinLevel {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        if question.appraisals.iter().any(|appraisal| appraisal.level() >= self.0) {
            Posture::Issue(Terms::of(question.entry))
        } else {
            Posture::refuse("level_too_low")
        }
    }
}

/// What the entry says, if there is evidence of this type.
#[derive(Clone, Debug)]
pub struct HasEvidence(EvidenceType);

impl HasEvidence {
    /// Evidence of this type.
    #[must_use]
    pub fn new(kind: EvidenceType) -> Self {
        Self(kind)
    }
}

impl PostureAssessor for HasEvidence {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        if question.appraisals.iter().any(|appraisal| appraisal.evidence_type() == &self.0) {
            Posture::Issue(Terms::of(question.entry))
        } else {
            Posture::refuse("evidence_missing")
        }
    }
}
