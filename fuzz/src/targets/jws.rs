//! The JWS parser and verifier: one token verifies, and in one spelling.

use aims_jose::{Limits, UnverifiedJws};
use aims_keys::AlgorithmSet;

use super::world::WORLD;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match UnverifiedJws::parse(text, &Limits::new()) {
        Ok(jws) => {
            let verified = jws.verify(&WORLD.issuer_key, AlgorithmSet::STANDARD);
            assert!(verified.is_err() || text == WORLD.wit, "a token was accepted that nobody signed");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&["e30.e30.AA", "eyJhbGciOiJub25lIn0.e30.", "a.b.c.d.e"]);
    seeds.push(WORLD.wit.clone().into_bytes());
    seeds.push(WORLD.wpt.clone().into_bytes());
    seeds
}
