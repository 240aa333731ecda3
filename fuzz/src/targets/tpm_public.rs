//! Public areas of TPM objects: what is read keeps its bytes, and its name is theirs; a credential is made only for a storage key.

use aims_attest::tpm::{TpmCredential, TpmDevice, TpmName, TpmPublic};
use aims_keys::backend;

pub(super) fn run(input: &[u8]) {
    if let Ok(name) = TpmName::from_bytes(input) {
        assert_eq!(name.as_bytes(), input);
    }
    let public = match TpmPublic::parse(input) {
        Ok(public) => public,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            return;
        }
    };
    assert_eq!(public.as_bytes(), input);
    let name = public.name(backend::ring());
    assert_eq!(TpmName::from_bytes(name.as_bytes()), Ok(name.clone()));
    if let Some(key) = public.public_numbers() {
        assert_eq!(key.check(), Ok(()));
    }
    let attributes = public.attributes();
    if TpmCredential::make(&public, &name, &[7; 32], backend::ring()).is_ok() {
        assert!(attributes.restricted() && attributes.decrypt() && !attributes.sign());
    }
    if TpmDevice::new(input, [0; 32], backend::ring()).is_ok() {
        assert!(attributes.restricted() && attributes.sign() && !attributes.decrypt());
        assert!(attributes.fixed_tpm() && attributes.fixed_parent() && attributes.sensitive_data_origin());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let rsa = [
        &[0, 1, 0, 0x0b, 0, 3, 0, 0xb2, 0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 8, 0, 0, 0, 0, 0, 1, 0][..],
        &[0xc5; 255],
        &[0x0d],
    ];
    let sealed = [&[0, 8, 0, 0x0b, 0, 0, 0, 0x92, 0, 0, 0, 0x10, 0, 32][..], &[7; 32]];
    let name = [&[0, 0x0b][..], &[7; 32]];
    vec![attestation_key(), endorsement_key(), rsa.concat(), sealed.concat(), name.concat()]
}

/// A restricted signing key on P-256.
pub(super) fn attestation_key() -> Vec<u8> {
    let head = [0, 0x23, 0, 0x0b, 0, 5, 0, 0x72, 0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10];
    [&head[..], &point()].concat()
}

/// A restricted decryption key on P-256, as the low-range template has it.
pub(super) fn endorsement_key() -> Vec<u8> {
    let head = [0, 0x23, 0, 0x0b, 0, 3, 0, 0xb2, 0, 32];
    let parameters = [0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10];
    [&head[..], &[0xa5; 32], &parameters, &point()].concat()
}

/// The generator, each coordinate with its length.
fn point() -> Vec<u8> {
    const X: [u8; 32] = [
        0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77,
        0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    ];
    const Y: [u8; 32] = [
        0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b,
        0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    ];
    [&[0, 32][..], &X, &[0, 32], &Y].concat()
}
