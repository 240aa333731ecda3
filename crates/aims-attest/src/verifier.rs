//! Who appraises what.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aims_keys::Backend;

use crate::{Appraisal, Asked, BoundKey, Evidence, EvidenceType, Reason, Verdict};

/// Appraises one type of evidence: a function of the evidence, what was asked, and what the verifier was made with (ATT-1). It asks no network, no
/// clock and no file; what it needs of these it is given beforehand.
pub trait Verifier: fmt::Debug + Send + Sync {
    /// The type of evidence that it understands.
    fn evidence_type(&self) -> &EvidenceType;

    /// What the evidence proves. What can hold a binding, and was asked for none, is [inconclusive](Verdict::Inconclusive): it may be somebody else's, or of yesterday.
    /// [`Freshness::Nonce`](crate::Freshness::Nonce) is to be said of nothing but what has the binding that was asked for in it, compared in full: it counts for that key then.
    fn appraise(&self, evidence: &Evidence, asked: &Asked<'_>) -> Appraisal;
}

/// A verifier for each type of evidence; what nobody understands is rejected. Which types there are is the deployment's choice (AIMS-16).
#[derive(Clone, Debug)]
pub struct Verifiers {
    by_type: HashMap<EvidenceType, Arc<dyn Verifier>>,
    backend: Backend,
}

impl Verifiers {
    /// Nobody yet.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { by_type: HashMap::new(), backend }
    }

    /// Adds a verifier, in place of the one for the same type.
    #[must_use]
    pub fn with(mut self, verifier: impl Verifier + 'static) -> Self {
        self.by_type.insert(verifier.evidence_type().clone(), Arc::new(verifier));
        self
    }

    /// What the evidence proves, by the verifier of its type.
    #[must_use]
    pub fn appraise(&self, evidence: &Evidence, asked: &Asked<'_>) -> Appraisal {
        let refused = |verdict| Appraisal::refused(evidence, "none", verdict, asked.now(), self.backend);
        let Some(verifier) = self.by_type.get(evidence.evidence_type()) else {
            return refused(Verdict::Rejected(Reason::UnsupportedType));
        };
        let appraisal = verifier.appraise(evidence, asked);
        // What is said about other evidence is not said about this, nor what is said of a key that nobody asked about.
        let is_about = appraisal.evidence_type() == evidence.evidence_type()
            && *appraisal.evidence_digest() == evidence.digest(self.backend)
            && match appraisal.bound_key() {
                BoundKey::None => appraisal.binding().is_none(),
                BoundKey::Hardware(key) | BoundKey::ProofOfPossession(key) => {
                    asked.key() == Some(key) && asked.binding() == appraisal.binding()
                }
            };
        if is_about { appraisal } else { refused(Verdict::Error) }
    }
}
