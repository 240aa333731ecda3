//! Several assessors as one.

use std::sync::Arc;

use super::{Posture, PostureAssessor, PostureQuestion, PostureReason, Terms};

/// Issues if every assessor does, on terms that all of them allow (AIMS-15). Without any, it refuses.
#[derive(Clone, Debug, Default)]
pub struct AllOf(Vec<Arc<dyn PostureAssessor>>);

impl AllOf {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an assessor.
    #[must_use]
    pub fn and(mut self, assessor: impl PostureAssessor + 'static) -> Self {
        self.0.push(Arc::new(assessor));
        self
    }
}

impl PostureAssessor for AllOf {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        at_least(self.0.len().max(1), &self.0, question)
    }
}

/// Issues on the terms of the first assessor that does. Without any, it refuses.
#[derive(Clone, Debug, Default)]
pub struct AnyOf(Vec<Arc<dyn PostureAssessor>>);

impl AnyOf {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an assessor, to be asked after those before it.
    #[must_use]
    pub fn or(mut self, assessor: impl PostureAssessor + 'static) -> Self {
        self.0.push(Arc::new(assessor));
        self
    }
}

impl PostureAssessor for AnyOf {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        let mut against = Vec::new();
        for assessor in &self.0 {
            match assessor.assess(question) {
                Posture::Issue(terms) => return Posture::Issue(terms),
                Posture::Refuse(reason) => against.extend(reason.0),
            }
        }
        refused(against)
    }
}

/// Issues if so many assessors do, on terms that all who do allow. Give each a signal of its own: two that look at the same thing are one.
#[derive(Clone, Debug)]
pub struct NOf {
    least: usize,
    assessors: Vec<Arc<dyn PostureAssessor>>,
}

impl NOf {
    /// At least so many, and at least one.
    #[must_use]
    pub fn new(least: usize) -> Self {
        Self { least: least.max(1), assessors: Vec::new() }
    }

    /// Adds an assessor.
    #[must_use]
    pub fn of(mut self, assessor: impl PostureAssessor + 'static) -> Self {
        self.assessors.push(Arc::new(assessor));
        self
    }
}

impl PostureAssessor for NOf {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        at_least(self.least, &self.assessors, question)
    }
}

/// Asks everybody, so that every reason is known.
fn at_least(least: usize, assessors: &[Arc<dyn PostureAssessor>], question: &PostureQuestion<'_>) -> Posture {
    let (mut agreed, mut count, mut against) = (None::<Terms>, 0, Vec::new());
    for assessor in assessors {
        let terms = match assessor.assess(question) {
            Posture::Issue(terms) => terms,
            Posture::Refuse(reason) => {
                against.extend(reason.0);
                continue;
            }
        };
        count += 1;
        agreed = match agreed {
            None => Some(terms),
            Some(so_far) => match so_far.and(terms) {
                Ok(terms) => Some(terms),
                Err(disagreement) => return Posture::refuse(disagreement),
            },
        };
    }
    match agreed {
        Some(terms) if count >= least => Posture::Issue(terms),
        _ => refused(against),
    }
}

fn refused(mut against: Vec<&'static str>) -> Posture {
    if against.is_empty() {
        against.push("too_few_assessors");
    }
    Posture::Refuse(PostureReason(against))
}
