//! Selectors, and evidence of processes: what is proven is what was written, and a selector has one spelling.

use aims_attest::{Asked, Evidence, EvidenceType, Proven, Selector, UnixProcess, UnixVerifier, Verifier};
use aims_keys::backend;

use super::world::NOW;

pub(super) fn run(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input)
        && let Ok(selector) = text.parse::<Selector>()
    {
        assert_eq!(selector.as_str(), text);
        assert_eq!(format!("{}:{}", selector.kind(), selector.value()), text);
        assert_eq!(Selector::new(selector.kind(), selector.value()), Ok(selector));
    }
    let Ok(evidence) = Evidence::new(EvidenceType::UnixPeer, input.to_vec(), NOW) else { return };
    let appraisal = UnixVerifier::new(backend::ring()).appraise(&evidence, &Asked::at(NOW));
    let proven = Proven::of([&appraisal], NOW);
    assert!(proven.matches(&[]).is_none());
    for selector in proven.selectors() {
        assert_eq!(selector.kind(), "unix");
        assert!(!["uid:65534", "gid:65534"].contains(&selector.value()));
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut process = UnixProcess::default();
    (process.pid, process.start_time, process.uid, process.gid) = (4711, 99, 1000, 100);
    (process.groups, process.path, process.sha256) = (vec![4, 27], Some("/usr/bin/a".into()), Some([7; 32]));
    let evidence = process.to_evidence(NOW).expect("evidence").payload().to_vec();
    let mut seeds = super::texts(&["unix:uid:1000", "k8s:ns:a:b"]);
    seeds.push(evidence);
    seeds
}
