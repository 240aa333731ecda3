//! Properties: what is issued is accepted, and nothing else.

use std::sync::{Arc, LazyLock};

use aims_credential::{Wit, WitRequest, WitVerifier};
use aims_keys::{Algorithm, SoftwareKey, backend};
use proptest::prelude::*;

use crate::support::{IAT, SUBJECT, World, at, id, key, now, public};

const ALGORITHMS: [Algorithm; 4] = [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::EdDsa];

/// Two keys per algorithm, made once.
static KEYS: LazyLock<Vec<[Arc<SoftwareKey>; 2]>> =
    LazyLock::new(|| ALGORITHMS.iter().map(|&algorithm| [key(algorithm), key(algorithm)]).collect());

/// A token, and who verifies it.
static ISSUED: LazyLock<(String, WitVerifier)> = LazyLock::new(|| {
    let world = World::new();
    (world.token(), world.verifier())
});

fn world(issuer: usize, workload: usize) -> World {
    World { issuer_key: KEYS[issuer][0].clone(), workload_key: KEYS[workload][1].clone() }
}

#[test]
fn wit_3_wit_11_every_pair_of_algorithms_round_trips() {
    for (issuer, signs) in ALGORITHMS.into_iter().enumerate() {
        for (workload, proves) in ALGORITHMS.into_iter().enumerate() {
            let world = world(issuer, workload);
            let wit = world.verifier().verify(&world.token(), now()).unwrap();
            assert_eq!((wit.algorithm(), wit.confirmation_key().algorithm()), (signs, proves));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn crd_4_issued_tokens_are_accepted_as_issued(
        issuer in 0..ALGORITHMS.len(),
        workload in 0..ALGORITHMS.len(),
        path in "(/[a-zA-Z0-9._-]{0,9}[a-zA-Z0-9]){1,5}",
        name in "[ -~]{1,20}\\.[ -~]{0,5}",
        value in any::<String>(),
        begin in 0_u64..1_000_000_000_000 / 10,
        lifetime in 1_u64..=86_400,
    ) {
        let world = world(issuer, workload);
        let subject = id(&format!("spiffe://acme.example{path}"));
        let request = WitRequest::new(&subject, public(&world.workload_key))
            .lifetime(std::time::Duration::from_secs(lifetime))
            .claim(&name, &value);
        let token = world.issuer().sign(&request, at(begin)).unwrap();
        let wit = world.verifier().verify(&token, at(begin)).unwrap();
        prop_assert_eq!(wit.subject(), &subject);
        prop_assert_eq!(wit.confirmation_key(), public(&world.workload_key));
        prop_assert_eq!((wit.begun(), wit.not_after()), (at(begin), at(begin + lifetime)));
        prop_assert!(wit.claims().get(&name).unwrap().is_str(&value));
        let held = Wit::from_issuer(&token, backend::ring()).unwrap();
        prop_assert_eq!(held.subject(), &subject);
        prop_assert_eq!((held.token(), held.not_after()), (&*token, wit.not_after()));
    }

    #[test]
    fn wit_1_any_text_is_an_error_and_not_a_panic(text in any::<String>(), field in "[A-Za-z0-9_.-]{0,300}") {
        prop_assert!(ISSUED.1.verify(&text, now()).is_err());
        prop_assert!(ISSUED.1.verify(&field, now()).is_err());
        prop_assert!(Wit::from_issuer(&field, backend::ring()).is_err());
    }
}

#[test]
fn wit_7_a_token_with_any_byte_changed_is_refused() {
    let (token, verifier) = &*ISSUED;
    verifier.verify(token, at(IAT)).unwrap();
    for at_byte in 0..token.len() {
        for replacement in *b"A9-.~ " {
            let mut bytes = token.clone().into_bytes();
            if std::mem::replace(&mut bytes[at_byte], replacement) == replacement {
                continue;
            }
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verifier.verify(&changed, at(IAT)).is_err(), "byte {at_byte} became {replacement}");
        }
        assert!(verifier.verify(token.get(..at_byte).unwrap(), at(IAT)).is_err(), "cut at {at_byte}");
    }
    assert_eq!(verifier.verify(token, at(IAT)).unwrap().subject().as_str(), SUBJECT);
}
