//! What a cache of verified tokens may not do: keep alive what has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

use aims_credential::{
    BundleSet, BundleSource, Mark, MarkKey, MarkTable, TrustBundle, WitCache, WitVerifier,
};
use aims_jose::Thumbprint;
use aims_keys::{Algorithm, backend};
use aims_testkit::assert_refused;
use serde_json::json;

use crate::support::{
    EXP, IAT, KEY_ID, LEEWAY, ORIGIN, SUBJECT, World, at, bundle, id, jwk, key, now, public,
};

fn cache(bundles: BundleSet) -> WitCache {
    WitCache::new(WitVerifier::builder(bundles, backend::ring()).build(), 100)
}

#[test]
fn wit_8_aims_8_a_cached_token_expires() {
    let world = World::new();
    let cache = cache(world.bundle().into());
    let token = world.token();
    let first = cache.verify(&token, now()).unwrap();
    assert_eq!((cache.len(), cache.is_empty()), (1, false));
    let second = cache.verify(&token, at(EXP + LEEWAY - 1)).unwrap();
    // Not one like the first: the first.
    assert!(std::ptr::eq(first.hash(), second.hash()));
    assert_refused!(cache.verify(&token, at(EXP + LEEWAY)), "expired", "WIT-8");
    assert!(cache.is_empty());
    // A clock that goes back meets the checks of a new token.
    cache.verify(&token, now()).unwrap();
    assert_refused!(cache.verify(&token, at(IAT - LEEWAY - 1)), "not_yet_valid", "WIT-9");
}

#[test]
fn wit_5_crd_1_a_removed_bundle_ends_a_cached_token() {
    let world = World::new();
    let bundles = BundleSet::from(world.bundle());
    let cache = cache(bundles.clone());
    let token = world.token();
    cache.verify(&token, now()).unwrap();
    assert!(bundles.remove(&ORIGIN.parse().unwrap()));
    assert!(!bundles.remove(&ORIGIN.parse().unwrap()));
    assert_refused!(cache.verify(&token, now()), "unknown_trust_domain", "WIT-5");
    assert!(cache.is_empty());
}

#[test]
fn wit_6_wit_7_rotation_keys_count_while_they_are_in_the_bundle() {
    let old = World::new();
    let new = World { issuer_key: key(Algorithm::Es256), workload_key: old.workload_key.clone() };
    let (old_jwk, new_jwk) = (jwk(&old.issuer_key, KEY_ID), jwk(&new.issuer_key, "2026-12"));
    let bundles = BundleSet::from(bundle(ORIGIN, vec![old_jwk.clone()]));
    let cache = cache(bundles.clone());
    let old_token = old.forge().token();
    let new_token = new.forge().header("kid", json!("2026-12")).token();
    cache.verify(&old_token, now()).unwrap();
    assert_refused!(cache.verify(&new_token, now()), "unknown_key", "WIT-6");

    // Published before it is used; the refusal was not remembered.
    bundles.insert(bundle(ORIGIN, vec![old_jwk, new_jwk.clone()]));
    cache.verify(&old_token, now()).unwrap();
    cache.verify(&new_token, now()).unwrap();
    assert_eq!(cache.len(), 2);

    bundles.insert(bundle(ORIGIN, vec![new_jwk]));
    assert_refused!(cache.verify(&old_token, now()), "unknown_key", "WIT-6");
    cache.verify(&new_token, now()).unwrap();
    assert_eq!(cache.len(), 1);

    // The same name for another key.
    bundles.insert(bundle(ORIGIN, vec![jwk(&old.issuer_key, "2026-12")]));
    assert_refused!(cache.verify(&new_token, now()), "bad_signature", "WIT-7");
    assert!(cache.is_empty());
}

#[test]
fn aims_55_a_mark_ends_a_cached_token() {
    let world = World::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let verifier =
        WitVerifier::builder(BundleSet::from(world.bundle()), backend::ring()).marks(marks.clone()).build();
    let cache = WitCache::new(verifier, 100);
    let token = world.forge().token();
    let (agent, jti) = (id(SUBJECT), "AAECAwQFBgcICQoLDA0ODw");
    let cut = |key: MarkKey<'_>, mark: Mark, code: &str| {
        cache.verify(&token, now()).unwrap();
        marks.set(&key, mark).unwrap();
        assert_refused!(cache.verify(&token, now()), code, "AIMS-55");
        marks.clear(&key);
        // What was lifted counts again.
        cache.verify(&token, now()).unwrap();
    };
    cut(MarkKey::Agent(&agent), Mark::dead(), "revoked");
    cut(MarkKey::Agent(&agent), Mark::suspended(), "suspended");
    cut(MarkKey::Credential { origin: ORIGIN, id: jti }, Mark::dead(), "revoked");
    let key = Thumbprint::of(public(&world.workload_key));
    cut(MarkKey::Key(&key), Mark::dead(), "revoked");
    // Begun at IAT, in the same second as the cut, or within what clocks may disagree.
    cut(MarkKey::Agent(&agent), Mark::not_before(at(IAT)), "superseded");
    cut(MarkKey::Agent(&agent), Mark::not_before(at(IAT - LEEWAY)), "superseded");
    marks.set(&MarkKey::Agent(&agent), Mark::not_before(at(IAT - LEEWAY - 1))).unwrap();
    cache.verify(&token, now()).unwrap();

    // Other agents, and the same `jti` of another issuer.
    marks.set(&MarkKey::Agent(&id("spiffe://acme.example/agents/other")), Mark::dead()).unwrap();
    marks.set(&MarkKey::Credential { origin: "wimse://acme.example", id: jti }, Mark::dead()).unwrap();
    cache.verify(&token, now()).unwrap();

    marks.lost();
    assert_refused!(cache.verify(&token, now()), "marks_unavailable", "AIMS-55");
    marks.loaded();
    cache.verify(&token, now()).unwrap();
}

#[test]
fn aims_55_without_iat_and_nbf_every_cut_ends_a_token() {
    let world = World::new();
    let marks = MarkTable::with_capacity(1);
    marks.set(&MarkKey::Agent(&id(SUBJECT)), Mark::not_before(at(1))).unwrap();
    let verifier =
        WitVerifier::builder(BundleSet::from(world.bundle()), backend::ring()).marks(marks).build();
    verifier.verify(&world.forge().token(), now()).unwrap();
    verifier.verify(&world.forge().without("iat").claim("nbf", json!(IAT)).token(), now()).unwrap();
    assert_refused!(verifier.verify(&world.forge().without("iat").token(), now()), "superseded", "AIMS-55");
}

#[test]
fn wit_7_refusals_are_not_remembered() {
    let world = World::new();
    let cache = cache(world.bundle().into());
    let forged = world.forge().signed_by(&world.workload_key).token();
    for _ in 0..3 {
        assert_refused!(cache.verify(&forged, now()), "bad_signature", "WIT-7");
    }
    assert_refused!(cache.verify(&"a".repeat(1 << 20), now()), "malformed", "WIT-1");
    assert!(cache.is_empty());
    // A token that differs in its signature only is another token.
    let token = world.token();
    cache.verify(&token, now()).unwrap();
    let (input, _) = token.rsplit_once('.').unwrap();
    let (_, other) = forged.rsplit_once('.').unwrap();
    assert_refused!(cache.verify(&format!("{input}.{other}"), now()), "bad_signature", "WIT-7");
}

#[test]
fn wit_7_a_cache_without_room_verifies_all_the_same() {
    let world = World::new();
    let cache = WitCache::new(world.verifier(), 0);
    let token = world.token();
    cache.verify(&token, now()).unwrap();
    cache.verify(&token, now()).unwrap();
    assert_refused!(cache.verify(&token, at(EXP + LEEWAY)), "expired", "WIT-8");
}

/// Gives out `bundle`, and swaps it for one without keys in the middle of the verification that asked for it.
#[derive(Debug)]
struct SwapsWhileAsked {
    bundles: BundleSet,
    armed: AtomicBool,
}

impl BundleSource for SwapsWhileAsked {
    fn bundle(&self, origin: &str) -> Option<Arc<TrustBundle>> {
        let found = self.bundles.bundle(origin);
        if self.armed.swap(false, Ordering::SeqCst) {
            self.bundles.insert(bundle(ORIGIN, vec![]));
        }
        found
    }
}

#[test]
fn wit_6_a_bundle_swapped_while_verifying_is_found_out() {
    let world = World::new();
    let source = Arc::new(SwapsWhileAsked { bundles: world.bundle().into(), armed: true.into() });
    let cache = WitCache::new(WitVerifier::builder(source, backend::ring()).build(), 100);
    let token = world.token();
    // Verified with the bundle that was current when the call began, and remembered with that one.
    cache.verify(&token, now()).unwrap();
    assert_eq!(cache.len(), 1);
    assert_refused!(cache.verify(&token, now()), "unknown_key", "WIT-6");
    assert!(cache.is_empty());
}

#[test]
fn wit_6_threads_never_see_a_token_of_a_removed_key() {
    let world = World::new();
    let bundles = BundleSet::from(world.bundle());
    let cache = cache(bundles.clone());
    let token = world.token();
    // Odd: the key is out, and stays out until the count is even again.
    let epoch = AtomicUsize::new(0);
    let accepted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let look = || {
            while epoch.load(Ordering::SeqCst) < 200 {
                let before = epoch.load(Ordering::SeqCst);
                let outcome = cache.verify(&token, now());
                let after = epoch.load(Ordering::SeqCst);
                if before == after && before % 2 == 1 {
                    assert_refused!(outcome, "unknown_key", "WIT-6");
                } else if outcome.is_ok() {
                    accepted.fetch_add(1, Ordering::SeqCst);
                }
            }
        };
        let threads = [(); 3].map(|()| scope.spawn(look));
        for _ in 0..100 {
            bundles.insert(bundle(ORIGIN, vec![]));
            epoch.fetch_add(1, Ordering::SeqCst);
            std::thread::yield_now();
            epoch.fetch_add(1, Ordering::SeqCst);
            bundles.insert(world.bundle());
            // A thread that has failed accepts nothing any more.
            while accepted.load(Ordering::SeqCst) == 0 && !threads.iter().any(ScopedJoinHandle::is_finished) {
                std::thread::yield_now();
            }
        }
    });
    cache.verify(&token, now()).unwrap();
}
