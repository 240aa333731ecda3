//! From evidence to a grant (ATT-102, AIMS-14).

use aims_attest::{EvidenceType, Level};
use aims_provision::{
    CredentialType, EntryBuilder, Phase, Posture, PostureAssessor, PostureQuestion, Provisioner, Terms,
};
use aims_testkit::assert_refused;

use crate::support::*;

#[test]
fn att_102_every_entry_that_is_proven_wholly_is_granted_in_order() {
    let all = entries(vec![
        entry("spiffe://acme.example/a", &["unix:uid:1", "unix:path:/a"]).build().unwrap(),
        entry("spiffe://acme.example/b", &["unix:uid:1"]).build().unwrap(),
        entry("spiffe://acme.example/c", &["unix:uid:1", "oci:digest:x"]).build().unwrap(),
        entry("spiffe://acme.example/d", &["oci:digest:x"]).build().unwrap(),
    ]);
    let image = appraisal(EvidenceType::ContainerImage, Level::OBSERVED, NOW + MINUTE, &["oci:digest:x"]);
    let granted = |appraisals: &[_], now| {
        let grants = Provisioner::new().decide(&all, appraisals, Phase::Initial, now);
        grants.map(|grants| grants.iter().map(|grant| grant.subject().path().to_owned()).collect::<Vec<_>>())
    };
    let process = peer(&["unix:uid:1", "unix:path:/a", "unix:gid:9"]);
    assert_eq!(granted(std::slice::from_ref(&process), NOW).unwrap(), ["/a", "/b"]);
    assert_eq!(granted(&[process.clone(), image.clone()], NOW).unwrap(), ["/a", "/b", "/c", "/d"]);
    assert_eq!(granted(&[process.clone(), image.clone()], NOW + MINUTE).unwrap(), ["/a", "/b"]);
    for appraisals in [vec![], vec![peer(&["unix:uid:2"])], vec![peer(&[])]] {
        assert_refused!(granted(&appraisals, NOW), "no_entry", "ATT-102");
    }
    assert_refused!(granted(&[process.clone(), image.clone()], NOW + HOUR), "no_entry", "ATT-102");

    let grants =
        Provisioner::new().decide(&all, &[process.clone(), image.clone()], Phase::Initial, NOW).unwrap();
    let mut both = [*process.id(), *image.id()];
    both.sort();
    assert_eq!((grants[2].appraisals(), grants[2].not_after()), (both.as_slice(), NOW + MINUTE));
    assert_eq!((grants[1].appraisals(), grants[1].not_after()), ([*process.id()].as_slice(), NOW + HOUR));
}

/// Changes what the entry says.
#[derive(Debug)]
struct Changes(fn(&mut Terms));

impl PostureAssessor for Changes {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        let mut terms = Terms::of(question.entry);
        (self.0)(&mut terms);
        Posture::Issue(terms)
    }
}

#[test]
fn aims_14_an_assessor_decides_whether_which_identifier_types_attributes_and_lifetime() {
    let all = entries(vec![
        entry(AGENT, &["unix:uid:1"])
            .types([CredentialType::X509, CredentialType::Wit])
            .lifetime(CredentialType::X509, HOUR)
            .build()
            .unwrap(),
    ]);
    let decide = |change: fn(&mut Terms)| {
        let provisioner = Provisioner::new().with_posture(Changes(change));
        provisioner
            .decide(&all, &[peer(&["unix:uid:1"])], Phase::Renewal, NOW)
            .map(|mut grants| grants.remove(0))
    };
    let grant = decide(|terms| {
        terms.subject = "spiffe://acme.example/quarantine/travel".parse().unwrap();
        terms.types = [CredentialType::Wit].into_iter().collect();
        terms.attributes.insert("acme.example/risk".into(), 3.into());
        terms.lifetime = Some(MINUTE);
    })
    .unwrap();
    assert_eq!(grant.subject().path(), "/quarantine/travel");
    assert!(grant.types().contains(CredentialType::Wit) && !grant.types().contains(CredentialType::X509));
    assert_eq!(grant.attributes()["acme.example/risk"], 3.into());
    let lifetimes = CredentialType::ALL.map(|kind| grant.lifetime(kind));
    assert_eq!(lifetimes, [Some(MINUTE); 3]);

    // What it gives beyond the entry, it does not give.
    let grant = decide(|terms| {
        terms.types = CredentialType::ALL.into_iter().collect();
        terms.lifetime = Some(DAY);
    })
    .unwrap();
    assert_eq!(grant.types(), all.iter().next().unwrap().types());
    assert_eq!(grant.lifetime(CredentialType::X509), Some(HOUR));
    for change in [
        (|terms| terms.subject = "spiffe://bank.example/agents/travel".parse().unwrap()) as fn(&mut Terms),
        |terms| terms.subject = "spiffe://acme.example".parse().unwrap(),
        |terms| terms.types = [CredentialType::Jwt].into_iter().collect(),
    ] {
        assert_refused!(decide(change), "posture_refused", "AIMS-14");
    }
}

#[test]
fn aims_13_a_grant_that_offers_something_else_is_another() {
    let decide = |entry: EntryBuilder, change: fn(&mut Terms), until| {
        let all = entries(vec![entry.build().unwrap()]);
        let shown = appraisal(EvidenceType::UnixPeer, Level::OBSERVED, until, &["unix:uid:1"]);
        let provisioner = Provisioner::new().with_posture(Changes(change));
        provisioner.decide(&all, &[shown], Phase::Renewal, NOW).unwrap().remove(0)
    };
    let keep: fn(&mut Terms) = |_| {};
    let plain = || entry(AGENT, &["unix:uid:1"]);
    let grant = decide(plain(), keep, NOW + HOUR);
    assert!(grant.offers_as(&decide(plain(), keep, NOW + DAY)), "newer evidence for the same");
    let short: fn(&mut Terms) = |terms| terms.lifetime = Some(MINUTE);
    assert!(!grant.offers_as(&decide(plain(), short, NOW + HOUR)));
    assert!(!grant.offers_as(&decide(plain().dns_name("travel.acme.example"), keep, NOW + HOUR)));
}

/// Refuses renewals, and remembers nothing.
#[derive(Debug)]
struct OnlyOnce;

impl PostureAssessor for OnlyOnce {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        match question.phase {
            Phase::Initial => Posture::Issue(Terms::of(question.entry)),
            Phase::Renewal => Posture::refuse("renewal"),
        }
    }
}

#[test]
fn aims_15_the_assessor_is_asked_at_renewal_too() {
    let all = entries(vec![entry(AGENT, &["unix:uid:1"]).build().unwrap()]);
    let provisioner = Provisioner::new().with_posture(OnlyOnce);
    let decide = |phase| provisioner.decide(&all, &[peer(&["unix:uid:1"])], phase, NOW);
    decide(Phase::Initial).unwrap();
    assert_refused!(decide(Phase::Renewal), "posture_refused", "AIMS-14");
    assert_eq!(
        decide(Phase::Renewal).unwrap_err().to_string(),
        "the posture of the workload does not do: renewal"
    );
}
