//! One value for a challenge, its audience, and a key.

use aims_attest::KeyBinding;
use aims_keys::backend;

use crate::support::{binding, key};

/// Computed apart from this code, with Python's `hashlib`, from the formula of the rule.
const KNOWN: &str = "cdDJgMRihouwNHhVa9iyctoBmrqyWp8JL6k8It3LnmI";

/// ATT-21: the value is the one that the formula says, in bytes and as text.
#[test]
fn att_21_a_binding_is_the_hash_that_the_rule_writes_down() {
    assert_eq!(binding().to_text(), KNOWN);
    assert_eq!(binding().as_bytes()[..4], [0x71, 0xd0, 0xc9, 0x80]);
    assert!(binding().matches(KNOWN));
}

/// ATT-21: a text is the value in full, in the alphabet of proofs and no other.
#[test]
fn att_21_no_other_text_matches() {
    let short = KNOWN.strip_suffix('I').unwrap();
    let first = KNOWN.replacen('c', "d", 1);
    let last = format!("{short}M");
    let longer = format!("{KNOWN}A");
    let padded = format!("{KNOWN}=");
    let foreign = format!("{short}+");
    for text in ["", short, &first, &last, &longer, &padded, &foreign] {
        assert!(!binding().matches(text), "{text:?}");
    }
    // The zeros that stand where nothing was decoded are no value of their own.
    assert!(!binding().matches(&"A".repeat(43)));
}

/// ATT-21: each of the three counts.
#[test]
fn att_21_another_audience_nonce_or_key_is_another_value() {
    let other_key = "AZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let of = |audience, nonce, key| KeyBinding::of(audience, &[nonce; 32], key, backend::ring());
    let others = [
        of("spiffe://acme.exampl", 7, &key()),
        of("spiffe://acme.example", 8, &key()),
        of("spiffe://acme.example", 7, &other_key.parse().unwrap()),
    ];
    for other in others {
        assert_ne!(other, binding());
        assert!(!binding().matches(&other.to_text()));
    }
}
