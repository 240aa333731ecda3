//! Revocation lists of our own making.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{NewRevocationList, Role, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, TrustBundle};
use aims_keys::{Algorithm, SignInput, Signer, backend};
use aims_testkit::assert_refused;

use super::forge::{Forge, KEY_CERT_SIGN};
use crate::support::{ORIGIN, SUBJECT, at, id, key, now, ready};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn mtls_10_x5v_3_an_issuer_revokes_what_it_issued() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let root = SvidIssuer::root(ORIGIN.parse().unwrap(), key(algorithm), 365 * DAY, now()).unwrap();
        let issuer = root.intermediate(key(algorithm), 7 * DAY, now()).unwrap();
        let bundles =
            BundleSet::from(TrustBundle::for_x509(ORIGIN.parse().unwrap(), vec![root.authority().unwrap()]));
        let verifier =
            SvidVerifier::builder(bundles.clone(), backend::ring()).require_revocation_lists().build();
        let chain = issuer.issue(&id(SUBJECT), key(algorithm).public_key(), now()).unwrap();
        let verify = |time| verifier.verify(&chain[0], &chain[1..], Role::Client, time);
        let publish = |list: &NewRevocationList<'_>| {
            let upper = root.sign_list(&NewRevocationList::new(1), now()).unwrap();
            let lower = issuer.sign_list(list, now()).unwrap();
            assert!(bundles.set_revocation_lists(root.origin(), &[upper, lower]));
        };
        publish(&NewRevocationList::new(u64::MAX));
        let svid = verify(now()).unwrap();
        // From half a minute ago on, for clocks that are behind.
        verify(at(now().as_secs() - 30)).unwrap();
        publish(&NewRevocationList::new(2).lifetime(Duration::from_secs(60)));
        verify(at(now().as_secs() + 59)).unwrap();
        assert_refused!(verify(at(now().as_secs() + 60)), "revocation_outdated", "X5V-3");
        let upper_case = svid.serial().to_uppercase();
        for serial in [svid.serial(), &upper_case] {
            let list = NewRevocationList::new(3).revoke("00ff", now()).revoke(serial, now());
            publish(&list);
            assert_refused!(verify(now()), "revoked", "X5V-3");
        }
    }
}

#[test]
fn mtls_10_x5_8_what_an_issuer_does_not_list() {
    let root = SvidIssuer::root(ORIGIN.parse().unwrap(), key(Algorithm::Es256), DAY, now()).unwrap();
    for bad in ["", "1", "zz", "0x12", "12 ", "é0", &"11".repeat(21)] {
        let refused = root.sign_list(&NewRevocationList::new(1).revoke(bad, now()), now());
        assert_refused!(refused, "bad_serial_number", "MTLS-10", "{bad}");
    }
    // One number in several spellings is one certificate.
    let list = NewRevocationList::new(1).revoke("12", now()).revoke("0012", now()).revoke("80", now());
    assert_eq!(root.sign_list(&list, now()).unwrap().len(), 2);
    let input =
        |list: &NewRevocationList<'_>| root.prepare_list(list, now()).unwrap().signing_input().to_vec();
    let twice = NewRevocationList::new(1).revoke("12", now()).revoke("12", now() + DAY).revoke("12", now());
    assert_eq!(input(&twice), input(&NewRevocationList::new(1).revoke("12", now())));
    let brief = NewRevocationList::new(1).lifetime(Duration::from_millis(999));
    assert_refused!(root.sign_list(&brief, now()), "bad_lifetime", "AIMS-7");
    assert_refused!(root.sign_list(&NewRevocationList::new(1), now() + 2 * DAY), "issuer_expired", "MTLS-10");
    // No longer than the issuer.
    let list = root.sign_list(&NewRevocationList::new(1).lifetime(30 * DAY), now()).unwrap();
    assert_eq!(list.not_after().as_secs(), (now() + DAY).as_secs() - 1);
    assert_eq!(list.this_update().as_secs(), now().as_secs() - 30);

    let own = key(Algorithm::Es256);
    let certificates_only = Forge::authority("own").with(|it| {
        it.key = own.clone();
        it.usage = Some((true, KEY_CERT_SIGN));
    });
    let chain = vec![certificates_only.signed_by(&own)];
    let issuer = SvidIssuer::new(ORIGIN.parse().unwrap(), own, chain).unwrap();
    assert_refused!(issuer.sign_list(&NewRevocationList::new(1), now()), "list_usage", "X5-8");

    let serials: Vec<String> = (0..150_000).map(|at| format!("55{at:030x}")).collect();
    let long = serials.iter().fold(NewRevocationList::new(1), |list, serial| list.revoke(serial, now()));
    assert_refused!(root.sign_list(&long, now()), "revocation_list_too_large", "X5V-3");
}

#[test]
fn jo_sign_02_lists_signed_elsewhere() {
    let signer = key(Algorithm::Es256);
    let root = SvidIssuer::root(ORIGIN.parse().unwrap(), signer.clone(), DAY, now()).unwrap();
    let own = vec![root.authority().unwrap().der().to_vec().into()];
    let external =
        SvidIssuer::external(ORIGIN.parse().unwrap(), signer.public_key().clone(), own.clone()).unwrap();
    let new = NewRevocationList::new(1).revoke("12", now());
    let unsigned = external.prepare_list(&new, now()).unwrap();
    let signature = signer.sign(SignInput::Message(unsigned.signing_input())).unwrap();
    assert!(format!("{unsigned:?}").len() < 300);
    assert_eq!(unsigned.attach(signature.as_bytes()).unwrap().len(), 1);
    let unsigned = external.prepare_list(&new, now()).unwrap();
    let other = key(Algorithm::Es256).sign(SignInput::Message(unsigned.signing_input())).unwrap();
    assert_refused!(unsigned.attach(other.as_bytes()), "bad_signature", "JO-SIGN-02");
    let service = SvidIssuer::with_async_signer(ORIGIN.parse().unwrap(), Arc::new(signer), own).unwrap();
    assert_eq!(ready(service.sign_list_async(&new, now())).unwrap().len(), 1);
}
