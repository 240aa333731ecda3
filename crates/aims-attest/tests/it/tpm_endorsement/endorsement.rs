//! Endorsement certificates (TPM-28).

use aims_attest::tpm::{Endorsement, EndorsementError, EndorsementRoots, EndorsementVerifier, TpmPublic};
use aims_keys::der::{BOOLEAN, OBJECT_IDENTIFIER, SEQUENCE, SET, write};
use aims_keys::{Algorithm, PublicNumbers, SoftwareKey, UnixTime, backend};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::certificates::*;
use super::support::{NOW, golden};
use super::tpm::{Curve, Tpm};

/// A root, one below it, and the key of a TPM.
struct World {
    root: Authority,
    below: Authority,
    key: PublicNumbers,
}

impl World {
    fn new() -> Self {
        let key = Tpm::new(Curve::P256).key();
        Self { root: Authority::new("root"), below: Authority::new("below"), key }
    }

    fn intermediate(&self) -> Vec<u8> {
        self.root.certify(&self.below.ca("below"))
    }

    fn verifier(&self) -> EndorsementVerifier {
        let roots = EndorsementRoots::new("test", [self.root.root()]).unwrap();
        EndorsementVerifier::builder(roots, backend::ring()).build()
    }

    /// What comes of a certificate that the one below the root signed.
    fn verify(&self, certificate: &Certificate) -> Result<Endorsement, EndorsementError> {
        self.verifier().verify(&[self.below.certify(certificate), self.intermediate()], NOW)
    }

    fn good(&self) -> Certificate {
        Certificate::of(&self.key)
    }
}

#[test]
fn tpm_28_a_certificate_of_a_manufacturer_says_who_made_the_tpm() {
    let world = World::new();
    let endorsement = world.verify(&world.good()).unwrap();
    assert_eq!(endorsement.manufacturer(), "id:41494D53");
    assert_eq!((endorsement.model(), endorsement.version()), ("model 7", "id:00010002"));
    assert_eq!(endorsement.public_numbers(), &world.key);
    assert_eq!(*endorsement.ek_sha256(), backend::ring().sha256(&world.key.to_spki()));
    assert_eq!(endorsement.roots_id(), "test");
    let shown = format!("{endorsement:?}");
    assert!(shown.contains("model 7") && !shown.contains("sha256"), "ATT-123: {shown}");
    // 2030-01-01, the end of the certificate.
    assert_eq!(endorsement.not_after().as_secs(), 1_893_456_000);
    // A certificate that is not needed does no harm, nor does one that is there twice.
    let other = Authority::new("other");
    let chain = [world.root.certify(&world.good()), other.root(), world.intermediate(), world.intermediate()];
    assert_eq!(world.verifier().verify(&chain, NOW), Ok(endorsement));
}

#[test]
fn tpm_28_certificates_of_a_software_tpm_are_verified() {
    let (Some(root), Some(intermediate), Some(ecc), Some(rsa), Some(ek)) = (
        golden("ca_root.pem"),
        golden("ca_intermediate.pem"),
        golden("ek_p384_cert.der"),
        golden("ek_rsa2048_cert.der"),
        golden("ek_p384_public.tpmt"),
    ) else {
        return;
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let intermediate = aims_credential::x509::from_pem(&text(intermediate)).unwrap().remove(0).to_vec();
    let roots = EndorsementRoots::from_pem("swtpm", &text(root)).unwrap();
    let verifier = EndorsementVerifier::builder(roots, backend::ring()).build();
    // A minute after they were made.
    let now = UnixTime::from_secs(1_795_316_669);
    for (certificate, other) in [(&ecc, &rsa), (&rsa, &ecc)] {
        let endorsement = verifier.verify(&[certificate, &intermediate], now).unwrap();
        assert_eq!(
            (endorsement.manufacturer(), endorsement.model(), endorsement.version()),
            ("id:00001014", "swtpm", "id:20191023")
        );
        // 9999-12-31.
        assert_eq!(endorsement.not_after().as_secs(), 253_402_300_799);
        assert_refused!(verifier.verify(&[certificate], now), "untrusted_root", "TPM-28");
        assert_refused!(verifier.verify(&[certificate, other], now), "untrusted_root", "TPM-28");
        let before = UnixTime::from_secs(1_795_316_600);
        assert_refused!(verifier.verify(&[certificate, &intermediate], before), "not_yet_valid", "TPM-28");
    }
    let endorsement = verifier.verify(&[&ecc, &intermediate], now).unwrap();
    let ek = TpmPublic::parse(&ek).unwrap();
    assert_eq!(ek.public_numbers(), Some(endorsement.public_numbers()));
}

#[test]
fn tpm_28_every_changed_byte_of_a_real_certificate_is_noticed() {
    let (Some(root), Some(intermediate), Some(mut ek)) =
        (golden("ca_root.pem"), golden("ca_intermediate.pem"), golden("ek_p384_cert.der"))
    else {
        return;
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let intermediate = aims_credential::x509::from_pem(&text(intermediate)).unwrap().remove(0).to_vec();
    let roots = EndorsementRoots::from_pem("swtpm", &text(root)).unwrap();
    let verifier = EndorsementVerifier::builder(roots, backend::ring()).build();
    let now = UnixTime::from_secs(1_795_316_669);
    for at in 0..ek.len() {
        for bit in [1, 0x80] {
            ek[at] ^= bit;
            assert!(verifier.verify(&[&ek, &intermediate], now).is_err(), "byte {at}, bit {bit}");
            ek[at] ^= bit;
        }
    }
    for len in 0..ek.len() {
        assert_refused!(verifier.verify(&[&ek[..len]], now), "malformed", "TPM-28", "{len}");
    }
    let more = [&ek[..], &[0]].concat();
    assert_refused!(verifier.verify(&[&more[..], &intermediate], now), "malformed", "TPM-28");
    assert!(verifier.verify(&[&ek, &intermediate], now).is_ok());
}

#[test]
fn tpm_28_only_configured_roots_are_believed() {
    let world = World::new();
    let chain = [world.below.certify(&world.good()), world.intermediate(), world.root.root()];
    assert!(world.verifier().verify(&chain, NOW).is_ok());

    let elsewhere = Authority::new("root");
    let roots = EndorsementRoots::new("other", [elsewhere.root()]).unwrap();
    let verifier = EndorsementVerifier::builder(roots, backend::ring()).build();
    // An authority of the same name has another key.
    assert_refused!(verifier.verify(&chain, NOW), "bad_signature", "TPM-28");
    let stranger = Authority::new("stranger");
    let roots = EndorsementRoots::new("other", [stranger.root()]).unwrap();
    let verifier = EndorsementVerifier::builder(roots, backend::ring()).build();
    assert_refused!(verifier.verify(&chain, NOW), "untrusted_root", "TPM-28");
    // Nor does a certificate vouch for itself.
    let own = stranger.certify(&Certificate { subject: "stranger", ..world.good() });
    assert_refused!(world.verifier().verify(&[own], NOW), "untrusted_root", "TPM-28");
    assert_refused!(world.verifier().verify::<Vec<u8>>(&[], NOW), "no_endorsement_certificate", "TPM-28");
}

#[test]
fn tpm_28_certificates_count_between_their_dates() {
    let world = World::new();
    let verify = |validity| world.verify(&Certificate { validity, ..world.good() });
    assert_refused!(verify(("20250101000000Z", "20260101000000Z")), "expired", "TPM-28");
    assert_refused!(verify(("20270101000000Z", "20280101000000Z")), "not_yet_valid", "TPM-28");
    assert_eq!(
        verify(("20260101000000Z", "99991231235959Z")).unwrap().not_after().as_secs(),
        2_051_222_400,
        "no longer than the root, 2035-01-01"
    );

    let above = |validity| {
        let intermediate = world.root.certify(&Certificate { validity, ..world.below.ca("below") });
        world.verifier().verify(&[world.below.certify(&world.good()), intermediate], NOW)
    };
    assert_refused!(above(("20250101000000Z", "20260101000000Z")), "expired", "TPM-28");
    let until = above(("20250101000000Z", "20270101000000Z")).unwrap().not_after();
    assert_eq!(until.as_secs(), 1_798_761_600, "no longer than those above");
}

#[test]
fn att_125_roots_count_between_their_dates_and_those_of_the_set() {
    let world = World::new();
    let with = |validity, not_after| {
        let root = world.root.certify(&Certificate { validity, ..world.root.ca("root") });
        let roots = EndorsementRoots::new("test", [root]).unwrap().until(not_after);
        let verifier = EndorsementVerifier::builder(roots, backend::ring()).build();
        verifier.verify(&[world.below.certify(&world.good()), world.intermediate()], NOW)
    };
    let valid = ("20250101000000Z", "20350101000000Z");
    let minute = std::time::Duration::from_secs(60);
    assert_refused!(with(("20200101000000Z", "20260101000000Z"), UnixTime::MAX), "expired", "TPM-28");
    assert_refused!(with(("20280101000000Z", "20350101000000Z"), UnixTime::MAX), "not_yet_valid", "TPM-28");
    assert_refused!(with(valid, NOW - minute), "untrusted_root", "ATT-125");
    assert_eq!(with(valid, NOW + minute).unwrap().not_after(), NOW + minute);
}

#[test]
fn tpm_28_authorities_are_authorities_and_tpms_are_not() {
    let world = World::new();
    for basic in [constraints(true, None), constraints(true, Some(3))] {
        let refused = world.verify(&world.good().with(BASIC_CONSTRAINTS, basic));
        assert_refused!(refused, "chain_invalid", "TPM-28");
    }
    let refused = world.verify(&world.good().without(BASIC_CONSTRAINTS));
    assert_eq!(refused, Err(EndorsementError::Authority));

    let through = |intermediate: &Certificate| {
        let chain = [world.below.certify(&world.good()), world.root.certify(intermediate)];
        world.verifier().verify(&chain, NOW)
    };
    let ca = world.below.ca("below");
    assert!(through(&ca).is_ok());
    for broken in [
        ca.clone().with(BASIC_CONSTRAINTS, constraints(false, None)),
        ca.clone().without(BASIC_CONSTRAINTS),
        ca.clone().with(KEY_USAGE, key_usage(DIGITAL_SIGNATURE)),
        ca.clone().without(KEY_USAGE),
        ca.clone().and(EXTENDED_KEY_USAGE, false, purposes(&[&[0x55, 0x1d, 0x25, 0x00]])),
        ca.clone().and(&[0x55, 0x1d, 0x63], true, vec![5, 0]),
    ] {
        assert_refused!(through(&broken), "chain_invalid", "TPM-28");
    }
    let ours = ca.and(EXTENDED_KEY_USAGE, true, purposes(&[EK_CERTIFICATE]));
    assert!(through(&ours).is_ok());
}

#[test]
fn tpm_28_paths_are_no_longer_than_their_authorities_allow() {
    let world = World::new();
    let third = Authority::new("third");
    let verify = |path_len| {
        let ca = world.below.ca("below").with(BASIC_CONSTRAINTS, constraints(true, path_len));
        let chain =
            [third.certify(&world.good()), world.below.certify(&third.ca("third")), world.root.certify(&ca)];
        world.verifier().verify(&chain, NOW)
    };
    assert!(verify(None).is_ok() && verify(Some(1)).is_ok());
    assert_refused!(verify(Some(0)), "chain_invalid", "TPM-28");
}

#[test]
fn tpm_28_the_purpose_is_that_of_endorsement_keys() {
    let world = World::new();
    let any: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
    let platform: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x02];
    for ids in [&[any][..], &[platform], &[]] {
        let refused = world.verify(&world.good().with(EXTENDED_KEY_USAGE, purposes(ids)));
        assert_eq!(refused, Err(EndorsementError::ExtendedKeyUsage), "{ids:?}");
        assert_refused!(refused, "chain_invalid", "TPM-28");
    }
    let refused = world.verify(&world.good().without(EXTENDED_KEY_USAGE));
    assert_eq!(refused, Err(EndorsementError::ExtendedKeyUsage));
    let both = world.good().with(EXTENDED_KEY_USAGE, purposes(&[platform, EK_CERTIFICATE]));
    assert!(world.verify(&both).is_ok());
}

#[test]
fn tpm_28_the_key_usage_is_that_of_the_kind_of_key() {
    let world = World::new();
    for bits in [DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT | CERT_SIGN, CERT_SIGN] {
        let refused = world.verify(&world.good().with(KEY_USAGE, key_usage(bits)));
        assert_eq!(refused, Err(EndorsementError::KeyUsage), "{bits:#x}");
        assert_refused!(refused, "chain_invalid", "TPM-28");
    }
    let refused = world.verify(&world.good().without(KEY_USAGE));
    assert_eq!(refused, Err(EndorsementError::KeyUsage));
    assert!(
        world.verify(&world.good().with(KEY_USAGE, key_usage(KEY_AGREEMENT | DIGITAL_SIGNATURE))).is_ok()
    );

    let mut n = vec![0xc5; 256];
    n[255] = 0x0d;
    let rsa = PublicNumbers::Rsa { n, e: vec![1, 0, 1] };
    assert!(world.verify(&Certificate::of(&rsa)).is_ok());
    let refused = world.verify(&Certificate::of(&rsa).with(KEY_USAGE, key_usage(KEY_AGREEMENT)));
    assert_eq!(refused, Err(EndorsementError::KeyUsage));
}

#[test]
fn tpm_28_keys_that_are_refused_everywhere_are_refused() {
    let world = World::new();
    let small = PublicNumbers::Rsa { n: vec![0xff; 128], e: vec![1, 0, 1] };
    let off = PublicNumbers::P256 { x: [1; 32], y: [1; 32] };
    let other = SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).unwrap();
    for key in [&small, &off, other.public_key().numbers()] {
        assert_refused!(world.verify(&Certificate::of(key)), "unsupported_algorithm", "TPM-28");
    }
}

#[test]
fn tpm_28_the_alternative_name_says_who_made_the_tpm() {
    let world = World::new();
    let [maker, model, version] = three();
    let verify = |value| world.verify(&world.good().with(ALT_NAME, value));

    // All in one set, in any order, with others beside them; and not critical.
    let one = [attribute(version), attribute(maker), attribute((9, 0x0c, "other")), attribute(model)];
    let one = write(SEQUENCE, &[&directory(&write(SET, &[&one.concat()]))]);
    assert_eq!(verify(one.clone()).unwrap().model(), "model 7");
    let printable = alt_name(&[(1, 0x13, "id:41494D53"), model, version]);
    assert_eq!(verify(printable).unwrap().manufacturer(), "id:41494D53");
    let quiet = world.good().without(ALT_NAME).and(ALT_NAME, false, one);
    assert!(world.verify(&quiet).is_ok());

    let long = "x".repeat(129).leak();
    for (what, value) in [
        ("no manufacturer", alt_name(&[model, version])),
        ("no model", alt_name(&[maker, version])),
        ("no version", alt_name(&[maker, model])),
        ("two manufacturers", alt_name(&[maker, maker, model, version])),
        ("an empty value", alt_name(&[(1, 0x0c, ""), model, version])),
        ("a long value", alt_name(&[(1, 0x0c, long), model, version])),
        ("a line break", alt_name(&[(1, 0x0c, "id:\n"), model, version])),
        ("another kind of text", alt_name(&[(1, 0x1e, "id"), model, version])),
        ("a printable text that is none", alt_name(&[(1, 0x13, "é"), model, version])),
        ("no names", write(SEQUENCE, &[])),
        ("a host", write(SEQUENCE, &[&write(0x82, &[b"tpm.example"])])),
        (
            "two directories",
            write(SEQUENCE, &[&directory(&write(SET, &[&attribute(maker)])), &directory(&[])]),
        ),
        ("an empty set", write(SEQUENCE, &[&directory(&write(SET, &[]))])),
    ] {
        let refused = verify(value);
        assert_eq!(refused, Err(EndorsementError::Identity), "{what}");
        assert_refused!(refused, "malformed", "TPM-28", "{what}");
    }
    assert_eq!(world.verify(&world.good().without(ALT_NAME)), Err(EndorsementError::Identity));
}

#[test]
fn tpm_28_what_is_critical_and_not_known_is_refused() {
    let world = World::new();
    let unknown: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x63];
    assert!(world.verify(&world.good().and(unknown, false, vec![5, 0])).is_ok());
    assert_refused!(world.verify(&world.good().and(unknown, true, vec![5, 0])), "chain_invalid", "TPM-28");
    // A critical pointer to a list demands one, and there is none.
    let points = write(SEQUENCE, &[&write(SEQUENCE, &[&write(0xa0, &[])])]);
    let listed = world.good().and(&[0x55, 0x1d, 0x1f], true, points);
    assert_refused!(world.verify(&listed), "chain_invalid", "TPM-28");
    // One extension twice.
    let twice = world.good().and(EXTENDED_KEY_USAGE, false, purposes(&[EK_CERTIFICATE]));
    assert_refused!(world.verify(&twice), "malformed", "TPM-28");
}

#[test]
fn tpm_28_name_constraints_are_met_or_refused() {
    let world = World::new();
    let through = |constraint: &[u8]| {
        let ca = world.below.ca("below").and(NAME_CONSTRAINTS, true, constraint.to_vec());
        world.verifier().verify(&[world.below.certify(&world.good()), world.root.certify(&ca)], NOW)
    };
    let subtree = |name: Vec<u8>| write(SEQUENCE, &[&write(0xa0, &[&write(SEQUENCE, &[&name])])]);
    // A TPM has no URI.
    assert!(through(&subtree(write(0x86, &[b"tpm.example"]))).is_ok());
    let elsewhere = subtree(directory(&write(SET, &[&attribute((1, 0x0c, "id:00000000"))])));
    assert_refused!(through(&elsewhere), "chain_invalid", "TPM-28");
    assert_refused!(through(&[5, 0]), "malformed", "TPM-28");
    // A root that is constrained to URIs vouches for no TPM.
    let root = world.root.ca("root").and(NAME_CONSTRAINTS, true, subtree(write(0x86, &[b"tpm.example"])));
    let roots = EndorsementRoots::new("test", [world.root.certify(&root)]).unwrap();
    let verifier = EndorsementVerifier::builder(roots, backend::ring()).build();
    let chain = [world.below.certify(&world.good()), world.intermediate()];
    assert_refused!(verifier.verify(&chain, NOW), "untrusted_root", "TPM-28");
}

#[test]
fn tpm_28_keys_on_the_deny_list_are_refused() {
    let world = World::new();
    let chain = [world.below.certify(&world.good()), world.intermediate()];
    let endorsement = world.verifier().verify(&chain, NOW).unwrap();
    let roots = EndorsementRoots::new("test", [world.root.root()]).unwrap();
    let builder = EndorsementVerifier::builder(roots, backend::ring()).deny([[1; 32]]);
    assert!(builder.clone().build().verify(&chain, NOW).is_ok());
    let verifier = builder.deny([*endorsement.ek_sha256()]).build();
    assert_refused!(verifier.verify(&chain, NOW), "revoked", "TPM-28");
    // Another certificate of the same key helps nobody.
    let again = [world.root.certify(&Certificate { subject: "another", ..world.good() })];
    assert_refused!(verifier.verify(&again, NOW), "revoked", "TPM-28");
}

#[test]
fn att_5_chains_are_bounded_before_they_are_read() {
    let world = World::new();
    let leaf = world.below.certify(&world.good());
    let mut chain = vec![leaf.clone()];
    chain.resize(20, world.intermediate());
    assert!(world.verifier().verify(&chain, NOW).is_ok());
    chain.push(world.intermediate());
    assert_refused!(world.verifier().verify(&chain, NOW), "too_large", "ATT-5");
    let chain = [leaf.clone(), world.intermediate(), vec![0x30; 64 * 1024]];
    assert_refused!(world.verifier().verify(&chain, NOW), "too_large", "ATT-5");
    let chain = [leaf, world.intermediate(), vec![0x30; 16 * 1024 + 1]];
    assert_refused!(world.verifier().verify(&chain, NOW), "too_large", "ATT-5");
    assert_refused!(world.verifier().verify(&[vec![0x30; 16 * 1024 + 1]], NOW), "too_large", "ATT-5");
    // By number, and by the length of all: before any is read.
    let is_bounded =
        |chain: &[Vec<u8>]| matches!(world.verifier().verify(chain, NOW), Err(EndorsementError::TooLarge));
    assert!(is_bounded(&vec![Vec::new(); 21]) && !is_bounded(&vec![Vec::new(); 20]));
    let of = |total: usize| {
        let mut chain = vec![vec![0x30; 16 * 1024]; 3];
        chain.push(vec![0x30; total - 3 * 16 * 1024]);
        chain
    };
    assert!(!is_bounded(&of(64 * 1024)) && is_bounded(&of(64 * 1024 + 1)));
}

#[test]
fn att_124_many_certificates_of_one_name_are_not_searched() {
    let world = World::new();
    let mut chain = vec![world.below.certify(&world.good())];
    chain.extend((0..3).map(|_| world.root.certify(&Authority::new("x").ca("below"))));
    assert_refused!(world.verifier().verify(&chain, NOW), "chain_invalid", "TPM-28");
}

#[test]
fn tpm_28_chains_are_signed_by_every_algorithm_that_is_accepted() {
    let check = |signer: SoftwareKey| {
        let key = Tpm::new(Curve::P384).key();
        let root = Authority { name: "root", key: signer };
        let roots = EndorsementRoots::new("test", [root.root()]).unwrap();
        let mut certificate = root.certify(&Certificate::of(&key));
        for backend in backends() {
            let verifier = EndorsementVerifier::builder(roots.clone(), backend).build();
            assert!(verifier.verify(&[&certificate], NOW).is_ok());
        }
        let last = certificate.len() - 1;
        certificate[last] ^= 1;
        for backend in backends() {
            let verifier = EndorsementVerifier::builder(roots.clone(), backend).build();
            assert_refused!(verifier.verify(&[&certificate], NOW), "bad_signature", "TPM-28");
        }
    };
    check(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    check(SoftwareKey::generate(Algorithm::Es384, backend::ring()).unwrap());
    #[cfg(feature = "aws-lc")]
    for algorithm in [Algorithm::Ps256, Algorithm::Rs256] {
        check(SoftwareKey::generate(algorithm, backend::aws_lc()).unwrap());
    }
}

fn backends() -> Vec<aims_keys::Backend> {
    vec![
        backend::ring(),
        #[cfg(feature = "aws-lc")]
        backend::aws_lc(),
    ]
}

proptest! {
    #[test]
    fn tpm_28_reading_certificates_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let world = World::new();
        let _ = world.verifier().verify(&[&bytes], NOW);
        let mut certificate = world.below.certify(&world.good());
        let at = at.index(certificate.len());
        let before = std::mem::replace(&mut certificate[at], value);
        let verified = world.verifier().verify(&[certificate, world.intermediate()], NOW);
        prop_assert_eq!(verified.is_ok(), before == value);
    }
}

#[test]
fn tpm_28_an_extension_that_says_false_in_full_is_malformed() {
    let world = World::new();
    let written = write(SEQUENCE, &[&write(BOOLEAN, &[&[0]])]);
    let refused = world.verify(&world.good().with(BASIC_CONSTRAINTS, written));
    assert_refused!(refused, "malformed", "TPM-28");
    let odd = write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[EK_CERTIFICATE]), &[5, 0]]);
    let refused = world.verify(&world.good().with(EXTENDED_KEY_USAGE, odd));
    assert_refused!(refused, "malformed", "TPM-28");
}

#[test]
fn att_25_the_time_is_the_one_that_is_given() {
    let world = World::new();
    let chain = [world.below.certify(&world.good()), world.intermediate()];
    let verifier = world.verifier();
    let (first, last) = (UnixTime::from_secs(1_767_225_600), UnixTime::from_secs(1_893_456_000));
    let second = std::time::Duration::from_secs(1);
    // Without any leeway (ATT-24).
    assert!(verifier.verify(&chain, first).is_ok() && verifier.verify(&chain, last).is_ok());
    assert_refused!(verifier.verify(&chain, first - second), "not_yet_valid", "TPM-28");
    assert_refused!(verifier.verify(&chain, last + second), "expired", "TPM-28");
    assert_refused!(verifier.verify(&chain, UnixTime::EPOCH), "not_yet_valid", "TPM-28");
    assert_refused!(verifier.verify(&chain, UnixTime::MAX), "expired", "TPM-28");
}

#[test]
fn att_122_refusals_have_the_codes_of_rejected_evidence() {
    use aims_credential::x509::SvidError;
    use aims_keys::KeyError;

    for (error, code) in [
        (EndorsementError::Authority, "chain_invalid"),
        (EndorsementError::Chain(SvidError::ChainTooLong), "too_large"),
        (EndorsementError::Chain(SvidError::Expired), "expired"),
        (EndorsementError::Chain(SvidError::IssuerNotSigning), "chain_invalid"),
        (EndorsementError::Chain(SvidError::Malformed), "malformed"),
        (EndorsementError::Chain(SvidError::NotYetValid), "not_yet_valid"),
        (EndorsementError::Chain(SvidError::Signature), "bad_signature"),
        (EndorsementError::Chain(SvidError::TooLarge), "too_large"),
        (EndorsementError::Chain(SvidError::UnknownIssuer), "untrusted_root"),
        (EndorsementError::Denied, "revoked"),
        (EndorsementError::ExtendedKeyUsage, "chain_invalid"),
        (EndorsementError::Identity, "malformed"),
        (EndorsementError::Key(KeyError::RsaModulus), "unsupported_algorithm"),
        (EndorsementError::KeyUsage, "chain_invalid"),
        (EndorsementError::Missing, "no_endorsement_certificate"),
        (EndorsementError::RootsExpired, "untrusted_root"),
        (EndorsementError::TooLarge, "too_large"),
    ] {
        assert_eq!(error.code(), code, "{error:?}");
        assert!(["TPM-28", "ATT-5", "ATT-125"].contains(&error.rule()), "{error:?}");
    }
}
