//! Credentials in the hands of their holders.

use std::sync::Arc;

use aims_credential::{Credential, CredentialSource, CurrentCredential, Holder, HolderError, Wit};
use aims_keys::{Algorithm, AsyncSigner, SoftwareKey, backend};
use aims_testkit::assert_refused;
use serde_json::json;

use crate::support::{EXP, ORIGIN, SUBJECT, World, at, id, key, now, public};

fn holder(world: &World) -> Holder {
    let wit = Wit::from_issuer(&world.token(), backend::ring()).unwrap();
    Holder::new(wit, world.workload_key.clone()).unwrap()
}

#[test]
fn aims_5_crd_9_a_credential_goes_with_its_own_key() {
    let world = World::new();
    let wit = Wit::from_issuer(&world.token(), backend::ring()).unwrap();
    assert_eq!((wit.subject().as_str(), wit.not_after()), (SUBJECT, at(EXP)));
    assert_eq!(wit.confirmation_key(), public(&world.workload_key));
    let other: Arc<SoftwareKey> = key(Algorithm::Es256);
    assert_refused!(Holder::new(wit.clone(), other), "foreign_key", "AIMS-5");
    let holder = Holder::new(wit.clone(), world.workload_key.clone()).unwrap();
    let Credential::Wit(held) = holder.credential() else { panic!("a WIT was put in") };
    assert_eq!(held.token(), wit.token());
    // A token is not shown.
    let shown = format!("{wit:?}{holder:?}");
    assert!(shown.contains(SUBJECT) && !shown.contains(wit.token()), "{shown}");
}

#[test]
fn crd_9_aims_8_the_key_is_not_used_once_the_credential_expired() {
    let world = World::new();
    let holder = holder(&world);
    assert_eq!(AsyncSigner::public_key(holder.signer(at(EXP - 1)).unwrap()), public(&world.workload_key));
    assert_refused!(holder.signer(at(EXP)), "expired", "CRD-9");
    assert_eq!(holder.not_after(), at(EXP));
}

#[test]
fn crd_4_aims_8_wit_11_a_holder_takes_only_a_wit_from_its_issuer() {
    let world = World::new();
    let read = |token: &str| Wit::from_issuer(token, backend::ring());
    read(&world.forge().token()).unwrap();
    assert_refused!(read(&world.forge().header("typ", json!("JWT")).token()), "wrong_type", "WIT-2");
    assert_refused!(read(&world.forge().without("exp").token()), "malformed", "WIT-8");
    assert_refused!(read(&world.forge().without("sub").token()), "malformed", "WIT-4");
    assert_refused!(read(&world.forge().claim("sub", json!(ORIGIN)).token()), "bad_subject", "WIT-4");
    assert_refused!(read(&world.forge().without("cnf").token()), "bad_confirmation", "WIT-10");
    assert_refused!(read(&world.forge().without_jwk("alg").token()), "bad_confirmation", "WIT-11");
    assert_refused!(read("a.b"), "malformed", "WIT-1");
    assert_refused!(read(&"a".repeat(16 * 1024 + 1)), "malformed", "WIT-1");
}

#[test]
fn aims_2_aims_4_an_agent_keeps_its_identifier() {
    let world = World::new();
    let current = CurrentCredential::default();
    assert_eq!(current.holder().unwrap_err(), HolderError::None);
    current.replace(holder(&world)).unwrap();

    let renewed = World { issuer_key: world.issuer_key.clone(), workload_key: key(Algorithm::Es256) };
    current.replace(holder(&renewed)).unwrap();
    let held = current.holder().unwrap();
    assert_eq!(AsyncSigner::public_key(held.signer(now()).unwrap()), public(&renewed.workload_key));

    let issuer = world.issuer();
    let other_key = key(Algorithm::Es256);
    let token = issuer.issue(&id("spiffe://acme.example/agents/other"), public(&other_key), now()).unwrap();
    let other = Holder::new(Wit::from_issuer(&token, backend::ring()).unwrap(), other_key).unwrap();
    for current in [current.clone(), CurrentCredential::new(holder(&world))] {
        assert_refused!(current.replace(other.clone()), "other_subject", "AIMS-4");
        current.withdraw();
        assert_refused!(current.holder(), "no_credential", "AIMS-18");
        // Nor when its credential was taken away before.
        assert_refused!(current.replace(other.clone()), "other_subject", "AIMS-4");
        current.replace(holder(&world)).unwrap();
        assert_eq!(current.holder().unwrap().subject().as_str(), SUBJECT);
    }
}

#[test]
fn crd_9_threads_never_see_a_credential_with_anothers_key() {
    let world = World::new();
    let pairs: Vec<Holder> = (0..2)
        .map(|_| World { issuer_key: world.issuer_key.clone(), workload_key: key(Algorithm::Es256) })
        .map(|world| holder(&world))
        .collect();
    let current = Arc::new(CurrentCredential::new(pairs[0].clone()));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..20_000 {
                let held = current.holder().unwrap();
                let Credential::Wit(wit) = held.credential() else { panic!("only WITs were put in") };
                assert_eq!(wit.confirmation_key(), AsyncSigner::public_key(held.signer(now()).unwrap()));
            }
        });
        while !reader.is_finished() {
            for pair in &pairs {
                current.replace(pair.clone()).unwrap();
            }
        }
    });
}
