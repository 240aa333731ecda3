//! What others store and nobody else opens.

use aims_keys::{SealError, SealingKey, backend};
use aims_testkit::assert_refused;
use zeroize::Zeroizing;

#[test]
fn hil_43_what_was_sealed_opens_for_its_purpose_and_key_alone() {
    let key = SealingKey::generate(backend::ring()).unwrap();
    let sealed = key.seal("a", b"content").unwrap();
    assert_eq!(sealed.len(), b"content".len() + 49);
    assert_eq!(key.open("a", &sealed).unwrap().as_slice(), b"content");
    assert_refused!(key.open("b", &sealed), "sealed", "HIL-43");
    let other = SealingKey::generate(backend::ring()).unwrap();
    assert_refused!(other.open("a", &sealed), "sealed", "HIL-43");
    // The same content twice is not the same text.
    assert_ne!(key.seal("a", b"content").unwrap(), sealed);
}

#[test]
fn hil_43_no_bit_of_it_can_be_changed_or_left_out() {
    let key = SealingKey::generate(backend::ring()).unwrap();
    let sealed = key.seal("a", b"content").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(key.open("a", &changed).unwrap_err(), SealError::Closed, "byte {at}");
        assert_eq!(key.open("a", &sealed[..at]).unwrap_err(), SealError::Closed, "length {at}");
    }
}

#[test]
fn hil_43_a_key_may_be_shared_and_is_not_zero() {
    let shared = || SealingKey::from_bytes(Zeroizing::new([7; 32]), backend::ring()).unwrap();
    let sealed = shared().seal("a", b"").unwrap();
    assert!(shared().open("a", &sealed).unwrap().is_empty());
    let zero = SealingKey::from_bytes(Zeroizing::new([0; 32]), backend::ring());
    assert_refused!(zero, "sealing_key_zero", "HIL-43");
    assert_eq!(format!("{:?}", shared()), "SealingKey(..)");
}
