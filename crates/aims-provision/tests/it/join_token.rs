//! Join tokens (ATT-96).

use std::sync::Arc;
use std::thread;

use aims_attest::{BoundKey, EvidenceType, Freshness, Level, Proven, Selector};
use aims_keys::backend;
use aims_provision::{Challenges, JoinTokens, KeyProof, KeyProofVerifier, ProvenKey};
use aims_testkit::assert_refused;

use crate::support::*;

const AUDIENCE: &str = "https://issuer.acme.example";

fn proven() -> ProvenKey {
    let challenges = Arc::new(Challenges::builder(backend::ring()).build());
    let challenge = challenges.issue(AUDIENCE, b"session", NOW).unwrap();
    let key = key();
    let token = challenge.prepare_proof(key.public_key(), NOW).unwrap().sign(&key).unwrap();
    KeyProofVerifier::builder(challenges)
        .build()
        .verify(&KeyProof::jws(&token), AUDIENCE, b"session", NOW)
        .unwrap()
}

fn travel() -> Vec<Selector> {
    vec!["join:agent:travel".parse().unwrap()]
}

#[test]
fn att_96_a_token_proves_its_selectors_once_for_the_first_key() {
    let tokens = JoinTokens::new(backend::ring());
    let token = tokens.create(travel(), NOW).unwrap();
    // 256 bits, as text, and shown to nobody who does not ask.
    assert_eq!((token.expose().len(), format!("{token:?}")), (43, "JoinToken(..)".into()));
    assert!(!format!("{tokens:?}").contains(token.expose()));

    let key = proven();
    let appraisal = tokens.redeem(token.expose(), &key, HOUR, NOW).unwrap();
    assert_eq!(appraisal.evidence_type(), &EvidenceType::JoinToken);
    assert_eq!((appraisal.level(), appraisal.freshness()), (Level::ASSERTED, Freshness::OneTimeUse));
    assert_eq!(appraisal.bound_key(), &BoundKey::ProofOfPossession(key.thumbprint()));
    assert_eq!(appraisal.expires(), NOW + HOUR);
    assert!(Proven::of([&appraisal], NOW).matches(&travel()).is_some());
    // The same key, another one: it was used.
    assert_refused!(tokens.redeem(token.expose(), &key, HOUR, NOW), "join_token_unknown", "ATT-96");
    assert_refused!(tokens.redeem(token.expose(), &proven(), HOUR, NOW), "join_token_unknown", "ATT-96");
    assert!(tokens.is_empty());
}

#[test]
fn att_96_a_token_that_never_was_or_has_expired_proves_nothing() {
    let tokens = JoinTokens::new(backend::ring());
    let token = tokens.create(travel(), NOW).unwrap();
    let other = JoinTokens::new(backend::ring()).create(travel(), NOW).unwrap();
    let key = proven();
    let long = token.expose().repeat(2);
    let upper = token.expose().to_uppercase();
    let mut cut = token.expose().to_owned();
    cut.pop();
    let spoilt = format!("{cut}x");
    for text in ["", "x", other.expose(), &long, &upper, &spoilt, &cut] {
        if text != token.expose() {
            assert_refused!(tokens.redeem(text, &key, HOUR, NOW), "join_token_unknown", "ATT-96");
        }
    }
    let last = NOW + MINUTE * 10 - std::time::Duration::from_secs(1);
    tokens.redeem(tokens.create(travel(), NOW).unwrap().expose(), &key, HOUR, last).unwrap();
    assert_refused!(
        tokens.redeem(token.expose(), &key, HOUR, NOW + MINUTE * 10),
        "join_token_unknown",
        "ATT-96"
    );
    let brief = JoinTokens::new(backend::ring()).with_lifetime(MINUTE);
    let token = brief.create(travel(), NOW).unwrap();
    assert_refused!(brief.redeem(token.expose(), &key, HOUR, NOW + MINUTE), "join_token_unknown", "ATT-96");
}

#[test]
fn att_96_a_full_store_refuses_and_forgets_only_what_has_expired() {
    let tokens = JoinTokens::new(backend::ring()).with_capacity(2);
    let first = tokens.create(travel(), NOW).unwrap();
    tokens.create(travel(), NOW + MINUTE).unwrap();
    assert_refused!(tokens.create(travel(), NOW + MINUTE), "too_many_join_tokens", "ATT-96");
    tokens.create(travel(), NOW + MINUTE * 10).unwrap();
    assert_eq!(tokens.len(), 2);
    assert_refused!(tokens.redeem(first.expose(), &proven(), HOUR, NOW), "join_token_unknown", "ATT-96");
}

#[test]
fn att_102_a_token_proves_something_and_not_too_much() {
    let tokens = JoinTokens::new(backend::ring());
    let create = |count| tokens.create((0..count).map(|n| format!("join:n:{n}").parse().unwrap()), NOW);
    for count in [0, 65, 66] {
        assert_refused!(create(count), "join_token_selectors", "ATT-102");
    }
    assert!(tokens.is_empty());
    create(64).unwrap();
    assert!(!tokens.is_empty());
}

#[test]
fn att_96_of_many_who_show_one_token_at_once_one_gets_it() {
    for _ in 0..20 {
        let tokens = JoinTokens::new(backend::ring());
        let token = tokens.create(travel(), NOW).unwrap();
        let won = thread::scope(|scope| {
            let one = || {
                let key = proven();
                tokens.redeem(token.expose(), &key, HOUR, NOW).is_ok()
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    }
}

#[test]
fn att_96_a_token_of_a_clock_that_was_ahead_does_not_live_longer() {
    let tokens = JoinTokens::new(backend::ring());
    let key = proven();
    let ahead = tokens.create(travel(), NOW + DAY).unwrap();
    assert_refused!(tokens.redeem(ahead.expose(), &key, HOUR, NOW), "join_token_unknown", "ATT-96");
    let nearly = tokens.create(travel(), NOW + MINUTE).unwrap();
    tokens.redeem(nearly.expose(), &key, HOUR, NOW).unwrap();
}
