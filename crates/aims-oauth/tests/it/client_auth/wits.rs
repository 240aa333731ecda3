//! WIT-SVIDs, and the proofs by their keys.

use std::sync::Arc;

use aims_credential::{BundleSet, TrustBundle, Wit, WitIssuer, WitProfile, WitRequest};
use aims_jose::{Jwk, JwkSet, Thumbprint};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AuthenticatedClient, ClientAttestation, ClientAuthError, ClientAuthenticator, ClientProof, DpopProver,
    DpopRequest, DpopTarget, DpopVerifier, ErrorCode, PresentedClient, RegisteredClient, SealedNonces,
    SpiffeProof, TokenBinding, TrustedAttester,
};
use aims_proof::{NewWpt, ReplayMemory};
use aims_testkit::assert_refused;
use zeroize::Zeroizing;

use super::support::*;
use crate::world::*;

struct World {
    issuer: Arc<SoftwareKey>,
    agent: Arc<SoftwareKey>,
    registry: Registry,
}

impl World {
    fn new() -> Self {
        let registry = Registry::default().workloads("spiffe://acme.example/agents/*", SpiffeProof::WitSvid);
        Self { issuer: Arc::new(key()), agent: Arc::new(key()), registry }
    }

    fn bundle(&self) -> TrustBundle {
        let bundle = TrustBundle::new("spiffe://acme.example".parse().unwrap(), keys(&self.issuer, "w"));
        bundle.with_profile(WitProfile::WitSvid)
    }

    fn server(&self) -> ClientAuthenticator {
        authenticator().bundles(BundleSet::from(self.bundle())).build()
    }

    fn wit(&self, subject: &str) -> String {
        let origin = "spiffe://acme.example".parse().unwrap();
        let issuer = WitIssuer::new(origin, self.issuer.clone(), "w").unwrap();
        issuer.sign(&WitRequest::new(&subject.parse().unwrap(), self.agent.public_key()), NOW).unwrap()
    }

    /// A WIT of any header and claims.
    fn forge(&self, header: &str, of: &[(&str, &str)]) -> String {
        let cnf = format!(r#"{{"jwk":{}}}"#, Jwk::new(self.agent.public_key().clone()).to_json());
        let sub = format!("\"{AGENT}\"");
        let usual = [("sub", &*sub), ("iat", "1790000000"), ("exp", "1790003600"), ("cnf", &*cnf)];
        sign(header, &claims(&usual, of), &self.issuer)
    }

    async fn pop(&self, wit: &str) -> String {
        let held = ClientAttestation::from_wit(&Wit::from_issuer(wit, backend::ring()).unwrap());
        held.pop(ISSUER).sign(&*self.agent, NOW).await.unwrap()
    }

    fn judge(&self, wit: &str, pop: Option<&str>) -> Result<AuthenticatedClient, ClientAuthError> {
        self.judge_at(&self.server(), &[], wit, pop, NOW)
    }

    fn judge_at(
        &self,
        server: &ClientAuthenticator,
        parameters: &[(&str, &str)],
        wit: &str,
        pop: Option<&str>,
        now: UnixTime,
    ) -> Result<AuthenticatedClient, ClientAuthError> {
        let pop = pop.map(|pop| ("OAuth-Client-Attestation-PoP", pop));
        let fields: Vec<_> = std::iter::once(("OAuth-Client-Attestation", wit)).chain(pop).collect();
        judge_with(server, &self.registry, parameters, &fields, now)
    }
}

const HEADER: &str = r#"{"alg":"ES256","kid":"w","typ":"wit+jwt"}"#;

#[tokio::test(flavor = "current_thread")]
async fn osc_5_spc_6_a_workload_is_a_client_by_its_wit_and_a_proof() {
    let world = World::new();
    let wit = world.wit(AGENT);
    let held = ClientAttestation::from_wit(&Wit::from_issuer(&wit, backend::ring()).unwrap());
    assert_eq!(held.client_id(), AGENT);
    let pop = world.pop(&wit).await;
    let client = world.judge(&wit, Some(&pop)).unwrap();
    assert_eq!((client.client_id(), client.proof()), (AGENT, ClientProof::WitSvid));
    assert_eq!(client.agent().unwrap().as_str(), AGENT);
    assert_eq!(client.binding(), Some(&TokenBinding::Key(Thumbprint::of(world.agent.public_key()))));
    assert_eq!(client.not_after(), Some(held.not_after()));
    assert!(client.proof().shows_possession());
    let with = |id| world.judge_at(&world.server(), &[("client_id", id)], &wit, Some(&pop), NOW);
    assert!(with(AGENT).is_ok());
    assert_refused!(with("other"), "unknown_client", "SPC-3");
    let (form, fields) = (
        form(&[("client_id", "other")]),
        [("OAuth-Client-Attestation", &*wit), ("OAuth-Client-Attestation-PoP", &*pop)],
    );
    let presented = PresentedClient::read(&form, lines(&fields)).unwrap();
    let registered = world.registry.find(aims_oauth::ClientLookup::Workload(&AGENT.parse().unwrap()));
    let judged = world.server().authenticate(presented, registered, NOW);
    assert_refused!(judged, "client_id_mismatch", "OSC-2");
}

#[tokio::test(flavor = "current_thread")]
async fn osc_5_spc_6_cja_6_a_bad_wit_or_proof_is_no_client() {
    let world = World::new();
    let wit = world.wit(AGENT);
    let pop = world.pop(&wit).await;
    let stranger = World::new();
    let strange = stranger.wit(AGENT);
    let foreign = world.forge(HEADER, &[("sub", r#""spiffe://bank.example/agents/travel""#)]);
    for (wit, code, rule) in [
        (strange.as_str(), "bad_signature", "WIT-7"),
        (&*foreign, "unknown_trust_domain", "WIT-5"),
        (&world.forge(HEADER, &[("sub", r#""wimse://acme.example/agents/travel""#)]), "bad_subject", "WIT-4"),
        (&world.forge(HEADER, &[("sub", "1")]), "malformed", "WIT-4"),
        (&world.forge(HEADER, &[("sub", "")]), "malformed", "WIT-4"),
        (&sign(HEADER, "", &world.issuer), "malformed", "JO-JSON-01"),
        (&sign(HEADER, "[]", &world.issuer), "malformed", "JO-JSON-01"),
        (&world.forge(HEADER, &[("more", r#"1,"more":2"#)]), "malformed", "JO-JSON-02"),
        (&world.forge(HEADER, &[("more", &format!("\"{}\"", "a".repeat(8192)))]), "malformed", "WIT-1"),
        (&world.forge(HEADER, &[("exp", "1789999970")]), "expired", "WIT-8"),
        (&world.forge(HEADER, &[("aud", r#""https://as.example""#)]), "audience_forbidden", "WS-10"),
        (&world.forge(HEADER, &[("events", "{}")]), "events_claim", "SSF-14"),
        (&world.forge(HEADER, &[("cnf", "")]), "bad_confirmation", "WIT-10"),
        (&world.forge(&HEADER.replace(r#""kid":"w","#, ""), &[]), "key_id_missing", "WS-1"),
        (&world.forge(&HEADER.replace(r#""w""#, r#""x""#), &[]), "unknown_key", "WIT-6"),
    ] {
        let refused = world.judge(wit, Some(&pop));
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient, "{code}");
        assert_refused!(refused, code, rule);
    }
    for subject in ["spiffe://acme.example/agents-of-others/x", "spiffe://acme.example/tools/search"] {
        let wit = world.wit(subject);
        let pop = world.pop(&wit).await;
        assert_refused!(world.judge(&wit, Some(&pop)), "unknown_client", "SPC-3", "{subject}");
    }
    // The proof.
    let by_stranger = stranger.pop(&strange).await;
    let nonces = || SealedNonces::new(Zeroizing::new([7; 32]), backend::ring());
    let wanting = authenticator()
        .bundles(BundleSet::from(world.bundle()))
        .require_attestation_challenges(nonces())
        .build();
    for (pop, code, rule) in [
        (None, "no_proof", "SPC-6"),
        (Some(&*by_stranger), "pop_bad_signature", "ABC-2"),
        (Some(&*wit), "pop_wrong_type", "ABC-2"),
        (Some("x"), "pop_malformed", "ABC-2"),
    ] {
        let refused = world.judge(&wit, pop);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient, "{code}");
        assert_refused!(refused, code, rule);
    }
    let refused = world.judge_at(&wanting, &[], &wit, Some(&pop), NOW);
    assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::UseAttestationChallenge);
    assert_refused!(refused, "challenge_wanted", "ABC-5");
    let server = world.server();
    world.judge_at(&server, &[], &wit, Some(&pop), NOW).unwrap();
    assert_refused!(world.judge_at(&server, &[], &wit, Some(&pop), NOW), "replay", "ABC-6");
}

#[tokio::test(flavor = "current_thread")]
async fn spc_6_neither_dpop_nor_a_wpt_stands_for_the_proof() {
    let world = World::new();
    let wit = world.wit(AGENT);
    let held = Wit::from_issuer(&wit, backend::ring()).unwrap();
    let wpt = NewWpt::new(ISSUER).prepare(&held, NOW).unwrap();
    let signature = world.agent.sign(aims_keys::SignInput::Message(wpt.signing_input())).unwrap();
    let wpt = wpt.attach(signature.as_bytes()).unwrap();
    assert_refused!(world.judge(&wit, Some(&wpt)), "pop_wrong_type", "ABC-2");

    let target: DpopTarget = "https://as.example/token".parse().unwrap();
    let prover = DpopProver::new(world.agent.clone()).unwrap();
    let proof = prover.proof("POST", &target).sign(NOW).await.unwrap();
    assert_refused!(world.judge(&wit, Some(&proof)), "pop_wrong_type", "ABC-2");
    let verifier = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring()).build();
    let proof = verifier.verify([proof], &DpopRequest::new("POST", &target), NOW).unwrap();
    let (form, fields) = (form(&[]), [("OAuth-Client-Attestation", &*wit)]);
    let presented = PresentedClient::read(&form, lines(&fields)).unwrap().with_dpop_proof(&proof);
    let registered = world.registry.find(presented.lookup());
    let judged = world.server().authenticate(presented, registered, NOW);
    assert_refused!(judged, "no_proof", "SPC-6");
}

#[tokio::test(flavor = "current_thread")]
async fn osc_5_osc_6_a_wit_is_a_wit_svid_of_a_workload_that_registered_it() {
    let mut world = World::new();
    let wit = world.wit(AGENT);
    let pop = world.pop(&wit).await;
    // By the rules of WIMSE alone, no WIT is one.
    let plain = BundleSet::from(world.bundle().with_profile(WitProfile::Wit));
    let server = authenticator().bundles(plain).build();
    assert_refused!(world.judge_at(&server, &[], &wit, Some(&pop), NOW), "wit_profile", "OSC-5");
    let server = authenticator().build();
    assert_refused!(world.judge_at(&server, &[], &wit, Some(&pop), NOW), "not_offered", "OSC-6");
    // Keys of JWT-SVIDs sign none.
    let other = TrustBundle::new("spiffe://acme.example".parse().unwrap(), JwkSet::default());
    let other = other.with_jwt_keys(keys(&world.issuer, "w")).with_profile(WitProfile::WitSvid);
    let server = authenticator().bundles(BundleSet::from(other)).build();
    assert_refused!(world.judge_at(&server, &[], &wit, Some(&pop), NOW), "unknown_key", "WIT-6");
    // An attester is nobody who issues WITs, and the other way round.
    let server = authenticator().attester(TrustedAttester::new("a", keys(&world.issuer, "w"))).build();
    assert_refused!(world.judge_at(&server, &[], &wit, Some(&pop), NOW), "not_offered", "OSC-6");
    world.registry = Registry::default().workloads("spiffe://acme.example/agents/*", SpiffeProof::JwtSvid);
    assert_refused!(world.judge(&wit, Some(&pop)), "unknown_client", "SPC-3");
    world.registry = Registry::default().client(RegisteredClient::public(AGENT));
    assert_refused!(world.judge(&wit, Some(&pop)), "unknown_client", "SPC-3");
}

#[test]
fn osc_5_the_algorithm_of_the_proof_is_the_one_that_the_wit_names() {
    let mut world = World::new();
    world.agent = Arc::new(SoftwareKey::generate(Algorithm::Es384, backend::ring()).unwrap());
    let wit = world.wit(AGENT);
    let pop = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}","typ":"oauth-client-attestation-pop+jwt"}}"#);
        sign(&header, r#"{"aud":"https://as.example","jti":"p","iat":1790000000}"#, &world.agent)
    };
    assert!(world.judge(&wit, Some(&pop("ES384"))).is_ok());
    assert_refused!(world.judge(&wit, Some(&pop("ES256"))), "pop_unsupported_alg", "ABC-2");
    assert_refused!(world.judge(&wit, Some(&pop("HS256"))), "pop_unsupported_alg", "ABC-2");
}
