//! Certificates of our own making.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::x509::{NewSvid, Role, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, TrustBundle};
use aims_keys::{Algorithm, SignInput, Signer, UnixTime, backend};
use aims_testkit::assert_refused;

use super::forge::Forge;
use crate::support::{ORIGIN, SUBJECT, at, id, key, now, ready};

const DAY: Duration = Duration::from_secs(86_400);

fn root() -> SvidIssuer {
    SvidIssuer::root(ORIGIN.parse().unwrap(), key(Algorithm::Es256), 365 * DAY, now()).unwrap()
}

fn verifier(root: &SvidIssuer) -> SvidVerifier {
    let bundle = TrustBundle::for_x509(ORIGIN.parse().unwrap(), vec![root.authority().unwrap()]);
    SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).build()
}

#[test]
fn x5_1_x5_8_aims_6_what_is_issued_verifies_for_both_roles() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let root = SvidIssuer::root(ORIGIN.parse().unwrap(), key(algorithm), 365 * DAY, now()).unwrap();
        let issuer = root.intermediate(key(algorithm), 7 * DAY, now()).unwrap();
        let verifier = verifier(&root);
        for issuer in [&root, &issuer] {
            let workload = key(algorithm);
            let chain = issuer.issue(&id(SUBJECT), workload.public_key(), now()).unwrap();
            for role in [Role::Client, Role::Server] {
                let svid = verifier.verify(&chain[0], &chain[1..], role, now()).unwrap();
                assert_eq!(svid.public_key(), workload.public_key());
                assert_eq!(svid.begun(), at(now().as_secs() - 30));
                assert_eq!(svid.not_after(), now() + Duration::from_secs(3600));
            }
        }
        assert_eq!(root.chain().len(), 0);
        assert_eq!(issuer.chain().len(), 1);
    }
}

#[test]
fn x5_2_wic_2_names_of_hosts_go_beside_the_identity() {
    let root = root();
    let workload = key(Algorithm::Es256);
    let subject = id(SUBJECT);
    let sign = |names: &[&'static str]| {
        let request = NewSvid::new(&subject, workload.public_key());
        let request = names.iter().fold(request, |request, name| request.dns_name(name));
        root.sign(&request, now())
    };
    let chain = sign(&["tools.example", "x--1.tools.example", "localhost"]).unwrap();
    assert!(chain[0].windows(13).any(|window| window == b"tools.example"));
    verifier(&root).verify(&chain[0], &[], Role::Server, now()).unwrap();
    for bad in
        ["", ".", "a..b", "-a", "a-", "*.tools.example", "tools.example.", "a b", "tools.example\0.evil", "é"]
    {
        assert_refused!(sign(&[bad]), "bad_dns_name", "WIC-2", "{bad:?}");
    }
    sign(&["a.example"; 64]).unwrap();
    assert_refused!(sign(&["a.example"; 65]), "too_many_names", "WIC-2");
}

#[test]
fn x5_3_wic_4_x5_10_whom_an_issuer_refuses() {
    let signer = key(Algorithm::Es256);
    let root = SvidIssuer::root(ORIGIN.parse().unwrap(), signer.clone(), DAY, now()).unwrap();
    let workload = key(Algorithm::Es256);
    let issue = |subject| root.issue(&id(subject), workload.public_key(), now());
    for foreign in ["spiffe://bank.example/a", "wimse://acme.example/a", "spiffe://acme.example.evil/a"] {
        assert_refused!(issue(foreign), "foreign_subject", "WIC-4", "{foreign}");
    }
    assert_refused!(issue(ORIGIN), "bad_subject", "X5-3");
    assert_refused!(root.issue(&id(SUBJECT), signer.public_key(), now()), "issuers_key", "X5-10");
    assert_refused!(root.intermediate(signer, DAY, now()), "issuers_key", "X5-10");
}

#[test]
fn mtls_10_lifetimes_are_bounded_and_never_outlive_the_issuer() {
    let root = SvidIssuer::root(ORIGIN.parse().unwrap(), key(Algorithm::Es256), 2 * DAY, now()).unwrap();
    let verifier = verifier(&root);
    let workload = key(Algorithm::Es256);
    let subject = id(SUBJECT);
    let ends = |issuer: &SvidIssuer, lifetime, now: UnixTime| {
        let request = NewSvid::new(&subject, workload.public_key()).lifetime(lifetime);
        let chain = issuer.sign(&request, now)?;
        Ok::<_, aims_credential::x509::SvidIssueError>(
            verifier.verify(&chain[0], &chain[1..], Role::Client, now).unwrap().not_after(),
        )
    };
    assert_eq!(ends(&root, DAY * 30, now()), Ok(now() + DAY));
    assert_eq!(ends(&root.clone().with_max_lifetime(DAY / 24), DAY, now()), Ok(now() + DAY / 24));
    assert_eq!(ends(&root, DAY, now() + DAY + DAY / 2), Ok(now() + 2 * DAY));
    assert_refused!(ends(&root, Duration::from_millis(999), now()), "bad_lifetime", "AIMS-7");
    assert_refused!(ends(&root, DAY, now() + 2 * DAY + Duration::from_secs(1)), "issuer_expired", "MTLS-10");
    assert_refused!(ends(&root, DAY, at(now().as_secs() - 31)), "issuer_expired", "MTLS-10");
    let below = root.intermediate(key(Algorithm::Es256), 30 * DAY, now() + DAY).unwrap();
    assert_eq!(ends(&below, DAY, now() + DAY + DAY / 2), Ok(now() + 2 * DAY));
    // Beyond the year 9999 there is no date.
    let forever = SvidIssuer::root(ORIGIN.parse().unwrap(), key(Algorithm::Es256), DAY * 366 * 8000, now());
    assert_refused!(forever, "bad_lifetime", "AIMS-7");
}

#[test]
fn x5_8_an_issuer_that_signs_workloads_only_makes_no_issuer() {
    let root = root();
    let below = |issuer: &SvidIssuer| issuer.intermediate(key(Algorithm::Es256), DAY, now());
    let middle = below(&root).unwrap();
    assert_refused!(below(&middle), "path_length", "X5-8");

    // Who may have one below it, because its own certificate and those above allow it, and who not.
    let (upper, own) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let origin = || ORIGIN.parse().unwrap();
    let issuer = |own_len: Option<u8>, upper_len: Option<u8>| {
        let top = Forge::authority("upper").with(|it| {
            it.key = upper.clone();
            it.constraints = Some((true, upper_len));
        });
        let lower = Forge::authority("own").with(|it| {
            it.key = own.clone();
            it.issuer = Some("upper");
            it.constraints = Some((true, own_len));
        });
        let trusted = Forge::authority("root").with(|it| it.key = key(Algorithm::Es256));
        let chain = vec![lower.signed_by(&upper), top.signed_by(&trusted.key)];
        let verifier = super::forge::trusting(&[&trusted.signed_by(&trusted.key)]).build();
        (SvidIssuer::new(origin(), own.clone(), chain).unwrap(), verifier)
    };
    for (own_len, upper_len) in [(None, None), (Some(1), None), (None, Some(2)), (Some(1), Some(100))] {
        let (issuer, verifier) = issuer(own_len, upper_len);
        let chain =
            below(&issuer).unwrap().issue(&id(SUBJECT), key(Algorithm::Es256).public_key(), now()).unwrap();
        assert_eq!(chain.len(), 4);
        verifier.verify(&chain[0], &chain[1..], Role::Client, now()).unwrap();
    }
    for (own_len, upper_len) in [(Some(0), None), (None, Some(1)), (None, Some(0)), (Some(9), Some(1))] {
        assert_refused!(below(&issuer(own_len, upper_len).0), "path_length", "X5-8");
    }

    // As long as verifiers read.
    let mut chain = vec![];
    let mut last = root;
    for depth in 0..6_u8 {
        let key = key(Algorithm::Es256);
        let der = Forge::authority("deep").with(|it| it.key = key.clone()).signed_by(&key);
        chain.insert(0, der);
        last = SvidIssuer::new(origin(), key, chain.clone()).unwrap();
        assert_eq!(below(&last).is_ok(), depth < 5, "{depth}");
    }
    assert_refused!(below(&last), "path_length", "X5-8");
}

#[test]
fn crd_6_every_certificate_has_a_serial_number_of_its_own() {
    let root = root();
    let (verifier, workload) = (verifier(&root), key(Algorithm::Es256));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..32 {
        let chain = root.issue(&id(SUBJECT), workload.public_key(), now()).unwrap();
        let svid = verifier.verify(&chain[0], &[], Role::Client, now()).unwrap();
        // Positive, of 16 bytes.
        assert_eq!(svid.serial().len(), 32);
        assert!(matches!(svid.serial().as_bytes()[0], b'4'..=b'7'));
        assert!(seen.insert(svid.serial().to_owned()));
    }
}

#[test]
fn x5_8_x5_9_jo_sign_02_the_issuers_certificate_is_its_own() {
    let origin = || ORIGIN.parse().unwrap();
    let own = key(Algorithm::Es256);
    let certificate = |change: fn(&mut Forge)| {
        let forge = Forge::authority("own").with(change).with(|it| it.key = own.clone());
        forge.signed_by(&own)
    };
    let issuer = SvidIssuer::new(origin(), own.clone(), vec![certificate(|_| {})]).unwrap();
    issuer.issue(&id(SUBJECT), key(Algorithm::Es256).public_key(), now()).unwrap();
    let refused = SvidIssuer::new(origin(), key(Algorithm::Es256), vec![certificate(|_| {})]);
    assert_refused!(refused, "authority_key", "JO-SIGN-02");
    let foreign = certificate(|it| it.uris = vec![b"spiffe://bank.example".into()]);
    assert_refused!(SvidIssuer::new(origin(), own.clone(), vec![foreign]), "authority_domain", "X5-9");
    let leaf = certificate(|it| it.constraints = Some((false, None)));
    assert_refused!(SvidIssuer::new(origin(), own.clone(), vec![leaf]), "not_an_authority", "X5-8");
    assert_refused!(SvidIssuer::new(origin(), own, vec![]), "malformed_certificate", "X5-8");
}

#[test]
fn jo_sign_02_signed_elsewhere() {
    let signer = key(Algorithm::Es256);
    let root = SvidIssuer::root(ORIGIN.parse().unwrap(), signer.clone(), DAY, now()).unwrap();
    let own = vec![root.authority().unwrap().der().to_vec().into()];
    let external =
        SvidIssuer::external(ORIGIN.parse().unwrap(), signer.public_key().clone(), own.clone()).unwrap();
    let (subject, workload) = (id(SUBJECT), key(Algorithm::Es256));
    let request = NewSvid::new(&subject, workload.public_key());
    let unsigned = external.prepare(&request, now()).unwrap();
    let signature = signer.sign(SignInput::Message(unsigned.signing_input())).unwrap();
    let leaf = unsigned.attach(signature.as_bytes()).unwrap();
    verifier(&root).verify(&leaf, &[], Role::Client, now()).unwrap();

    let unsigned = external.prepare(&request, now()).unwrap();
    let other = key(Algorithm::Es256).sign(SignInput::Message(unsigned.signing_input())).unwrap();
    assert_refused!(unsigned.attach(other.as_bytes()), "bad_signature", "JO-SIGN-02");

    let service = SvidIssuer::with_async_signer(ORIGIN.parse().unwrap(), Arc::new(signer), own);
    let chain = ready(service.unwrap().sign_async(&request, now())).unwrap();
    // The authority's own certificate was given as part of the chain, which does no harm.
    verifier(&root).verify(&chain[0], &chain[1..], Role::Client, now()).unwrap();
}

#[test]
fn mtls_10_dates_are_written_as_they_are_read() {
    let workload = key(Algorithm::Es256);
    // Leap days, ends of years and centuries, and the change to four digits in 2050.
    for secs in
        [951_782_400, 951_868_799, 978_307_199, 1_709_164_800, 2_524_607_999, 2_524_608_000, 4_107_542_400]
    {
        let start = at(secs);
        let root = SvidIssuer::root(ORIGIN.parse().unwrap(), key(Algorithm::Es256), DAY, start).unwrap();
        let chain = root.issue(&id(SUBJECT), workload.public_key(), start).unwrap();
        let svid = verifier(&root).verify(&chain[0], &[], Role::Client, start).unwrap();
        assert_eq!((svid.begun().as_secs(), svid.not_after().as_secs()), (secs - 30, secs + 3600));
    }
}
