//! The way from a leaf to an authority of its trust domain.

use aims_credential::x509::{CertificateDer, Role, SvidCache};
use aims_keys::Algorithm;
use aims_testkit::assert_refused;

use super::forge::{
    CLIENT_AUTH, CRL_SIGN, Domain, Forge, KEY_CERT_SIGN, SERVER_AUTH, assemble, seconds, trusting,
};
use crate::support::{ORIGIN, SUBJECT, at, key, now};

/// A leaf below an intermediate, and the two as they are presented.
fn chain(
    domain: &Domain,
    change: impl FnOnce(&mut Forge),
) -> (CertificateDer<'static>, CertificateDer<'static>) {
    let middle = Forge::authority("middle").with(change);
    let leaf = Forge::leaf().with(|leaf| leaf.issuer = middle.subject).signed_by(&middle.key);
    (leaf, middle.signed_by(&domain.root))
}

#[test]
fn x5v_3_the_path_may_go_through_intermediates_in_any_order() {
    let domain = Domain::new();
    let (upper, lower) = (Forge::authority("upper"), Forge::authority("lower"));
    let leaf = Forge::leaf().with(|leaf| leaf.issuer = Some("lower")).signed_by(&lower.key);
    let upper_der = upper.signed_by(&domain.root);
    let lower_der = lower.with(|lower| lower.issuer = Some("upper")).signed_by(&upper.key);
    let (_, unused) = chain(&domain, |_| {});
    domain.check_chain(&leaf, &[lower_der.clone(), upper_der.clone()]).unwrap();
    domain.check_chain(&leaf, &[unused.clone(), upper_der.clone(), lower_der.clone()]).unwrap();
    assert_refused!(domain.check_chain(&leaf, &[lower_der, unused]), "unknown_issuer", "X5V-3");
    assert_refused!(domain.check_chain(&leaf, &[upper_der]), "unknown_issuer", "X5V-3");
}

#[test]
fn x5v_3_nothing_is_trusted_for_being_in_the_chain() {
    let domain = Domain::new();
    let stranger = Forge::authority("root");
    let leaf = Forge::leaf().signed_by(&stranger.key);
    // By name the authority's, by signature not.
    assert_refused!(domain.check_chain(&leaf, &[]), "bad_signature", "X5V-3");
    let own_root = stranger.signed_by(&stranger.key);
    assert_refused!(domain.check_chain(&leaf, &[own_root]), "bad_signature", "X5V-3");
    let other_name = Forge::leaf().with(|leaf| leaf.issuer = Some("stranger")).signed_by(&stranger.key);
    assert_refused!(domain.check_chain(&other_name, &[]), "unknown_issuer", "X5V-3");
}

#[test]
fn x5v_3_dates_of_leaf_and_intermediates_are_inclusive_and_without_leeway() {
    let domain = Domain::new();
    let leaf = Forge::leaf().signed_by(&domain.root);
    let check = |time| domain.verifier.verify(&leaf, &[], Role::Client, time);
    let (first, last) = (seconds("2026-09-01"), seconds("2027-01-01"));
    check(first).unwrap();
    check(last).unwrap();
    assert_refused!(check(at(first.as_secs() - 1)), "not_yet_valid", "X5V-3");
    assert_refused!(check(at(last.as_secs() + 1)), "expired", "X5V-3");

    let (leaf, middle) = chain(&domain, |middle| middle.not_after = "20261231235959Z".into());
    let svid = domain.check_chain(&leaf, std::slice::from_ref(&middle)).unwrap();
    // The path ends with the first of its certificates.
    assert_eq!(svid.not_after().as_secs(), last.as_secs() - 1);
    let late = domain.verifier.verify(&leaf, &[middle], Role::Client, last);
    assert_refused!(late, "expired", "X5V-3");
    let (leaf, middle) = chain(&domain, |middle| middle.not_before = "20261231235959Z".into());
    assert_refused!(domain.check_chain(&leaf, &[middle]), "not_yet_valid", "X5V-3");
}

#[test]
fn x5v_8_an_issuer_is_one_that_may_sign() {
    let domain = Domain::new();
    let check = |change: fn(&mut Forge)| {
        let (leaf, middle) = chain(&domain, change);
        domain.check_chain(&leaf, &[middle])
    };
    check(|_| {}).unwrap();
    check(|middle| middle.usage = Some((false, KEY_CERT_SIGN))).unwrap();
    assert_refused!(check(|middle| middle.usage = Some((true, CRL_SIGN))), "issuer_not_signing", "X5V-8");
    assert_refused!(check(|middle| middle.usage = None), "issuer_not_signing", "X5V-8");
    assert_refused!(check(|middle| middle.constraints = Some((false, None))), "issuer_not_signing", "X5V-8");
    assert_refused!(check(|middle| middle.constraints = None), "issuer_not_signing", "X5V-8");

    // A workload that signs for another with the key of its own certificate.
    let workload = Forge::leaf().with(|leaf| leaf.subject = Some("workload"));
    let forged = Forge::leaf()
        .with(|leaf| leaf.issuer = Some("workload"))
        .with(|leaf| leaf.uris = vec![b"spiffe://acme.example/agents/admin".into()])
        .signed_by(&workload.key);
    let refused = domain.check_chain(&forged, &[workload.signed_by(&domain.root)]);
    assert_refused!(refused, "issuer_not_signing", "X5V-8");
}

#[test]
fn x5_9_x5v_8_the_identity_of_an_issuer_is_the_trust_domain() {
    let domain = Domain::new();
    let check = |uris: &[&str]| {
        let (leaf, middle) =
            chain(&domain, |middle| middle.uris = uris.iter().map(|uri| (*uri).into()).collect());
        domain.check_chain(&leaf, &[middle])
    };
    check(&[ORIGIN]).unwrap();
    check(&[]).unwrap();
    for uris in [
        &["spiffe://bank.example"][..],
        &["wimse://acme.example"],
        &[SUBJECT],
        &[ORIGIN, ORIGIN],
        &["spiffe://acme.example/"],
        &["https://acme.example"],
    ] {
        assert_refused!(check(uris), "chain_identity", "X5V-8", "{uris:?}");
    }
}

#[test]
fn x5v_5_the_purpose_of_an_intermediate_counts_too() {
    let domain = Domain::new();
    let check = |purposes: &[&'static [u8]]| {
        let (leaf, middle) = chain(&domain, |middle| middle.purposes = Some(purposes.to_vec()));
        domain.check_chain(&leaf, &[middle])
    };
    check(&[CLIENT_AUTH]).unwrap();
    assert_refused!(check(&[SERVER_AUTH]), "extended_key_usage", "X5V-5");
    // The anchor's is not looked at.
    let root = Forge::authority("root").with(|root| root.purposes = Some(vec![SERVER_AUTH]));
    let verifier = trusting(&[&root.signed_by(&root.key)]).build();
    verifier.verify(&Forge::leaf().signed_by(&root.key), &[], Role::Client, now()).unwrap();
}

#[test]
fn x5v_9_the_dates_of_an_anchor_do_not_count() {
    let root = Forge::authority("root").with(|root| root.not_after = "20000101000000Z".into());
    let verifier = trusting(&[&root.signed_by(&root.key)]).build();
    verifier.verify(&Forge::leaf().signed_by(&root.key), &[], Role::Client, now()).unwrap();
}

#[test]
fn x5v_3_the_length_of_paths_and_chains_is_bounded() {
    let domain = Domain::new();
    let (leaf, middle) = chain(&domain, |_| {});
    let filled = |count: usize| {
        let chain = vec![middle.clone(); count];
        domain.check_chain(&leaf, &chain)
    };
    filled(7).unwrap();
    assert_refused!(filled(8), "chain_too_long", "X5V-3");

    // pathLenConstraint 0: the issuer signs workloads only.
    let upper = Forge::authority("upper").with(|upper| upper.constraints = Some((true, Some(0))));
    let lower = Forge::authority("lower").with(|lower| lower.issuer = Some("upper"));
    let leaf = Forge::leaf().with(|leaf| leaf.issuer = Some("lower")).signed_by(&lower.key);
    let chain = [lower.signed_by(&upper.key), upper.signed_by(&domain.root)];
    assert_refused!(domain.check_chain(&leaf, &chain), "path", "X5V-3");
}

#[test]
fn x5v_3_what_cannot_be_read_is_bounded_too() {
    let domain = Domain::new();
    let leaf = Forge::leaf().signed_by(&domain.root);
    // Version 4 does not exist: not read here, whatever the path library makes of it.
    let unread = |count: usize| -> Vec<CertificateDer<'static>> {
        (0..count)
            .map(|_| Forge::authority("junk").with(|it| it.version = 3).signed_by(&domain.root))
            .collect()
    };
    domain.check_chain(&leaf, &unread(2)).unwrap();
    assert_refused!(domain.check_chain(&leaf, &unread(3)), "path", "X5V-3");
}

#[test]
fn x5v_3_a_long_chain_is_verified_and_not_remembered() {
    let domain = Domain::new();
    let leaf = Forge::leaf().signed_by(&domain.root);
    let cache = SvidCache::new(domain.verifier.clone(), 16);
    let padding = Forge::authority("padding")
        .with(|it| it.dns = (0..400).map(|n| format!("name-{n}.padding.example")).collect())
        .signed_by(&domain.root);
    assert!(padding.len() > 8 * 1024);
    for _ in 0..2 {
        cache.verify(&leaf, std::slice::from_ref(&padding), Role::Client, now()).unwrap();
    }
    assert!(cache.is_empty(), "somebody else's place is taken by padding");
    cache.verify(&leaf, &[], Role::Client, now()).unwrap();
    assert_eq!(cache.len(), 1);
}

#[test]
fn x5v_3_many_authorities_with_one_name_are_not_searched() {
    let domain = Domain::new();
    let leaf = Forge::leaf().with(|leaf| leaf.issuer = Some("junk")).signed_by(&key(Algorithm::Es256));
    // None of them leads anywhere, but each may have issued each of the others.
    let junk = |count: usize| -> Vec<CertificateDer<'static>> {
        (0..count)
            .map(|_| Forge::authority("junk").with(|it| it.issuer = Some("junk")).signed_by(&domain.root))
            .collect()
    };
    assert_refused!(domain.check_chain(&leaf, &junk(2)), "unknown_issuer", "X5V-3");
    assert_refused!(domain.check_chain(&leaf, &junk(3)), "path", "X5V-3");
    assert_refused!(domain.check_chain(&leaf, &junk(7)), "path", "X5V-3");
    // Large ones are not read at all.
    let large =
        Forge::authority("large").with(|it| it.dns = (0..700).map(|n| format!("name-{n}.example")).collect());
    let large = large.signed_by(&domain.root);
    assert!((12_000..16_384).contains(&large.len()), "{}", large.len());
    assert_refused!(
        domain.check_chain(&leaf, &[large.clone(), large.clone(), large]),
        "certificate_too_large",
        "X5V-1"
    );
}

#[test]
fn x5v_3_a_chain_that_goes_in_circles_ends() {
    let domain = Domain::new();
    let (a, b) = (Forge::authority("a"), Forge::authority("b"));
    let leaf = Forge::leaf().with(|leaf| leaf.issuer = Some("a")).signed_by(&a.key);
    let chain = [
        a.clone().with(|a| a.issuer = Some("b")).signed_by(&b.key),
        b.with(|b| b.issuer = Some("a")).signed_by(&a.key),
    ];
    assert_refused!(domain.check_chain(&leaf, &chain), "unknown_issuer", "X5V-3");
}

#[test]
fn x5v_3_a_signature_over_anything_else_is_refused() {
    let domain = Domain::new();
    let good = Forge::leaf().signed_by(&domain.root);
    // The serial number: nothing but the signature covers it.
    let at = good.windows(2).position(|window| window == [0x51, 0xab]).unwrap();
    let mut changed = good.to_vec();
    changed[at + 1] ^= 1;
    assert_refused!(domain.check_chain(&changed.into(), &[]), "bad_signature", "X5V-3");
    let last = good.len() - 1;
    let mut changed = good.to_vec();
    changed[last] ^= 1;
    assert_refused!(domain.check_chain(&changed.into(), &[]), "bad_signature", "X5V-3");
    // The body names another algorithm than the one that follows it.
    let leaf = Forge::leaf();
    let body = leaf.body(&[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70]);
    let mixed = assemble(&body, &domain.root, &[0; 70]);
    assert_refused!(domain.check_chain(&mixed, &[]), "bad_signature", "X5V-3");
}

#[test]
fn x5v_3_authorities_sign_with_any_algorithm_of_the_list() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let root = Forge::authority("root").with(|root| root.key = key(algorithm));
        let verifier = trusting(&[&root.signed_by(&root.key)]).build();
        let leaf = Forge::leaf().signed_by(&root.key);
        verifier.verify(&leaf, &[], Role::Client, now()).unwrap();
    }
}
