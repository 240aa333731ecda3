//! DER: what is read has one spelling, and public keys are written as they were read.

use aims_keys::der::{Reader, write};
use aims_keys::{PublicKey, PublicNumbers, backend};

pub(super) fn run(input: &[u8]) {
    walk(input, 0);
    match PublicNumbers::from_spki(input) {
        Ok(numbers) => {
            assert_eq!(numbers.to_spki(), input, "a key has a second spelling");
            if let Ok(key) = PublicKey::load(numbers.clone(), numbers.usual_algorithm(), backend::ring()) {
                assert_eq!(key.numbers(), &numbers);
            }
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

fn walk(bytes: &[u8], depth: usize) {
    let mut reader = Reader::new(bytes);
    while let Some(element) = reader.element() {
        assert_eq!(write(element.tag, &[element.content]), element.whole, "a second spelling was read");
        if depth < 8 {
            walk(element.content, depth + 1);
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let world = &super::world::WORLD;
    vec![
        world.issuer_key.numbers().to_spki(),
        PublicNumbers::Ed25519 { x: [7; 32] }.to_spki(),
        PublicNumbers::Rsa { n: vec![0xc3; 256], e: vec![1, 0, 1] }.to_spki(),
    ]
}
