//! Attestations, and the proofs by their keys.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Mark, MarkKey, MarkTable};
use aims_jose::{Jwk, Thumbprint};
use aims_keys::{Algorithm, AlgorithmSet, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AttestationProof, AttestationVerifier, AuthenticatedClient, ClientAttestation, ClientAttesters,
    ClientAuthError, ClientAuthenticator, ClientAuthenticatorBuilder, ClientProof, DpopNonces, DpopProver,
    DpopRequest, DpopTarget, DpopVerifier, ErrorCode, PresentedAttestation, PresentedClient,
    RegisteredClient, RegisteredMethod, SealedNonces, TokenBinding, TrustedAttester, VerifiedDpopProof,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;
use zeroize::Zeroizing;

use super::support::*;
use crate::world::*;

const CLIENT: &str = "https://client.example.com";
const HEADER: &str = r#"{"alg":"ES256","kid":"a","typ":"oauth-client-attestation+jwt"}"#;
const POP_HEADER: &str = r#"{"alg":"ES256","typ":"oauth-client-attestation-pop+jwt"}"#;

/// A client instance, its attester, and a server that believes that one.
struct World {
    attester: SoftwareKey,
    instance: Arc<SoftwareKey>,
    registry: Registry,
}

impl World {
    fn new() -> Self {
        let attesters = RegisteredMethod::Attestation(ClientAttesters::new("attester"));
        let registry = Registry::default().client(RegisteredClient::new(CLIENT, attesters));
        Self { attester: key(), instance: Arc::new(key()), registry }
    }

    fn builder(&self) -> ClientAuthenticatorBuilder {
        authenticator().attester(TrustedAttester::new("attester", keys(&self.attester, "a")))
    }

    fn attestation(&self, of: &[(&str, &str)]) -> String {
        self.attestation_under(HEADER, of)
    }

    fn attestation_under(&self, header: &str, of: &[(&str, &str)]) -> String {
        let cnf = format!(r#"{{"jwk":{}}}"#, Jwk::new(self.instance.public_key().clone()).to_json());
        let sub = format!("\"{CLIENT}\"");
        let usual = [("sub", &*sub), ("iat", "1789999000"), ("exp", "1790003600"), ("cnf", &*cnf)];
        sign(header, &claims(&usual, of), &self.attester)
    }

    fn pop(&self, of: &[(&str, &str)]) -> String {
        sign(POP_HEADER, &pop_claims(of), &self.instance)
    }

    fn judge(&self, attestation: &str, pop: &str) -> Result<AuthenticatedClient, ClientAuthError> {
        self.judge_at(&self.builder().build(), attestation, Some(pop), NOW)
    }

    fn judge_at(
        &self,
        server: &ClientAuthenticator,
        attestation: &str,
        pop: Option<&str>,
        now: UnixTime,
    ) -> Result<AuthenticatedClient, ClientAuthError> {
        let attestation = ("OAuth-Client-Attestation", attestation);
        let pop = pop.map(|pop| ("OAuth-Client-Attestation-PoP", pop));
        let fields: Vec<_> = std::iter::once(attestation).chain(pop).collect();
        judge_with(server, &self.registry, &[], &fields, now)
    }

    /// With a `DPoP` proof and without another.
    fn judge_dpop(
        &self,
        server: &ClientAuthenticator,
        attestation: &str,
        dpop: &VerifiedDpopProof,
    ) -> Result<AuthenticatedClient, ClientAuthError> {
        let (form, fields) = (form(&[]), [("OAuth-Client-Attestation", attestation)]);
        let presented = PresentedClient::read(&form, lines(&fields))?.with_dpop_proof(dpop);
        let registered = self.registry.find(presented.lookup());
        server.authenticate(presented, registered, NOW)
    }
}

fn pop_claims(of: &[(&str, &str)]) -> String {
    let usual = [("aud", r#""https://as.example""#), ("jti", r#""p-1""#), ("iat", "1790000000")];
    claims(&usual, of)
}

#[tokio::test(flavor = "current_thread")]
async fn abc_1_abc_2_abc_4_abc_6_what_is_made_is_taken() {
    let world = World::new();
    let server = world.builder().build();
    let token = world.attestation(&[]);
    let held = ClientAttestation::from_attester(&token, world.instance.public_key()).unwrap();
    assert_eq!((held.client_id(), held.token()), (CLIENT, &*token));
    for _ in 0..2 {
        let pop = held.pop(ISSUER).sign(&*world.instance, NOW).await.unwrap();
        let client = world.judge_at(&server, held.token(), Some(&pop), NOW).unwrap();
        assert_eq!((client.client_id(), client.proof()), (CLIENT, ClientProof::AttestationPop));
        let instance = Thumbprint::of(world.instance.public_key());
        assert_eq!(client.binding(), Some(&TokenBinding::Key(instance)));
        assert_eq!((client.not_after(), client.agent()), (Some(held.not_after()), None));
        // EXC-9: it shows the key of the instance, and no other.
        let tokens = Server::new();
        let exchanged = |binding: TokenBinding| {
            let request = aims_oauth::AccessTokenRequest::new(USER, CLIENT, tool());
            let token = tokens.issue(&request.bound_to(binding));
            let subject = tokens.verifier().build().verify(&token, NOW).unwrap();
            aims_oauth::ExchangeParties::new(&client, &subject).check(NOW).map(|_| ())
        };
        exchanged(TokenBinding::Key(instance)).unwrap();
        let other = Thumbprint::of(key().public_key());
        for other in [TokenBinding::Key(other), TokenBinding::Certificate(*instance.as_bytes())] {
            assert_refused!(exchanged(other), "subject_not_shown", "EXC-9");
        }
    }
    // In two steps, and by no other key.
    let unsigned = held.pop(ISSUER).prepare(NOW).unwrap();
    let signature = Signer::sign(&*world.instance, SignInput::Message(unsigned.signing_input())).unwrap();
    let pop = unsigned.attach(signature.as_bytes()).unwrap();
    assert!(world.judge_at(&server, &token, Some(&pop), NOW).is_ok());
    let unsigned = held.pop(ISSUER).prepare(NOW).unwrap();
    assert_refused!(unsigned.attach(signature.as_bytes()), "bad_signature", "JO-B64-03");
    assert!(held.pop(ISSUER).sign(&key(), NOW).await.is_err());
    // Not beyond its end.
    assert!(held.pop(ISSUER).prepare(held.not_after()).is_err());
    let stranger = ClientAttestation::from_attester(&token, key().public_key());
    assert_refused!(stranger, "key_mismatch", "ABC-1");
    assert_refused!(
        ClientAttestation::from_attester(&pop, world.instance.public_key()),
        "wrong_type",
        "ABC-1"
    );
    assert!(!format!("{held:?}").contains(held.token()));
}

#[test]
fn abc_1_an_attestation_is_what_it_must_be() {
    let world = World::new();
    let jwk = Jwk::new(world.instance.public_key().clone()).to_json();
    let nameless = jwk.replace(r#""alg":"ES256","#, "");
    let private = jwk.replace(r#""alg""#, r#""d":"AAAA","alg""#);
    let thumbprint = r#"{"jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let two = format!(r#"{{"jwk":{jwk},"kid":"x"}}"#);
    let none = r#"{"kty":"oct","k":"AAAA","alg":"HS256"}"#;
    for (of, code, rule) in [
        (("sub", ""), "malformed", "ABC-1"),
        (("sub", r#""""#), "malformed", "ABC-1"),
        (("exp", ""), "malformed", "ABC-1"),
        (("exp", r#""1790003600""#), "malformed", "ABC-1"),
        (("cnf", ""), "malformed", "ABC-1"),
        (("cnf", "1"), "malformed", "ABC-1"),
        (("cnf", "{}"), "bad_confirmation", "JO-KEY-10"),
        (("cnf", thumbprint), "bad_confirmation", "JO-KEY-10"),
        (("cnf", &*two), "bad_confirmation", "JO-KEY-10"),
        (("cnf", &*format!(r#"{{"jwk":{private}}}"#)), "private_key", "ABC-1"),
        (("cnf", &*format!(r#"{{"jwk":{none}}}"#)), "symmetric_key", "ABC-1"),
        (("cnf", r#"{"jwk":1}"#), "key_not_an_object", "JO-KEY-02"),
        (("exp", "1789999970"), "expired", "ABC-1"),
        (("iat", "1790000031"), "not_yet_valid", "ABC-1"),
        (("nbf", "1790000031"), "not_yet_valid", "ABC-1"),
        (("iss", r#""other""#), "unknown_attester", "ABC-1"),
        (("iss", "1"), "malformed", "ABC-1"),
        (("events", "{}"), "events_claim", "SSF-14"),
        (("sub", r#""a","sub":"b""#), "malformed", "JO-JSON-02"),
    ] {
        let refused = world.judge(&world.attestation(&[of]), &world.pop(&[]));
        let told = refused.as_ref().unwrap_err().error_code();
        assert_eq!(told, ErrorCode::InvalidClientAttestation, "{of:?}");
        assert_refused!(refused, code, rule, "{of:?}");
    }
    for of in [
        ("iat", ""),
        ("iss", r#""attester""#),
        ("aud", r#""https://anybody.example""#),
        ("cnf", &*format!(r#"{{"jwk":{nameless}}}"#)),
        ("cnf", &*format!(r#"{{"jwk":{jwk},"more":1}}"#)),
        ("more", "{}"),
    ] {
        assert!(world.judge(&world.attestation(&[of]), &world.pop(&[])).is_ok(), "{of:?}");
    }
    let under = |header: &str| world.judge(&world.attestation_under(header, &[]), &world.pop(&[]));
    for typ in ["JWT", "wpt+jwt", "client-authentication+jwt", "oauth-client-attestation-pop+jwt", "dpop+jwt"]
    {
        let header = HEADER.replace("oauth-client-attestation+jwt", typ);
        assert_refused!(under(&header), "wrong_type", "ABC-1", "{typ}");
    }
    assert_refused!(under(r#"{"alg":"ES256","kid":"a"}"#), "wrong_type", "ABC-1");
    assert_refused!(under(&HEADER.replace("ES256", "HS256")), "unsupported_alg", "ABC-1");
    assert_refused!(under(&HEADER.replace("ES256", "none")), "unsupported_alg", "ABC-1");
    assert_refused!(under(&HEADER.replace(r#""a""#, r#""b""#)), "unknown_attester", "ABC-1");
    assert_refused!(under(&HEADER.replace("ES256", "ES384")), "bad_signature", "ABC-1");
    assert!(under(&HEADER.replace(r#""kid":"a","#, "")).is_ok());
    // Whom it comes from, it says itself; the key is not the attester's.
    let bait = HEADER.replace(r#""kid":"a""#, r#""jku":"https://evil.example","kid":"a""#);
    let forged = World { attester: key(), ..World::new() };
    let forged = forged.attestation_under(&bait, &[("iss", r#""attester""#)]);
    assert_refused!(world.judge(&forged, &world.pop(&[])), "bad_signature", "ABC-1");
    let unknown = HEADER.replace(r#""a""#, r#""b""#);
    let named = world.attestation_under(&unknown, &[("iss", r#""attester""#)]);
    assert_refused!(world.judge(&named, &world.pop(&[])), "unknown_key", "ABC-1");
    let long = world.attestation(&[("more", &format!("\"{}\"", "a".repeat(16 * 1024)))]);
    assert_refused!(world.judge(&long, &world.pop(&[])), "malformed", "WIR-9");
}

#[test]
fn abc_2_abc_6_a_proof_is_what_it_must_be() {
    let world = World::new();
    let attestation = world.attestation(&[]);
    for (of, code, rule) in [
        (("aud", ""), "pop_malformed", "ABC-2"),
        (("aud", "1"), "pop_malformed", "ABC-2"),
        (("jti", ""), "pop_malformed", "ABC-2"),
        (("jti", "1"), "pop_malformed", "ABC-2"),
        (("jti", r#""""#), "pop_malformed", "WIR-9"),
        (("iat", ""), "pop_malformed", "ABC-2"),
        (("iat", r#""1790000000""#), "pop_malformed", "ABC-2"),
        (("challenge", "1"), "pop_malformed", "ABC-2"),
        (("aud", r#""https://as.example/""#), "pop_audience_mismatch", "ABC-2"),
        (("aud", r#""https://as.example/token""#), "pop_audience_mismatch", "ABC-2"),
        (("aud", r#"["https://as.example","https://tools.example"]"#), "pop_audience_mismatch", "ABC-2"),
        (("aud", r#"["https://tools.example"]"#), "pop_audience_mismatch", "ABC-2"),
        (("iat", "1789999939"), "pop_too_old", "ABC-6"),
        (("iat", "1790000006"), "pop_not_yet_valid", "ABC-6"),
        (("exp", "1789999990"), "pop_too_old", "ABC-6"),
        (("nbf", "1790000006"), "pop_not_yet_valid", "ABC-6"),
        (("jti", r#""a","jti":"b""#), "pop_malformed", "JO-JSON-02"),
    ] {
        let refused = world.judge(&attestation, &world.pop(&[of]));
        let told = refused.as_ref().unwrap_err().error_code();
        assert_eq!(told, ErrorCode::InvalidClientAttestation, "{of:?}");
        assert_refused!(refused, code, rule, "{of:?}");
    }
    for of in [
        ("aud", r#"["https://as.example"]"#),
        ("iat", "1789999940"),
        ("iat", "1790000005"),
        ("challenge", r#""of nobody""#),
        ("iss", r#""of an older draft""#),
        ("more", &*format!("\"{}\"", "a".repeat(4096))),
    ] {
        assert!(world.judge(&attestation, &world.pop(&[of])).is_ok(), "{of:?}");
    }
    let under =
        |header: &str, key: &SoftwareKey| world.judge(&attestation, &sign(header, &pop_claims(&[]), key));
    for typ in ["JWT", "dpop+jwt", "wpt+jwt", "client-authentication+jwt", "oauth-client-attestation+jwt"] {
        let header = POP_HEADER.replace("oauth-client-attestation-pop+jwt", typ);
        assert_refused!(under(&header, &world.instance), "pop_wrong_type", "ABC-2", "{typ}");
    }
    assert_refused!(under(r#"{"alg":"ES256"}"#, &world.instance), "pop_wrong_type", "ABC-2");
    assert_refused!(under(POP_HEADER, &key()), "pop_bad_signature", "ABC-2");
    assert_refused!(under(POP_HEADER, &world.attester), "pop_bad_signature", "ABC-2");
    for alg in ["HS256", "none", "RS256"] {
        let header = POP_HEADER.replace("ES256", alg);
        assert_refused!(under(&header, &world.instance), "pop_unsupported_alg", "ABC-2", "{alg}");
    }
    let header = POP_HEADER.replace("ES256", "ES384");
    assert_eq!(under(&header, &world.instance).unwrap_err().code(), "key_algorithm_mismatch");
    // A key that the proof brings along is not the instance's.
    let stranger = key();
    let bait = Jwk::new(stranger.public_key().clone()).to_json();
    let header = POP_HEADER.replace(r#""typ""#, &format!(r#""jwk":{bait},"typ""#));
    assert_refused!(under(&header, &stranger), "pop_bad_signature", "ABC-2");
    assert_refused!(world.judge(&attestation, "a"), "pop_malformed", "ABC-2");
    assert_refused!(world.judge(&attestation, &"a".repeat(8193)), "pop_malformed", "WIR-9");
    let only = world.builder().attestation_pop_algorithms(AlgorithmSet::of(&[Algorithm::Ed25519])).build();
    let judged = world.judge_at(&only, &attestation, Some(&world.pop(&[])), NOW);
    assert_refused!(judged, "pop_unsupported_alg", "ABC-2");
}

#[test]
fn abc_1_abc_2_each_field_is_there_once() {
    let world = World::new();
    let (attestation, pop) = (world.attestation(&[]), world.pop(&[]));
    let server = world.builder().build();
    let judge = |fields: &[(&str, &str)]| judge_with(&server, &world.registry, &[], fields, NOW);
    let one = ("oauth-client-attestation", &*attestation);
    let proof = ("oauth-client-attestation-pop", &*pop);
    for (fields, code, rule) in [
        (vec![proof], "no_attestation", "ABC-1"),
        (vec![one, one, proof], "several_attestations", "ABC-1"),
        (vec![one, proof, proof], "several_proofs", "ABC-2"),
        (vec![one], "no_proof", "ABC-3"),
        (vec![("oauth-client-attestation", ""), proof], "malformed", "ABC-1"),
        (vec![("oauth-client-attestation", "\u{fc}"), proof], "malformed", "ABC-1"),
        (
            vec![("oauth-client-attestation", &*format!("{attestation}, {attestation}")), proof],
            "malformed",
            "ABC-1",
        ),
        (vec![one, ("oauth-client-attestation-pop", "")], "pop_malformed", "ABC-2"),
        (vec![one, ("oauth-client-attestation-pop", &*format!("{pop}=="))], "pop_malformed", "JO-B64-02"),
    ] {
        let refused = judge(&fields);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClientAttestation);
        assert_refused!(refused, code, rule, "{fields:?}");
    }
    assert!(judge(&[one, proof]).is_ok());
}

#[test]
fn abc_4_cja_6_the_client_has_to_know_its_attester() {
    let mut world = World::new();
    let (attestation, pop) = (world.attestation(&[]), world.pop(&[]));
    let server = world.builder().build();
    let with = |client_id: &str| {
        let fields = [("OAuth-Client-Attestation", &*attestation), ("OAuth-Client-Attestation-PoP", &*pop)];
        judge_with(&server, &world.registry, &[("client_id", client_id)], &fields, NOW)
    };
    assert_refused!(with("https://client.example.com/"), "client_id_mismatch", "ABC-4");
    assert_refused!(with("other"), "client_id_mismatch", "ABC-4");
    with(CLIENT).unwrap();
    // One attester vouches for nobody's clients but its own.
    let own = std::mem::take(&mut world.registry);
    let others = RegisteredMethod::Attestation(ClientAttesters::new("other").or("third"));
    world.registry = Registry::default().client(RegisteredClient::new(CLIENT, others));
    assert_refused!(world.judge(&attestation, &pop), "strange_attester", "ABC-1");
    for registry in [
        Registry::default().client(RegisteredClient::public(CLIENT)),
        Registry::with_key(CLIENT, &world.instance),
        Registry::default(),
    ] {
        world.registry = registry;
        let refused = world.judge(&attestation, &pop).unwrap_err();
        assert_eq!((refused.error_code(), refused.rule()), (ErrorCode::InvalidClient, "CJA-6"));
    }
    // Who is no client takes no room.
    world.registry = own;
    let server = world.builder().build();
    let stranger = world.attestation(&[("sub", r#""nobody""#)]);
    assert_refused!(world.judge_at(&server, &stranger, Some(&pop), NOW), "unknown_client", "CJA-6");
    assert!(world.judge_at(&server, &attestation, Some(&pop), NOW).is_ok());
    // Two attesters with one name for their keys: which of them, the token has to say.
    let second = key();
    let both = world.builder().attester(TrustedAttester::new("second", keys(&second, "a"))).build();
    assert_refused!(world.judge_at(&both, &attestation, Some(&pop), NOW), "unknown_attester", "ABC-1");
    let named = world.attestation(&[("iss", r#""attester""#)]);
    assert!(world.judge_at(&both, &named, Some(&pop), NOW).is_ok());
    // An attester with another algorithm than it is known by.
    let only = TrustedAttester::new("attester", keys(&world.attester, "a"));
    assert_eq!(only.name(), "attester");
    let only = only.with_algorithms(AlgorithmSet::of(&[Algorithm::Ed25519]));
    let server = authenticator().attester(only).build();
    assert_refused!(world.judge_at(&server, &attestation, Some(&pop), NOW), "unsupported_alg", "ABC-1");
}

#[test]
fn abc_6_a_proof_counts_once() {
    let world = World::new();
    let server = world.builder().build();
    let attestation = world.attestation(&[]);
    let judge = |pop: &str, now| world.judge_at(&server, &attestation, Some(pop), now);
    let pop = world.pop(&[]);
    judge(&pop, NOW).unwrap();
    assert_refused!(judge(&pop, NOW), "replay", "ABC-6");
    assert_refused!(judge(&pop, NOW + Duration::from_secs(60)), "replay", "ABC-6");
    assert_refused!(judge(&pop, NOW + Duration::from_secs(61)), "pop_too_old", "ABC-6");
    judge(&world.pop(&[("jti", r#""p-2""#)]), NOW).unwrap();
    let full = ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(0), backend::ring())
        .attester(TrustedAttester::new("attester", keys(&world.attester, "a")))
        .build();
    let refused = world.judge_at(&full, &attestation, Some(&pop), NOW);
    assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::TemporarilyUnavailable);
    assert_refused!(refused, "replay_store_full", "ABC-6");
    let server = world.builder().build();
    let accepted: usize = std::thread::scope(|scope| {
        let judge = || world.judge_at(&server, &attestation, Some(&pop), NOW);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(move || usize::from(judge().is_ok()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
}

fn nonces() -> SealedNonces {
    SealedNonces::new(Zeroizing::new([7; 32]), backend::ring())
}

#[test]
fn abc_5_a_server_that_gives_challenges_wants_them_back() {
    let world = World::new();
    let server = world.builder().require_attestation_challenges(nonces()).build();
    let attestation = world.attestation(&[]);
    let judge = |pop: &str| world.judge_at(&server, &attestation, Some(pop), NOW);
    let with = |challenge: &str| judge(&world.pop(&[("challenge", &format!("\"{challenge}\""))]));
    let old = nonces().current(NOW - Duration::from_secs(300));
    let stranger = SealedNonces::generate(backend::ring()).unwrap().current(NOW);
    for refused in [judge(&world.pop(&[])), with(""), with(&old), with(&stranger), with("x")] {
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::UseAttestationChallenge);
        assert_refused!(refused, "challenge_wanted", "ABC-5");
    }
    let challenge = server.attestation_challenge(NOW).unwrap();
    assert!(with(&challenge).is_ok());
    assert!(world.builder().build().attestation_challenge(NOW).is_none());
    // By the client.
    let held = ClientAttestation::from_attester(&attestation, world.instance.public_key()).unwrap();
    let unsigned = held.pop(ISSUER).with_challenge(&challenge).prepare(NOW).unwrap();
    let signature = Signer::sign(&*world.instance, SignInput::Message(unsigned.signing_input())).unwrap();
    assert!(judge(&unsigned.attach(signature.as_bytes()).unwrap()).is_ok());
}

#[test]
fn abc_5_an_attestation_is_as_fresh_as_the_server_wants_it() {
    let world = World::new();
    let server = world.builder().max_attestation_age(Duration::from_secs(600)).build();
    let judge = |iat: &str| {
        let pop = world.pop(&[("jti", &format!("\"{iat}\""))]);
        world.judge_at(&server, &world.attestation(&[("iat", iat)]), Some(&pop), NOW)
    };
    assert!(judge("1789999370").is_ok());
    for stale in ["1789999369", ""] {
        let refused = judge(stale);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::UseFreshAttestation);
        assert_refused!(refused, "stale", "ABC-5");
    }
}

/// A proof of this key at the token endpoint.
async fn dpop(key: &Arc<SoftwareKey>, nonce: Option<&str>) -> VerifiedDpopProof {
    let target: DpopTarget = "https://as.example/token".parse().unwrap();
    let prover = DpopProver::new(key.clone()).unwrap();
    let mut proof = prover.proof("POST", &target);
    if let Some(nonce) = nonce {
        proof = proof.with_nonce(nonce);
    }
    let proof = proof.sign(NOW).await.unwrap();
    let verifier = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring()).build();
    verifier.verify([proof], &DpopRequest::new("POST", &target), NOW).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn abc_3_a_dpop_proof_by_the_same_key_stands_for_both() {
    let world = World::new();
    let server = world.builder().build();
    let attestation = world.attestation(&[]);
    let proof = dpop(&world.instance, None).await;
    let client = world.judge_dpop(&server, &attestation, &proof).unwrap();
    assert_eq!((client.client_id(), client.proof()), (CLIENT, ClientProof::AttestationDpop));
    assert_eq!(client.binding(), Some(&TokenBinding::Key(*proof.thumbprint())));
    // Also where the attestation does not name the algorithm.
    let jwk = Jwk::new(world.instance.public_key().clone()).to_json().replace(r#""alg":"ES256","#, "");
    let nameless = world.attestation(&[("cnf", &format!(r#"{{"jwk":{jwk}}}"#))]);
    assert!(world.judge_dpop(&server, &nameless, &proof).is_ok());
    let ed25519 = Arc::new(SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).unwrap());
    for other in [dpop(&Arc::new(key()), None).await, dpop(&ed25519, None).await] {
        for attestation in [&attestation, &nameless] {
            let refused = world.judge_dpop(&server, attestation, &other);
            assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClientAttestation);
            assert_refused!(refused, "dpop_key_mismatch", "ABC-3");
        }
    }
    // The challenge is its nonce.
    let server = world.builder().require_attestation_challenges(nonces()).build();
    let challenge = nonces().current(NOW);
    assert!(world.judge_dpop(&server, &attestation, &dpop(&world.instance, Some(&challenge)).await).is_ok());
    for nonce in [None, Some("x")] {
        let refused = world.judge_dpop(&server, &attestation, &dpop(&world.instance, nonce).await);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::UseAttestationChallenge);
        assert_refused!(refused, "challenge_wanted", "ABC-5");
    }
    // Beside a proof of its own, it is about something else, and may be by any key.
    let (form, other) = (form(&[]), dpop(&Arc::new(key()), None).await);
    let pop = world.pop(&[("challenge", &format!("\"{challenge}\""))]);
    let fields = [("OAuth-Client-Attestation", &*attestation), ("OAuth-Client-Attestation-PoP", &*pop)];
    let presented = PresentedClient::read(&form, lines(&fields)).unwrap().with_dpop_proof(&other);
    let registered = world.registry.find(presented.lookup());
    let client = server.authenticate(presented, registered, NOW).unwrap();
    assert_eq!(client.proof(), ClientProof::AttestationPop);
    // A bad one of its own is not saved by a good one of the other kind.
    let forged = forged(&pop);
    let fields = [("OAuth-Client-Attestation", &*attestation), ("OAuth-Client-Attestation-PoP", &*forged)];
    let own = dpop(&world.instance, Some(&challenge)).await;
    let presented = PresentedClient::read(&form, lines(&fields)).unwrap().with_dpop_proof(&own);
    let registered = world.registry.find(presented.lookup());
    assert_refused!(server.authenticate(presented, registered, NOW), "pop_bad_signature", "ABC-2");
}

#[tokio::test(flavor = "current_thread")]
async fn abc_2_abc_3_a_resource_server_verifies_attestations_for_itself() {
    let world = World::new();
    let tool = tool();
    let attester = TrustedAttester::new("attester", keys(&world.attester, "a"));
    let replay = ReplayMemory::with_capacity(10);
    let verifier = AttestationVerifier::builder(tool.as_str(), attester.clone(), replay, backend::ring())
        .trust(TrustedAttester::new("second", keys(&key(), "b")))
        .require_challenges(nonces())
        .algorithms(AlgorithmSet::of(&[Algorithm::Es256]))
        .max_age(Duration::from_secs(3600))
        .leeway(Duration::from_secs(10))
        .build();
    let token = world.attestation(&[("level", "\"high\"")]);
    let held = ClientAttestation::from_attester(&token, world.instance.public_key()).unwrap();
    let challenge = verifier.challenge(NOW).unwrap();
    let judge = |pop: Option<&str>, dpop: Option<&VerifiedDpopProof>| {
        let fields: Vec<_> = std::iter::once(("oauth-client-attestation", &*token))
            .chain(pop.map(|pop| ("oauth-client-attestation-pop", pop)))
            .collect();
        let presented = PresentedAttestation::read(lines(&fields)).unwrap().unwrap();
        assert_eq!(presented.client_id(), CLIENT);
        verifier.verify(presented, dpop, NOW)
    };
    let pop = held.pop(tool.as_str()).with_challenge(&challenge).sign(&*world.instance, NOW).await.unwrap();
    let found = judge(Some(&pop), None).unwrap();
    assert_eq!((&*found.client_id(), found.attester()), (CLIENT, "attester"));
    assert_eq!((found.proof(), found.key()), (AttestationProof::Pop, world.instance.public_key()));
    assert_eq!(found.thumbprint(), &Thumbprint::of(world.instance.public_key()));
    assert_eq!(
        (found.issued_at(), found.not_after()),
        (Some(UnixTime::from_secs(1_789_999_000)), held.not_after())
    );
    assert!(found.claims().get("level").unwrap().is_str("high"));
    assert!(!format!("{found:?}").contains("high"));
    assert_refused!(judge(Some(&pop), None), "replay", "ABC-6");
    let for_server = held.pop(ISSUER).with_challenge(&challenge).sign(&*world.instance, NOW).await.unwrap();
    assert_refused!(judge(Some(&for_server), None), "pop_audience_mismatch", "ABC-2");
    assert_refused!(judge(None, None), "no_proof", "ABC-3");
    let proof = dpop(&world.instance, Some(&challenge)).await;
    assert_eq!(judge(None, Some(&proof)).unwrap().proof(), AttestationProof::Dpop);
    assert!(PresentedAttestation::read([]).unwrap().is_none());
    let fields = [("Authorization", "Bearer x"), ("oauth-client-attestation", &*pop)];
    assert_refused!(PresentedAttestation::read(lines(&fields)), "wrong_type", "ABC-1");
}

#[test]
fn azr_10_an_instance_that_was_cut_off_is_no_client() {
    let world = World::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let server = world.builder().marks(Arc::clone(&marks)).build();
    let judge = |iat: &str, id: &str| {
        let pop = world.pop(&[("jti", &format!("\"{id}\""))]);
        world.judge_at(&server, &world.attestation(&[("iat", iat)]), Some(&pop), NOW)
    };
    judge("1789999000", "1").unwrap();
    let instance = Thumbprint::of(world.instance.public_key());
    // What was vouched for before; what does not say when is of before.
    marks.add(&MarkKey::Key(&instance), Mark::not_before(UnixTime::from_secs(1_789_999_000))).unwrap();
    assert_refused!(judge("1789999000", "2"), "superseded", "AIMS-55");
    assert_refused!(judge("", "3"), "superseded", "AIMS-55");
    judge("1789999100", "4").unwrap();
    marks.add(&MarkKey::Client { issuer: ISSUER, client: CLIENT }, Mark::dead()).unwrap();
    assert_refused!(judge("1789999100", "5"), "revoked", "AIMS-55");
}
