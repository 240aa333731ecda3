//! PCRs and policies about them (TPM-25).

use aims_attest::tpm::{Attest, PcrBank, PcrPolicy, PcrValue, PcrValues};
use aims_keys::backend;
use aims_testkit::assert_refused;

use super::support::Machine;

#[test]
fn tpm_25_values_are_those_that_were_quoted_or_none() {
    let machine = Machine::new();
    let (bytes, _) = machine.tpm.quote(&[], &[0, 7, 16]);
    let attest = Attest::parse(&bytes).unwrap();
    let quoted = attest.quoted().unwrap();
    let check = |values: &PcrValues| values.check(quoted, PcrBank::Sha256, backend::ring());
    check(&machine.values(&[0, 7, 16])).unwrap();
    assert_refused!(check(&machine.values(&[0, 7])), "pcr_missing", "TPM-25");
    assert_refused!(check(&PcrValues::new()), "pcr_missing", "TPM-25");
    assert_refused!(check(&machine.values(&[0, 7, 16, 17])), "pcr_not_quoted", "TPM-25");
    let mut other_bank = machine.values(&[0, 7, 16]);
    other_bank.insert(PcrBank::Sha384, 0, &[0; 48]).unwrap();
    assert_refused!(check(&other_bank), "pcr_not_quoted", "TPM-25");
    // Two that were exchanged, and each bit of one.
    let mut exchanged = PcrValues::new();
    for (to, from) in [(0, 7), (7, 0), (16, 16)] {
        exchanged.insert(PcrBank::Sha256, to, &machine.tpm.pcr(from)).unwrap();
    }
    assert_refused!(check(&exchanged), "pcr_digest", "TPM-25");
    for bit in 0..256 {
        let mut value = machine.tpm.pcr(7);
        value[bit / 8] ^= 1 << (bit % 8);
        let mut values = machine.values(&[0, 16]);
        values.insert(PcrBank::Sha256, 7, &value).unwrap();
        assert_refused!(check(&values), "pcr_digest", "TPM-25");
    }
    // The digest is by the hash function of the signature.
    let by_other = machine.values(&[0, 7, 16]).check(quoted, PcrBank::Sha384, backend::ring());
    assert_refused!(by_other, "pcr_digest", "TPM-25");
}

#[test]
fn tpm_25_banks_come_in_the_order_of_the_quote_and_a_weak_one_spoils_it() {
    let machine = Machine::new();
    let (good, _) = machine.tpm.quote(&[], &[0]);
    let head = &good[..good.len() - 44];
    let quote = |banks: &[u8], values: &[&[u8]]| {
        let count = u32::try_from(banks.len()).unwrap();
        let mut bytes = [head, &count.to_be_bytes()].concat();
        for bank in banks {
            bytes.extend([0, *bank, 3, 1, 0, 0]);
        }
        bytes.extend([0, 32]);
        bytes.extend(backend::ring().sha256(&values.concat()));
        bytes
    };
    let (short, long) = ([0x22; 32], [0x33; 48]);
    let mut values = PcrValues::new();
    values.insert(PcrBank::Sha384, 0, &long).unwrap();
    values.insert(PcrBank::Sha256, 0, &short).unwrap();
    assert!(values.banks().eq([PcrBank::Sha256, PcrBank::Sha384]));
    let check = |bytes: &[u8]| {
        let attest = Attest::parse(bytes).unwrap();
        values.check(attest.quoted().unwrap(), PcrBank::Sha256, backend::ring())
    };
    check(&quote(&[0x0c, 0x0b], &[&long, &short])).unwrap();
    check(&quote(&[0x0b, 0x0c], &[&short, &long])).unwrap();
    assert_refused!(check(&quote(&[0x0b, 0x0c], &[&long, &short])), "pcr_digest", "TPM-25");
    // SHA-1, SM3, SHA3-256.
    for weak in [0x04, 0x12, 0x27] {
        let bytes = quote(&[0x0b, 0x0c, weak], &[&short, &long, &[0; 20]]);
        assert_refused!(check(&bytes), "pcr_weak_bank", "TPM-25", "{weak:#x}");
    }
    // Of no PCR there is nothing to say.
    let empty = [head, &[0; 4], &sized_digest(&[])].concat();
    let attest = Attest::parse(&empty).unwrap();
    let nothing = PcrValues::new().check(attest.quoted().unwrap(), PcrBank::Sha256, backend::ring());
    assert_refused!(nothing, "pcr_missing", "TPM-25");
}

fn sized_digest(values: &[u8]) -> Vec<u8> {
    [&[0, 32][..], &backend::ring().sha256(values)].concat()
}

#[test]
fn tpm_25_a_value_has_the_length_of_its_bank_and_stands_once() {
    let mut values = PcrValues::new();
    assert_refused!(values.insert(PcrBank::Sha256, 0, &[0; 48]), "pcr_length", "TPM-25");
    assert_refused!(values.insert(PcrBank::Sha384, 0, &[0; 32]), "pcr_length", "TPM-25");
    assert_refused!(values.insert(PcrBank::Sha256, 32, &[0; 32]), "pcr_index", "TPM-25");
    values.insert(PcrBank::Sha512, 31, &[9; 64]).unwrap();
    assert_refused!(values.insert(PcrBank::Sha512, 31, &[9; 64]), "pcr_twice", "TPM-25");
    let value = *values.get(PcrBank::Sha512, 31).unwrap();
    assert_eq!((value.bank(), value.as_bytes()), (PcrBank::Sha512, [9; 64].as_slice()));
    assert_eq!(value.to_string(), "09".repeat(64));
    assert_eq!(PcrValue::new(PcrBank::Sha512, &[9; 63]), None);
    for bank in PcrBank::ALL {
        assert_eq!((PcrBank::from_id(bank.id()), PcrBank::from_name(bank.name())), (Some(bank), Some(bank)));
        assert_eq!(PcrBank::from_hash(bank.hash()), Some(bank));
    }
    assert_eq!((PcrBank::from_id(4), PcrBank::from_name("sha1")), (None, None));
}

#[test]
fn tpm_25_att_125_a_policy_has_a_version_and_asks_for_one_of_several_values() {
    let machine = Machine::new();
    let (zero, seven) = (machine.tpm.pcr(0), machine.tpm.pcr(7));
    let policy = PcrPolicy::builder("nodes", 3)
        .require(PcrBank::Sha256, 0, [[1; 32], zero])
        .require(PcrBank::Sha256, 7, [[2; 32]])
        .require(PcrBank::Sha256, 7, [seven])
        .build()
        .unwrap();
    assert_eq!(policy.id(), "nodes@3");
    policy.check(&machine.values(&[0, 7])).unwrap();
    policy.check(&machine.values(&[0, 4, 7])).unwrap();
    assert_refused!(policy.check(&machine.values(&[0])), "pcr_missing", "TPM-25");
    let other = PcrPolicy::builder("nodes", 4).require(PcrBank::Sha256, 7, [[2; 32]]).build().unwrap();
    assert_refused!(other.check(&machine.values(&[0, 7])), "pcr_digest", "TPM-25");
    // The value in another bank is not the one that was asked for.
    let other = PcrPolicy::builder("nodes", 4).require(PcrBank::Sha384, 7, [[0; 48]]).build().unwrap();
    assert_refused!(other.check(&machine.values(&[0, 7])), "pcr_missing", "TPM-25");
}

#[test]
fn tpm_25_att_125_what_proves_nothing_is_no_policy() {
    let with =
        |index: u8, value: &[u8]| PcrPolicy::builder("p", 1).require(PcrBank::Sha256, index, [value]).build();
    with(22, &[0; 32]).unwrap();
    for index in [16, 23] {
        assert_refused!(with(index, &[0; 32]), "pcr_resettable", "TPM-25");
    }
    assert_refused!(with(24, &[0; 32]), "pcr_index", "TPM-25");
    assert_refused!(with(0, &[0; 20]), "pcr_length", "TPM-25");
    assert_refused!(PcrPolicy::builder("p", 1).build(), "pcr_policy_empty", "ATT-125");
    let none: [[u8; 32]; 0] = [];
    let without = PcrPolicy::builder("p", 1).require(PcrBank::Sha256, 0, none).build();
    assert_refused!(without, "pcr_policy_empty", "ATT-125");
    for name in ["", "a\nb", &"x".repeat(129)] {
        assert_refused!(PcrPolicy::builder(name, 1).build(), "pcr_policy_name", "ATT-125");
    }
    // What was wrong first is not mended by what follows.
    let mended = PcrPolicy::builder("p", 1)
        .require(PcrBank::Sha256, 16, [[0; 32]])
        .require(PcrBank::Sha256, 0, [[0; 32]])
        .build();
    assert_refused!(mended, "pcr_resettable", "TPM-25");
}
