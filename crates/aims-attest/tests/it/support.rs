//! Evidence and verifiers of the tests.

use std::time::Duration;

use aims_attest::{Appraisal, AppraisalBuilder, Evidence, EvidenceType, KeyBinding, Selector};
use aims_jose::Thumbprint;
use aims_keys::{UnixTime, backend};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn evidence(kind: EvidenceType) -> Evidence {
    Evidence::new(kind, b"evidence".to_vec(), NOW).unwrap()
}

pub(crate) fn accepted(kind: EvidenceType, expires: UnixTime) -> AppraisalBuilder {
    Appraisal::accepted(&evidence(kind), "test", (NOW, expires), backend::ring())
}

pub(crate) fn selectors(texts: &[&str]) -> Vec<Selector> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn with(builder: AppraisalBuilder, texts: &[&str]) -> Appraisal {
    selectors(texts).into_iter().fold(builder, AppraisalBuilder::selector).build()
}

/// A key, by its thumbprint.
pub(crate) fn key() -> Thumbprint {
    "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".parse().unwrap()
}

/// Of that key, and a challenge.
pub(crate) fn binding() -> KeyBinding {
    KeyBinding::of("spiffe://acme.example", &[7; 32], &key(), backend::ring())
}
