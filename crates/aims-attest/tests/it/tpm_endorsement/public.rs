//! `TPMT_PUBLIC` (TPM-11, TPM-20, TPM-29).

use aims_attest::tpm::{TpmName, TpmPublic, TpmPublicKind, TpmScheme, TpmSymmetric};
use aims_keys::backend::{self, HashAlgorithm};
use aims_keys::{Algorithm, PublicNumbers, SoftwareKey};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::support::*;

/// A public area of these parts.
fn public(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// An RSA key of 2048 bits, as a TPM writes it.
fn rsa(exponent: [u8; 4], modulus: &[u8]) -> Vec<u8> {
    let head = [0, 1, 0, 0x0b, 0, 5, 0, 0x72, 0, 0, 0, 0x10, 0, 0x14, 0, 0x0b];
    let bits = u16::try_from(modulus.len() * 8).unwrap().to_be_bytes();
    let len = u16::try_from(modulus.len()).unwrap().to_be_bytes();
    public(&[&head, &bits, &exponent, &len, modulus])
}

fn modulus() -> Vec<u8> {
    let mut modulus = vec![0xc5; 256];
    modulus[255] = 0x0d;
    modulus
}

#[test]
fn tpm_20_public_areas_of_a_tpm_are_read() {
    let (Some(ak), Some(ek), Some(app), Some(restricted)) = (
        golden("ak_p256_public.tpmt"),
        golden("ek_p384_public.tpmt"),
        golden("app_key_p256_public.tpmt"),
        golden("restricted_key_p256_public.tpmt"),
    ) else {
        return;
    };
    let ak = TpmPublic::parse(&ak).unwrap();
    let attributes = ak.attributes();
    assert_eq!((attributes.bits(), ak.name_algorithm()), (0x0005_0072, HashAlgorithm::Sha256));
    assert!(attributes.fixed_tpm() && attributes.fixed_parent() && attributes.sensitive_data_origin());
    assert!(attributes.user_with_auth() && attributes.restricted() && attributes.sign());
    assert!(!attributes.admin_with_policy() && !attributes.no_da() && !attributes.decrypt());
    assert_eq!((ak.scheme(), ak.auth_policy()), (TpmScheme::Ecdsa(HashAlgorithm::Sha256), &[][..]));
    let point = golden("ak_p256_point.bin").unwrap();
    let Some(PublicNumbers::P256 { x, y }) = ak.public_numbers() else { panic!("{ak:?}") };
    assert_eq!([&[4], &x[..], &y[..]].concat(), point);

    let ek = TpmPublic::parse(&ek).unwrap();
    assert_eq!((ek.name_algorithm(), ek.auth_policy().len()), (HashAlgorithm::Sha384, 48));
    let TpmPublicKind::Ecc { symmetric, scheme, .. } = ek.kind() else { panic!("{ek:?}") };
    assert_eq!((*symmetric, *scheme), (Some(TpmSymmetric::Aes256), TpmScheme::Null));
    assert!(ek.attributes().restricted() && ek.attributes().decrypt() && ek.attributes().admin_with_policy());
    assert!(matches!(ek.public_numbers(), Some(PublicNumbers::P384 { .. })));

    let app = TpmPublic::parse(&app).unwrap();
    assert!(app.attributes().no_da() && app.attributes().sign() && !app.attributes().restricted());
    assert!(TpmPublic::parse(&restricted).unwrap().attributes().restricted());
}

#[test]
fn tpm_20_a_key_says_who_may_use_it_and_how_long_it_is() {
    let mut bytes = rsa([0; 4], &modulus());
    assert!(TpmPublic::parse(&bytes).unwrap().attributes().user_with_auth());
    bytes[7] = 0x32;
    assert!(!TpmPublic::parse(&bytes).unwrap().attributes().user_with_auth());
    // As long as it says: the highest bit is one.
    let mut modulus = modulus();
    for (first, is_whole) in [(0x80, true), (0x7f, false)] {
        modulus[0] = first;
        assert_eq!(TpmPublic::parse(&rsa([0; 4], &modulus)).is_ok(), is_whole, "{first:#x}");
    }
}

#[test]
fn tpm_20_names_are_computed_from_all_bytes() {
    let (Some(ak), Some(name)) = (golden("ak_p256_public.tpmt"), golden("ak_p256_name.bin")) else { return };
    let public = TpmPublic::parse(&ak).unwrap();
    assert_eq!(public.name(backend::ring()).as_bytes(), name);
    assert_eq!(TpmName::from_bytes(&name).unwrap(), public.name(backend::ring()));
    assert_eq!(public.name(backend::ring()).to_string().len(), 68);

    let mut other = ak.clone();
    other[7] ^= 4;
    assert_ne!(TpmPublic::parse(&other).unwrap().name(backend::ring()), public.name(backend::ring()));
    for wrong in [&name[..33], &[&name[..], &[0]].concat(), &[0, 4], &[], &[0x80, 0, 0, 1], &[0, 0x0b]] {
        assert_refused!(TpmName::from_bytes(wrong), "malformed", "TPM-20", "{wrong:?}");
    }
}

#[test]
fn tpm_20_no_public_area_is_read_that_ends_early_or_goes_on() {
    for name in ["ak_p256_public.tpmt", "ek_p384_public.tpmt"] {
        let Some(bytes) = golden(name) else { return };
        for len in 0..bytes.len() {
            assert_refused!(TpmPublic::parse(&bytes[..len]), "malformed", "TPM-20", "{name} {len}");
        }
        assert_refused!(TpmPublic::parse(&[&bytes[..], &[0]].concat()), "malformed", "TPM-20");
    }
    assert_refused!(TpmPublic::parse(&[0; 2049]), "too_large", "ATT-5");
}

#[test]
fn tpm_20_every_field_of_a_public_area_is_checked() {
    let Some(ak) = golden("ak_p256_public.tpmt") else { return };
    for (at, value, code, rule, what) in [
        (1, 0x25, "unsupported_algorithm", "TPM-22", "a cipher"),
        (3, 0x04, "unsupported_algorithm", "TPM-22", "a name by SHA-1"),
        (3, 0x10, "unsupported_algorithm", "TPM-22", "no name"),
        (4, 0x80, "malformed", "TPM-20", "a reserved attribute"),
        (7, 0x73, "malformed", "TPM-20", "another"),
        (9, 0x01, "malformed", "TPM-20", "a policy of one byte"),
        (9, 0x21, "malformed", "TPM-20", "a policy longer than a hash"),
        (11, 0x13, "unsupported_algorithm", "TPM-22", "another cipher"),
        (13, 0x1a, "unsupported_algorithm", "TPM-22", "ECDAA"),
        (13, 0x14, "unsupported_algorithm", "TPM-22", "a scheme of RSA"),
        (15, 0x04, "unsupported_algorithm", "TPM-22", "ECDSA over SHA-1"),
        (17, 0x05, "unsupported_algorithm", "TPM-22", "another curve"),
        (17, 0x04, "key_not_on_curve", "JO-KEY-03", "coordinates that are filled up"),
        (19, 0x20, "unsupported_algorithm", "TPM-22", "a key derivation"),
        (21, 0x21, "malformed", "TPM-20", "a coordinate that is too long"),
        (21, 0x00, "malformed", "TPM-20", "no coordinate"),
        (22, 0xe5, "key_not_on_curve", "JO-KEY-03", "another point"),
    ] {
        let mut bytes = ak.clone();
        assert_ne!(bytes[at], value, "{what}");
        bytes[at] = value;
        assert_refused!(TpmPublic::parse(&bytes), code, rule, "{what}");
    }
}

#[test]
fn tpm_11_coordinates_are_filled_up() {
    let head = [0, 0x23, 0, 0x0b, 0, 4, 4, 0x72, 0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10];
    // About one key in 128 has a coordinate that begins with a zero byte.
    let (x, y) = (0..20_000)
        .find_map(|_| {
            let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
            let PublicNumbers::P256 { x, y } = *key.public_key().numbers() else { return None };
            (x[0] == 0 && y[0] != 0).then_some((x, y))
        })
        .unwrap();
    let short = public(&[&head, &[0, 31], &x[1..], &[0, 32], &y]);
    let read = TpmPublic::parse(&short).unwrap();
    assert_eq!(read.public_numbers(), Some(&PublicNumbers::P256 { x, y }));
    // The name is that of the bytes as the TPM has them.
    let long = TpmPublic::parse(&public(&[&head, &[0, 32], &x, &[0, 32], &y])).unwrap();
    assert_eq!(long.public_numbers(), read.public_numbers());
    assert_ne!(long.name(backend::ring()), read.name(backend::ring()));
}

#[test]
fn tpm_22_rsa_keys_have_2048_bits_at_least() {
    let read = TpmPublic::parse(&rsa([0; 4], &modulus())).unwrap();
    let TpmPublicKind::Rsa { bits, .. } = read.kind() else { panic!("{read:?}") };
    assert_eq!((*bits, read.scheme()), (2048, TpmScheme::RsaPkcs1(HashAlgorithm::Sha256)));
    let Some(PublicNumbers::Rsa { n, e }) = read.public_numbers() else { panic!("{read:?}") };
    assert_eq!((n, e), (&modulus(), &vec![1, 0, 1]));

    // Said or not said, it is the same exponent.
    let said = TpmPublic::parse(&rsa([0, 1, 0, 1], &modulus())).unwrap();
    assert_eq!(said.public_numbers(), read.public_numbers());
    assert_refused!(TpmPublic::parse(&rsa([0, 0, 0, 3], &modulus())), "rsa_exponent", "JO-KEY-04");
    // A key that decrypts: its scheme is OAEP.
    let mut oaep = rsa([0; 4], &modulus());
    oaep[13] = 0x17;
    assert_eq!(TpmPublic::parse(&oaep).unwrap().scheme(), TpmScheme::Oaep(HashAlgorithm::Sha256));
    assert_refused!(TpmPublic::parse(&rsa([0; 4], &modulus()[128..])), "rsa_modulus", "JO-KEY-04");
    assert_refused!(TpmPublic::parse(&rsa([0; 4], &[])), "rsa_modulus", "JO-KEY-04");
    let mut small = modulus();
    small[0] = 0x7f;
    assert_refused!(TpmPublic::parse(&rsa([0; 4], &small)), "malformed", "TPM-20");
    let mut lies = rsa([0; 4], &modulus());
    lies[16] = 0x10;
    assert_refused!(TpmPublic::parse(&lies), "malformed", "TPM-20");
}

#[test]
fn tpm_20_sealed_data_has_no_key() {
    let head = [0, 8, 0, 0x0b, 0, 0, 0, 0x92, 0, 0, 0, 0x10];
    let sealed = TpmPublic::parse(&public(&[&head, &[0, 32], &[7; 32]])).unwrap();
    assert_eq!((sealed.public_numbers(), sealed.scheme()), (None, TpmScheme::Null));
    assert_refused!(TpmPublic::parse(&public(&[&head, &[0, 31], &[7; 31]])), "malformed", "TPM-20");
    // Nor has a key for HMAC one that anybody may know.
    let head = [0, 8, 0, 0x0b, 0, 4, 0, 0x72, 0, 0, 0, 5, 0, 0x0b];
    let hmac = TpmPublic::parse(&public(&[&head, &[0, 32], &[7; 32]])).unwrap();
    assert_eq!((hmac.public_numbers(), hmac.scheme()), (None, TpmScheme::Hmac(HashAlgorithm::Sha256)));
}

proptest! {
    #[test]
    fn tpm_20_reading_never_panics_and_keeps_the_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in 0..88_usize,
        value in any::<u8>(),
    ) {
        let _ = TpmPublic::parse(&bytes);
        if let Some(mut ak) = golden("ak_p256_public.tpmt") {
            ak[at] = value;
            if let Ok(public) = TpmPublic::parse(&ak) {
                prop_assert_eq!(public.as_bytes(), ak);
            }
        }
    }
}
