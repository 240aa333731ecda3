//! What appraisals prove together.

use std::collections::BTreeMap;

use aims_keys::UnixTime;

use crate::{Appraisal, AppraisalId, Selector};

/// What is proven about a workload at one time: the selectors of the appraisals that were accepted and count then, each with the appraisal
/// that proves it.
///
/// The appraisals are about one workload; that they are is for whoever collected the evidence to see to.
#[derive(Clone, Debug)]
pub struct Proven<'a> {
    appraisals: Vec<&'a Appraisal>,
    /// By which appraisal: of several, the one that counts longest.
    selectors: BTreeMap<&'a Selector, &'a Appraisal>,
}

impl<'a> Proven<'a> {
    /// What these prove at `now`.
    #[must_use]
    pub fn of(appraisals: impl IntoIterator<Item = &'a Appraisal>, now: UnixTime) -> Self {
        let appraisals: Vec<_> = appraisals.into_iter().filter(|appraisal| appraisal.counts(now)).collect();
        let mut selectors: BTreeMap<&Selector, &Appraisal> = BTreeMap::new();
        for appraisal in &appraisals {
            for selector in appraisal.selectors() {
                let by = selectors.entry(selector).or_insert(appraisal);
                if by.expires() < appraisal.expires() {
                    *by = appraisal;
                }
            }
        }
        Self { appraisals, selectors }
    }

    /// The appraisals that count.
    pub fn appraisals(&self) -> impl Iterator<Item = &'a Appraisal> {
        self.appraisals.iter().copied()
    }

    /// The selectors, in order.
    pub fn selectors(&self) -> impl Iterator<Item = &'a Selector> {
        self.selectors.keys().copied()
    }

    /// Whether all of these are proven (ATT-102); an empty list never is.
    #[must_use]
    pub fn matches(&self, asked: &[Selector]) -> Option<Match> {
        let proofs: Option<Vec<_>> = asked.iter().map(|selector| self.selectors.get(selector)).collect();
        let proofs = proofs.filter(|proofs| !proofs.is_empty())?;
        let not_after = proofs.iter().map(|appraisal| appraisal.expires()).min()?;
        let mut appraisals: Vec<_> = proofs.iter().map(|appraisal| *appraisal.id()).collect();
        appraisals.sort();
        appraisals.dedup();
        Some(Match { appraisals, not_after })
    }
}

/// Selectors that were asked for and are proven.
#[derive(Clone, Debug)]
pub struct Match {
    appraisals: Vec<AppraisalId>,
    not_after: UnixTime,
}

impl Match {
    /// The appraisals that prove them.
    #[must_use]
    pub fn appraisals(&self) -> &[AppraisalId] {
        &self.appraisals
    }

    /// When the first of these ends.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }
}
