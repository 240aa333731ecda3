//! `TPMT_SIGNATURE`: what is read has the length that the algorithm asks for, and is of one algorithm.

use aims_attest::tpm::TpmSignature;
use aims_keys::Algorithm;
use aims_testkit::TestTpm;

pub(super) fn run(input: &[u8]) {
    let signature = match TpmSignature::parse(input) {
        Ok(signature) => signature,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            return;
        }
    };
    let of = Algorithm::ALL.into_iter().filter_map(|algorithm| {
        let whole = signature.to_jose(algorithm).ok()?;
        assert!(algorithm.signature_len().is_none_or(|len| len == whole.len()), "of another length");
        Some(algorithm)
    });
    assert!(of.count() <= 1, "a signature of two algorithms");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let rsa = |scheme: u8, hash: u8| [&[0, scheme, 0, hash, 1, 0][..], &[0x5a; 256]].concat();
    let mut seeds = vec![TestTpm::new().sign(b"bytes"), rsa(0x14, 0x0b), rsa(0x16, 0x0b), rsa(0x16, 0x0d)];
    seeds.push([&[0, 0x18, 0, 0x0c, 0, 48][..], &[7; 48], &[0, 1, 9]].concat());
    seeds
}
