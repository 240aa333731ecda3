//! What revocation lists make of a chain.

use std::sync::Arc;

use aims_credential::x509::{
    CertificateDer, RevocationList, Role, SvidCache, SvidError, SvidVerifier, SvidVerifierBuilder,
    VerifiedSvid,
};
use aims_credential::{BundleSet, BundleSource};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_testkit::assert_refused;

use super::forge::{Domain, Forge, KEY_CERT_SIGN, bundle, seconds};
use super::forge_list::{ForgedList, authority_key_id, distribution_points, subject_key_id};
use crate::support::{ORIGIN, at, key, now};

/// The serial number of every forged certificate, unless it is changed.
const SERIAL: &[u8] = &[0x51, 0xab];

/// An authority, an intermediate below it, and a workload below that.
struct Tree {
    root: Forge,
    middle: Forge,
    bundles: BundleSet,
    leaf: CertificateDer<'static>,
    chain: [CertificateDer<'static>; 1],
}

impl Tree {
    fn new() -> Self {
        Self::with(|_| {}, |_| {}, |_| {})
    }

    fn with(
        root: impl FnOnce(&mut Forge),
        middle: impl FnOnce(&mut Forge),
        leaf: impl FnOnce(&mut Forge),
    ) -> Self {
        let root = Forge::authority("root").with(root);
        let middle = Forge::authority("middle").with(|it| it.serial = vec![0x31]).with(middle);
        let leaf = Forge::leaf().with(|it| it.issuer = middle.subject).with(leaf).signed_by(&middle.key);
        let bundles = BundleSet::from(bundle(&[&root.signed_by(&root.key)]));
        let chain = [middle.signed_by(&root.key)];
        Self { root, middle, bundles, leaf, chain }
    }

    fn builder(&self) -> SvidVerifierBuilder {
        SvidVerifier::builder(self.bundles.clone(), backend::ring())
    }

    fn lists(&self, lists: &[RevocationList]) -> &Self {
        assert!(self.bundles.set_revocation_lists(&ORIGIN.parse().unwrap(), lists));
        self
    }

    fn check_with(&self, verifier: &SvidVerifier, now: UnixTime) -> Result<VerifiedSvid, SvidError> {
        verifier.verify(&self.leaf, &self.chain, Role::Client, now)
    }

    fn check(&self) -> Result<VerifiedSvid, SvidError> {
        self.check_with(&self.builder().build(), now())
    }

    fn root_list(&self, serials: &[&[u8]]) -> RevocationList {
        ForgedList::of("root", serials).signed_by(&self.root.key)
    }

    fn middle_list(&self, serials: &[&[u8]]) -> RevocationList {
        ForgedList::of("middle", serials).signed_by(&self.middle.key)
    }
}

#[test]
fn x5v_3_mtls_10_what_a_list_of_its_issuer_names_is_refused() {
    let tree = Tree::new();
    tree.check().unwrap();
    tree.lists(&[tree.root_list(&[]), tree.middle_list(&[&[0x52]])]).check().unwrap();
    // The workload, and the intermediate; by a list among others.
    for lists in [
        vec![tree.middle_list(&[&[1], SERIAL, &[0x7f; 20]])],
        vec![tree.root_list(&[]), tree.middle_list(&[SERIAL])],
        vec![tree.root_list(&[&[0x31]])],
        vec![tree.middle_list(&[]), tree.root_list(&[&[0x31]])],
        vec![tree.middle_list(&[]), tree.middle_list(&[SERIAL])],
        vec![tree.middle_list(&[SERIAL]), tree.middle_list(&[])],
    ] {
        assert_refused!(tree.lists(&lists).check(), "revoked", "X5V-3", "{lists:?}");
    }
    // The same numbers at the other issuer are other certificates.
    tree.lists(&[tree.root_list(&[SERIAL]), tree.middle_list(&[&[0x31]])]).check().unwrap();
    // Lists go with the bundle that is replaced.
    let anchor = tree.root.signed_by(&tree.root.key);
    tree.lists(&[tree.middle_list(&[SERIAL])]);
    tree.bundles.insert(bundle(&[&anchor]));
    tree.check().unwrap();
    tree.bundles.insert(bundle(&[&anchor]).with_revocation_lists(vec![tree.middle_list(&[SERIAL])]));
    assert_refused!(tree.check(), "revoked", "X5V-3");
    assert_eq!(tree.bundles.bundle(ORIGIN).unwrap().revocation_lists().len(), 1);
    assert!(!tree.bundles.set_revocation_lists(&"spiffe://bank.example".parse().unwrap(), &[]));
}

#[test]
fn a_newer_edition_of_a_bundle_keeps_the_lists() {
    let tree = Tree::new();
    let anchor = tree.root.signed_by(&tree.root.key);
    tree.lists(&[tree.middle_list(&[SERIAL])]);
    tree.bundles.update(&bundle(&[&anchor]).with_sequence(2));
    let updated = tree.bundles.bundle(ORIGIN).unwrap();
    assert_eq!((updated.sequence(), updated.revocation_lists().len()), (Some(2), 1));
    assert_refused!(tree.check(), "revoked", "X5V-3");
    // One that is not there yet has none, whatever comes with it.
    tree.bundles.remove(&ORIGIN.parse().unwrap());
    tree.bundles.update(&bundle(&[&anchor]).with_revocation_lists(vec![tree.middle_list(&[SERIAL])]));
    tree.check().unwrap();
}

#[test]
fn x5v_3_serial_numbers_are_compared_as_numbers() {
    for (serial, named) in [
        (&[0, 0x80][..], &[0, 0x80][..]),
        // Without the byte of the sign, as some write it.
        (&[0, 0x80], &[0x80]),
        (&[0x12], &[0, 0x12]),
    ] {
        let tree = Tree::with(|_| {}, |_| {}, |leaf| leaf.serial = serial.to_vec());
        assert_refused!(tree.lists(&[tree.middle_list(&[named])]).check(), "revoked", "X5V-3", "{named:x?}");
        tree.lists(&[tree.middle_list(&[&[0x12, 0], &[0x80, 0], &[0]])]).check().unwrap();
    }
}

#[test]
fn x5v_3_a_list_in_the_name_of_an_issuer_is_signed_by_it() {
    let tree = Tree::new();
    let stranger = key(Algorithm::Es256);
    let forged = |name| ForgedList::of(name, &[]).signed_by(&stranger);
    assert_refused!(tree.lists(&[forged("middle")]).check(), "revocation_unknown", "X5V-3");
    assert_refused!(tree.lists(&[forged("root")]).check(), "revocation_unknown", "X5V-3");
    // One that is good does not make up for one that somebody forged.
    let both = [tree.middle_list(&[]), forged("middle")];
    assert_refused!(tree.lists(&both).check(), "revocation_unknown", "X5V-3");
    tree.lists(&[forged("stranger")]).check().unwrap();

    // Any byte of a list that is changed.
    let good = tree.middle_list(&[&[0x7a, 0x7b, 0x7c]]);
    let at = good.der().windows(3).position(|bytes| bytes == [0x7a, 0x7b, 0x7c]).unwrap();
    let mut changed = good.der().to_vec();
    changed[at] ^= 1;
    let changed = RevocationList::from_der(&changed).unwrap();
    assert_refused!(tree.lists(&[changed]).check(), "revocation_unknown", "X5V-3");

    // Any bit of it.
    let demanding = tree.builder().require_revocation_lists().build();
    let (upper, lower) = (tree.root_list(&[]), tree.middle_list(&[]));
    tree.lists(&[upper.clone(), lower.clone()]).check_with(&demanding, now()).unwrap();
    for bit in 0..8 * lower.der().len() {
        let mut changed = lower.der().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = RevocationList::from_der(&changed) else { continue };
        let refused = tree.lists(&[upper.clone(), changed]).check_with(&demanding, now());
        assert_refused!(refused, "revocation_unknown", "X5V-3", "{bit}");
    }

    // By any algorithm that certificates are signed with.
    for algorithm in [Algorithm::Es384, Algorithm::Ed25519] {
        let tree = Tree::with(|_| {}, |middle| middle.key = key(algorithm), |_| {});
        tree.lists(&[tree.middle_list(&[])]).check().unwrap();
        assert_refused!(tree.lists(&[tree.middle_list(&[SERIAL])]).check(), "revoked", "X5V-3");
    }
}

#[test]
fn x5v_3_authorities_in_rotation_may_share_a_name() {
    // The old authority and the new one, each with a list; by turns in either order, so that who was first does not matter.
    let named = |id: &'static [u8]| Forge::authority("root").with(|it| it.more = vec![subject_key_id(id)]);
    let (old, new) = (named(b"old"), named(b"new"));
    let list = |of: &Forge, id: &[u8], serials: &[&[u8]]| {
        ForgedList::of("root", serials).with(|it| it.extensions.push(authority_key_id(id))).signed_by(&of.key)
    };
    let serial = |serial: u8| Forge::leaf().with(|leaf| leaf.serial = vec![serial]);
    for old_first in [true, false] {
        let mut lists = vec![list(&old, b"old", &[&[1]]), list(&new, b"new", &[&[2]])];
        if !old_first {
            lists.reverse();
        }
        let trusted = bundle(&[&old.signed_by(&old.key), &new.signed_by(&new.key)]);
        let bundles = BundleSet::from(trusted.with_revocation_lists(lists));
        let verifier = SvidVerifier::builder(bundles, backend::ring()).require_revocation_lists().build();
        let check = |number: u8, key: &SoftwareKey| {
            verifier.verify(&serial(number).signed_by(key), &[], Role::Client, now())
        };
        for _ in 0..2 {
            check(2, &old.key).unwrap();
            check(1, &new.key).unwrap();
            assert_refused!(check(1, &old.key), "revoked", "X5V-3");
            assert_refused!(check(2, &new.key), "revoked", "X5V-3");
        }
    }
    // A list with the identifier of the issuer's key, or where the issuer has none, that this key did not sign.
    for more in [vec![subject_key_id(b"old")], vec![]] {
        let issuer = Forge::authority("root").with(|it| it.more.clone_from(&more));
        let trusted = bundle(&[&issuer.signed_by(&issuer.key)]);
        let bundles = BundleSet::from(trusted.with_revocation_lists(vec![list(&new, b"old", &[])]));
        let verifier = SvidVerifier::builder(bundles, backend::ring()).build();
        let refused = verifier.verify(&serial(1).signed_by(&issuer.key), &[], Role::Client, now());
        assert_refused!(refused, "revocation_unknown", "X5V-3");
    }
    // Another certificate for the same key, with another identifier, does not rid it of its list.
    let renamed = Forge::authority("root").with(|it| {
        it.more = vec![subject_key_id(b"other")];
        it.key = old.key.clone();
    });
    let trusted = bundle(&[&renamed.signed_by(&old.key)]);
    let bundles = BundleSet::from(trusted.with_revocation_lists(vec![list(&old, b"old", &[&[1]])]));
    let verifier = SvidVerifier::builder(bundles, backend::ring()).build();
    let refused = verifier.verify(&serial(1).signed_by(&old.key), &[], Role::Client, now());
    assert_refused!(refused, "revoked", "X5V-3");
}

#[test]
fn x5_8_x5v_3_an_issuer_of_lists_may_sign_lists() {
    let certificates_only = |it: &mut Forge| it.usage = Some((true, KEY_CERT_SIGN));
    let tree = Tree::with(|_| {}, certificates_only, |_| {});
    tree.check().unwrap();
    assert_refused!(tree.lists(&[tree.middle_list(&[])]).check(), "revocation_unknown", "X5V-3");
    let tree = Tree::with(certificates_only, |_| {}, |_| {});
    tree.check().unwrap();
    assert_refused!(tree.lists(&[tree.root_list(&[])]).check(), "revocation_unknown", "X5V-3");
}

#[test]
fn mtls_10_x5v_3_a_list_that_is_out_of_date_fails_closed() {
    let tree = Tree::new();
    let (strict, lax) = (tree.builder().build(), tree.builder().tolerate_outdated_revocation_lists().build());
    let list = |this, next, serials: &[&[u8]]| {
        ForgedList::of("middle", serials)
            .with(|it| (it.this_update, it.next_update) = (this, Some(next)))
            .signed_by(&tree.middle.key)
    };
    let (past, future) = (("20260801000000Z", "20260901000000Z"), ("20261201000000Z", "20270101000000Z"));
    for (this, next) in [past, future] {
        tree.lists(&[list(this, next, &[])]);
        assert_refused!(tree.check_with(&strict, now()), "revocation_outdated", "X5V-3", "{this}");
        tree.check_with(&lax, now()).unwrap();
        // What it names stays revoked.
        tree.lists(&[list(this, next, &[SERIAL])]);
        assert_refused!(tree.check_with(&strict, now()), "revoked", "X5V-3");
        assert_refused!(tree.check_with(&lax, now()), "revoked", "X5V-3");
    }
    // One of an issuer's lists is current, whatever the others are and in which order.
    let mut lists =
        [list(past.0, past.1, &[]), tree.middle_list(&[]), list(future.0, "20270601000000Z", &[])];
    for _ in 0..3 {
        tree.lists(&lists).check_with(&strict, now()).unwrap();
        lists.rotate_left(1);
    }
    lists.reverse();
    tree.lists(&lists).check_with(&strict, now()).unwrap();

    // To the second: from `thisUpdate` on, and no more at `nextUpdate`.
    tree.lists(&[list("20260901000100Z", "20261231235900Z", &[])]);
    let (begins, ends) = (seconds("2026-09-01").as_secs() + 60, seconds("2027-01-01").as_secs() - 61);
    for good in [begins, ends] {
        tree.check_with(&strict, at(good)).unwrap();
    }
    for bad in [begins - 1, ends + 1] {
        assert_refused!(tree.check_with(&strict, at(bad)), "revocation_outdated", "X5V-3", "{bad}");
    }
}

#[test]
fn mtls_10_what_was_verified_is_asked_about_again_when_lists_change_or_end() {
    let tree = Tree::new();
    let end = seconds("2027-01-01").as_secs() - 61;
    let list = |serials: &[&[u8]]| {
        ForgedList::of("middle", serials)
            .with(|it| it.next_update = Some("20261231235900Z"))
            .signed_by(&tree.middle.key)
    };
    tree.lists(&[list(&[])]);
    let verifier = tree.builder().build();
    let cache = SvidCache::new(verifier.clone(), 16);
    let verify = |time| cache.verify(&tree.leaf, &tree.chain, Role::Client, time);
    let svid = verify(now()).unwrap();
    let again = |time| verifier.verify_again(&svid, Role::Client, time);
    assert!(std::ptr::eq(again(at(end)).unwrap().certificate(), svid.certificate()), "the very same");
    assert!(std::ptr::eq(verify(at(end)).unwrap().certificate(), svid.certificate()), "remembered");
    assert_refused!(again(at(end + 1)), "revocation_outdated", "X5V-3");
    assert_refused!(verify(at(end + 1)), "revocation_outdated", "X5V-3");
    // The certificate itself has not ended: that is another question.
    assert!(svid.not_after() > at(end + 1));

    // A new list is noticed at once.
    verify(now()).unwrap();
    tree.lists(&[list(&[SERIAL])]);
    assert_refused!(again(now()), "revoked", "X5V-3");
    assert_refused!(verify(now()), "revoked", "X5V-3");
    assert_refused!(cache.verify_again(&svid, Role::Client, now()), "revoked", "X5V-3");
    tree.lists(&[list(&[])]);
    again(now()).unwrap();
}

#[test]
fn mtls_10_lists_of_every_issuer_can_be_demanded() {
    let tree = Tree::new();
    let demanding = tree.builder().require_revocation_lists().build();
    let check = |lists: &[RevocationList]| tree.lists(lists).check_with(&demanding, now());
    assert_refused!(check(&[]), "revocation_unknown", "X5V-3");
    assert_refused!(check(&[tree.root_list(&[])]), "revocation_unknown", "X5V-3");
    assert_refused!(check(&[tree.middle_list(&[])]), "revocation_unknown", "X5V-3");
    check(&[tree.middle_list(&[]), tree.root_list(&[])]).unwrap();
    assert_refused!(check(&[tree.middle_list(&[SERIAL]), tree.root_list(&[])]), "revoked", "X5V-3");
}

#[test]
fn x5v_3_a_certificate_that_insists_on_a_list_gets_one() {
    let insisting = |more: Vec<u8>| move |it: &mut Forge| it.more = vec![distribution_points(true, &more)];
    // As a workload.
    let tree = Tree::with(|_| {}, |_| {}, insisting(vec![]));
    assert_refused!(tree.check(), "revocation_unknown", "X5V-3");
    assert_refused!(tree.lists(&[tree.root_list(&[])]).check(), "revocation_unknown", "X5V-3");
    tree.lists(&[tree.middle_list(&[])]).check().unwrap();
    assert_refused!(tree.lists(&[tree.middle_list(&[SERIAL])]).check(), "revoked", "X5V-3");
    // As an intermediate.
    let tree = Tree::with(|_| {}, insisting(vec![]), |_| {});
    assert_refused!(tree.check(), "revocation_unknown", "X5V-3");
    tree.lists(&[tree.root_list(&[])]).check().unwrap();
    // On that of another issuer, or one per reason.
    for more in [vec![0xa2, 2, 0xa4, 0], vec![0x81, 2, 6, 0x40]] {
        let tree = Tree::with(|_| {}, |_| {}, insisting(more));
        assert_refused!(tree.lists(&[tree.middle_list(&[])]).check(), "revocation_unknown", "X5V-3");
    }
    // Who does not insist is content without.
    Tree::with(|_| {}, |_| {}, |it| it.more = vec![distribution_points(false, &[])]).check().unwrap();
    // What is no list of points.
    let broken = Forge::leaf()
        .with(|it| it.more = vec![super::forge::extension(&[0x55, 0x1d, 0x1f], true, &[0x30, 1, 0])]);
    assert_refused!(Domain::new().check(&broken), "malformed_certificate", "X5V-1");
}

#[test]
fn x5v_3_another_path_is_looked_for_where_one_is_revoked() {
    // Two certificates for one intermediate, by the authority of old and the new one: the old one is revoked.
    let tree = Tree::new();
    let new = Forge::authority("new");
    let other = tree.middle.clone().with(|it| it.issuer = Some("new")).signed_by(&new.key);
    let trusted = bundle(&[&tree.root.signed_by(&tree.root.key), &new.signed_by(&new.key)]);
    tree.bundles.insert(trusted.with_revocation_lists(vec![tree.root_list(&[&[0x31]])]));
    let verifier = tree.builder().build();
    let verify = |chain: &[CertificateDer<'_>]| verifier.verify(&tree.leaf, chain, Role::Client, now());
    assert_refused!(verify(&tree.chain), "revoked", "X5V-3");
    for chain in [[tree.chain[0].clone(), other.clone()], [other, tree.chain[0].clone()]] {
        verify(&chain).unwrap();
    }
}

#[test]
fn x5v_2_a_list_is_shared_by_bundles_and_threads() {
    let tree = Tree::new();
    let list = tree.middle_list(&[SERIAL]);
    let bank = bundle(&[]).with_revocation_lists(vec![list.clone()]);
    assert_eq!(bank.revocation_lists(), std::slice::from_ref(&list));
    tree.lists(&[list]);
    let tree = Arc::new(tree);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let tree = Arc::clone(&tree);
            std::thread::spawn(move || tree.check().unwrap_err().code())
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == "revoked"));
}
