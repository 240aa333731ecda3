//! Certificates that are no credentials of workloads.

use aims_credential::x509::{CertificateDer, UnverifiedCertificate, X509Authority, X509Usage};
use aims_keys::backend;
use aims_testkit::assert_refused;

use super::forge::{CLIENT_AUTH, Forge, KEY_CERT_SIGN, SERVER_AUTH, seconds};
use crate::support::{at, now};

/// A root with its certificate, and one below it.
struct Chain {
    root: Forge,
    middle: Forge,
}

impl Chain {
    fn new() -> Self {
        Self { root: Forge::authority("root"), middle: Forge::authority("middle") }
    }

    fn leaf(&self) -> CertificateDer<'static> {
        Forge::leaf().with(|leaf| leaf.issuer = Some("middle")).signed_by(&self.middle.key)
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: aims_keys::UnixTime,
    ) -> Result<(aims_keys::UnixTime, aims_keys::UnixTime), aims_credential::x509::SvidError> {
        let root = X509Authority::from_der(&self.root.signed_by(&self.root.key)).unwrap();
        UnverifiedCertificate::read(leaf)?.verify(&[root], between, CLIENT_AUTH, backend::ring(), now)
    }
}

#[test]
fn x5v_1_a_certificate_is_read_as_it_stands() {
    let leaf = Forge::leaf();
    let key = leaf.key.public_key().numbers().to_spki();
    let der = leaf.signed_by(&leaf.key);
    let read = UnverifiedCertificate::read(&der).unwrap();
    assert_eq!((read.spki(), read.is_authority()), (&*key, Some(false)));
    assert!(read.allows(X509Usage::DigitalSignature) && !read.allows(X509Usage::KeyAgreement));
    assert!(!read.allows(X509Usage::KeyCertSign) && !read.allows(X509Usage::KeyEncipherment));
    assert!(read.has_purpose(CLIENT_AUTH) && read.has_purpose(SERVER_AUTH) && !read.has_purpose(&[0x55]));
    assert_eq!(read.directory_names().count(), 0);
    assert_eq!((read.not_before(), read.not_after()), (seconds("2026-09-01"), seconds("2027-01-01")));
    assert!(format!("{read:?}").starts_with("UnverifiedCertificate { len: "));

    let bare = leaf.with(|leaf| (leaf.constraints, leaf.usage, leaf.purposes) = (None, None, None));
    let der = bare.signed_by(&bare.key);
    let read = UnverifiedCertificate::read(&der).unwrap();
    assert_eq!(read.is_authority(), None);
    assert!(!read.allows(X509Usage::DigitalSignature) && !read.has_purpose(CLIENT_AUTH));

    assert_refused!(UnverifiedCertificate::read(&der[1..]), "malformed_certificate", "X5V-1");
    assert_refused!(
        UnverifiedCertificate::read(&vec![0x30; 16 * 1024 + 1]),
        "certificate_too_large",
        "X5V-1"
    );
}

#[test]
fn x5v_3_its_path_leads_to_an_authority_that_counts() {
    let chain = Chain::new();
    let middle = chain.middle.signed_by(&chain.root.key);
    let (from, to) = chain.verify(&chain.leaf(), std::slice::from_ref(&middle), now()).unwrap();
    assert_eq!((from, to), (seconds("2026-09-01"), seconds("2027-01-01")));
    assert_refused!(chain.verify(&chain.leaf(), &[], now()), "unknown_issuer", "X5V-3");
    let stranger = Chain::new();
    let refused = stranger.verify(&chain.leaf(), std::slice::from_ref(&middle), now());
    assert_refused!(refused, "bad_signature", "X5V-3");
    let after = at(seconds("2027-01-01").as_secs() + 1);
    assert_refused!(chain.verify(&chain.leaf(), &[middle], after), "expired", "X5V-3");

    // The authority's own dates count here, as they do not for workloads.
    let mut old = Chain::new();
    old.root.not_after = "20260902000000Z".into();
    let middle = old.middle.signed_by(&old.root.key);
    assert_refused!(old.verify(&old.leaf(), &[middle], now()), "expired", "X5V-3");
    let mut young = Chain::new();
    young.root.not_before = "20261231000000Z".into();
    let middle = young.middle.signed_by(&young.root.key);
    assert_refused!(young.verify(&young.leaf(), &[middle], now()), "not_yet_valid", "X5V-3");
}

#[test]
fn x5v_8_who_is_between_may_sign_for_the_purpose() {
    let chain = Chain::new();
    let through = |change: fn(&mut Forge)| {
        let middle = Forge { key: chain.middle.key.clone(), ..Forge::authority("middle") }.with(change);
        chain.verify(&chain.leaf(), &[middle.signed_by(&chain.root.key)], now())
    };
    assert!(through(|_| {}).is_ok());
    assert!(through(|middle| middle.usage = Some((false, KEY_CERT_SIGN))).is_ok());
    assert!(through(|middle| middle.purposes = Some(vec![CLIENT_AUTH])).is_ok());
    assert_refused!(through(|middle| middle.usage = None), "issuer_not_signing", "X5V-8");
    assert_refused!(through(|middle| middle.constraints = None), "issuer_not_signing", "X5V-8");
    let refused = through(|middle| middle.purposes = Some(vec![SERVER_AUTH]));
    assert_refused!(refused, "extended_key_usage", "X5V-5");
}

#[test]
fn x5v_3_chains_are_bounded() {
    let chain = Chain::new();
    let middle = chain.middle.signed_by(&chain.root.key);
    let leaf = chain.leaf();
    assert!(chain.verify(&leaf, &vec![middle.clone(); 19], now()).is_ok());
    assert_refused!(chain.verify(&leaf, &vec![middle.clone(); 20], now()), "chain_too_long", "X5V-3");
    let large = CertificateDer::from(vec![0x30; 16 * 1024 + 1]);
    assert_refused!(chain.verify(&leaf, &[middle, large], now()), "certificate_too_large", "X5V-1");
}
