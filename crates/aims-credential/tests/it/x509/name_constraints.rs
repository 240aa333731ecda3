//! For which trust domains an authority may issue.

use std::time::Duration;

use aims_credential::x509::{
    CertificateDer, NewRevocationList, Role, SvidError, SvidIssuer, SvidVerifier, VerifiedSvid, X509Authority,
};
use aims_credential::{BundleSet, TrustBundle};
use aims_keys::der::{BIT_STRING, INTEGER, Reader, SEQUENCE, write};
use aims_keys::{Algorithm, backend, der};
use aims_testkit::assert_refused;

use super::forge::{Domain, Forge, assemble, extension, trusting};
use crate::support::{SUBJECT, id, key, now};

const DAY: Duration = Duration::from_secs(86_400);

const BANK: &str = "spiffe://bank.example/agents/travel";

fn uri(base: &str) -> Vec<u8> {
    write(SEQUENCE, &[&write(0x86, &[base.as_bytes()])])
}

fn constraints(is_critical: bool, subtrees: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let subtrees: Vec<u8> = subtrees.iter().flat_map(|(tag, subtrees)| write(*tag, &[subtrees])).collect();
    extension(&[0x55, 0x1d, 0x1e], is_critical, &write(SEQUENCE, &[&subtrees]))
}

fn permitted(bases: &[&str]) -> Vec<u8> {
    constraints(true, &[(0xa0, bases.iter().flat_map(|base| uri(base)).collect())])
}

fn excluded(bases: &[&str]) -> Vec<u8> {
    constraints(true, &[(0xa1, bases.iter().flat_map(|base| uri(base)).collect())])
}

/// An intermediate with this extension, which names no trust domain itself.
fn middle(extension: Vec<u8>) -> Forge {
    Forge::authority("middle").with(|it| (it.uris, it.more) = (vec![], vec![extension]))
}

/// A workload below it.
fn leaf(of: &Forge, subject: &str) -> CertificateDer<'static> {
    Forge::leaf()
        .with(|leaf| (leaf.issuer, leaf.uris) = (of.subject, vec![subject.into()]))
        .signed_by(&of.key)
}

/// One authority that several trust domains trust.
struct Shared(Forge, SvidVerifier);

impl Shared {
    fn new() -> Self {
        Self::of(Forge::authority("root").with(|it| it.uris.clear()))
    }

    fn of(root: Forge) -> Self {
        let anchor = X509Authority::from_der(&root.signed_by(&root.key)).unwrap();
        let bundles = ["acme.example", "bank.example", "sub.acme.example", "10.0.0.1"].map(|name| {
            TrustBundle::for_x509(format!("spiffe://{name}").parse().unwrap(), vec![anchor.clone()])
        });
        let verifier = SvidVerifier::builder(BundleSet::from_iter(bundles), backend::ring()).build();
        Self(root, verifier)
    }

    fn check(&self, middle: &Forge, subject: &str) -> Result<VerifiedSvid, SvidError> {
        self.check_chain(&leaf(middle, subject), &[middle.signed_by(&self.0.key)])
    }

    fn check_chain(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
    ) -> Result<VerifiedSvid, SvidError> {
        self.1.verify(leaf, chain, Role::Client, now())
    }
}

#[test]
fn x5v_10_x5_11_an_issuer_for_one_trust_domain_issues_for_no_other() {
    let shared = Shared::new();
    // Without a constraint it issues for whoever trusts the authority.
    let free = Forge::authority("middle").with(|it| it.uris.clear());
    shared.check(&free, SUBJECT).unwrap();
    shared.check(&free, BANK).unwrap();

    let acme = middle(permitted(&["acme.example"]));
    let svid = shared.check(&acme, SUBJECT).unwrap();
    assert_eq!(svid.chain().len(), 2);
    // As it was presented, the constraint included.
    assert!(svid.chain()[1].windows(3).any(|bytes| bytes == [0x55, 0x1d, 0x1e]));
    for foreign in [BANK, "spiffe://sub.acme.example/a", "spiffe://10.0.0.1/a"] {
        assert_refused!(shared.check(&acme, foreign), "name_constraint", "X5V-10", "{foreign}");
    }
    // The scheme does not count for a constraint, and neither does whether it is critical.
    let lax = middle(constraints(false, &[(0xa0, uri("acme.example"))]));
    shared.check(&lax, SUBJECT).unwrap();
    assert_refused!(shared.check(&lax, BANK), "name_constraint", "X5V-10");
}

#[test]
fn x5v_10_what_constraints_permit_and_exclude() {
    let shared = Shared::new();
    let allows = |extension: &Vec<u8>, subject: &str| match shared.check(&middle(extension.clone()), subject)
    {
        Ok(_) => true,
        Err(error) => {
            assert_eq!((error.code(), error.rule()), ("name_constraint", "X5V-10"));
            false
        }
    };
    let sub = "spiffe://sub.acme.example/a";
    for (extension, acme, below, bank) in [
        (permitted(&["acme.example", "bank.example"]), true, false, true),
        (permitted(&["ACME.example"]), true, false, false),
        // Every host below the domain, and not the domain.
        (permitted(&[".acme.example"]), false, true, false),
        (permitted(&[".example"]), true, true, true),
        (permitted(&["example"]), false, false, false),
        (permitted(&["me.example"]), false, false, false),
        (permitted(&["acme.example.evil"]), false, false, false),
        (excluded(&["bank.example"]), true, true, false),
        (excluded(&["BANK.EXAMPLE"]), true, true, false),
        (excluded(&[".acme.example"]), true, false, true),
        (excluded(&["sub.acme.example", "bank.example"]), true, false, false),
        (constraints(true, &[(0xa0, uri(".example")), (0xa1, uri("bank.example"))]), true, true, false),
        (constraints(true, &[(0xa0, uri("acme.example")), (0xa1, uri("acme.example"))]), false, false, false),
    ] {
        assert_eq!(
            [allows(&extension, SUBJECT), allows(&extension, sub), allows(&extension, BANK)],
            [acme, below, bank],
            "{extension:x?}"
        );
    }
    // What is not a host, on either side, refuses all.
    for bad in [
        "",
        ".",
        "..example",
        "acme..example",
        "acme.example.",
        "spiffe://acme.example",
        "acme.example:1",
        "*.example",
        "10.0.0.1",
        "\u{e9}.example",
    ] {
        for extension in [permitted(&[bad]), permitted(&["acme.example", bad]), excluded(&[bad])] {
            assert!(!allows(&extension, SUBJECT), "{bad}");
        }
    }
    // Addresses are not named by hosts.
    for extension in [permitted(&["10.0.0.1"]), permitted(&["acme.example"]), excluded(&["acme.example"])] {
        assert!(!allows(&extension, "spiffe://10.0.0.1/a"));
    }
}

#[test]
fn x5v_10_constraints_that_are_not_on_uris_alone_are_for_the_path_library() {
    let shared = Shared::new();
    let subtree = |tag: u8, base: &[u8]| write(SEQUENCE, &[&write(tag, &[base])]);
    let dns = subtree(0x82, b"tools.example");
    // On hosts: a certificate without host names meets them, one with others does not.
    let hosts = middle(constraints(true, &[(0xa0, dns.clone())]));
    shared.check(&hosts, BANK).unwrap();
    let named = Forge::leaf().with(|leaf| {
        leaf.issuer = hosts.subject;
        leaf.dns = vec!["elsewhere.example".into()];
    });
    let refused = shared.check_chain(&named.signed_by(&hosts.key), &[hosts.signed_by(&shared.0.key)]);
    assert_refused!(refused, "name_constraint", "X5V-10");
    // Both, or with bounds, or on names of subjects: refused, met or not.
    let bounded = write(SEQUENCE, &[&write(0x86, &[b"acme.example"]), &write(0x81, &[&[1]])]);
    for extension in [
        constraints(true, &[(0xa0, [uri("acme.example"), dns.clone()].concat())]),
        constraints(true, &[(0xa0, uri("acme.example")), (0xa1, dns)]),
        constraints(true, &[(0xa0, subtree(0xa4, &write(SEQUENCE, &[])))]),
    ] {
        assert_refused!(shared.check(&middle(extension), SUBJECT), "name_constraint", "X5V-10");
    }
    let refused = shared.check(&middle(constraints(true, &[(0xa0, bounded)])), SUBJECT);
    assert!(refused.is_err(), "{refused:?}");
    // Twice.
    let twice = middle(permitted(&["acme.example"])).with(|it| it.more.push(permitted(&[".example"])));
    assert_refused!(shared.check(&twice, SUBJECT), "malformed_certificate", "X5V-1");
}

#[test]
fn x5v_10_constraints_count_for_all_that_is_below_and_add_up() {
    let shared = Shared::new();
    let upper = Forge { subject: Some("upper"), ..middle(permitted(&["acme.example"])) };
    let check = |lower: Forge, subject: &str| {
        let lower = Forge { issuer: upper.subject, ..lower };
        let chain = [lower.signed_by(&upper.key), upper.signed_by(&shared.0.key)];
        shared.check_chain(&leaf(&lower, subject), &chain)
    };
    let free = Forge::authority("middle").with(|it| it.uris.clear());
    check(free.clone(), SUBJECT).unwrap();
    assert_refused!(check(free, BANK), "name_constraint", "X5V-10");
    check(middle(permitted(&[".example"])), SUBJECT).unwrap();
    assert_refused!(check(middle(permitted(&["bank.example"])), SUBJECT), "name_constraint", "X5V-10");
    // The lower one cannot permit more than the upper one.
    assert_refused!(check(middle(permitted(&["bank.example"])), BANK), "name_constraint", "X5V-10");

    // An authority's own, where a bundle holds it.
    let root =
        Forge::authority("root").with(|it| (it.uris, it.more) = (vec![], vec![permitted(&["acme.example"])]));
    let shared = Shared::of(root);
    let direct = |subject: &str| {
        let leaf = Forge::leaf().with(|leaf| leaf.uris = vec![subject.into()]);
        shared.check_chain(&leaf.signed_by(&shared.0.key), &[])
    };
    direct(SUBJECT).unwrap();
    assert_refused!(direct(BANK), "name_constraint", "X5V-10");
}

/// The same certificate without its name constraints: what an attacker would rather present.
fn stripped(certificate: &CertificateDer<'_>, signature: &[u8]) -> CertificateDer<'static> {
    let mut parts = Reader::new(Reader::new(certificate).read(SEQUENCE).unwrap());
    let (body, algorithm) = (parts.element().unwrap(), parts.element().unwrap());
    let mut fields = Reader::new(body.content);
    let mut kept = Vec::new();
    while let Some(field) = fields.element() {
        if field.tag != 0xa3 {
            kept.extend_from_slice(field.whole);
            continue;
        }
        let mut list = Reader::new(Reader::new(field.content).read(SEQUENCE).unwrap());
        let extensions: Vec<u8> = std::iter::from_fn(|| list.element())
            .filter(|it| !it.content.starts_with(&[6, 3, 0x55, 0x1d, 0x1e]))
            .flat_map(|it| it.whole.to_vec())
            .collect();
        kept.extend(write(0xa3, &[&write(SEQUENCE, &[&extensions])]));
    }
    let signature = write(BIT_STRING, &[&[0], signature]);
    write(SEQUENCE, &[&write(SEQUENCE, &[&kept]), algorithm.whole, &signature]).into()
}

#[test]
fn x5v_10_x5v_3_nobody_gets_rid_of_a_constraint() {
    let shared = Shared::new();
    let acme = middle(permitted(&["acme.example"]));
    let signed = acme.signed_by(&shared.0.key);
    let mut parts = Reader::new(Reader::new(&signed).read(SEQUENCE).unwrap());
    parts.element().unwrap();
    parts.element().unwrap();
    let signature = parts.whole_bytes().unwrap();
    // Another signature over the same, as anybody can make one of an ECDSA signature: (r, n - s).
    let (r, s) = {
        let fixed = der::ecdsa_from_der(Algorithm::Es256, signature).unwrap();
        let (r, s) = fixed.as_bytes().split_at(32);
        (r.to_vec(), s.to_vec())
    };
    let other = der::ecdsa_to_der(Algorithm::Es256, &[r, negated(&s)].concat()).unwrap();

    let (workload, foreign) = (leaf(&acme, SUBJECT), leaf(&acme, BANK));
    for signature in [signature, &other] {
        let bare = stripped(&signed, signature);
        // By itself it was signed by nobody.
        assert_refused!(shared.check_chain(&workload, std::slice::from_ref(&bare)), "bad_signature", "X5V-3");
        assert_refused!(shared.check_chain(&foreign, std::slice::from_ref(&bare)), "bad_signature", "X5V-3");
        // Beside the one that it was made from it is no more than that.
        for chain in [[bare.clone(), signed.clone()], [signed.clone(), bare.clone()]] {
            shared.check_chain(&workload, &chain).unwrap();
            assert_refused!(shared.check_chain(&foreign, &chain), "name_constraint", "X5V-10");
        }
    }
    // Any bit of it.
    for bit in 0..8 * signed.len() {
        let mut changed = signed.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = CertificateDer::from(changed);
        let chain = std::slice::from_ref(&changed);
        for outcome in [shared.check_chain(&workload, chain), shared.check_chain(&foreign, chain)] {
            assert!(outcome.is_err(), "{bit}");
        }
    }
    // One that was signed by somebody else, beside one that was not.
    let stranger = Forge { issuer: Some("root"), ..acme.clone() }.signed_by(&key(Algorithm::Es256));
    assert_refused!(shared.check_chain(&workload, std::slice::from_ref(&stranger)), "bad_signature", "X5V-3");
    assert_refused!(shared.check_chain(&foreign, &[stranger, signed.clone()]), "name_constraint", "X5V-10");
    // A wider constraint in the same place, under the signature of the narrow one.
    let wide = middle(permitted(&[".example"])).with(|it| it.key = acme.key.clone());
    let body = wide.body(super::forge::identifier(&shared.0.key));
    let forged = assemble(&body, &shared.0.key, signature);
    assert_refused!(shared.check_chain(&foreign, std::slice::from_ref(&forged)), "bad_signature", "X5V-3");
    for chain in [[forged.clone(), signed.clone()], [signed, forged]] {
        assert!(shared.check_chain(&foreign, &chain).is_err());
    }
    // A workload's own constraint is none.
    let own = Forge::leaf().with(|leaf| leaf.more = vec![permitted(&["bank.example"])]);
    Domain::new().check(&own).unwrap();
}

/// n - s of P-256.
fn negated(s: &[u8]) -> Vec<u8> {
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut out = vec![0; 32];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = order[at] - i32::from(s[at]) - borrow;
        borrow = i32::from(difference < 0);
        out[at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    out
}

#[test]
fn x5_11_x5v_10_an_issuer_constrains_those_below_it() {
    for origin in ["spiffe://acme.example", "wimse://acme.example"] {
        let root = SvidIssuer::root(origin.parse().unwrap(), key(Algorithm::Es256), 30 * DAY, now()).unwrap();
        let issuer =
            root.clone().with_name_constraints().intermediate(key(Algorithm::Es256), 7 * DAY, now()).unwrap();
        let subject = id(&format!("{origin}/agents/travel"));
        let chain = issuer.issue(&subject, key(Algorithm::Es256).public_key(), now()).unwrap();
        assert!(chain[1].windows(12).filter(|bytes| bytes == b"acme.example").count() == 2);
        // Anchored above, or at the issuer itself.
        for anchor in [&root, &issuer] {
            let bundle = TrustBundle::for_x509(origin.parse().unwrap(), vec![anchor.authority().unwrap()]);
            let bundles = BundleSet::from(bundle);
            let verifier = SvidVerifier::builder(bundles.clone(), backend::ring()).build();
            let svid = verifier.verify(&chain[0], &chain[1..], Role::Server, now()).unwrap();
            let list = NewRevocationList::new(1).revoke(svid.serial(), now());
            bundles.set_revocation_lists(root.origin(), &[issuer.sign_list(&list, now()).unwrap()]);
            assert_refused!(verifier.verify_again(&svid, Role::Server, now()), "revoked", "X5V-3");
        }
    }
    // By default there is none.
    let root = SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key(Algorithm::Es256), DAY, now());
    let issuer = root.unwrap().intermediate(key(Algorithm::Es256), DAY, now()).unwrap();
    assert!(!issuer.chain()[0].windows(3).any(|bytes| bytes == [0x55, 0x1d, 0x1e]));
    // An address is not a host by name.
    let root =
        SvidIssuer::root("spiffe://10.0.0.1".parse().unwrap(), key(Algorithm::Es256), DAY, now()).unwrap();
    root.intermediate(key(Algorithm::Es256), DAY, now()).unwrap();
    let refused = root.with_name_constraints().intermediate(key(Algorithm::Es256), DAY, now());
    assert_refused!(refused, "name_constraint", "X5-11");
}

#[test]
fn x5v_3_unreadable_constraints_are_no_way_around() {
    let root = Forge::authority("root");
    let verifier = trusting(&[&root.signed_by(&root.key)]).build();
    for value in [
        &[][..],
        &[0x30, 0],
        &[0x30, 2, 0xa0, 0],
        &[0x30, 2, 0xa1, 0],
        &[0x30, 2, 0xa2, 0],
        &[5, 0],
        &write(INTEGER, &[&[1]]),
    ] {
        let middle =
            Forge::authority("middle").with(|it| it.more = vec![extension(&[0x55, 0x1d, 0x1e], true, value)]);
        let leaf = leaf(&middle, SUBJECT);
        let refused = verifier.verify(&leaf, &[middle.signed_by(&root.key)], Role::Client, now());
        assert!(refused.is_err(), "{value:x?}");
    }
}
