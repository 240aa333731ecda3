//! What the caller is told.

use aims_credential::{Lapsed, ReplayError, WitError};
use aims_jose::{ClaimsError, JwsError};
use aims_proof::{CHALLENGE, ProofError, WptError};

use crate::support::{Broken, Parts, Received, World, verifier};

/// What it is, what is changed on the way, and the status.
type Case = (&'static str, fn(&mut Received), u16);

/// WPT failures and WIT failures beside the `WPT` scheme are 401 with a challenge; without the scheme, 400.
#[test]
fn wpt_1_wit_1_the_status_is_401_where_the_scheme_was_used() {
    let world = World::new();
    let agent = world.agent();
    let cases: [Case; 12] = [
        ("no Authorization", |r| r.drop_field("authorization"), 400),
        ("neither token", |r| r.fields.clear(), 400),
        ("Bearer", |r| *r.field("authorization") = "Bearer abc".into(), 400),
        (
            "two Bearers",
            |r| (*r.field("authorization") = "Bearer abc".into(), r.add("authorization", "Bearer x")).1,
            400,
        ),
        (
            "Bearer, and the WIT is bad",
            |r| {
                *r.field("authorization") = "Bearer abc".into();
                r.field("workload-identity-token").push('=');
            },
            400,
        ),
        ("WPT and Bearer", |r| r.add("authorization", "Bearer abc"), 401),
        ("Bearer and WPT", |r| r.fields.insert(0, ("authorization".into(), "Bearer abc".into())), 401),
        ("scheme alone", |r| *r.field("authorization") = "wpt".into(), 401),
        ("bad proof", |r| r.field("authorization").push('='), 401),
        ("no WIT", |r| r.drop_field("workload-identity-token"), 401),
        ("two WITs", |r| r.add("workload-identity-token", "x"), 401),
        ("bad WIT", |r| r.field("workload-identity-token").push('='), 401),
    ];
    for (name, change, status) in cases {
        let mut received = Parts::plain(&agent).send();
        change(&mut received);
        let error = received.verify(&world, &verifier().0.build()).unwrap_err();
        assert_eq!(error.status(), status, "{name}: {error:?}");
        assert_eq!(error.challenge(), (status == 401).then_some("WPT"), "{name}");
    }
    assert_eq!(CHALLENGE, "WPT");
}

#[test]
fn every_refusal_has_a_status_a_code_and_a_rule() {
    let told = |error: ProofError| (error.status(), error.code(), error.rule());
    for (error, expected) in [
        (ProofError::MalformedCredential, (401, "malformed", "WIT-1")),
        (ProofError::NoCredential, (401, "no_credential", "WIT-1")),
        (WitError::Expired.into(), (401, "expired", "WIT-8")),
        (WitError::Lapsed(Lapsed::Dead).into(), (401, "revoked", "AIMS-55")),
        (WitError::Lapsed(Lapsed::MarksUnavailable).into(), (503, "marks_unavailable", "AIMS-55")),
        (WptError::AlgorithmMismatch.into(), (401, "alg_mismatch", "WPT-3")),
        (
            WptError::AudienceMismatch { expected: "".into(), named: "".into() }.into(),
            (401, "audience_mismatch", "WPT-6"),
        ),
        (WptError::ContextNotCovered.into(), (401, "other_binding_mismatch", "WPT-13")),
        (WptError::CredentialExpired.into(), (401, "expired", "WPT-20")),
        (WptError::Expired.into(), (401, "expired", "WPT-8")),
        (WptError::LifetimeTooLong.into(), (401, "lifetime_too_long", "WPT-9")),
        (WptError::MalformedClaims(ClaimsError::NoPayload).into(), (401, "malformed", "JO-B64-04")),
        (WptError::MalformedField.into(), (401, "malformed", "WPT-1")),
        (WptError::MalformedToken(JwsError::Form).into(), (401, "malformed", "WPT-2")),
        (WptError::NoProof.into(), (400, "no_proof", "WPT-1")),
        (WptError::NotYetValid.into(), (401, "not_yet_valid", "JO-CLM-03")),
        (WptError::OtherBindingMismatch.into(), (401, "other_binding_mismatch", "WPT-14")),
        (WptError::Replay(ReplayError::Full).into(), (503, "replay_store_full", "WPT-11")),
        (WptError::Replay(ReplayError::Replayed).into(), (401, "replay", "WPT-11")),
        (WptError::Replay(ReplayError::Unavailable).into(), (503, "replay_store_unavailable", "WPT-11")),
        (WptError::Signature.into(), (401, "bad_signature", "WPT-4")),
        (WptError::TxnBindingMismatch.into(), (401, "txn_binding_mismatch", "WPT-12")),
        (WptError::WitBindingMismatch.into(), (401, "wit_binding_mismatch", "WPT-10")),
        (WptError::WrongType.into(), (401, "wrong_type", "WPT-5")),
    ] {
        assert_eq!(told(error.clone()), expected, "{error:?}");
    }
}

#[test]
fn wpt_11_a_store_that_cannot_tell_refuses() {
    let world = World::new();
    let agent = world.agent();
    for (fault, code) in
        [(ReplayError::Unavailable, "replay_store_unavailable"), (ReplayError::Full, "replay_store_full")]
    {
        let own = aims_proof::Audiences::http("https://tools.example").unwrap();
        let verifier = aims_proof::WptVerifier::builder(own, Broken(fault)).build();
        let refused = Parts::plain(&agent).send().verify(&world, &verifier);
        let error = aims_testkit::assert_refused!(refused, code, "WPT-11");
        assert_eq!((error.status(), error.challenge()), (503, None));
    }
}
