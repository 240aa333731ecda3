//! Evidence and what verifiers find in it (ATT-1 to ATT-5).

use aims_attest::{
    Appraisal, Asked, BoundKey, Evidence, EvidenceType, Freshness, Level, Reason, Selector, Verdict,
    Verifier, Verifiers,
};
use aims_keys::{UnixTime, backend};
use aims_testkit::assert_refused;

use crate::support::*;

/// Believes evidence that is three bytes long.
#[derive(Debug)]
struct Three(EvidenceType);

impl Verifier for Three {
    fn evidence_type(&self) -> &EvidenceType {
        &self.0
    }

    fn appraise(&self, evidence: &Evidence, asked: &Asked<'_>) -> Appraisal {
        let now = asked.now();
        if evidence.payload().len() != 3 {
            return Appraisal::refused(
                evidence,
                "three",
                Verdict::Rejected(Reason::Malformed),
                now,
                backend::ring(),
            );
        }
        Appraisal::accepted(evidence, "three", (now, now + MINUTE), backend::ring())
            .selector("three:yes".parse().unwrap())
            .build()
    }
}

/// Answers whatever it is asked with an appraisal of something else.
#[derive(Debug)]
struct Stale(EvidenceType, Appraisal);

impl Verifier for Stale {
    fn evidence_type(&self) -> &EvidenceType {
        &self.0
    }

    fn appraise(&self, _: &Evidence, _: &Asked<'_>) -> Appraisal {
        self.1.clone()
    }
}

#[test]
fn att_1_aims_16_verifiers_are_functions_and_can_be_plugged_in() {
    let kind = EvidenceType::Other("application/vnd.acme.badge".into());
    let verifiers = Verifiers::new(backend::ring()).with(Three(kind.clone()));
    let evidence = |payload: &[u8]| Evidence::new(kind.clone(), payload.to_vec(), NOW).unwrap();
    // The time is what it is told.
    for now in [UnixTime::EPOCH, NOW, UnixTime::from_secs(4_000_000_000)] {
        let appraisal = verifiers.appraise(&evidence(b"yes"), &Asked::at(now));
        assert_eq!((appraisal.verdict(), appraisal.verifier_id()), (Verdict::Accepted, "three"));
        assert_eq!((appraisal.not_before(), appraisal.expires()), (now, now + MINUTE));
    }
    let appraisal = verifiers.appraise(&evidence(b"no"), &Asked::at(NOW));
    assert_eq!(appraisal.verdict(), Verdict::Rejected(Reason::Malformed));
    assert_eq!(appraisal.reasons(), [Reason::Malformed]);

    let unknown = Evidence::new(EvidenceType::Tdx, b"yes".to_vec(), NOW).unwrap();
    assert_eq!(verifiers.appraise(&unknown, &Asked::at(NOW)).verdict().code(), "unsupported_type");
}

#[test]
fn att_3_what_was_found_in_other_evidence_is_not_found_in_this() {
    let kind = EvidenceType::Process;
    let other = Three(kind.clone())
        .appraise(&Evidence::new(kind.clone(), b"old".to_vec(), NOW).unwrap(), &Asked::at(NOW));
    let verifiers = Verifiers::new(backend::ring()).with(Stale(kind.clone(), other));
    let appraisal = verifiers.appraise(&Evidence::new(kind, b"new".to_vec(), NOW).unwrap(), &Asked::at(NOW));
    assert_eq!(appraisal.verdict(), Verdict::Error);
    assert!(appraisal.selectors().is_empty());
}

#[test]
fn att_2_evidence_has_a_type_a_version_and_a_time_that_nobody_believes() {
    let evidence = Evidence::new(EvidenceType::UnixPeer, b"{}".to_vec(), NOW).unwrap().with_format_version(2);
    assert_eq!((evidence.evidence_type().name(), evidence.payload()), ("unix-peer", b"{}".as_slice()));
    assert_eq!((evidence.format_version(), evidence.collected_at()), (2, NOW));
    assert_eq!(EvidenceType::Other("application/eat+cwt".into()).to_string(), "application/eat+cwt");
    assert_eq!(format!("{evidence:?}"), "Evidence { type: UnixPeer, len: 2, .. }");
}

#[test]
fn att_5_large_evidence_is_refused_before_anybody_reads_it() {
    let of = |len| Evidence::new(EvidenceType::Eat, vec![0; len], NOW);
    of(64 * 1024).unwrap();
    assert_refused!(of(64 * 1024 + 1), "too_large", "ATT-5");
}

#[test]
fn att_3_an_appraisal_says_what_was_found_by_whom_and_until_when() {
    let evidence = evidence(EvidenceType::X509Pop);
    let appraisal = Appraisal::accepted(&evidence, "acme", (NOW, NOW + MINUTE), backend::ring())
        .selector("x509pop:subject:a".parse().unwrap())
        .selector("x509pop:subject:a".parse().unwrap())
        .claim("subject", "a")
        .aspect("hardware", "affirming")
        .level(Level::VOUCHED)
        .bound(BoundKey::ProofOfPossession(key()), binding())
        .freshness(Freshness::Nonce)
        .policy("p-1")
        .build();
    assert_eq!(appraisal.evidence_type(), &EvidenceType::X509Pop);
    assert_eq!(appraisal.verdict(), Verdict::Accepted);
    assert_eq!(appraisal.claims()["subject"], "a");
    assert_eq!(appraisal.selectors(), selectors(&["x509pop:subject:a"]));
    assert_eq!((appraisal.level(), appraisal.level().number()), (Level::VOUCHED, 3));
    assert_eq!(appraisal.bound_key(), &BoundKey::ProofOfPossession(key()));
    assert_eq!((appraisal.bound_key().thumbprint(), appraisal.binding()), (Some(&key()), Some(&binding())));
    assert_eq!((appraisal.not_before(), appraisal.expires()), (NOW, NOW + MINUTE));
    assert_eq!(appraisal.freshness(), Freshness::Nonce);
    assert_eq!(appraisal.vector()["hardware"], "affirming");
    assert_eq!(appraisal.evidence_digest(), &backend::ring().sha256(b"evidence"));
    assert_eq!((appraisal.verifier_id(), appraisal.policy_id()), ("acme", Some("p-1")));
    assert!(appraisal.reasons().is_empty() && appraisal.parent().is_none());
    let other = Appraisal::accepted(&evidence, "acme", (NOW, NOW + MINUTE), backend::ring()).build();
    assert_ne!(appraisal.id(), other.id());
    let digits = appraisal.id().as_bytes().map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(appraisal.id().to_string(), digits);
}

#[test]
fn att_3_att_121_nothing_is_accepted_by_the_door_of_what_is_refused() {
    let evidence = evidence(EvidenceType::Process);
    for (verdict, code) in [
        (Verdict::Accepted, "appraisal_failed"),
        (Verdict::Inconclusive("challenge"), "inconclusive"),
        (Verdict::Unavailable { dependency: "boot_records", retry_after: Some(MINUTE) }, "unavailable"),
        (Verdict::Rejected(Reason::Replayed), "replayed"),
    ] {
        let refused = Appraisal::refused(&evidence, "test", verdict, NOW, backend::ring());
        assert_eq!(refused.verdict().code(), code);
        assert!(!refused.counts(NOW));
    }
}

#[test]
fn att_101_an_appraisal_with_too_many_selectors_is_not_accepted() {
    let many = |count: usize| {
        let builder = accepted(EvidenceType::Process, NOW + MINUTE);
        let selector = |n| Selector::new("n", &format!("{n}")).unwrap();
        (0..count).fold(builder, |builder, n| builder.selector(selector(n))).build()
    };
    assert_eq!(many(1024).verdict(), Verdict::Accepted);
    assert_eq!(many(1025).verdict(), Verdict::Rejected(Reason::TooLarge));
    assert!(many(1025).selectors().is_empty());
}

#[test]
fn att_4_a_workload_is_worth_no_more_than_its_node_and_dies_with_it() {
    let node = accepted(EvidenceType::Tpm2Quote, NOW + MINUTE).level(Level::OBSERVED).build();
    let later = NOW + MINUTE * 2;
    let workload =
        accepted(EvidenceType::UnixPeer, later).level(Level::HARDWARE).parent(node.clone()).build();
    assert_eq!(workload.parent().unwrap().id(), node.id());
    assert_eq!((workload.level(), workload.expires()), (Level::OBSERVED, NOW + MINUTE));
    assert!(workload.counts(NOW));
    assert!(!workload.counts(NOW + MINUTE));
    assert!(!workload.counts(UnixTime::from_secs(NOW.as_secs() - 1)));

    let evidence = evidence(EvidenceType::Tpm2Quote);
    let rejected = Verdict::Rejected(Reason::BadSignature);
    let node = Appraisal::refused(&evidence, "test", rejected, NOW, backend::ring());
    let workload = accepted(EvidenceType::UnixPeer, later).parent(node).build();
    assert!(!workload.counts(NOW));

    let node = accepted(EvidenceType::Tpm2Quote, later).build();
    let hung = |parent: Appraisal, _| accepted(EvidenceType::Process, later).parent(parent).build();
    let chain = (0..8).fold(node, hung);
    assert!(chain.counts(NOW));
    assert_eq!(hung(chain, 9).verdict(), Verdict::Rejected(Reason::ParentInvalid));
}
