//! The WPT verifier: one proof for one request, once.

use aims_proof::{Audiences, ReplayMemory, Target, WptRequest, WptVerifier};

use super::world::{AUDIENCE, NOW, PATH, WORLD};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let wit = WORLD.wits.verify(&WORLD.wit, NOW).expect("the good WIT");
    let audiences = Audiences::http(AUDIENCE).expect("an audience");
    let verifier = WptVerifier::builder(audiences, ReplayMemory::with_capacity(2)).build();

    let request = WptRequest::new(text, Target::HttpPath(PATH));
    match verifier.verify(&wit, &request, NOW) {
        Ok(proof) => {
            assert_eq!(text, WORLD.wpt, "a proof was accepted that nobody made");
            assert!(!proof.id().is_empty());
            let again = verifier.verify(&wit, &request, NOW).expect_err("a proof counts once");
            assert_eq!((again.code(), again.rule()), ("replay", "WPT-11"));
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    let elsewhere = WptRequest::new(text, Target::HttpPath("/v1/book"));
    assert!(verifier.verify(&wit, &elsewhere, NOW).is_err(), "a proof counted for another target");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![WORLD.wpt.clone().into_bytes(), WORLD.wit.clone().into_bytes()]
}
