//! What is asked of a verified certificate later.

use std::sync::Arc;

use aims_credential::x509::Role;
use aims_credential::{Mark, MarkKey, MarkTable};
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
    let agent = id(SUBJECT);
    marks.add(&MarkKey::Agent(&agent), Mark::not_before(seconds("2026-09-01"))).unwrap();
    assert_refused!(svid.still_valid(now(), &marks), "superseded", "AIMS-55");
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
