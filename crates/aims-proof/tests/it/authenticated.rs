//! Who is at the other end, and that nothing else can say so.

use aims_credential::{Lapsed, Mark, MarkKey, MarkTable, VerifiedWit};
use aims_id::WorkloadId;
use aims_keys::{Algorithm, UnixTime};
use aims_proof::{Authenticated, Layer, Method, VerifiedProof};
use aims_testkit::assert_refused;

use crate::support::{NOW, Parts, World, secs, verifier};

#[test]
fn aims_6_aims_20_it_says_who_how_at_which_layer_and_until_when() {
    let world = World::new();
    let agent = world.agent_with(Algorithm::Es256, secs(600));
    let proof = Parts::plain(&agent).send().verify(&world, &verifier().0.build()).unwrap();
    let caller = Authenticated::by_wpt(&proof);
    assert_eq!(caller.subject().as_str(), "spiffe://acme.example/agents/travel");
    assert_eq!((caller.method(), caller.method().name()), (Method::Wpt, "wpt"));
    assert_eq!((caller.layer(), caller.layer().name()), (Layer::Application, "application"));
    assert_eq!(Layer::Transport.name(), "transport");
    assert_eq!(caller.not_after(), NOW + secs(600));
    assert_eq!(caller.wpt().unwrap().id(), proof.id());
    let keys: Vec<_> = caller.mark_keys().collect();
    assert_eq!(keys, proof.wit().mark_keys().collect::<Vec<_>>());
    assert!(keys.contains(&MarkKey::Agent(caller.subject())));
}

#[test]
fn aims_8_aims_55_it_ends_with_its_credential_or_a_mark() {
    let world = World::new();
    let agent = world.agent_with(Algorithm::Es256, secs(600));
    let proof = Parts::plain(&agent).send().verify(&world, &verifier().0.build()).unwrap();
    let caller = Authenticated::by_wpt(&proof);
    let marks = MarkTable::with_capacity(10);

    // The proof ends long before, and that ends nothing: it was for the request it came with.
    let last = NOW + secs(629);
    caller.still_valid(last, &marks).unwrap();
    proof.still_valid(last, &marks).unwrap();
    assert_refused!(caller.still_valid(last + secs(1), &marks), "expired", "AIMS-8");
    assert_refused!(proof.still_valid(last + secs(1), &marks), "expired", "AIMS-8");

    marks.set(&MarkKey::Agent(caller.subject()), Mark::suspended()).unwrap();
    assert_eq!(caller.still_valid(NOW, &marks), Err(Lapsed::Suspended));
    marks.clear(&MarkKey::Agent(caller.subject()));
    caller.still_valid(NOW, &marks).unwrap();
    let credential = caller.mark_keys().find(|key| matches!(key, MarkKey::Credential { .. })).unwrap();
    marks.set(&credential, Mark::dead()).unwrap();
    assert_refused!(proof.still_valid(NOW, &marks), "revoked", "AIMS-55");
    assert_refused!(caller.still_valid(NOW, &marks), "revoked", "AIMS-55");
}

/// Fails to compile when `$type` implements `$bound`: which of two implementations is meant could not be told then.
macro_rules! assert_not {
    ($type:ty: $($bound:tt)+) => {{
        trait Ambiguous<A> {
            fn claim() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct Second;
        impl<T: ?Sized + $($bound)+> Ambiguous<Second> for T {}
        <$type as Ambiguous<_>>::claim();
    }};
}

#[test]
fn aims_6_wit_14_wid_14_evidence_comes_from_nowhere_else() {
    assert_not!(VerifiedProof: Default);
    assert_not!(VerifiedProof: serde::de::DeserializeOwned);
    assert_not!(VerifiedProof: From<VerifiedWit>);
    assert_not!(VerifiedProof: std::str::FromStr);
    assert_not!(Authenticated: Default);
    assert_not!(Authenticated: serde::de::DeserializeOwned);
    assert_not!(Authenticated: From<WorkloadId>);
    assert_not!(Authenticated: From<VerifiedWit>);
    assert_not!(Authenticated: From<VerifiedProof>);
    assert_not!(Authenticated: std::str::FromStr);
    // That the assertion holds for a reason: it is not met by what has the trait, which compile_fail/control.rs shows.
    let _: UnixTime = NOW;
}

/// Each file has one way to evidence without a check, and must not compile.
#[test]
fn aims_6_wit_14_wid_14_evidence_is_not_built_by_hand() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
