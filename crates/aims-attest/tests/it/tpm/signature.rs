//! `TPMT_SIGNATURE` (TPM-11, TPM-20, TPM-22).

use aims_attest::tpm::{TpmScheme, TpmSignature};
use aims_keys::Algorithm;
use aims_keys::backend::HashAlgorithm;
use aims_testkit::assert_refused;

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn ecdsa(hash: u8, r: &[u8], s: &[u8]) -> Vec<u8> {
    [&[0, 0x18, 0, hash][..], &sized(r), &sized(s)].concat()
}

fn rsa(scheme: u8, hash: u8, len: usize) -> Vec<u8> {
    [&[0, scheme, 0, hash][..], &sized(&vec![0x5a; len])].concat()
}

#[test]
fn tpm_11_the_numbers_of_ecdsa_get_back_their_leading_zeros() {
    let bytes = ecdsa(0x0b, &[1, 2], &[3; 32]);
    let signature = TpmSignature::parse(&bytes).unwrap();
    assert_eq!(signature.scheme(), TpmScheme::Ecdsa(HashAlgorithm::Sha256));
    assert_eq!(signature.hash(), HashAlgorithm::Sha256);
    let whole = signature.to_jose(Algorithm::Es256).unwrap();
    assert_eq!(whole, [&[0; 30][..], &[1, 2], &[3; 32]].concat());
    // A number that no point of the curve has; zeros in front of it do not make it one.
    let long = ecdsa(0x0b, &[0; 33], &[3; 32]);
    assert_refused!(TpmSignature::parse(&long).unwrap().to_jose(Algorithm::Es256), "tpm_malformed", "TPM-20");
}

#[test]
fn tpm_22_schemes_and_hash_functions_are_those_of_the_algorithm() {
    for (bytes, algorithm, len) in [
        (ecdsa(0x0b, &[1; 32], &[2; 32]), Algorithm::Es256, 64),
        (ecdsa(0x0c, &[1; 48], &[2; 48]), Algorithm::Es384, 96),
        (rsa(0x14, 0x0b, 256), Algorithm::Rs256, 256),
        (rsa(0x16, 0x0b, 256), Algorithm::Ps256, 256),
        (rsa(0x16, 0x0d, 512), Algorithm::Ps512, 512),
    ] {
        let signature = TpmSignature::parse(&bytes).unwrap();
        assert_eq!(signature.to_jose(algorithm).unwrap().len(), len);
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert_refused!(signature.to_jose(other), "tpm_signature_scheme", "TPM-22", "{other}");
        }
    }
    // Hash functions without an algorithm of ours are read, and verify nothing.
    let odd = rsa(0x14, 0x0c, 256);
    let signature = TpmSignature::parse(&odd).unwrap();
    for algorithm in Algorithm::ALL {
        assert_refused!(signature.to_jose(algorithm), "tpm_signature_scheme", "TPM-22");
    }
}

#[test]
fn tpm_22_sha_1_and_other_schemes_are_refused() {
    for bytes in
        [ecdsa(0x04, &[1; 32], &[2; 32]), rsa(0x14, 0x04, 256), rsa(0x16, 0x04, 256), rsa(0x16, 0x27, 256)]
    {
        assert_refused!(TpmSignature::parse(&bytes), "tpm_signature_hash", "TPM-22");
    }
    // No signature, HMAC, ECDAA, SM2, Schnorr.
    for scheme in [0x10, 0x05, 0x1a, 0x1b, 0x1c] {
        let bytes = [&[0, scheme, 0, 0x0b][..], &sized(&[1; 32]), &sized(&[1; 32])].concat();
        assert_refused!(TpmSignature::parse(&bytes), "tpm_signature_scheme", "TPM-22", "{scheme:#x}");
    }
}

#[test]
fn tpm_20_a_signature_is_read_to_its_last_byte_and_no_further() {
    for good in [ecdsa(0x0b, &[1; 32], &[2; 32]), rsa(0x14, 0x0b, 256)] {
        for len in 0..good.len() {
            assert_refused!(TpmSignature::parse(&good[..len]), "tpm_malformed", "TPM-20", "{len} bytes");
        }
        let longer = [&good[..], &[0]].concat();
        assert_refused!(TpmSignature::parse(&longer), "tpm_trailing_bytes", "TPM-20");
    }
    // 8192 bits are the longest there are.
    TpmSignature::parse(&rsa(0x14, 0x0b, 1024)).unwrap();
    assert_refused!(TpmSignature::parse(&rsa(0x14, 0x0b, 1025)), "too_large", "ATT-5");
    assert_refused!(TpmSignature::parse(&ecdsa(0x0b, &[1; 67], &[2; 32])), "tpm_malformed", "TPM-20");
}
