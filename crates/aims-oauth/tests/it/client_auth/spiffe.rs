//! JWT-SVIDs, and which workloads are clients.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{
    BundleSet, JwtSvid, JwtSvidIssuer, JwtSvidRequest, Mark, MarkKey, MarkTable, TrustBundle,
};
use aims_jose::JwkSet;
use aims_keys::{SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AuthenticatedClient, ClientAssertion, ClientAuthError, ClientAuthenticator, ClientProof, ErrorCode,
    NewParameters, Parameters, PresentedClient, RegisteredClient, RegisteredMethod, SpiffeClientId,
    SpiffeProof, SpiffeRegistration, SvidReplay,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;

use super::support::*;
use crate::world::*;

const HEADER: &str = r#"{"alg":"ES256","kid":"j"}"#;

struct World {
    key: Arc<SoftwareKey>,
    bundles: BundleSet,
    registry: Registry,
}

impl World {
    fn new() -> Self {
        let key = Arc::new(key());
        let bundle = TrustBundle::new("spiffe://acme.example".parse().unwrap(), JwkSet::default());
        let bundles = BundleSet::from(bundle.with_jwt_keys(keys(&key, "j")));
        let registry = Registry::default().workloads("spiffe://acme.example/agents/*", SpiffeProof::JwtSvid);
        Self { key, bundles, registry }
    }

    fn server(&self) -> ClientAuthenticator {
        authenticator().bundles(self.bundles.clone()).build()
    }

    fn svid(&self, subject: &str) -> String {
        let issuer = JwtSvidIssuer::new("acme.example".parse().unwrap(), self.key.clone(), "j").unwrap();
        issuer.issue(&subject.parse().unwrap(), ISSUER, NOW).unwrap()
    }

    fn judge(&self, token: &str, more: &[(&str, &str)]) -> Result<AuthenticatedClient, ClientAuthError> {
        let parameters = [&assertion(JWT_SPIFFE, token)[..], more].concat();
        judge(&self.server(), &self.registry, &parameters, NOW)
    }
}

#[test]
fn osc_1_osc_2_spc_1_spc_3_js_12_a_workload_is_a_client_by_its_svid() {
    let world = World::new();
    let token = world.svid(AGENT);
    let client = world.judge(&token, &[]).unwrap();
    assert_eq!((client.client_id(), client.proof()), (AGENT, ClientProof::JwtSvid));
    assert_eq!(client.agent().unwrap().as_str(), AGENT);
    // Whoever has it can show it.
    assert!(!client.proof().shows_possession() && client.binding().is_none());
    assert_eq!(client.not_after(), Some(JwtSvid::from_issuer(&token).unwrap().not_after()));
    // By the side that sends it.
    let mut form = NewParameters::new();
    ClientAssertion::from_svid(&JwtSvid::from_issuer(&token).unwrap()).add_to(&mut form);
    let form = Parameters::parse(form.as_str().as_bytes()).unwrap();
    let presented = PresentedClient::read(&form, []).unwrap();
    let registered = world.registry.find(presented.lookup());
    assert!(world.server().authenticate(presented, registered, NOW).is_ok());
}

#[test]
fn osc_2_osc_3_the_parameter_is_what_the_client_is_called() {
    let mut world = World::new();
    let token = world.svid(AGENT);
    assert_eq!(world.judge(&token, &[("client_id", AGENT)]).unwrap().client_id(), AGENT);
    for other in ["travel", "spiffe://acme.example/agents/other", "https://client.example/meta"] {
        assert_refused!(world.judge(&token, &[("client_id", other)]), "unknown_client", "SPC-3", "{other}");
    }
    // Under a name of its own, such as the URL of its metadata.
    let registration =
        SpiffeRegistration::new("spiffe://acme.example/agents/*".parse().unwrap(), SpiffeProof::JwtSvid);
    let named = RegisteredClient::new("https://client.example/meta", RegisteredMethod::Spiffe(registration));
    world.registry = Registry::default().client(named.clone());
    let by_name = [("client_id", "https://client.example/meta")];
    let client = world.judge(&token, &by_name).unwrap();
    assert_eq!(client.client_id(), "https://client.example/meta");
    assert_eq!(client.agent().unwrap().as_str(), AGENT);
    assert_refused!(
        world.judge(&world.svid("spiffe://acme.example/tools/x"), &by_name),
        "unknown_client",
        "SPC-3"
    );
    // A registry that finds a client by another name than it was asked for does not rename it.
    for other in ["https://client.example/meta/", "https://client.example"] {
        let form = form(&[&assertion(JWT_SPIFFE, &token)[..], &[("client_id", other)]].concat());
        let presented = PresentedClient::read(&form, []).unwrap();
        let judged = world.server().authenticate(presented, Some(&named), NOW);
        assert_eq!(judged.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient);
        assert_refused!(judged, "client_id_mismatch", "OSC-2", "{other}");
    }
}

#[test]
fn osc_2_spc_2_osc_9_osc_11_osc_12_the_keys_are_those_of_the_trust_domain() {
    let world = World::new();
    let stranger = key();
    let usual = [
        ("sub", r#""spiffe://acme.example/agents/travel""#),
        ("aud", r#""https://as.example""#),
        ("exp", "1790000300"),
    ];
    let token = |header: &str, of: &[(&str, &str)], key: &SoftwareKey| sign(header, &claims(&usual, of), key);
    assert!(world.judge(&token(HEADER, &[], &world.key), &[]).is_ok());
    for (token, code, rule) in [
        (token(HEADER, &[], &stranger), "bad_signature", "JS-11"),
        (token(r#"{"alg":"ES256","kid":"x"}"#, &[], &stranger), "unknown_key", "JS-11"),
        // Nothing is fetched, whoever is named.
        (
            token(r#"{"alg":"ES256","kid":"x"}"#, &[("iss", r#""https://as.example""#)], &stranger),
            "unknown_key",
            "JS-11",
        ),
        (
            token(r#"{"alg":"ES256","kid":"j","jku":"https://evil.example"}"#, &[], &stranger),
            "header_member",
            "JS-2",
        ),
        (token(r#"{"alg":"HS256","kid":"j"}"#, &[], &world.key), "unsupported_alg", "JS-3"),
        (
            token(HEADER, &[("sub", r#""spiffe://bank.example/agents/travel""#)], &world.key),
            "unknown_trust_domain",
            "JS-11",
        ),
        (
            token(HEADER, &[("sub", r#""wimse://acme.example/agents/travel""#)], &world.key),
            "bad_subject",
            "JS-6",
        ),
        (token(HEADER, &[("sub", r#""spiffe://acme.example""#)], &world.key), "bad_subject", "JS-6"),
        (token(HEADER, &[("sub", r#""travel""#)], &world.key), "bad_subject", "JS-6"),
        (token(HEADER, &[("aud", r#""https://as.example/""#)], &world.key), "audience_mismatch", "JS-7"),
        (token(HEADER, &[("aud", r#""https://as.example/token""#)], &world.key), "audience_mismatch", "JS-7"),
        (
            token(HEADER, &[("aud", r#"["https://as.example","https://tools.example"]"#)], &world.key),
            "multiple_audiences",
            "JS-7",
        ),
        (token(HEADER, &[("aud", "")], &world.key), "audience_missing", "JS-7"),
        (token(HEADER, &[("exp", "")], &world.key), "malformed", "JS-8"),
        (token(HEADER, &[("exp", "1789999970")], &world.key), "expired", "JS-8"),
        (token(HEADER, &[("iat", "1790000031")], &world.key), "not_yet_valid", "JS-9"),
        (token(HEADER, &[("events", "{}")], &world.key), "events_claim", "SSF-14"),
        (
            token(HEADER, &[("cnf", r#"{"jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)], &world.key),
            "bad_confirmation",
            "JO-KEY-10",
        ),
    ] {
        let refused = world.judge(&token, &[]);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient);
        assert_refused!(refused, code, rule, "{token}");
    }
    // Keys of tokens of another kind are none of these.
    let bundle = TrustBundle::new("spiffe://acme.example".parse().unwrap(), keys(&world.key, "j"));
    let server = authenticator().bundles(BundleSet::from(bundle)).build();
    let token = world.svid(AGENT);
    let parameters = assertion(JWT_SPIFFE, &token);
    assert_refused!(judge(&server, &world.registry, &parameters, NOW), "unknown_key", "JS-11");
    // Without bundles, nobody is trusted.
    let server = authenticator().build();
    assert_refused!(judge(&server, &world.registry, &parameters, NOW), "not_offered", "OSC-6");
}

#[test]
fn osc_7_osc_8_spc_3_patterns_are_of_whole_segments() {
    let id = |text: &str| text.parse::<SpiffeClientId>();
    let matches = |pattern: &str, workload: &str| id(pattern).unwrap().matches(&workload.parse().unwrap());
    for (pattern, workload, expected) in [
        ("spiffe://example.org/client/*", "spiffe://example.org/client/a", true),
        ("spiffe://example.org/client/*", "spiffe://example.org/client/a/b", true),
        ("spiffe://example.org/client/*", "spiffe://example.org/client123", false),
        ("spiffe://example.org/client/*", "spiffe://example.org/client", false),
        ("spiffe://example.org/client/*", "spiffe://example.org/Client/a", false),
        ("spiffe://example.org/client/*", "spiffe://example.org.evil.example/client/a", false),
        ("spiffe://example.org/client/*", "spiffe://other.example/client/a", false),
        ("spiffe://example.org/client/*", "wimse://example.org/client/a", false),
        ("spiffe://example.org/*", "spiffe://example.org/x", true),
        ("spiffe://example.org/*", "spiffe://example.org", false),
        ("spiffe://example.org/client", "spiffe://example.org/client", true),
        ("spiffe://example.org/client", "spiffe://example.org/client/a", false),
    ] {
        assert_eq!(matches(pattern, workload), expected, "{pattern} {workload}");
        assert_eq!(id(pattern).unwrap().trust_domain(), "example.org");
        assert_eq!(
            (id(pattern).unwrap().as_str(), id(pattern).unwrap().to_string()),
            (pattern, pattern.into())
        );
    }
    for (text, code) in [
        ("", "not_spiffe"),
        ("*", "not_spiffe"),
        ("/*", "not_spiffe"),
        ("https://client.example/*", "not_spiffe"),
        ("wimse://example.org/*", "not_spiffe"),
        ("spiffe:///*", "empty_trust_domain"),
        ("spiffe://*/x", "trust_domain_char"),
        ("spiffe://example.org", "client_without_path"),
        ("spiffe://example.org/", "trailing_slash"),
        ("spiffe://example.org//*", "trailing_slash"),
        ("spiffe://example.org/a*", "segment_char"),
        ("spiffe://example.org/*/b", "segment_char"),
        ("spiffe://example.org/a/**", "segment_char"),
        ("spiffe://example.org/*/*", "segment_char"),
        ("spiffe://example.org/../*", "dot_segment"),
    ] {
        assert_refused!(id(text), code, "OSC-8", "{text}");
    }
    let long = format!("spiffe://example.org/{}/*", "a".repeat(2048 - 23));
    assert_refused!(id(&long), "id_too_long", "OSC-8");
    assert!(
        id("spiffe://example.org/client").unwrap().is_exact()
            && !id("spiffe://example.org/*").unwrap().is_exact()
    );
}

#[test]
fn osc_6_another_credential_than_the_registered_one_does_not_count() {
    let mut world = World::new();
    let token = world.svid(AGENT);
    // A bearer token in place of a certificate.
    world.registry = Registry::default().workloads("spiffe://acme.example/agents/*", SpiffeProof::X509Svid);
    assert_refused!(world.judge(&token, &[]), "unknown_client", "SPC-3");
    let either =
        SpiffeRegistration::new(AGENT.parse().unwrap(), SpiffeProof::X509Svid).or(SpiffeProof::JwtSvid);
    assert_eq!(either.ids().as_str(), AGENT);
    let client = RegisteredClient::new(AGENT, RegisteredMethod::Spiffe(either));
    world.registry = Registry::default().client(client);
    assert!(world.judge(&token, &[]).is_ok());
    // Registered with keys alone.
    world.registry = Registry::with_key(AGENT, &world.key);
    assert_refused!(world.judge(&token, &[]), "unknown_client", "SPC-3");
}

#[test]
fn spc_7_js_9_an_svid_is_shown_again_unless_that_is_forbidden() {
    let world = World::new();
    let token = world.svid(AGENT);
    let parameters = assertion(JWT_SPIFFE, &token);
    let judge =
        |server: &ClientAuthenticator, now: UnixTime| judge(server, &world.registry, &parameters, now);
    let server = world.server();
    for _ in 0..3 {
        judge(&server, NOW).unwrap();
    }
    let once = || authenticator().bundles(world.bundles.clone()).svid_replay(SvidReplay::Reject).build();
    let server = once();
    judge(&server, NOW).unwrap();
    assert_refused!(judge(&server, NOW), "replay", "SPC-7");
    let end = JwtSvid::from_issuer(&token).unwrap().not_after();
    assert_refused!(judge(&server, end + Duration::from_secs(29)), "replay", "SPC-7");
    assert_refused!(judge(&server, end + Duration::from_secs(30)), "expired", "JS-8");
    // A second signature over the same is the same; a second token of the workload is not.
    let (input, _) = token.rsplit_once('.').unwrap();
    let signature = world.key.sign(aims_keys::SignInput::Message(input.as_bytes())).unwrap();
    let again = format!("{input}.{}", aims_jose::base64url::encode(signature.as_bytes()));
    let other = super::support::judge(&server, &world.registry, &assertion(JWT_SPIFFE, &again), NOW);
    assert_refused!(other, "replay", "SPC-7");
    let next = world.svid(AGENT);
    assert!(super::support::judge(&server, &world.registry, &assertion(JWT_SPIFFE, &next), NOW).is_ok());
    // Of many threads one is the first.
    let server = once();
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| usize::from(judge(&server, NOW).is_ok()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
    // Who is no client takes no room; and without room, nobody is one.
    let full = ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(0), backend::ring())
        .bundles(world.bundles.clone())
        .svid_replay(SvidReplay::Reject)
        .build();
    let refused = judge(&full, NOW);
    assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::TemporarilyUnavailable);
    assert_refused!(refused, "replay_store_full", "SPC-7");
    let nobody = super::support::judge(&full, &Registry::default(), &parameters, NOW);
    assert_refused!(nobody, "unknown_client", "SPC-3");
}

#[test]
fn azr_10_a_workload_that_was_cut_off_is_no_client() {
    let world = World::new();
    let agent = AGENT.parse().unwrap();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let server = authenticator().bundles(world.bundles.clone()).marks(Arc::clone(&marks)).build();
    let token = world.svid(AGENT);
    let judge = || judge(&server, &world.registry, &assertion(JWT_SPIFFE, &token), NOW);
    judge().unwrap();
    marks.add(&MarkKey::Client { issuer: ISSUER, client: AGENT }, Mark::suspended()).unwrap();
    assert_refused!(judge(), "suspended", "AIMS-55");
    marks.add(&MarkKey::Agent(&agent), Mark::dead()).unwrap();
    assert_refused!(judge(), "revoked", "AIMS-55");
}

#[test]
fn spc_1_an_svid_for_others_too_is_for_nobody() {
    let world = World::new();
    let issuer = JwtSvidIssuer::new("acme.example".parse().unwrap(), world.key.clone(), "j").unwrap();
    let agent = AGENT.parse().unwrap();
    let both = JwtSvidRequest::new(&agent, ISSUER).and_audience("https://tools.example");
    let token = issuer.sign(&both, NOW).unwrap();
    assert_refused!(world.judge(&token, &[]), "multiple_audiences", "JS-7");
    let other = JwtSvidRequest::new(&agent, "https://tools.example");
    let token = issuer.sign(&other, NOW).unwrap();
    assert_refused!(world.judge(&token, &[]), "audience_mismatch", "JS-7");
}
