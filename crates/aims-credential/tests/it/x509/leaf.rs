//! What a leaf must be, whoever signed it.

use aims_credential::x509::{CertificateDer, Role, SvidError, X509Profile};
use aims_credential::{BundleSet, TrustBundle};
use aims_keys::der::{OCTET_STRING, SEQUENCE, write};
use aims_keys::{Algorithm, backend};
use aims_testkit::assert_refused;

use super::forge::{
    ANY_PURPOSE, CLIENT_AUTH, CRL_SIGN, DIGITAL_SIGNATURE, Domain, Forge, KEY_CERT_SIGN, SERVER_AUTH,
    extension, seconds, trusting,
};
use crate::support::{SUBJECT, key, now};

#[test]
fn x5v_1_wic_1_a_good_certificate_says_who_it_is_for() {
    let domain = Domain::new();
    let leaf = Forge::leaf();
    let svid = domain.check(&leaf).unwrap();
    assert_eq!(svid.subject().as_str(), SUBJECT);
    assert_eq!(svid.public_key(), leaf.key.public_key());
    assert_eq!((svid.begun(), svid.not_after()), (seconds("2026-09-01"), seconds("2027-01-01")));
    assert_eq!(svid.serial(), "51ab");
}

#[test]
fn x5_6_key_usage_of_nine_bits() {
    let domain = Domain::new();
    let with = |bits: &[u8]| {
        let usage = extension(&[0x55, 0x1d, 0x0f], true, &write(aims_keys::der::BIT_STRING, &[bits]));
        domain.check(&Forge::leaf().with(|leaf| {
            leaf.usage = None;
            leaf.more = vec![usage];
        }))
    };
    // The ninth is of no use here; the bits that fill up its byte are zero.
    with(&[7, DIGITAL_SIGNATURE, 0x80]).unwrap();
    assert_refused!(with(&[7, DIGITAL_SIGNATURE, 0x81]), "malformed_certificate", "X5V-1");
    assert_refused!(with(&[7, DIGITAL_SIGNATURE, 0x80, 0]), "malformed_certificate", "X5V-1");
    assert_refused!(with(&[8, DIGITAL_SIGNATURE]), "malformed_certificate", "X5V-1");
}

#[test]
fn x5v_2_a_verifier_says_whom_it_trusts() {
    let domain = Domain::new();
    assert!(domain.verifier.trusts(&SUBJECT.parse().unwrap()));
    assert!(!domain.verifier.trusts(&"spiffe://bank.example/agents/travel".parse().unwrap()));
    assert!(!domain.verifier.trusts(&"wimse://acme.example/agents/travel".parse().unwrap()));
}

#[test]
fn x5_1_x5_2_x5v_1_wic_1_exactly_one_uri() {
    let domain = Domain::new();
    let with = |uris: &[&[u8]], dns: &[&str]| {
        domain.check(&Forge::leaf().with(|leaf| {
            leaf.subject = Some("someone");
            leaf.uris = uris.iter().map(|uri| uri.to_vec()).collect();
            leaf.dns = dns.iter().map(ToString::to_string).collect();
        }))
    };
    let me = SUBJECT.as_bytes();
    assert_refused!(with(&[], &[]), "no_identity", "X5-1");
    assert_refused!(with(&[], &["tools.example"]), "no_identity", "X5-1");
    assert_refused!(with(&[me, b"spiffe://acme.example/agents/other"], &[]), "multiple_identities", "X5-2");
    // Twice the same is two, and so is one that names no workload.
    assert_refused!(with(&[me, me], &[]), "multiple_identities", "X5-2");
    assert_refused!(with(&[me, b"https://acme.example/"], &[]), "multiple_identities", "X5-2");
    assert_refused!(with(&[me, b"\xff"], &[]), "multiple_identities", "X5-2");
    with(&[me], &["tools.example", "search.tools.example"]).unwrap();
}

#[test]
fn x5_1_wid_8_the_uri_is_canonical_or_refused() {
    let domain = Domain::new();
    let with = |uri: &[u8]| domain.check(&Forge::leaf().with(|leaf| leaf.uris = vec![uri.to_vec()]));
    for (uri, code, rule) in [
        (&b"https://acme.example/agents/travel"[..], "unknown_scheme", "WID-1"),
        (b"spiffe://acme.example/agents//travel", "empty_segment", "SPF-ID-5"),
        (b"spiffe://acme.example/agents/%74ravel", "path_percent_encoding", "SPF-ID-5"),
        (b"spiffe://Acme.example/agents/travel", "upper_case_trust_domain", "SPF-ID-9"),
        (b"spiffe://acme.example/agents/\xff", "segment_char", "SPF-ID-5"),
        (b"spiffe://acme.example/agents/travel\0", "segment_char", "SPF-ID-5"),
    ] {
        let refused = with(uri).unwrap_err();
        assert_eq!(
            (refused.code(), refused.rule()),
            ("bad_subject", rule),
            "{}",
            String::from_utf8_lossy(uri)
        );
        assert!(matches!(refused, SvidError::Identity(reason) if reason.code() == code));
    }
    assert_refused!(with(b"spiffe://acme.example"), "bad_subject", "X5-3");
}

#[test]
fn x5_4_an_empty_subject_needs_critical_names() {
    let domain = Domain::new();
    let with = |subject, names_critical| {
        domain.check(&Forge::leaf().with(|leaf| {
            leaf.subject = subject;
            leaf.names_critical = names_critical;
        }))
    };
    assert_refused!(with(None, false), "alt_name_not_critical", "X5-4");
    with(None, true).unwrap();
    with(Some("travel"), false).unwrap();
    with(Some("travel"), true).unwrap();
}

#[test]
fn x5_5_x5v_4_x5_10_an_authority_is_no_workload() {
    let domain = Domain::new();
    let with = |constraints| domain.check(&Forge::leaf().with(|leaf| leaf.constraints = constraints));
    assert_refused!(with(Some((true, None))), "authority_as_leaf", "X5V-4");
    assert_refused!(with(Some((true, Some(0)))), "authority_as_leaf", "X5V-4");
    assert_refused!(with(None), "basic_constraints_missing", "X5V-4");
    with(Some((false, None))).unwrap();

    let usage = |bits| domain.check(&Forge::leaf().with(|leaf| leaf.usage = Some((true, bits))));
    assert_refused!(usage(DIGITAL_SIGNATURE | KEY_CERT_SIGN), "authority_as_leaf", "X5V-4");
    assert_refused!(usage(DIGITAL_SIGNATURE | CRL_SIGN), "authority_as_leaf", "X5V-4");
    // An authority's own certificate, with a path in its identity.
    let signing = Forge::authority("root").with(|cert| cert.uris = vec![SUBJECT.into()]);
    assert_refused!(domain.check(&signing), "authority_as_leaf", "X5V-4");
}

#[test]
fn x5v_4_missing_basic_constraints_are_tolerated_only_where_asked_for() {
    let root = Forge::authority("root");
    let lax = trusting(&[&root.signed_by(&root.key)]).tolerate_missing_basic_constraints().build();
    let leaf = Forge::leaf().with(|leaf| leaf.constraints = None);
    lax.verify(&leaf.signed_by(&root.key), &[], Role::Client, now()).unwrap();
    let authority = Forge::leaf().with(|leaf| leaf.constraints = Some((true, None)));
    let refused = lax.verify(&authority.signed_by(&root.key), &[], Role::Client, now());
    assert_refused!(refused, "authority_as_leaf", "X5V-4");
}

#[test]
fn x5_6_x5v_5_the_key_is_for_digital_signatures() {
    let domain = Domain::new();
    let usage = |usage| domain.check(&Forge::leaf().with(|leaf| leaf.usage = usage));
    assert_refused!(usage(None), "key_usage", "X5-6");
    assert_refused!(usage(Some((false, DIGITAL_SIGNATURE))), "key_usage", "X5-6");
    assert_refused!(usage(Some((true, 0x20))), "key_usage", "X5-6");
    assert_refused!(usage(Some((true, 0))), "key_usage", "X5-6");
    // Encipherment and agreement besides are allowed.
    usage(Some((true, DIGITAL_SIGNATURE | 0x20 | 0x08))).unwrap();
}

#[test]
fn x5_7_x5v_5_mtls_2_the_purpose_is_that_of_the_role() {
    let domain = Domain::new();
    let with = |purposes: Option<&[&'static [u8]]>, role| {
        let leaf = Forge::leaf().with(|leaf| leaf.purposes = purposes.map(<[_]>::to_vec));
        domain.verifier.verify(&leaf.signed_by(&domain.root), &[], role, now())
    };
    with(Some(&[SERVER_AUTH]), Role::Server).unwrap();
    with(Some(&[CLIENT_AUTH]), Role::Client).unwrap();
    with(None, Role::Server).unwrap();
    with(None, Role::Client).unwrap();
    assert_refused!(with(Some(&[SERVER_AUTH]), Role::Client), "extended_key_usage", "X5V-5");
    assert_refused!(with(Some(&[CLIENT_AUTH]), Role::Server), "extended_key_usage", "X5V-5");
    assert_refused!(with(Some(&[ANY_PURPOSE]), Role::Server), "extended_key_usage", "X5V-5");
    assert_refused!(with(Some(&[]), Role::Client), "extended_key_usage", "X5V-5");
}

#[test]
fn x5v_6_an_x509_svid_is_a_spiffe_id() {
    let root = Forge::authority("root").with(|root| root.uris = vec![b"wimse://acme.example".into()]);
    let anchor = root.signed_by(&root.key);
    let authority = aims_credential::x509::X509Authority::from_der(&anchor).unwrap();
    let bundle = TrustBundle::for_x509("wimse://acme.example".parse().unwrap(), vec![authority]);
    let builder = aims_credential::x509::SvidVerifier::builder(BundleSet::from(bundle), backend::ring());
    let leaf = Forge::leaf()
        .with(|leaf| leaf.uris = vec![b"wimse://acme.example/agents/travel".into()])
        .signed_by(&root.key);
    let wic = builder.clone().build();
    let svid = wic.verify(&leaf, &[], Role::Client, now()).unwrap();
    assert_eq!(svid.subject().as_str(), "wimse://acme.example/agents/travel");
    let spiffe = builder.profile(X509Profile::X509Svid).build();
    assert_refused!(spiffe.verify(&leaf, &[], Role::Client, now()), "bad_subject", "X5V-6");
}

#[test]
fn x5v_2_wid_19_wic_3_wic_4_wic_5_only_the_bundle_of_its_own_origin_counts() {
    let domain = Domain::new();
    for foreign in ["spiffe://bank.example/agents/travel", "wimse://acme.example/agents/travel"] {
        let leaf = Forge::leaf().with(|leaf| leaf.uris = vec![foreign.into()]);
        assert_refused!(domain.check(&leaf), "unknown_trust_domain", "X5V-2", "{foreign}");
    }
    // Both domains are trusted, but the authority of one vouches for a workload of the other.
    let (acme, bank) = (Forge::authority("acme"), Forge::authority("bank").with(|it| it.uris.clear()));
    let both = BundleSet::new();
    for (origin, root) in [("spiffe://acme.example", &acme), ("spiffe://bank.example", &bank)] {
        let authority = aims_credential::x509::X509Authority::from_der(&root.signed_by(&root.key)).unwrap();
        both.insert(TrustBundle::for_x509(origin.parse().unwrap(), vec![authority]));
    }
    let verifier = aims_credential::x509::SvidVerifier::builder(both, backend::ring()).build();
    let leaf = Forge::leaf().with(|leaf| leaf.issuer = Some("bank"));
    let refused = verifier.verify(&leaf.signed_by(&bank.key), &[], Role::Client, now());
    assert_refused!(refused, "unknown_issuer", "X5V-3");
    let at_home = leaf.with(|leaf| leaf.uris = vec![b"spiffe://bank.example/agents/travel".into()]);
    verifier.verify(&at_home.signed_by(&bank.key), &[], Role::Client, now()).unwrap();
}

#[test]
fn x5v_3_keys_that_are_refused_everywhere() {
    let domain = Domain::new();
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let svid = domain.check(&Forge::leaf().with(|leaf| leaf.key = key(algorithm))).unwrap();
        assert_eq!(svid.public_key().algorithm(), algorithm);
    }
    // One of the eight points under which anybody can sign.
    let good = Forge::leaf().with(|leaf| leaf.key = key(Algorithm::Ed25519)).signed_by(&domain.root);
    let numbers = domain.check_chain(&good, &[]).unwrap().public_key().numbers().clone();
    let aims_keys::PublicNumbers::Ed25519 { x } = numbers else { panic!("another kind of key") };
    let at = good.windows(32).position(|window| window == x).unwrap();
    let mut weak = good.to_vec();
    weak[at..at + 32].copy_from_slice(&[0; 32]);
    assert_refused!(domain.check_chain(&weak.into(), &[]), "key_small_order", "X5V-3");
}

#[test]
fn x5v_1_malformed_truncated_and_oversized() {
    let domain = Domain::new();
    let good = Forge::leaf().signed_by(&domain.root);
    for end in 0..good.len() {
        let cut = CertificateDer::from(&good[..end]);
        assert_refused!(domain.check_chain(&cut, &[]), "malformed_certificate", "X5V-1", "{end}");
    }
    let longer = CertificateDer::from([&good[..], &[0]].concat());
    assert_refused!(domain.check_chain(&longer, &[]), "malformed_certificate", "X5V-1");
    for version in [0, 1, 3] {
        let leaf = Forge::leaf().with(|leaf| leaf.version = version);
        assert_refused!(domain.check(&leaf), "malformed_certificate", "X5V-1");
    }
    // An extension twice: which of them counts?
    let again = Forge::leaf().with(|leaf| {
        let uri = write(0x86, &[b"spiffe://acme.example/agents/other"]);
        leaf.more = vec![extension(&[0x55, 0x1d, 0x11], true, &write(SEQUENCE, &[&uri]))];
    });
    assert_refused!(domain.check(&again), "malformed_certificate", "X5V-1");
    for time in
        ["20261301000000Z", "20260230000000Z", "20260101240000Z", "20260101000000+0100", "2026010100Z"]
    {
        let leaf = Forge::leaf().with(|leaf| leaf.not_before = time.into());
        assert_refused!(domain.check(&leaf), "malformed_certificate", "X5V-1", "{time}");
    }
    let names = |count: usize| {
        domain.check(
            &Forge::leaf().with(|leaf| leaf.dns = (0..count).map(|n| format!("n{n}.example")).collect()),
        )
    };
    names(500).unwrap();
    assert_refused!(names(5000), "certificate_too_large", "X5V-1");
}

#[test]
fn x5v_3_an_unknown_critical_extension_is_refused() {
    let domain = Domain::new();
    let with = |critical| {
        let more = vec![extension(&[0x2a, 0x03, 0x04], critical, &write(OCTET_STRING, &[b"?"]))];
        domain.check(&Forge::leaf().with(|leaf| leaf.more = more))
    };
    with(false).unwrap();
    assert_refused!(with(true), "unknown_extension", "X5V-3");
}

#[test]
fn x5v_1_x5_2_x5_6_what_other_readers_may_see_otherwise_is_malformed() {
    let domain = Domain::new();
    // Bits that only fill up the byte, and a form of name that there is not; a URI that is said to have parts.
    let usage = |bits: [u8; 2]| {
        domain.check(&Forge::leaf().with(|leaf| {
            leaf.usage = None;
            leaf.more = vec![extension(&[0x55, 0x1d, 0x0f], true, &write(0x03, &[&bits]))];
        }))
    };
    usage([7, 0x80]).unwrap();
    assert_refused!(usage([7, 0x84]), "malformed_certificate", "X5V-1");
    let names = |tag: u8| {
        domain.check(&Forge::leaf().with(|leaf| {
            let uri = write(0x86, &[&leaf.uris.remove(0)]);
            let names = [uri, write(tag, &[b"a"])].concat();
            leaf.more = vec![extension(&[0x55, 0x1d, 0x11], true, &write(SEQUENCE, &[&names]))];
        }))
    };
    names(0x82).unwrap();
    for tag in [0xa6, 0x89, 0x04] {
        assert_refused!(names(tag), "malformed_certificate", "X5V-1", "{tag:x}");
    }
}
