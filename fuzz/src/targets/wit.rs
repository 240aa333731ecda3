//! The WIT verifier, and the reader of one's own WIT.

use aims_credential::Wit;
use aims_keys::backend;

use super::world::{AGENT, NOW, WORLD};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match WORLD.wits.verify(text, NOW) {
        Ok(wit) => {
            assert_eq!(text, WORLD.wit, "a WIT was accepted that nobody issued");
            assert_eq!(wit.subject().as_str(), AGENT);
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Ok(held) = Wit::from_issuer(text, backend::ring()) {
        assert_eq!(held.token(), text);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![WORLD.wit.clone().into_bytes(), WORLD.wpt.clone().into_bytes()]
}
