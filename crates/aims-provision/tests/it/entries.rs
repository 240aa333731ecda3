//! Registration entries (ATT-102).

use std::time::Duration;

use aims_provision::{CredentialType, CredentialTypes, Entries, Entry, EntryBuilder};
use aims_testkit::assert_refused;

use crate::support::*;

#[test]
fn att_102_wa_12_what_is_no_entry_is_refused() {
    let good = || entry(AGENT, &["unix:uid:1"]);
    let long = "x".repeat(1025);
    let zero = Duration::ZERO;
    for (builder, code, rule) in [
        (entry(AGENT, &[]), "no_selectors", "ATT-102"),
        (entry(ORIGIN, &["unix:uid:1"]), "no_path", "WIT-4"),
        (good().types([]), "no_types", "AIMS-14"),
        (good().lifetime(CredentialType::Jwt, zero), "bad_lifetime", "AIMS-7"),
        (good().lifetime(CredentialType::X509, DAY + Duration::from_secs(1)), "bad_lifetime", "AIMS-7"),
        (good().dns_name("a..b"), "bad_dns_name", "WIC-2"),
        (good().dns_name("*.acme.example"), "bad_dns_name", "WIC-2"),
        ((0..65).fold(good(), |entry, n| entry.dns_name(format!("a{n}"))), "too_many_names", "WIC-2"),
        (good().hint(""), "bad_hint", "WA-12"),
        (good().hint(long), "bad_hint", "WA-12"),
        (good().hint("a\u{0}b"), "bad_hint", "WA-12"),
        (good().federates_with(ORIGIN.parse().unwrap()), "federates_with_itself", "FED-11"),
        (
            (0..65).fold(good(), |entry, n| entry.selector(format!("n:{n}").parse().unwrap())),
            "too_many_selectors",
            "ATT-102",
        ),
    ] {
        assert_refused!(builder.build(), code, rule);
    }
    let other = |n| format!("spiffe://d{n}.example").parse().unwrap();
    for count in [1001, 1002] {
        let many = (0..count).fold(good(), |entry, n| entry.federates_with(other(n)));
        assert_refused!(many.build(), "too_many_trust_domains", "FED-11");
    }
    // As much as there may be of everything.
    let full = (0..63).fold(good(), |entry, n| entry.selector(format!("n:{n}").parse().unwrap()));
    let full = (0..64).fold(full, |entry, n| entry.dns_name(format!("a{n}")));
    let full = (0..1000).fold(full, |entry, n| entry.federates_with(other(n)));
    let full = CredentialType::ALL.into_iter().fold(full, |entry, kind| entry.lifetime(kind, DAY));
    full.hint("x".repeat(1024)).build().unwrap();
}

#[test]
fn an_entry_says_what_it_was_made_with() {
    let entry = entry(AGENT, &["unix:uid:1", "unix:gid:1", "unix:uid:1"])
        .types([CredentialType::Wit, CredentialType::X509])
        .lifetime(CredentialType::X509, MINUTE)
        .dns_name("travel.acme.example")
        .hint("internal")
        .federates_with("spiffe://bank.example".parse().unwrap())
        .build()
        .unwrap();
    assert_eq!(entry.spiffe_id().as_str(), AGENT);
    let selectors: Vec<_> = entry.selectors().iter().map(aims_attest::Selector::as_str).collect();
    assert_eq!(selectors, ["unix:gid:1", "unix:uid:1"]);
    assert!(entry.types().contains(CredentialType::Wit) && !entry.types().contains(CredentialType::Jwt));
    assert!(entry.types().is_within(CredentialTypes::ALL) && !CredentialTypes::ALL.is_within(entry.types()));
    let lifetimes = CredentialType::ALL.map(|kind| entry.lifetime(kind));
    assert_eq!(lifetimes, [None, None, Some(MINUTE)]);
    assert_eq!(
        (entry.dns_names(), entry.hint()),
        (["travel.acme.example".to_owned()].as_slice(), Some("internal"))
    );
    assert_eq!(entry.federates_with()[0].as_str(), "spiffe://bank.example");
    assert_eq!(format!("{:?}", entry.types()), "{Wit, X509}");
}

#[test]
fn entries_are_equal_when_they_say_the_same() {
    let good = || entry(AGENT, &["unix:uid:1"]);
    let built = |builder: EntryBuilder| builder.build().unwrap();
    assert_eq!(built(good()), built(good()));
    let others = [
        entry("spiffe://acme.example/agents/other", &["unix:uid:1"]),
        good().selector("unix:gid:1".parse().unwrap()),
        good().types([CredentialType::Wit]),
        good().lifetime(CredentialType::Jwt, MINUTE),
        good().dns_name("travel.acme.example"),
        good().hint("internal"),
        good().federates_with("spiffe://bank.example".parse().unwrap()),
    ];
    for other in others {
        assert_ne!(built(good()), built(other));
    }
}

#[test]
fn wid_19_att_102_a_register_is_of_one_trust_domain_and_says_nothing_twice() {
    let new = |all: Vec<Entry>| Entries::new(ORIGIN.parse().unwrap(), all);
    let one = || entry(AGENT, &["unix:uid:1"]).build().unwrap();
    let foreign = entry("spiffe://bank.example/agents/travel", &["unix:uid:1"]).build().unwrap();
    assert_refused!(new(vec![one(), foreign.clone()]), "foreign_trust_domain", "WID-19");
    assert_eq!(new(vec![one(), foreign.clone()]).unwrap_err().at(), Some(1));
    assert_eq!(new(vec![foreign]).unwrap_err().at(), Some(0));
    let again = entry(AGENT, &["unix:uid:1"]).hint("x").build().unwrap();
    assert_refused!(new(vec![one(), again]), "duplicate_entry", "ATT-102");
    let two = new(vec![one(), entry(AGENT, &["unix:uid:2"]).build().unwrap()]).unwrap();
    assert_eq!((two.len(), two.is_empty(), two.iter().count()), (2, false, 2));
    assert!(Entries::none(ORIGIN.parse().unwrap()).is_empty());
}
