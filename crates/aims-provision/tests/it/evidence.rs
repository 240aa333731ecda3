//! Entries that ask for evidence: what is granted on it, and to which key (ATT-111, ATT-112, ATT-115).

use aims_attest::{
    Appraisal, AppraisalBuilder, BoundKey, Evidence, EvidenceRule, EvidenceType, KeyBinding, Level, Policy,
};
use aims_credential::{Attested, BundleSet, TrustBundle, WitVerifier};
use aims_jose::Thumbprint;
use aims_keys::{Signer, backend};
use aims_provision::{Authority, AuthoritySettings, CredentialType, Grant, NoGrant, Phase, Provisioner};
use aims_testkit::assert_refused;

use crate::support::*;

fn binding(key: &Thumbprint, nonce: u8) -> KeyBinding {
    KeyBinding::of(ORIGIN, &[nonce; 32], key, backend::ring())
}

fn of(kind: EvidenceType, level: Level) -> AppraisalBuilder {
    let evidence = Evidence::new(kind, b"evidence".to_vec(), NOW).unwrap();
    Appraisal::accepted(&evidence, "test", (NOW, NOW + MINUTE * 20), backend::ring()).level(level)
}

fn tpm(key: &Thumbprint) -> Appraisal {
    of(EvidenceType::Tpm2Quote, Level::HARDWARE).bound(BoundKey::Hardware(*key), binding(key, 1)).build()
}

fn process() -> Appraisal {
    of(EvidenceType::UnixPeer, Level::OBSERVED).selector("unix:uid:1".parse().unwrap()).build()
}

fn in_hardware() -> Policy {
    Policy::from(EvidenceRule::of(EvidenceType::Tpm2Quote).key_in_hardware()).named("agents-3")
}

fn decide(policy: Policy, appraisals: &[Appraisal]) -> Result<Grant, NoGrant> {
    let all = entries(vec![entry(AGENT, &["unix:uid:1"]).evidence(policy).build().unwrap()]);
    let mut grants = Provisioner::new().decide(&all, appraisals, Phase::Initial, NOW)?;
    Ok(grants.remove(0))
}

fn attested_of(authority: &Authority, token: &str) -> Option<Attested> {
    let bundle = BundleSet::from(TrustBundle::clone(&authority.trust_bundle()));
    WitVerifier::builder(bundle, backend::ring()).build().verify(token, NOW).unwrap().attested()
}

#[test]
fn att_112_att_115_what_is_issued_is_for_the_key_of_the_evidence_and_says_what_was_found() {
    let (own, other) = (key(), key());
    let thumbprint = Thumbprint::of(Signer::public_key(&own));
    let shown = process().with_possession(thumbprint, binding(&thumbprint, 1));
    let grant = decide(in_hardware(), &[tpm(&thumbprint), shown.clone()]).unwrap();
    assert_eq!((grant.key(), grant.appraisals().len()), (Some(&thumbprint), 2));
    assert_eq!((grant.not_after(), grant.lifetime(CredentialType::Wit)), (NOW + MINUTE * 20, Some(HOUR)));

    let authority = authority(AuthoritySettings::new());
    let token = authority.issue_wit(&grant, Signer::public_key(&own), NOW).unwrap();
    let attested = attested_of(&authority, &token).unwrap();
    assert_eq!((attested.level(), attested.is_key_in_hardware(), attested.at()), (4, true, NOW));
    assert_eq!(attested.types().collect::<Vec<_>>(), ["tpm2-quote", "unix-peer"]);
    assert_eq!(Some(attested), grant.attested(backend::ring()));
    authority.issue_x509(&grant, Signer::public_key(&own), NOW).unwrap();
    for refused in [
        authority.issue_wit(&grant, Signer::public_key(&other), NOW).map(drop),
        authority.issue_x509(&grant, Signer::public_key(&other), NOW).map(drop),
        authority.issue_jwt(&grant, &["https://tools.example"], NOW).map(drop),
    ] {
        assert_refused!(refused, "other_key", "ATT-112");
    }

    // The result has another name when other evidence came to it.
    let again = decide(in_hardware().named("agents-4"), &[tpm(&thumbprint), shown]).unwrap();
    let digest = |grant: &Grant| *grant.attested(backend::ring()).unwrap().result_digest().unwrap();
    assert_ne!(digest(&grant), digest(&again));
}

#[test]
fn att_112_selectors_and_evidence_of_two_parties_are_not_enough() {
    let (own, other) =
        (Thumbprint::of(Signer::public_key(&key())), Thumbprint::of(Signer::public_key(&key())));
    let shown = |key: &Thumbprint, nonce| process().with_possession(*key, binding(key, nonce));
    assert!(decide(in_hardware(), &[tpm(&own), shown(&own, 1)]).is_ok());
    for glued in [process(), shown(&other, 1), shown(&own, 2)] {
        assert_refused!(
            decide(in_hardware(), &[tpm(&own), glued]).map(drop),
            "evidence_insufficient",
            "ATT-111"
        );
    }
    let refused = decide(in_hardware(), &[shown(&own, 1)]).unwrap_err();
    assert_refused!(Err::<(), _>(refused.clone()), "evidence_insufficient", "ATT-111");
    let NoGrant::Evidence(unmet) = refused else { panic!("{refused:?}") };
    assert_eq!(unmet[0].code(), "evidence_missing");
    let words = NoGrant::Evidence(unmet).to_string();
    assert!(words.starts_with("the evidence does not do: evidence_missing (tpm2-quote)"), "{words}");
}

#[test]
fn att_115_what_is_worth_little_does_not_last() {
    let observed = Policy::from(EvidenceRule::of(EvidenceType::UnixPeer));
    let grant = decide(observed.clone(), &[process()]).unwrap();
    assert_eq!(grant.lifetime(CredentialType::Wit), Some(MINUTE * 15));
    assert_eq!(grant.key(), None);
    let attested = grant.attested(backend::ring()).unwrap();
    assert_eq!((attested.level(), attested.is_key_in_hardware()), (2, false));

    // What the entry says itself is shorter, or is cut.
    let lifetime = |own| {
        let entry =
            entry(AGENT, &["unix:uid:1"]).evidence(observed.clone()).lifetime(CredentialType::Wit, own);
        let all = entries(vec![entry.build().unwrap()]);
        let grants = Provisioner::new().decide(&all, &[process()], Phase::Initial, NOW).unwrap();
        grants[0].lifetime(CredentialType::Wit)
    };
    assert_eq!((lifetime(MINUTE), lifetime(HOUR)), (Some(MINUTE), Some(MINUTE * 15)));
    let asserted =
        of(EvidenceType::UnixPeer, Level::ASSERTED).selector("unix:uid:1".parse().unwrap()).build();
    assert_eq!(decide(observed, &[asserted]).unwrap().lifetime(CredentialType::Wit), Some(MINUTE * 5));
}

#[test]
fn att_121_an_entry_that_asks_for_no_evidence_says_nothing_of_it() {
    let grant = grant(entry(AGENT, &["unix:uid:1"]));
    assert_eq!((grant.key(), grant.attested(backend::ring())), (None, None));
    let own = key();
    let authority = authority(AuthoritySettings::new());
    let token = authority.issue_wit(&grant, Signer::public_key(&own), NOW).unwrap();
    assert_eq!(attested_of(&authority, &token), None);
}
