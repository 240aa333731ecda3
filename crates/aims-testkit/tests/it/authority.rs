//! What the authority mints passes, or fails, for the reasons that real credentials do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aims_credential::{BundleSet, TrustBundle, WitCache, WitVerifier};
use aims_keys::{Algorithm, UnixTime, backend};
use aims_proof::{Audiences, ProofError, ReplayMemory, VerifiedProof, WptVerifier};
use aims_testkit::{TestAgent, TestAuthority, TestClock, assert_refused};
use http::Method;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn call(trust: TrustBundle, agent: &TestAgent, made: UnixTime) -> Result<VerifiedProof, ProofError> {
    let wits = WitCache::new(WitVerifier::builder(BundleSet::from(trust), backend::ring()).build(), 4);
    let audiences = Audiences::http("https://tools.example").unwrap();
    let proofs = WptVerifier::builder(audiences, ReplayMemory::with_capacity(4)).build();
    let request = agent.request(Method::GET, "https://tools.example/v1/search?lang=en", made);
    let request = request.body(()).unwrap();
    proofs.verify_http(&wits, request.headers(), request.uri().path(), NOW)
}

#[test]
fn what_it_mints_verifies_for_every_algorithm() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::EdDsa] {
        let authority = TestAuthority::with_algorithm("spiffe://acme.example", algorithm);
        let agent = authority.agent("/agents/travel", NOW);
        let proof = call(authority.trust(), &agent, NOW).unwrap();
        assert_eq!(proof.wit().subject(), agent.id());
        assert_eq!(proof.wit().subject().as_str(), "spiffe://acme.example/agents/travel");
    }
}

#[test]
fn an_earlier_time_is_all_that_an_expired_one_needs() {
    let authority = TestAuthority::new("spiffe://acme.example");
    let yesterday = NOW - Duration::from_secs(24 * 60 * 60);
    let agent = authority.agent("/agents/travel", yesterday);
    assert_refused!(call(authority.trust(), &agent, yesterday), "expired", "WIT-8");

    let agent = authority.agent("/agents/travel", NOW);
    let late = NOW - Duration::from_secs(600);
    assert_refused!(call(authority.trust(), &agent, late), "expired", "WPT-8");
}

#[test]
fn two_authorities_of_one_domain_do_not_vouch_for_each_other() {
    let (ours, theirs) =
        (TestAuthority::new("spiffe://acme.example"), TestAuthority::new("spiffe://acme.example"));
    let agent = theirs.agent("/agents/travel", NOW);
    assert_refused!(call(ours.trust(), &agent, NOW), "bad_signature", "WIT-7");
    let stranger = TestAuthority::new("spiffe://evil.example").agent("/agents/travel", NOW);
    assert_refused!(call(ours.trust(), &stranger, NOW), "unknown_trust_domain", "WIT-5");
}

#[test]
fn the_clock_is_shared_with_its_readers() {
    let clock = TestClock::at(NOW);
    let reader = clock.reader();
    let secs = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(secs(reader()), NOW.as_secs());
    clock.advance(Duration::from_secs(90));
    assert_eq!((secs(reader()), clock.now()), (NOW.as_secs() + 90, NOW + Duration::from_secs(90)));
    clock.set(NOW);
    assert_eq!(secs(reader()), NOW.as_secs());
}
