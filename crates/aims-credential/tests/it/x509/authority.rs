//! Which certificates of a bundle are authorities.

use aims_credential::x509::{Role, X509Authority};
use aims_credential::{BundleSet, TrustBundle};
use aims_keys::backend;
use aims_testkit::assert_refused;

use super::forge::{CRL_SIGN, Domain, Forge, bundle};
use crate::support::{ORIGIN, now};

fn read(certificate: &Forge) -> Result<X509Authority, aims_credential::x509::X509AuthorityError> {
    X509Authority::from_der(&certificate.signed_by(&certificate.key))
}

#[test]
fn x5v_9_x5_8_only_a_signing_certificate_vouches() {
    let good = Forge::authority("root");
    let authority = read(&good).unwrap();
    assert_eq!(authority.public_numbers(), good.key.public_key().numbers());
    for (what, bad) in [
        ("a workload", Forge::leaf()),
        ("no cA", Forge::authority("root").with(|it| it.constraints = Some((false, None)))),
        ("no basicConstraints", Forge::authority("root").with(|it| it.constraints = None)),
        ("no keyCertSign", Forge::authority("root").with(|it| it.usage = Some((true, CRL_SIGN)))),
        ("no keyUsage", Forge::authority("root").with(|it| it.usage = None)),
    ] {
        assert_refused!(read(&bad), "not_an_authority", "X5V-9", "{what}");
    }
    assert_refused!(X509Authority::from_der(b""), "malformed_certificate", "X5V-9");
    assert_refused!(X509Authority::from_der(&vec![0x30; 16 * 1024 + 1]), "certificate_too_large", "X5V-9");
}

#[test]
fn x5v_9_a_bundle_without_authorities_trusts_nothing() {
    let root = Forge::authority("root");
    let leaf = Forge::leaf().signed_by(&root.key);
    let set = BundleSet::from(TrustBundle::for_x509(ORIGIN.parse().unwrap(), vec![]));
    let verifier = aims_credential::x509::SvidVerifier::builder(set.clone(), backend::ring()).build();
    assert_refused!(verifier.verify(&leaf, &[], Role::Client, now()), "unknown_issuer", "X5V-3");
    // A new bundle is in force with the next certificate; so is its withdrawal.
    set.insert(bundle(&[&root.signed_by(&root.key)]));
    verifier.verify(&leaf, &[], Role::Client, now()).unwrap();
    set.remove(&ORIGIN.parse().unwrap());
    assert_refused!(verifier.verify(&leaf, &[], Role::Client, now()), "unknown_trust_domain", "X5V-2");
}

#[test]
fn x5v_3_two_authorities_stand_side_by_side_in_a_rotation() {
    let (old, new) = (Forge::authority("root"), Forge::authority("root"));
    let verifier = super::forge::trusting(&[&old.signed_by(&old.key), &new.signed_by(&new.key)]).build();
    for root in [&old, &new] {
        verifier.verify(&Forge::leaf().signed_by(&root.key), &[], Role::Client, now()).unwrap();
    }
    let stranger = Domain::new();
    let refused = verifier.verify(&Forge::leaf().signed_by(&stranger.root), &[], Role::Client, now());
    assert_refused!(refused, "bad_signature", "X5V-3");
}
