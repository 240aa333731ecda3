//! Several signals (AIMS-15).

use aims_attest::{Appraisal, EvidenceType, Level};
use aims_provision::{
    AllOf, AnyOf, AsRegistered, CredentialType, HasEvidence, MinLevel, NOf, Phase, Posture, PostureAssessor,
    PostureQuestion, Terms,
};

use crate::support::*;

fn assess(assessor: &dyn PostureAssessor, appraisals: &[&Appraisal]) -> Posture {
    let entry = entry(AGENT, &["unix:uid:1"]).build().unwrap();
    assessor.assess(&PostureQuestion::new(Phase::Initial, &entry, appraisals, NOW))
}

fn reasons(posture: &Posture) -> Vec<&'static str> {
    match posture {
        Posture::Issue(_) => Vec::new(),
        Posture::Refuse(reason) => reason.codes().to_vec(),
    }
}

fn terms(posture: Posture) -> Terms {
    match posture {
        Posture::Issue(terms) => terms,
        Posture::Refuse(reason) => panic!("refused: {reason}"),
    }
}

/// Issues on terms of its own.
#[derive(Debug)]
struct On(fn(&mut Terms));

impl PostureAssessor for On {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        let mut terms = Terms::of(question.entry);
        (self.0)(&mut terms);
        Posture::Issue(terms)
    }
}

#[test]
fn aims_15_one_signal_may_do_and_several_may_be_demanded() {
    let process = peer(&["unix:uid:1"]);
    let quote = appraisal(EvidenceType::Tpm2Quote, Level::HARDWARE, NOW + HOUR, &[]);
    let unix = || HasEvidence::new(EvidenceType::UnixPeer);
    let tpm = || HasEvidence::new(EvidenceType::Tpm2Quote);
    let image = || HasEvidence::new(EvidenceType::ContainerImage);
    let all = AllOf::new().and(unix()).and(tpm());
    let any = AnyOf::new().or(image()).or(unix());
    let two = NOf::new(2).of(unix()).of(tpm()).of(image());
    for (appraisals, by_all, by_any, by_two) in [
        (vec![], vec!["evidence_missing"; 2], vec!["evidence_missing"; 2], vec!["evidence_missing"; 3]),
        (vec![&process], vec!["evidence_missing"], vec![], vec!["evidence_missing"; 2]),
        (vec![&process, &quote], vec![], vec![], vec![]),
        (vec![&quote], vec!["evidence_missing"], vec!["evidence_missing"; 2], vec!["evidence_missing"; 2]),
    ] {
        assert_eq!(reasons(&assess(&all, &appraisals)), by_all);
        assert_eq!(reasons(&assess(&any, &appraisals)), by_any);
        assert_eq!(reasons(&assess(&two, &appraisals)), by_two);
    }
    // Nobody has nothing against it.
    for nobody in [&AllOf::new() as &dyn PostureAssessor, &AnyOf::new(), &NOf::new(0)] {
        assert_eq!(reasons(&assess(nobody, &[&process])), ["too_few_assessors"]);
    }
    let level = MinLevel::new(Level::HARDWARE);
    assert_eq!(reasons(&assess(&level, &[&process])), ["level_too_low"]);
    assert!(reasons(&assess(&level, &[&process, &quote])).is_empty());
}

#[test]
fn aims_15_what_several_agree_on_is_what_all_allow() {
    let both = |a: fn(&mut Terms), b: fn(&mut Terms)| assess(&AllOf::new().and(On(a)).and(On(b)), &[]);
    let narrowed = terms(both(
        |terms| {
            terms.types = [CredentialType::Wit, CredentialType::Jwt].into_iter().collect();
            terms.lifetime = Some(HOUR);
            terms.attributes.insert("acme.example/a".into(), "x".into());
        },
        |terms| {
            terms.types = [CredentialType::Wit, CredentialType::X509].into_iter().collect();
            terms.lifetime = Some(MINUTE);
            terms.attributes.insert("acme.example/b".into(), true.into());
        },
    ));
    assert_eq!(narrowed.types, [CredentialType::Wit].into_iter().collect());
    assert_eq!(narrowed.lifetime, Some(MINUTE));
    assert_eq!(narrowed.attributes.len(), 2);
    let keep = |_: &mut Terms| {};
    assert_eq!(terms(both(keep, |terms| terms.lifetime = Some(HOUR))).lifetime, Some(HOUR));

    for (change, reason) in [
        (
            (|terms| terms.subject = "spiffe://acme.example/b".parse().unwrap()) as fn(&mut Terms),
            "subjects_differ",
        ),
        (|terms| terms.types = [].into_iter().collect(), "no_type_left"),
    ] {
        assert_eq!(reasons(&both(keep, change)), [reason]);
    }
    let risk = |terms: &mut Terms| drop(terms.attributes.insert("acme.example/risk".into(), 1.into()));
    let other = |terms: &mut Terms| drop(terms.attributes.insert("acme.example/risk".into(), 2.into()));
    assert_eq!(reasons(&both(risk, other)), ["attributes_differ"]);

    // The first that issues decides, and none after it.
    let any = AnyOf::new().or(On(|terms| terms.lifetime = Some(MINUTE))).or(AsRegistered);
    assert_eq!(terms(assess(&any, &[])).lifetime, Some(MINUTE));
}
