//! What is asked of a verified certificate later.

use std::sync::Arc;

use aims_credential::x509::Role;
use aims_credential::{Mark, MarkKey, MarkTable};
use aims_jose::Thumbprint;
use aims_testkit::assert_refused;

use super::forge::{Domain, Forge, seconds, trusting};
use crate::support::{ORIGIN, SUBJECT, at, id, now};

#[test]
fn x5v_3_aims_55_it_counts_until_it_ends_or_is_cut_off() {
    let domain = Domain::new();
    let svid = domain.check(&Forge::leaf()).unwrap();
    let marks = MarkTable::with_capacity(8);
    let last = seconds("2027-01-01");
    svid.still_valid(last, &marks).unwrap();
    assert_refused!(svid.still_valid(at(last.as_secs() + 1), &marks), "expired", "AIMS-8");

    marks.add(&MarkKey::Credential { origin: ORIGIN, id: "51ab" }, Mark::dead()).unwrap();
    assert_refused!(svid.still_valid(now(), &marks), "revoked", "AIMS-55");
    let marks = MarkTable::with_capacity(8);
    assert_eq!(*svid.thumbprint(), Thumbprint::of(svid.public_key()));
    marks.add(&MarkKey::Key(svid.thumbprint()), Mark::dead()).unwrap();
    assert_refused!(svid.still_valid(now(), &marks), "revoked", "AIMS-55");
    let marks = MarkTable::with_capacity(8);
    let agent = id(SUBJECT);
    marks.add(&MarkKey::Agent(&agent), Mark::not_before(seconds("2026-09-01"))).unwrap();
    assert_refused!(svid.still_valid(now(), &marks), "superseded", "AIMS-55");
}

#[test]
fn x5v_3_a_clock_that_is_set_back_finds_the_latest_beginning_of_the_path() {
    let domain = Domain::new();
    // The workload's certificate is older than that of its issuer.
    let middle = Forge::authority("middle").with(|it| it.not_before = "20260901001000Z".into());
    let leaf = Forge::leaf().with(|leaf| leaf.issuer = Some("middle")).signed_by(&middle.key);
    let chain = [middle.signed_by(&domain.root)];
    let svid = domain.check_chain(&leaf, &chain).unwrap();
    let (leaf_begins, path_begins) = (seconds("2026-09-01"), at(seconds("2026-09-01").as_secs() + 600));
    assert_eq!(svid.begun(), leaf_begins);
    let marks = MarkTable::with_capacity(8);
    svid.still_valid(path_begins, &marks).unwrap();
    assert_refused!(svid.still_valid(at(path_begins.as_secs() - 1), &marks), "not_yet_valid", "X5V-3");
    let again = |time| domain.verifier.verify_again(&svid, Role::Client, time);
    again(path_begins).unwrap();
    assert_refused!(again(at(path_begins.as_secs() - 1)), "not_yet_valid", "X5V-3");
}

#[test]
fn x5v_3_a_path_that_ends_is_not_the_last_one() {
    // Two certificates for one intermediate; the one that is found first ends early.
    let domain = Domain::new();
    let early = Forge::authority("middle").with(|it| it.not_after = "20261001000000Z".into());
    let late = Forge { not_after: "20270101000000Z".into(), ..early.clone() };
    let leaf = Forge::leaf().with(|leaf| leaf.issuer = Some("middle")).signed_by(&early.key);
    let chain = [early.signed_by(&domain.root), late.signed_by(&domain.root)];
    let svid = domain.check_chain(&leaf, &chain).unwrap();
    let ends = svid.not_after();
    assert!(ends < seconds("2027-01-01"));
    let renewed = domain.verifier.verify_again(&svid, Role::Client, at(ends.as_secs() + 1)).unwrap();
    assert_eq!(renewed.not_after(), seconds("2027-01-01"));
    let last = at(seconds("2027-01-01").as_secs() + 1);
    assert_refused!(domain.verifier.verify_again(&svid, Role::Client, last), "expired", "X5V-3");
}

#[test]
fn aims_55_a_marked_certificate_is_not_verified_again() {
    let root = Forge::authority("root");
    let marks = Arc::new(MarkTable::with_capacity(8));
    let verifier = trusting(&[&root.signed_by(&root.key)]).marks(marks.clone()).build();
    let leaf = Forge::leaf().signed_by(&root.key);
    verifier.verify(&leaf, &[], Role::Client, now()).unwrap();
    marks.add(&MarkKey::Agent(&id(SUBJECT)), Mark::suspended()).unwrap();
    assert_refused!(verifier.verify(&leaf, &[], Role::Client, now()), "suspended", "AIMS-55");
}

#[test]
fn a_certificate_shows_itself_and_not_too_much() {
    let domain = Domain::new();
    let leaf = Forge::leaf().signed_by(&domain.root);
    let svid = domain.check_chain(&leaf, &[]).unwrap();
    assert_eq!(svid.certificate(), &leaf[..]);
    assert_eq!(svid.fingerprint(), aims_keys::backend::ring().sha256(&leaf));
    assert_eq!(svid.bundle().origin().as_str(), ORIGIN);
    let shown = format!("{svid:?}");
    assert!(shown.contains(SUBJECT) && shown.contains("51ab") && shown.len() < 200, "{shown}");
}

#[test]
fn mtls_10_x5v_2_what_was_verified_is_verified_again_with_what_is_trusted_now() {
    let root = Forge::authority("root");
    let anchor = root.signed_by(&root.key);
    let set = aims_credential::BundleSet::from(super::forge::bundle(&[&anchor]));
    let marks = Arc::new(MarkTable::with_capacity(8));
    let verifier = aims_credential::x509::SvidVerifier::builder(set.clone(), aims_keys::backend::ring())
        .marks(marks.clone())
        .build();
    let svid = verifier.verify(&Forge::leaf().signed_by(&root.key), &[], Role::Client, now()).unwrap();
    let again = |time| verifier.verify_again(&svid, Role::Client, time);
    // Not one like it: it.
    assert!(std::ptr::eq(again(now()).unwrap().certificate(), svid.certificate()));
    let (first, last) = (seconds("2026-09-01").as_secs(), seconds("2027-01-01").as_secs());
    again(at(last)).unwrap();
    assert_refused!(again(at(last + 1)), "expired", "X5V-3");
    assert_refused!(again(at(first - 1)), "not_yet_valid", "X5V-3");

    // The same authority in a new bundle; then another one; then none.
    set.insert(super::forge::bundle(&[&anchor]));
    let renewed = again(now()).unwrap();
    assert!(!Arc::ptr_eq(renewed.bundle(), svid.bundle()));
    let other = Forge::authority("root");
    set.insert(super::forge::bundle(&[&other.signed_by(&other.key)]));
    assert_refused!(again(now()), "bad_signature", "X5V-3");
    set.remove(&ORIGIN.parse().unwrap());
    assert_refused!(again(now()), "unknown_trust_domain", "X5V-2");

    set.insert(super::forge::bundle(&[&anchor]));
    let current = again(now()).unwrap();
    marks.add(&MarkKey::Agent(&id(SUBJECT)), Mark::dead()).unwrap();
    assert_refused!(verifier.verify_again(&current, Role::Client, now()), "revoked", "AIMS-55");
}

#[test]
fn x5v_6_x5v_5_what_another_verifier_found_is_verified_whole() {
    let root = Forge::authority("root");
    let set = aims_credential::BundleSet::from(super::forge::bundle(&[&root.signed_by(&root.key)]));
    let builder = || aims_credential::x509::SvidVerifier::builder(set.clone(), aims_keys::backend::ring());
    let lax = builder().tolerate_missing_basic_constraints().build();
    let leaf = Forge::leaf().with(|leaf| {
        leaf.constraints = None;
        leaf.purposes = Some(vec![super::forge::CLIENT_AUTH]);
    });
    let svid = lax.verify(&leaf.signed_by(&root.key), &[], Role::Client, now()).unwrap();
    lax.verify_again(&svid, Role::Client, now()).unwrap();
    let strict = builder().build().verify_again(&svid, Role::Client, now());
    assert_refused!(strict, "basic_constraints_missing", "X5V-4");
    assert_refused!(lax.verify_again(&svid, Role::Server, now()), "extended_key_usage", "X5V-5");
}

#[test]
fn x5v_3_mtls_10_a_remembered_certificate_counts_no_longer_for_that() {
    let root = Forge::authority("root");
    let anchor = root.signed_by(&root.key);
    let set = aims_credential::BundleSet::from(super::forge::bundle(&[&anchor]));
    let marks = Arc::new(MarkTable::with_capacity(8));
    let verifier = aims_credential::x509::SvidVerifier::builder(set.clone(), aims_keys::backend::ring());
    let cache = aims_credential::x509::SvidCache::new(verifier.marks(marks.clone()).build(), 16);
    let leaf = Forge::leaf().signed_by(&root.key);
    let verify = |time| cache.verify(&leaf, &[], Role::Client, time);
    let first = verify(now()).unwrap();
    assert!(std::ptr::eq(verify(now()).unwrap().certificate(), first.certificate()), "remembered");
    assert_eq!((cache.len(), cache.is_empty()), (1, false));
    assert_refused!(verify(at(seconds("2027-01-01").as_secs() + 1)), "expired", "X5V-3");
    assert!(cache.is_empty());
    verify(now()).unwrap();
    assert_refused!(verify(at(seconds("2026-09-01").as_secs() - 1)), "not_yet_valid", "X5V-3");

    // Refusals are not remembered; nor is what was verified with another bundle, or for another role.
    let clients = Forge::leaf().with(|leaf| leaf.purposes = Some(vec![super::forge::CLIENT_AUTH]));
    let clients = clients.signed_by(&root.key);
    cache.verify(&clients, &[], Role::Client, now()).unwrap();
    assert_refused!(cache.verify(&clients, &[], Role::Server, now()), "extended_key_usage", "X5V-5");
    verify(now()).unwrap();
    set.remove(&ORIGIN.parse().unwrap());
    assert_refused!(verify(now()), "unknown_trust_domain", "X5V-2");
    set.insert(super::forge::bundle(&[&anchor]));
    verify(now()).unwrap();
    marks.add(&MarkKey::Agent(&id(SUBJECT)), Mark::dead()).unwrap();
    assert_refused!(verify(now()), "revoked", "AIMS-55");
    let long = aims_credential::x509::CertificateDer::from(vec![0x30; 16 * 1024 + 1]);
    assert_refused!(cache.verify(&long, &[], Role::Client, now()), "certificate_too_large", "X5V-1");
    // Whoever presents another's certificate does not choose the way for its owner.
    let live = Forge::authority("root");
    let live_set = aims_credential::BundleSet::from(super::forge::bundle(&[&live.signed_by(&live.key)]));
    let live_verifier = aims_credential::x509::SvidVerifier::builder(live_set, aims_keys::backend::ring());
    let live_cache = aims_credential::x509::SvidCache::new(live_verifier.build(), 16);
    let (owned, junk) = (Forge::leaf().signed_by(&live.key), Forge::authority("junk").signed_by(&live.key));
    live_cache.verify(&owned, std::slice::from_ref(&junk), Role::Client, now()).unwrap();
    assert_eq!(live_cache.verify(&owned, &[], Role::Client, now()).unwrap().chain().len(), 1);
    // Another certificate with the same names and another signature is another one.
    let other = Forge::authority("root");
    let forged = cache.verify(&Forge::leaf().signed_by(&other.key), &[], Role::Client, now());
    assert_refused!(forged, "bad_signature", "X5V-3");
}

#[test]
fn aims_55_x5v_1_serial_numbers_have_one_form() {
    let domain = Domain::new();
    let with = |serial: &[u8]| domain.check(&Forge::leaf().with(|leaf| leaf.serial = serial.to_vec()));
    // As everybody writes it, the sign byte is left out: by this name it is cut off.
    assert_eq!(with(&[0, 0xff, 0x12]).unwrap().serial(), "ff12");
    let mut longest = vec![0; 21];
    longest[1] = 0x80;
    assert_eq!(with(&longest).unwrap().serial().len(), 40);
    for bad in [&[][..], &[0xff], &[0, 0x12], &[0x12; 21]] {
        assert_refused!(with(bad), "malformed_certificate", "X5V-1", "{bad:x?}");
    }
}
