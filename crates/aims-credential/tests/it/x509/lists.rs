//! Revocation lists, read.

use aims_credential::x509::RevocationList;
use aims_keys::Algorithm;
use aims_keys::der::{INTEGER, SEQUENCE, write};
use aims_testkit::assert_refused;

use super::forge::{assemble, extension, identifier, seconds, signature};
use super::forge_list::{ForgedList, authority_key_id, boolean, issuing_distribution_point, number};
use crate::support::key;

#[test]
fn x5v_3_a_list_shows_its_times_and_how_much_it_revokes() {
    let key = key(Algorithm::Es256);
    let list = ForgedList::of("root", &[&[5], &[0, 0x80], &[5]]).signed_by(&key);
    assert_eq!((list.len(), list.is_empty()), (2, false));
    assert_eq!(list.this_update(), seconds("2026-09-01"));
    // `nextUpdate` is when its successor is there.
    assert_eq!(list.not_after().as_secs(), seconds("2027-01-01").as_secs() - 1);
    assert_eq!(RevocationList::from_der(list.der()).unwrap(), list);
    assert_ne!(ForgedList::of("root", &[]).signed_by(&key), list);
    assert!(ForgedList::of("root", &[]).signed_by(&key).is_empty());
    let shown = format!("{list:?}");
    assert!(shown.contains("len: 2") && shown.len() < 200, "{shown}");
    // A number longer than that of any certificate here is nobody's.
    assert!(ForgedList::of("root", &[&[1; 21]]).signed_by(&key).is_empty());
}

#[test]
fn x5v_3_what_says_only_a_part_or_something_unknown_is_not_read() {
    let key = key(Algorithm::Es256);
    let read = |change: &dyn Fn(&mut ForgedList)| {
        ForgedList::of("root", &[&[5]]).with(|list| change(list)).read(&key)
    };
    read(&|_| {}).unwrap();
    read(&|list| list.extensions.push(authority_key_id(b"id"))).unwrap();
    read(&|list| list.extensions.push(extension(&[0x55, 0x1d, 0x63], false, &[5, 0]))).unwrap();
    let unsupported = |extension: Vec<u8>, why: &str| {
        let refused = read(&|list| list.extensions.push(extension.clone()));
        assert_refused!(refused, "unsupported_revocation_list", "X5V-3", "{why}");
    };
    unsupported(issuing_distribution_point(&[]), "of one distribution point");
    unsupported(issuing_distribution_point(&boolean(0x81)), "workloads only");
    unsupported(issuing_distribution_point(&boolean(0x84)), "indirect");
    unsupported(issuing_distribution_point(&[0x83, 2, 6, 0x40]), "of one reason");
    unsupported(extension(&[0x55, 0x1d, 0x1b], true, &write(INTEGER, &[&[1]])), "a delta");
    unsupported(extension(&[0x55, 0x1d, 0x63], true, &[5, 0]), "a critical extension");
    // Of another issuer than the one that signed, by the extension of an entry.
    let entry = write(SEQUENCE, &[&extension(&[0x55, 0x1d, 0x1d], true, &write(SEQUENCE, &[]))]);
    let refused = read(&|list| list.entry_extensions.clone_from(&entry));
    assert_refused!(refused, "unsupported_revocation_list", "X5V-3");
    let refused = read(&|list| list.version = write(INTEGER, &[&[2]]));
    assert_refused!(refused, "unsupported_revocation_list", "X5V-3");
}

#[test]
fn x5v_3_a_list_is_strict_der_with_an_end() {
    let key = key(Algorithm::Es256);
    let list = ForgedList::of("root", &[&[5]]);
    let malformed = |change: fn(&mut ForgedList)| {
        let refused = list.clone().with(change).read(&key);
        assert_refused!(refused, "malformed_revocation_list", "X5V-3");
    };
    malformed(|list| list.next_update = None);
    malformed(|list| list.extensions.clear());
    malformed(|list| list.extensions = vec![number(&[1; 21])]);
    malformed(|list| list.this_update = "20260901000000");
    malformed(|list| list.version.clear());
    malformed(|list| list.serials = vec![vec![]]);

    let der = list.der(&key);
    assert_refused!(
        RevocationList::from_der(&[&der[..], &[0]].concat()),
        "malformed_revocation_list",
        "X5V-3"
    );
    for len in [0, 1, der.len() / 2, der.len() - 1] {
        assert_refused!(RevocationList::from_der(&der[..len]), "malformed_revocation_list", "X5V-3");
    }
    // Another algorithm than the one that was signed; a signature of some bits.
    let body = list.body(&key);
    let other = crate::support::key(Algorithm::Ed25519);
    let mixed = assemble(&body, &other, &signature(&body, &key));
    assert_refused!(RevocationList::from_der(&mixed), "malformed_revocation_list", "X5V-3");
    let bits = write(SEQUENCE, &[&body, identifier(&key), &[3, 2, 1, 2]]);
    assert_refused!(RevocationList::from_der(&bits), "malformed_revocation_list", "X5V-3");
}

#[test]
fn x5v_3_lists_of_megabytes_are_read_and_longer_ones_are_not() {
    let key = key(Algorithm::Es256);
    let of = |count: u32| {
        let serials: Vec<[u8; 16]> = (0..count)
            .map(|at| {
                let mut serial = [0x55; 16];
                serial[12..].copy_from_slice(&at.to_be_bytes());
                serial
            })
            .collect();
        ForgedList::of("root", &serials.iter().map(|serial| &serial[..]).collect::<Vec<_>>()).der(&key)
    };
    // 16 bytes of serial number, and the time to the second in four digits: 37 in all.
    let long = of(100_000);
    assert!((3_700_000..RevocationList::MAX_LEN).contains(&long.len()), "{}", long.len());
    assert_eq!(RevocationList::from_der(&long).unwrap().len(), 100_000);
    // Between 64 KiB and 16 MiB lengths have another form.
    assert_eq!(RevocationList::from_der(&of(1700)).unwrap().len(), 1700);
    assert_eq!(RevocationList::from_der(&of(1900)).unwrap().len(), 1900);
    let longer = of(115_000);
    assert!(longer.len() > RevocationList::MAX_LEN, "{}", longer.len());
    assert_refused!(RevocationList::from_der(&longer), "revocation_list_too_large", "X5V-3");
}
