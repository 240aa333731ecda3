//! `TPMS_ATTEST` (TPM-20, TPM-21).

use aims_attest::tpm::{Attest, Attested, PcrBank, PcrSelection};
use aims_testkit::{TestTpm, assert_refused};

fn quote() -> Vec<u8> {
    TestTpm::new().quote(&[0xc4; 32], &[0, 7, 16]).0
}

/// Where the selections of PCRs begin: after names and clock.
const SELECTIONS: usize = 6 + 36 + 34 + 17 + 8;

#[test]
fn tpm_20_tpm_21_a_quote_is_read_field_by_field() {
    let mut tpm = TestTpm::new();
    (tpm.clock, tpm.reset_count, tpm.restart_count, tpm.safe) = (7, 8, 9, false);
    let (bytes, _) = tpm.quote(&[0xc4; 32], &[0, 7, 16]);
    let attest = Attest::parse(&bytes).unwrap();
    assert_eq!((attest.extra_data(), attest.qualified_signer().len()), ([0xc4; 32].as_slice(), 34));
    let clock = attest.clock();
    assert_eq!(
        (clock.clock(), clock.reset_count(), clock.restart_count(), clock.is_safe()),
        (7, 8, 9, false)
    );
    assert_eq!(attest.firmware_version(), 0x2019_1023_0016_3636);
    let quoted = attest.quoted().unwrap();
    let [selection] = quoted.selections() else { panic!("{quoted:?}") };
    assert_eq!((selection.bank(), selection.algorithm_id()), (Some(PcrBank::Sha256), 11));
    assert!(selection.indices().eq([0, 7, 16]));
    assert!(selection.contains(7) && !selection.contains(8) && !selection.contains(32));
    assert_eq!(quoted.digest().len(), 32);
    assert!(matches!(attest.attested(), Attested::Quote(_)));
    assert_refused!(attest.certified(), "tpm_attest_type", "TPM-21");
}

#[test]
fn tpm_20_tpm_21_a_certification_is_read_field_by_field() {
    let tpm = TestTpm::new();
    let (_, public) = tpm.key();
    let (bytes, _) = tpm.certify(&public, &[0xc4; 32]);
    let attest = Attest::parse(&bytes).unwrap();
    let certified = attest.certified().unwrap();
    assert_eq!((certified.name().len(), certified.qualified_name().len()), (34, 34));
    assert!(matches!(attest.attested(), Attested::Certify(_)));
    assert_refused!(attest.quoted(), "tpm_attest_type", "TPM-21");
}

#[test]
fn tpm_21_what_a_tpm_did_not_make_up_itself_is_refused_and_so_are_other_types() {
    let good = quote();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for at in 0..4 {
        assert_refused!(Attest::parse(&with(at, 0)), "tpm_magic", "TPM-21", "byte {at}");
    }
    // Those of creation, time, sessions and NV among them.
    for kind in (0x14..=0x1f).filter(|kind| ![0x17, 0x18].contains(kind)) {
        assert_refused!(Attest::parse(&with(5, kind)), "tpm_attest_type", "TPM-21", "{kind:#x}");
    }
    assert_refused!(Attest::parse(&with(4, 0)), "tpm_attest_type", "TPM-21");
    // A quote under the type of a certification is none.
    assert_refused!(Attest::parse(&with(5, 0x17)), "tpm_trailing_bytes", "TPM-20");
}

#[test]
fn tpm_20_lengths_are_believed_only_as_far_as_there_are_bytes() {
    let good = quote();
    for len in 0..good.len() {
        assert_refused!(Attest::parse(&good[..len]), "tpm_malformed", "TPM-20", "{len} bytes");
    }
    let longer = [&good[..], &[0]].concat();
    assert_refused!(Attest::parse(&longer), "tpm_trailing_bytes", "TPM-20");
    assert_refused!(Attest::parse(&vec![0xff; 1025]), "too_large", "ATT-5");
    assert_eq!(
        Attest::parse(&vec![0xff; 1024]).unwrap_err().code(),
        Attest::parse(&[0xff; 8]).unwrap_err().code()
    );
    // Sizes of the signer, of the extra data, of the selection and of the digest.
    for at in [6, 42, good.len() - 34] {
        for size in [[0xff, 0xff], [0x00, 0x43], [0x01, 0x00]] {
            let mut lying = good.clone();
            lying[at..at + 2].copy_from_slice(&size);
            assert_refused!(Attest::parse(&lying), "tpm_malformed", "TPM-20", "size at {at}");
        }
    }
    // The flag of the clock is yes or no.
    let mut odd = good.clone();
    odd[92] = 2;
    assert_refused!(Attest::parse(&odd), "tpm_malformed", "TPM-20");
}

#[test]
fn tpm_20_selections_are_few_and_short_and_name_a_bank_once() {
    let good = quote();
    let (head, tail) = good.split_at(SELECTIONS);
    assert_eq!(tail[..10], [0, 0, 0, 1, 0, 0x0b, 3, 0x81, 0, 1]);
    let with = |count: u32, selections: &[u8]| [head, &count.to_be_bytes(), selections, &tail[10..]].concat();
    let many = |count: u16| (0..count).flat_map(|bank| [0x10, bank.to_be_bytes()[1], 0]).collect::<Vec<_>>();
    Attest::parse(&with(16, &many(16))).unwrap();
    assert_refused!(Attest::parse(&with(17, &many(17))), "tpm_too_many_selections", "TPM-20");
    assert_refused!(Attest::parse(&with(u32::MAX, &[])), "tpm_too_many_selections", "TPM-20");
    Attest::parse(&with(1, &[0, 0x0b, 4, 1, 0, 0, 0x80])).unwrap();
    assert_refused!(Attest::parse(&with(1, &[0, 0x0b, 5, 1, 0, 0, 0, 0])), "tpm_select_size", "TPM-20");
    let twice = [0, 0x0b, 1, 1, 0, 0x0b, 1, 2];
    assert_refused!(Attest::parse(&with(2, &twice)), "tpm_bank_twice", "TPM-20");
    let other = [0, 0x04, 1, 1, 0, 0x0b, 1, 2];
    let bytes = with(2, &other);
    let read = Attest::parse(&bytes).unwrap();
    let banks: Vec<_> = read.quoted().unwrap().selections().iter().map(PcrSelection::bank).collect();
    assert_eq!(banks, [None, Some(PcrBank::Sha256)]);
}
