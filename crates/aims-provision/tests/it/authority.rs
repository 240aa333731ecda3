//! Keys that take turns (FED-10), and what they sign.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{Role, Svid, SvidVerifier};
use aims_credential::{BundleSet, BundleSource, JwtSvid, JwtSvidVerifier, TrustBundle, Wit};
use aims_keys::store::{BadKeyId, DeleteKeys, GenerateKeys, KeyHandle, KeyId, MemoryStore, StoreError};
use aims_keys::{Algorithm, UnixTime, backend};
use aims_provision::{Authority, AuthoritySettings, CredentialType};
use aims_testkit::assert_refused;

use crate::support::*;

/// Keys that sign for a day, and are published fifteen minutes before.
fn settings() -> AuthoritySettings {
    AuthoritySettings::new().keys_sign_for(DAY).refresh_hint(MINUTE * 5).publish_ahead(3)
}

fn counts(bundle: &TrustBundle) -> [usize; 3] {
    [bundle.x509_authorities().len(), bundle.jwt_keys().len(), bundle.keys().len()]
}

#[test]
fn aims_13_an_authority_issues_all_kinds_of_credential_and_each_verifies() {
    let authority = authority(settings());
    let grant = grant(entry(AGENT, &["unix:uid:1"]).dns_name("travel.acme.example"));
    let key = key();

    let chain = authority.issue_x509(&grant, key.public_key(), NOW).unwrap();
    let svid = Svid::from_issuer(chain.clone(), backend::ring()).unwrap();
    assert_eq!((svid.subject().as_str(), svid.not_after()), (AGENT, NOW + HOUR));
    let name = b"travel.acme.example";
    assert_eq!(chain[0].windows(name.len()).filter(|bytes| bytes == name).count(), 1);
    assert_eq!(grant.dns_names(), grant.entry().dns_names());
    verify(&authority.trust_bundle(), &chain, NOW).unwrap();

    let wit = authority.issue_wit(&grant, key.public_key(), NOW).unwrap();
    assert_eq!(Wit::from_issuer(&wit, backend::ring()).unwrap().not_after(), NOW + HOUR);
    verify_wit(&authority.trust_bundle(), &wit, NOW).unwrap();

    let jwt = authority.issue_jwt(&grant, &["https://tools.example"], NOW).unwrap();
    assert_eq!(JwtSvid::from_issuer(&jwt).unwrap().not_after(), NOW + MINUTE * 5);
    let bundles = BundleSet::from(TrustBundle::clone(&authority.trust_bundle()));
    let verifier = JwtSvidVerifier::builder(bundles, "https://tools.example").build();
    assert_eq!(verifier.verify(&jwt, NOW).unwrap().subject().as_str(), AGENT);
    assert_refused!(authority.issue_jwt(&grant, &[], NOW), "bad_claims", "JS-7");

    assert!(BundleSource::bundle(&authority, ORIGIN).is_some());
    assert!(BundleSource::bundle(&authority, "wimse://acme.example").is_none());
}

#[test]
fn aims_7_att_24_nothing_outlives_what_was_granted_or_the_evidence() {
    let authority = authority(settings());
    let key = key();
    let end = |grant, now| {
        let chain = authority.issue_x509(grant, key.public_key(), now).unwrap();
        Svid::from_issuer(chain, backend::ring()).unwrap().not_after()
    };
    let short = grant(entry(AGENT, &["unix:uid:1"]).lifetime(CredentialType::X509, MINUTE));
    assert_eq!(end(&short, NOW), NOW + MINUTE);
    let long = grant(entry(AGENT, &["unix:uid:1"]).lifetime(CredentialType::X509, DAY));
    assert_eq!(end(&long, NOW), NOW + HOUR, "what the authority allows");
    // The evidence ends an hour after NOW.
    let later = NOW + HOUR - MINUTE;
    assert_eq!(end(&long, later), NOW + HOUR);
    assert_refused!(authority.issue_x509(&long, key.public_key(), NOW + HOUR), "evidence_expired", "ATT-24");
    assert_refused!(authority.issue_wit(&long, key.public_key(), NOW + HOUR), "evidence_expired", "ATT-24");

    let only_wit = grant(entry(AGENT, &["unix:uid:1"]).types([CredentialType::Wit]));
    assert_refused!(authority.issue_x509(&only_wit, key.public_key(), NOW), "not_granted", "AIMS-14");
    assert_refused!(authority.issue_jwt(&only_wit, &["x"], NOW), "not_granted", "AIMS-14");
    authority.issue_wit(&only_wit, key.public_key(), NOW).unwrap();
}

#[test]
fn fed_10_a_key_is_published_before_it_signs_and_until_nothing_it_signed_is_left() {
    let authority = authority(settings());
    let workload = key();
    let issue = |now: UnixTime| {
        let all = entries(vec![entry(AGENT, &["unix:uid:1"]).build().unwrap()]);
        let evidence = aims_attest::EvidenceType::UnixPeer;
        let shown = appraisal(evidence, aims_attest::Level::OBSERVED, now + HOUR * 2, &["unix:uid:1"]);
        let grants =
            aims_provision::Provisioner::new().decide(&all, &[shown], aims_provision::Phase::Initial, now);
        let grant = grants.unwrap().remove(0);
        (
            authority.issue_x509(&grant, workload.public_key(), now).unwrap(),
            authority.issue_wit(&grant, workload.public_key(), now).unwrap(),
        )
    };
    let first = authority.trust_bundle();
    assert_eq!((counts(&first), first.refresh_hint()), ([1, 1, 1], Some(MINUTE * 5)));
    let publish_at = NOW + DAY - MINUTE * 15;
    assert_eq!(authority.next_step(), publish_at);
    assert!(!authority.advance(publish_at - Duration::from_secs(1)).unwrap());
    assert!(Arc::ptr_eq(&first, &authority.trust_bundle()));

    // Published, three intervals before it signs.
    assert!(authority.advance(publish_at).unwrap());
    let second = authority.trust_bundle();
    assert_eq!(counts(&second), [2, 2, 2]);
    assert!(second.sequence() > first.sequence());
    let signs_at = publish_at + MINUTE * 15;
    for now in [publish_at, publish_at + MINUTE, signs_at - Duration::from_secs(1)] {
        assert!(!authority.advance(now).unwrap());
    }
    let (before, wit) = issue(signs_at - Duration::from_secs(1));
    verify(&first, &before, signs_at).unwrap();
    verify_wit(&first, &wit, signs_at).unwrap();

    // It signs: whoever took the bundle in time has it.
    assert!(!authority.advance(signs_at).unwrap(), "the same keys are published");
    let (after, wit_after) = issue(signs_at);
    assert_refused!(verify(&first, &after, signs_at), "unknown_issuer", "X5V-3");
    verify(&second, &after, signs_at).unwrap();
    verify_wit(&second, &wit_after, signs_at).unwrap();

    // The old one stays while what it signed may live, however often that is looked at.
    for minute in 0..=60 {
        authority.advance(signs_at + MINUTE * minute).unwrap();
    }
    assert_eq!(counts(&authority.trust_bundle()), [2, 1, 2], "JWT-SVIDs live for five minutes");
    verify(&authority.trust_bundle(), &before, signs_at + HOUR - MINUTE).unwrap();
    let over = signs_at + HOUR + MINUTE * 2;
    assert!(authority.advance(over).unwrap());
    assert_eq!(counts(&authority.trust_bundle()), [1, 1, 1]);
    assert_refused!(verify(&authority.trust_bundle(), &before, signs_at), "unknown_issuer", "X5V-3");
    verify(&authority.trust_bundle(), &after, signs_at).unwrap();
}

#[test]
fn fed_10_a_key_signs_on_when_its_successor_comes_late_and_is_replaced_when_it_cannot() {
    // Nobody called for two days: the old key goes on until the new one was published long enough.
    let late = NOW + DAY * 2;
    let authority = authority(settings());
    let (workload, first) = (key(), authority.trust_bundle());
    assert!(authority.advance(late).unwrap());
    assert_eq!(counts(&authority.trust_bundle()), [2, 2, 2]);
    let all = entries(vec![entry(AGENT, &["unix:uid:1"]).build().unwrap()]);
    let issue_by = |authority: &Authority, now: UnixTime| {
        let shown = appraisal(
            aims_attest::EvidenceType::Process,
            aims_attest::Level::OBSERVED,
            now + HOUR,
            &["unix:uid:1"],
        );
        let grants =
            aims_provision::Provisioner::new().decide(&all, &[shown], aims_provision::Phase::Initial, now);
        authority.issue_x509(&grants.unwrap()[0], workload.public_key(), now).unwrap()
    };
    verify(&first, &issue_by(&authority, late), late).unwrap();

    // Half an hour before its certificate ends: a credential of an hour would outlive it.
    let authority = self::authority(settings());
    let first = authority.trust_bundle();
    let nearly = NOW + DAY * 2 + HOUR + MINUTE * 17 - MINUTE * 30;
    assert!(authority.advance(nearly).unwrap());
    let chain = issue_by(&authority, nearly);
    assert_refused!(verify(&first, &chain, nearly), "unknown_issuer", "X5V-3");
    verify(&authority.trust_bundle(), &chain, nearly).unwrap();

    // Unless its successor was published before, which then takes its place.
    let authority = self::authority(settings());
    assert!(authority.rotate(NOW + DAY * 2).unwrap());
    let second = authority.trust_bundle();
    authority.advance(nearly).unwrap();
    verify(&second, &issue_by(&authority, nearly), nearly).unwrap();

    // A month: its certificate has expired. The new one is published and signs in one step.
    let month = NOW + DAY * 30;
    assert!(authority.advance(month).unwrap());
    let chain = issue_by(&authority, month);
    verify(&authority.trust_bundle(), &chain, month).unwrap();
    assert_refused!(verify(&first, &chain, month), "unknown_issuer", "X5V-3");
    // A clock that was set back a year: likewise, since no certificate is valid yet.
    let year = NOW - DAY * 365;
    assert!(authority.advance(year).unwrap());
    verify(&authority.trust_bundle(), &issue_by(&authority, year), year).unwrap();
}

#[test]
fn fed_10_rotation_on_demand_publishes_first_and_a_compromise_replaces_at_once() {
    let authority = authority(settings());
    assert!(authority.rotate(NOW + MINUTE).unwrap());
    assert!(!authority.rotate(NOW + MINUTE).unwrap(), "the next ones are published already");
    assert_eq!(counts(&authority.trust_bundle()), [2, 2, 2]);
    assert_eq!(authority.next_step(), NOW + MINUTE * 16);

    let grant = grant(entry(AGENT, &["unix:uid:1"]));
    let workload = key();
    let stolen = authority.issue_wit(&grant, workload.public_key(), NOW).unwrap();
    let chain = authority.issue_x509(&grant, workload.public_key(), NOW).unwrap();
    assert!(authority.replace_compromised(CredentialType::Wit, NOW + MINUTE).unwrap());
    assert_eq!(counts(&authority.trust_bundle()), [2, 2, 1]);
    assert_refused!(verify_wit(&authority.trust_bundle(), &stolen, NOW), "unknown_key", "WIT-6");
    verify(&authority.trust_bundle(), &chain, NOW).unwrap();
    let fresh = authority.issue_wit(&grant, workload.public_key(), NOW + MINUTE).unwrap();
    verify_wit(&authority.trust_bundle(), &fresh, NOW + MINUTE).unwrap();
    assert!(authority.replace_compromised(CredentialType::X509, NOW + MINUTE).unwrap());
    assert_refused!(verify(&authority.trust_bundle(), &chain, NOW), "unknown_issuer", "X5V-3");
    assert!(authority.replace_compromised(CredentialType::Jwt, NOW + MINUTE).unwrap());
    assert_eq!(counts(&authority.trust_bundle()), [1, 1, 1]);
}

#[test]
fn x5v_10_a_certificate_that_was_revoked_is_listed_until_it_has_expired() {
    let authority = authority(settings());
    let grant = grant(entry(AGENT, &["unix:uid:1"]));
    let issue = || authority.issue_x509(&grant, key().public_key(), NOW).unwrap();
    let (bad, good) = (issue(), issue());
    let verifier = SvidVerifier::builder(
        BundleSet::from(TrustBundle::clone(&authority.trust_bundle())),
        backend::ring(),
    )
    .build();
    let svid = verifier.verify(&bad[0], &bad[1..], Role::Client, NOW).unwrap();
    assert_refused!(authority.revoke("not hex", NOW), "bad_serial_number", "MTLS-10");
    assert!(authority.trust_bundle().revocation_lists().is_empty());

    authority.revoke(&svid.serial().to_uppercase(), NOW + MINUTE).unwrap();
    authority.revoke(svid.serial(), NOW + MINUTE).unwrap();
    assert_eq!(authority.trust_bundle().revocation_lists()[0].len(), 1);
    assert_refused!(verify(&authority.trust_bundle(), &bad, NOW + MINUTE), "revoked", "X5V-3");
    verify(&authority.trust_bundle(), &good, NOW + MINUTE).unwrap();
    // A key that is new has a list, too, and the one that was revoked under the old one stays revoked.
    authority.rotate(NOW + MINUTE * 2).unwrap();
    assert_eq!(authority.trust_bundle().revocation_lists().len(), 2);
    assert_refused!(verify(&authority.trust_bundle(), &bad, NOW + MINUTE * 2), "revoked", "X5V-3");
    // By then it has expired: the lists go.
    authority.advance(NOW + HOUR * 7).unwrap();
    assert!(authority.trust_bundle().revocation_lists().is_empty());
}

#[test]
fn x5v_10_lists_are_numbered_and_signed_when_they_change_or_have_to_be() {
    // What is revoked has expired when the lists are to be signed anew.
    let lifetime = MINUTE * 358;
    let authority = authority(settings().max_lifetime(CredentialType::X509, lifetime));
    let number = || {
        let bundle = authority.trust_bundle();
        let der = bundle.revocation_lists()[0].der();
        // The extension `cRLNumber` of one byte.
        let name = [0x55, 0x1d, 0x14, 0x04, 0x03, 0x02, 0x01];
        der.windows(8).find_map(|bytes| (bytes[..7] == name).then(|| bytes[7])).unwrap()
    };
    authority.revoke("0a", NOW).unwrap();
    assert_eq!(number(), 1);
    assert!(!authority.advance(NOW + MINUTE).unwrap());
    authority.revoke("0b", NOW).unwrap();
    assert_eq!(number(), 2);
    assert!(!authority.advance(NOW + HOUR * 6 - Duration::from_secs(1)).unwrap());
    assert!(authority.advance(NOW + HOUR * 6).unwrap());
    assert!(authority.trust_bundle().revocation_lists().is_empty());
}

#[test]
fn aims_17_keys_are_of_the_algorithm_that_was_set() {
    let keys = |settings| {
        let bundle = authority(settings).trust_bundle();
        let of = |set: &aims_jose::JwkSet| set.iter().next().unwrap().public_key().algorithm();
        (of(bundle.jwt_keys()), of(bundle.keys()))
    };
    assert_eq!(keys(settings()), (Algorithm::Es256, Algorithm::Es256));
    assert_eq!(keys(settings().algorithm(Algorithm::Es384)), (Algorithm::Es384, Algorithm::Es384));
}

#[test]
fn aims_7_fed_10_settings_are_kept_within_bounds() {
    let (grant, workload) = (grant(entry(AGENT, &["unix:uid:1"])), key());
    for (asked, got) in [(Duration::ZERO, 1), (MINUTE, 60), (DAY * 2, 3600)] {
        let settings =
            CredentialType::ALL.into_iter().fold(settings(), |s, kind| s.max_lifetime(kind, asked));
        let authority = authority(settings);
        let end = NOW + Duration::from_secs(got);
        let chain = authority.issue_x509(&grant, workload.public_key(), NOW).unwrap();
        assert_eq!(Svid::from_issuer(chain, backend::ring()).unwrap().not_after(), end);
        let wit = authority.issue_wit(&grant, workload.public_key(), NOW).unwrap();
        assert_eq!(Wit::from_issuer(&wit, backend::ring()).unwrap().not_after(), end);
        let jwt = authority.issue_jwt(&grant, &["a"], NOW).unwrap();
        assert_eq!(JwtSvid::from_issuer(&jwt).unwrap().not_after(), end, "the evidence ends after an hour");
    }
    let next = |settings: AuthoritySettings| authority(settings).next_step();
    // A key signs for as long as the next one is published before, at least.
    assert_eq!(next(settings().keys_sign_for(Duration::ZERO)), NOW + MINUTE * 15);
    assert_eq!(next(settings().publish_ahead(0)), NOW + DAY - MINUTE * 15);
    assert_eq!(next(settings().publish_ahead(101)), NOW + DAY - MINUTE * 500);
    assert_eq!(next(settings().refresh_hint(Duration::ZERO)), NOW + DAY - Duration::from_secs(3));
    assert_eq!(next(settings().refresh_hint(DAY * 2)), NOW + DAY * 3);
}

#[test]
fn x5v_10_lists_go_with_the_keys_of_certificates_and_with_no_others() {
    let (broken, keys) = (Arc::<std::sync::atomic::AtomicBool>::default(), Arc::default());
    let store = Fragile { inside: MemoryStore::new(backend::ring()), broken: Arc::clone(&broken), keys };
    let authority =
        Authority::new("acme.example".parse().unwrap(), settings(), store, backend::ring(), NOW).unwrap();
    let lists = || authority.trust_bundle().revocation_lists().len();
    authority.revoke("0a", NOW).unwrap();
    for kind in [CredentialType::Jwt, CredentialType::Wit] {
        assert!(authority.replace_compromised(kind, NOW).unwrap());
        assert_eq!(lists(), 1, "{kind:?}");
    }
    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_refused!(authority.replace_compromised(CredentialType::X509, NOW), "key_not_found", "TPM-44");
    assert_eq!(lists(), 1, "nothing has changed");
    broken.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(authority.replace_compromised(CredentialType::X509, NOW).unwrap());
    assert_eq!(lists(), 0);
}

/// Breaks when it is told to, and counts.
#[derive(Debug)]
struct Fragile {
    inside: MemoryStore,
    broken: Arc<std::sync::atomic::AtomicBool>,
    keys: Arc<std::sync::atomic::AtomicIsize>,
}

impl GenerateKeys for Fragile {
    fn generate(&self, id: &KeyId, algorithm: Algorithm) -> Result<KeyHandle, StoreError> {
        if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::NotFound { id: id.clone() });
        }
        self.keys.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.inside.generate(id, algorithm)
    }
}

impl DeleteKeys for Fragile {
    fn delete(&self, id: &KeyId) -> Result<(), StoreError> {
        self.keys.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        self.inside.delete(id)
    }
}

#[test]
fn aims_17_a_key_store_that_fails_keeps_nobody_from_signing_and_old_keys_are_deleted() {
    let (broken, keys) = (Arc::default(), Arc::default());
    let store = Fragile {
        inside: MemoryStore::new(backend::ring()),
        broken: Arc::clone(&broken),
        keys: Arc::clone(&keys),
    };
    let authority =
        Authority::new("acme.example".parse().unwrap(), settings(), store, backend::ring(), NOW).unwrap();
    let count = || keys.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(count(), 3);
    let publish_at = NOW + DAY;
    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_refused!(authority.advance(publish_at), "key_not_found", "TPM-44");
    assert_eq!(counts(&authority.trust_bundle()), [1, 1, 1]);
    let grant = grant(entry(AGENT, &["unix:uid:1"]));
    authority.issue_wit(&grant, key().public_key(), NOW).unwrap();

    broken.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(authority.advance(publish_at + MINUTE).unwrap());
    assert_eq!(count(), 6);
    authority.advance(publish_at + MINUTE * 16).unwrap();
    authority.advance(publish_at + HOUR * 2).unwrap();
    assert_eq!((count(), counts(&authority.trust_bundle())), (3, [1, 1, 1]));
}

#[test]
fn bnd_10_the_number_of_a_bundle_grows_from_one_authority_to_the_next() {
    let first = authority(settings());
    first.rotate(NOW).unwrap();
    let later = NOW + HOUR;
    let next =
        Authority::in_memory("acme.example".parse().unwrap(), settings(), backend::ring(), later).unwrap();
    assert!(next.trust_bundle().sequence() > first.trust_bundle().sequence());
    let _: Result<KeyId, BadKeyId> = "x".parse();
}

#[test]
fn fed_10_a_clock_that_was_ahead_for_a_while_stops_no_rotation() {
    let authority = authority(settings());
    // A year ahead: keys are published, and some sign.
    let year = NOW + DAY * 365;
    authority.advance(year).unwrap();
    authority.rotate(year).unwrap();
    // It is right again: the keys take their turns as if it had never been otherwise.
    authority.advance(NOW + MINUTE).unwrap();
    authority.advance(NOW + MINUTE * 2 + MINUTE * 15).unwrap();
    authority.advance(NOW + HOUR * 3).unwrap();
    assert_eq!(counts(&authority.trust_bundle()), [1, 1, 1]);
    assert!(authority.next_step() <= NOW + DAY + HOUR * 3);
    assert!(authority.advance(NOW + DAY + HOUR * 3).unwrap());
    assert_eq!(counts(&authority.trust_bundle()), [2, 2, 2]);
}

#[test]
fn x5v_10_lists_of_a_time_that_has_not_come_are_signed_anew() {
    let authority = authority(settings());
    let issue = || {
        let grant = grant(entry(AGENT, &["unix:uid:1"]));
        authority.issue_x509(&grant, key().public_key(), NOW).unwrap()
    };
    let (bad, good) = (issue(), issue());
    let bundles = BundleSet::from(TrustBundle::clone(&authority.trust_bundle()));
    let verifier = SvidVerifier::builder(bundles, backend::ring()).build();
    let svid = verifier.verify(&bad[0], &bad[1..], Role::Client, NOW).unwrap();
    // The clock is half a day ahead when it is revoked.
    authority.revoke(svid.serial(), NOW + HOUR * 12).unwrap();
    assert!(authority.advance(NOW + MINUTE).unwrap());
    assert_refused!(verify(&authority.trust_bundle(), &bad, NOW + MINUTE), "revoked", "X5V-3");
    verify(&authority.trust_bundle(), &good, NOW + MINUTE).unwrap();
}

#[test]
fn aims_17_what_was_done_before_the_key_store_failed_is_in_the_bundle() {
    let (broken, keys) = (Arc::<std::sync::atomic::AtomicBool>::default(), Arc::default());
    let store = Fragile { inside: MemoryStore::new(backend::ring()), broken: Arc::clone(&broken), keys };
    let authority =
        Authority::new("acme.example".parse().unwrap(), settings(), store, backend::ring(), NOW).unwrap();
    authority.rotate(NOW).unwrap();
    authority.advance(NOW + MINUTE * 15).unwrap();
    let sequence = authority.trust_bundle().sequence();
    assert_eq!(counts(&authority.trust_bundle()), [2, 2, 2]);
    // The old ones are over, and new ones are due.
    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_refused!(authority.advance(NOW + DAY * 2), "key_not_found", "TPM-44");
    assert_eq!(counts(&authority.trust_bundle()), [1, 1, 1]);
    assert!(authority.trust_bundle().sequence() > sequence);
}

#[test]
fn fed_10_keys_cannot_be_told_to_sign_for_longer_than_time_lasts() {
    let forever = authority(AuthoritySettings::new().keys_sign_for(Duration::MAX));
    assert!(forever.next_step() > NOW + DAY * 3000);
}
