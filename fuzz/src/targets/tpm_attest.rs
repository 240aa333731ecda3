//! `TPMS_ATTEST`: read to the last byte, and values of PCRs are not taken for those that were quoted.

use aims_attest::tpm::{Attest, Attested, PcrBank, PcrSelection, PcrValues};
use aims_keys::backend;
use aims_testkit::TestTpm;

pub(super) fn run(input: &[u8]) {
    let attest = match Attest::parse(input) {
        Ok(attest) => attest,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            return;
        }
    };
    let longer = [input, &[0]].concat();
    assert!(Attest::parse(&longer).is_err(), "something followed");
    assert!(input.split_last().is_none_or(|(_, rest)| Attest::parse(rest).is_err()), "something was missing");
    match attest.attested() {
        Attested::Quote(quoted) => {
            assert!(quoted.selections().len() <= 16);
            assert!(quoted.selections().iter().flat_map(PcrSelection::indices).all(|pcr| pcr < 32));
            let nothing = PcrValues::new().check(quoted, PcrBank::Sha256, backend::ring());
            assert!(nothing.is_err(), "nothing was quoted");
        }
        Attested::Certify(certified) => assert!(certified.name().len() <= 66),
        _ => {}
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let tpm = TestTpm::new();
    let (_, public) = tpm.key();
    vec![tpm.quote(&[0xc4; 32], &[0, 7, 16]).0, tpm.quote(&[], &[]).0, tpm.certify(&public, &[0xc4; 32]).0]
}
