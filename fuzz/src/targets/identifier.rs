//! Identifiers, origins and patterns: accepted as they are, or not at all.

use aims_id::{IdPattern, Origin, SpiffeId, TrustDomain, WorkloadId};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };

    match text.parse::<WorkloadId>() {
        Ok(id) => {
            assert_eq!(id.as_str(), text, "an identifier was changed");
            assert_eq!(format!("{}{}", id.origin_str(), id.path()), text, "the parts are not the whole");
            assert!(id.is_in(&id.origin()));
            assert!(IdPattern::exact(&id).matches(&id));
            assert!(text.len() <= 2048 && text.is_ascii());
            assert!(!text.contains(['%', '?', '#', '@', '\\', '*']));
            assert!(id.segments().all(|segment| !matches!(segment, "" | "." | "..")));
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Ok(id) = text.parse::<SpiffeId>() {
        assert_eq!(WorkloadId::from(id).as_str(), text, "a SPIFFE ID is a workload identifier");
    }
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.as_str(), text);
        assert!(origin.workload("/a").is_ok_and(|id| id.is_in(&origin)));
    }
    if let Ok(domain) = text.parse::<TrustDomain>() {
        assert_eq!(domain.as_str(), text);
    }
    if let Ok(pattern) = text.parse::<IdPattern>() {
        assert_eq!(pattern.as_str(), text);
        let other: WorkloadId =
            "spiffe://never.example/matched/by/chance".parse().expect("a good identifier");
        assert!(!pattern.matches(&other) || pattern.origin_str() == other.origin_str());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "spiffe://acme.example",
        "spiffe://acme.example/agents/travel",
        "wimse://acme.example/a~b",
        "spiffe://1.2.3.4/x",
        "spiffe://acme.example/agents/*",
        "spiffe://acme.example/agents/**",
        "wimse://a/b/c/d/e",
        "acme.example",
    ])
}
