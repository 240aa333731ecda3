//! Credentials that one TPM alone activates (TPM-3, TPM-29).

use aims_attest::tpm::{TpmCredential, TpmName, TpmPublic};
use aims_keys::backend;
use aims_testkit::assert_refused;

use super::support::golden;
use super::tpm::{Curve, Tpm};

fn name(fill: u8) -> TpmName {
    TpmName::from_bytes(&[&[0, 0x0b][..], &[fill; 32]].concat()).unwrap()
}

#[test]
fn tpm_3_the_tpm_that_a_credential_was_made_for_activates_it() {
    for curve in [Curve::P256, Curve::P384] {
        let tpm = Tpm::new(curve);
        let ek = TpmPublic::parse(&tpm.ek).unwrap();
        for secret in [&[7; 32][..], &[8], &[9; 16]] {
            let made = TpmCredential::make(&ek, &name(1), secret, backend::ring()).unwrap();
            let opened = tpm.activate(name(1).as_bytes(), made.id_object(), made.encrypted_secret());
            assert_eq!(opened.as_deref(), Some(secret), "{curve:?}");
            // TPM_RC_INTEGRITY.
            let other = tpm.activate(name(2).as_bytes(), made.id_object(), made.encrypted_secret());
            assert_eq!(other, None);
            let again = TpmCredential::make(&ek, &name(1), secret, backend::ring()).unwrap();
            assert_ne!(made, again, "the ephemeral key is another");
        }
    }
}

#[test]
fn tpm_29_what_is_changed_on_the_way_is_not_activated() {
    let tpm = Tpm::new(Curve::P256);
    let ek = TpmPublic::parse(&tpm.ek).unwrap();
    let made = TpmCredential::make(&ek, &name(1), &[7; 32], backend::ring()).unwrap();
    for at in 2..made.id_object().len() {
        let mut changed = made.id_object().to_vec();
        changed[at] ^= 1;
        assert_eq!(tpm.activate(name(1).as_bytes(), &changed, made.encrypted_secret()), None, "{at}");
    }
}

#[test]
fn tpm_3_credentials_have_the_form_of_those_that_tpm2_tools_make() {
    let (Some(ek), Some(ak), Some(blob), Some(secret), Some(sent)) = (
        golden("ek_p384_public.tpmt"),
        golden("ak_p256_public.tpmt"),
        golden("credential_blob.bin"),
        golden("credential_secret.bin"),
        golden("credential_encrypted_secret.bin"),
    ) else {
        return;
    };
    let ak = TpmPublic::parse(&ak).unwrap().name(backend::ring());
    let made = TpmCredential::make(&TpmPublic::parse(&ek).unwrap(), &ak, &secret, backend::ring()).unwrap();
    assert_eq!(made.id_object().len(), blob.len());
    assert_eq!(made.id_object()[..2], blob[..2]);
    assert_eq!(made.encrypted_secret().len(), sent.len());
    assert_eq!(
        (&made.encrypted_secret()[..2], &made.encrypted_secret()[50..52]),
        (&sent[..2], &sent[50..52])
    );
    assert!(!format!("{made:?}").contains('['), "{made:?}");
}

#[test]
fn tpm_29_credentials_are_made_for_storage_keys_alone() {
    let tpm = Tpm::new(Curve::P256);
    let make = |bytes: &[u8], secret: &[u8]| {
        TpmCredential::make(&TpmPublic::parse(bytes).unwrap(), &name(1), secret, backend::ring())
    };
    for attributes in [[0, 2, 0, 0xb2], [0, 1, 0, 0xb2], [0, 7, 0, 0xb2]] {
        let mut other = tpm.ek.clone();
        other[4..8].copy_from_slice(&attributes);
        assert_refused!(make(&other, &[7; 32]), "not_a_storage_key", "TPM-29", "{attributes:?}");
    }
    // A restricted key without a cipher.
    let without = [&tpm.ek[..42], &[0, 0x10], &tpm.ek[48..]].concat();
    assert_refused!(make(&without, &[7; 32]), "not_a_storage_key", "TPM-29");
    assert_refused!(make(&tpm.ek, &[]), "secret_length", "TPM-29");
    assert_refused!(make(&tpm.ek, &[7; 33]), "secret_length", "TPM-29");
    if let Some(ak) = golden("ak_p256_public.tpmt") {
        assert_refused!(make(&ak, &[7; 32]), "not_a_storage_key", "TPM-29");
    }
}

/// A storage key of 2048 bits, as the low-range template of RSA has it.
fn rsa(modulus: &[u8]) -> Vec<u8> {
    let head = [0, 1, 0, 0x0b, 0, 3, 0, 0xb2, 0, 32];
    let parameters = [0, 6, 0, 128, 0, 0x43, 0, 0x10, 8, 0, 0, 0, 0, 0, 1, 0];
    [&head[..], &[0xa5; 32], &parameters, modulus].concat()
}

#[test]
fn tpm_3_rsa_endorsement_keys_need_the_second_backend() {
    let mut modulus = vec![0xc5; 256];
    modulus[255] = 0x0d;
    let ek = TpmPublic::parse(&rsa(&modulus)).unwrap();
    let refused = TpmCredential::make(&ek, &name(1), &[7; 32], backend::ring());
    assert_refused!(refused, "key_unsupported", "TPM-44");
    #[cfg(feature = "aws-lc")]
    {
        let made = TpmCredential::make(&ek, &name(1), &[7; 32], backend::aws_lc()).unwrap();
        assert_eq!((made.id_object().len(), made.encrypted_secret().len()), (2 + 32 + 34, 256));
    }
}
