//! For any input.

use aims_proof::{NewWpt, Target, WptRequest};
use proptest::prelude::*;

use crate::support::{NOW, Parts, World, ready, verifier};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn wpt_6_wpt_12_wpt_13_what_is_made_is_accepted_and_comes_out(
        path in "/[!-~&&[^?#]]{0,40}",
        txn in proptest::option::of("[!-~]{1,80}"),
        context in proptest::option::of("[!-~]([ -~]{0,60}[!-~])?"),
    ) {
        let world = World::new();
        let agent = world.agent();
        let audience = format!("https://tools.example{path}");
        let mut new = NewWpt::new(&audience);
        if let Some(txn) = &txn {
            new = new.txn_token(txn);
        }
        if let Some(context) = &context {
            new = new.context("X-Context", context);
        }
        let token = ready(new.sign(&agent.holder, NOW)).unwrap();
        let wit = world.wits.verify(agent.wit.token(), NOW).unwrap();
        let fields: Vec<_> = context.iter().map(|value| ("x-context", &**value)).collect();
        let request =
            WptRequest::new(&token, Target::HttpPath(&path)).txn_token(txn.as_deref()).context(&fields);
        let proof = verifier().0.build().verify(&wit, &request, NOW).unwrap();
        prop_assert_eq!(proof.audience(), audience);
        prop_assert_eq!(proof.txn_token(), txn.as_deref());
        prop_assert_eq!(proof.context("x-context"), context.as_deref());
    }

    /// No text makes a verifier panic, or passes for a request.
    #[test]
    fn wpt_2_arbitrary_fields_are_refused(
        authorization in "(WPT )?[ -~]{0,200}", wit in "[ -~]{0,200}", path in "[ -~]{0,40}",
    ) {
        let world = World::new();
        let fields = [("authorization", &*authorization), ("workload-identity-token", &*wit)];
        prop_assert!(verifier().0.build().verify_http(&world.wits, &fields[..], &path, NOW).is_err());
    }

    /// Whatever claims the holder of the right key signs, the verifier answers, and accepts none without the bindings.
    #[test]
    fn wpt_10_arbitrary_claims_are_refused(payload in "[ -~]{0,200}") {
        let world = World::new();
        let mut parts = Parts::plain(&world.agent());
        parts.payload = Some(payload);
        prop_assert!(parts.send().verify(&world, &verifier().0.build()).is_err());
    }
}

/// Every bit of every byte of both tokens.
#[test]
fn wpt_4_wit_7_tampering_with_any_byte_of_either_token_refuses() {
    let world = World::new();
    let agent = world.agent();
    let sent = Parts::plain(&agent).send();
    for field in ["authorization", "workload-identity-token"] {
        let value = sent.fields.iter().find(|(name, _)| name == field).unwrap().1.clone();
        let start = if field == "authorization" { "WPT ".len() } else { 0 };
        for index in start..value.len() {
            for bit in [1_u8, 2, 4, 32] {
                let mut bytes = value.clone().into_bytes();
                bytes[index] ^= bit;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let mut received = sent.clone();
                *received.field(field) = text;
                let verifier = verifier().0.build();
                assert!(received.verify(&world, &verifier).is_err(), "{field}, byte {index}, bit {bit}");
            }
        }
    }
    sent.verify(&world, &verifier().0.build()).expect("the request itself is in order");
}

#[test]
fn wpt_2_every_truncation_is_refused() {
    let world = World::new();
    let agent = world.agent();
    let sent = Parts::plain(&agent).send();
    for field in ["authorization", "workload-identity-token"] {
        let value = sent.fields.iter().find(|(name, _)| name == field).unwrap().1.clone();
        for len in 0..value.len() {
            let mut received = sent.clone();
            *received.field(field) = value.split_at(len).0.to_owned();
            assert!(received.verify(&world, &verifier().0.build()).is_err(), "{field}, {len} bytes");
        }
    }
}
