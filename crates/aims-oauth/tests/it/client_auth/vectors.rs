//! What others, and we ourselves, have written down.

use aims_credential::{BundleSet, TrustBundle};
use aims_jose::{JwkSet, Limits, UnverifiedJws, json};
use aims_keys::{Algorithm, AlgorithmSet, UnixTime, backend};
use aims_oauth::{
    AttestationVerifier, ClientAttesters, ClientAuthenticator, ClientKeys, ErrorCode, Issuer,
    PresentedAttestation, RegisteredClient, RegisteredMethod, SpiffeProof, TrustedAttester,
};
use aims_proof::ReplayMemory;
use aims_testkit::{assert_refused, vectors};

use super::support::*;

fn bundle(trust_domain: &str, document: &serde_json::Value) -> TrustBundle {
    let origin = format!("spiffe://{trust_domain}").parse().unwrap();
    TrustBundle::from_spiffe(origin, &document.to_string(), backend::ring()).unwrap()
}

#[test]
fn cja_1_cja_2_cja_3_cja_4_cja_5_spc_1_spc_2_spc_3_osc_2_every_case_is_judged_as_it_says() {
    let Some(file) = vectors::json("oauth/generated/client-assertion-cases.json") else { return };
    let issuer: Issuer = file["issuer"].as_str().unwrap().parse().unwrap();
    let now = UnixTime::from_secs(file["now"].as_u64().unwrap());
    let keys = JwkSet::parse(&file["clients"]["client-1"].to_string(), backend::ring()).unwrap();
    let keys = RegisteredMethod::PrivateKeyJwt(ClientKeys::new(keys));
    let registry = Registry::default()
        .client(RegisteredClient::new("client-1", keys))
        .workloads(file["spiffe_patterns"][0].as_str().unwrap(), SpiffeProof::JwtSvid);
    let bundles = BundleSet::from(bundle("a.example", &file["spiffe_bundles"]["a.example"]));
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 28);
    let mut refused = 0;
    for case in cases {
        let text = |name: &str| case[name].as_str();
        let name = text("name").unwrap();
        let replay = ReplayMemory::with_capacity(10);
        let server = ClientAuthenticator::builder(issuer.clone(), replay, backend::ring())
            .bundles(bundles.clone())
            .build();
        let mut parameters = assertion(text("type").unwrap(), text("assertion").unwrap()).to_vec();
        parameters.extend(text("client_id").map(|id| ("client_id", id)));
        let judged = judge(&server, &registry, &parameters, now);
        if text("expect") == Some("accept") {
            let client = judged.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let expected = if name.starts_with("svid") {
                ("spiffe://a.example/agents/planner", "spiffe_jwt")
            } else {
                ("client-1", "private_key_jwt")
            };
            assert_eq!((client.client_id(), client.proof().as_str()), expected);
            continue;
        }
        refused += 1;
        let (code, rule) = REFUSED.iter().find(|(known, _)| *known == name).expect(name).1;
        let told = judged.as_ref().unwrap_err().error_code();
        assert_eq!((told, told.as_str()), (ErrorCode::InvalidClient, text("expect").unwrap()), "{name}");
        assert_refused!(judged, code, rule, "{name}");
    }
    assert_eq!(refused, REFUSED.len());
}

/// Why each of the cases is refused.
const REFUSED: [(&str, (&str, &str)); 21] = [
    ("aud-token-endpoint", ("audience_mismatch", "CJA-3")),
    ("aud-two", ("multiple_audiences", "CJA-3")),
    ("aud-trailing-slash", ("audience_mismatch", "CJA-3")),
    ("iss-not-sub", ("issuer_mismatch", "CJA-2")),
    ("client_id-parameter-differs", ("client_id_mismatch", "CJA-1")),
    ("typ-at", ("wrong_type", "CJA-4")),
    ("typ-dpop", ("wrong_type", "CJA-4")),
    ("expired", ("expired", "CJA-2")),
    ("life-too-long", ("lifetime_too_long", "CJA-2")),
    ("jti-missing", ("malformed", "CJA-2")),
    ("other-key", ("bad_signature", "CJA-5")),
    ("unknown-client", ("unknown_client", "CJA-6")),
    ("svid-aud-token-endpoint", ("audience_mismatch", "JS-7")),
    ("svid-aud-two", ("multiple_audiences", "JS-7")),
    ("svid-as-jwt-bearer", ("malformed", "CJA-2")),
    ("svid-foreign-domain", ("unknown_trust_domain", "JS-11")),
    ("svid-unregistered-path", ("unknown_client", "SPC-3")),
    ("svid-prefix-trick", ("unknown_client", "SPC-3")),
    ("svid-wrong-key", ("bad_signature", "JS-11")),
    ("svid-iss-discovery-bait", ("unknown_key", "JS-11")),
    ("svid-not-a-spiffe-id", ("bad_subject", "JS-6")),
];

#[test]
fn cja_2_the_assertion_of_the_rfc_verifies_and_lacks_what_is_demanded_here() {
    let Some(file) = vectors::json("oauth/par-rfc9126.json") else { return };
    let set = format!(r#"{{"keys":[{}]}}"#, file["jwk"]);
    let keys = JwkSet::parse_as(&set, Algorithm::Rs256, backend::ring()).unwrap();
    let rs256 = AlgorithmSet::of(&[Algorithm::Rs256]);
    let client = ClientKeys::new(keys.clone()).with_algorithms(rs256);
    let client = RegisteredClient::new("s6BhdRkqt3", RegisteredMethod::PrivateKeyJwt(client));
    let registry = Registry::default().client(client);
    let now = UnixTime::from_secs(1_625_869_600);
    let server = "https://server.example.com".parse().unwrap();
    let server =
        ClientAuthenticator::builder(server, ReplayMemory::with_capacity(10), backend::ring()).build();
    for jwt in file["jwts"].as_array().unwrap() {
        let token = jwt["jwt"].as_str().unwrap();
        let jws = UnverifiedJws::parse(token, &Limits::new()).unwrap();
        let key = keys.find_for(jws.header()).unwrap();
        let payload = jws.verify(key.public_key(), rs256).unwrap().into_parts().1;
        let read = json::Object::parse(payload, &json::Limits::new()).unwrap();
        assert!(read.get("aud").unwrap().is_str("https://server.example.com"));
        // No `jti`; and a request object has no `sub` either.
        assert_refused!(
            judge(&server, &registry, &assertion(JWT_BEARER, token), now),
            "malformed",
            "CJA-2",
            "{}",
            jwt["kind"]
        );
    }
}

#[test]
fn spc_1_spc_2_osc_2_the_examples_of_the_drafts_are_refused() {
    let (Some(older), Some(newer), Some(keys)) = (
        vectors::json("oauth/spiffe-client-auth.json"),
        vectors::json("spiffe/oauth-jwt-svid-example.json"),
        vectors::json("spiffe/oauth-bundle-example.json"),
    ) else {
        return;
    };
    let bundles = BundleSet::from(bundle("example.org", &older["bundle"]));
    let registry = Registry::default().workloads("spiffe://example.org/*", SpiffeProof::JwtSvid);
    let server = |bundles: BundleSet, issuer: &str| {
        let replay = ReplayMemory::with_capacity(10);
        ClientAuthenticator::builder(issuer.parse().unwrap(), replay, backend::ring())
            .bundles(bundles)
            .build()
    };
    let now = UnixTime::from_secs(1_747_124_300);
    let token = older["jwt_svid"]["jwt"].as_str().unwrap();
    // Its key is not in the bundle.
    let judged =
        judge(&server(bundles, "https://as.example.com"), &registry, &assertion(JWT_SPIFFE, token), now);
    assert_refused!(judged, "unknown_key", "JS-11");
    // That of the newer draft was edited without being signed again: whoever has the key that it names finds that out.
    let token = newer["token"].as_str().unwrap();
    let kid = "4vC8agycHu6rnkEEJYAH6VuCe4JoSkPV";
    let mut renamed = keys.clone();
    renamed["keys"][1]["kid"] = kid.into();
    let bundles = BundleSet::from(bundle("example.org", &renamed));
    let judged =
        judge(&server(bundles, "https://as.example.com/"), &registry, &assertion(JWT_SPIFFE, token), now);
    assert_refused!(judged, "bad_signature", "JS-11");
}

fn fields<'a>(attestation: &'a str, proof: &'a str) -> [(&'a str, &'a str); 2] {
    [("OAuth-Client-Attestation", attestation), ("OAUTH-CLIENT-ATTESTATION-POP", proof)]
}

#[test]
fn abc_1_abc_2_abc_4_the_proofs_of_the_draft_verify_for_their_servers() {
    let Some(file) = vectors::json("oauth/client-attestation.json") else { return };
    let now = UnixTime::from_secs(1_772_487_595);
    let example = file["client_attestation"]["jwt"].as_str().unwrap();
    let key = key();
    // Its attester's key is not known; ours signs the same.
    let ours = sign(
        r#"{"typ":"oauth-client-attestation+jwt","alg":"ES256","kid":"11"}"#,
        &file["client_attestation"]["payload"].to_string(),
        &key,
    );
    let attester = || TrustedAttester::new("attester", keys(&key, "11"));
    let attesters = RegisteredMethod::Attestation(ClientAttesters::new("attester"));
    let registry = Registry::default().client(RegisteredClient::new("https://client.example.com", attesters));
    let [for_server, for_resource] = [0, 1].map(|at| file["pop"][at]["jwt"].as_str().unwrap().to_owned());

    let issuer = || "https://as.example.com".parse().unwrap();
    let server = || {
        ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(10), backend::ring())
            .attester(attester())
            .build()
    };
    let judged = judge_with(&server(), &registry, &[], &fields(&ours, &for_server), now).unwrap();
    assert_eq!(judged.client_id(), "https://client.example.com");
    assert_eq!(judged.proof().as_str(), "attest_jwt_client_auth");
    let judged = judge_with(&server(), &registry, &[], &fields(example, &for_server), now);
    assert_refused!(judged, "bad_signature", "ABC-1");
    let judged = judge_with(&server(), &registry, &[], &fields(&ours, &for_resource), now);
    assert_refused!(judged, "pop_audience_mismatch", "ABC-2");
    let other = [("client_id", "https://client.example.com/")];
    let judged = judge_with(&server(), &registry, &other, &fields(&ours, &for_server), now);
    assert_refused!(judged, "client_id_mismatch", "ABC-4");

    let resource = AttestationVerifier::builder(
        "https://rs.example.com",
        attester(),
        ReplayMemory::with_capacity(10),
        backend::ring(),
    )
    .build();
    let read = |proof: &str| {
        let fields = fields(&ours, proof);
        let presented = PresentedAttestation::read(lines(&fields)).unwrap().unwrap();
        resource.verify(presented, None, now)
    };
    assert_eq!(read(&for_resource).unwrap().attester(), "attester");
    assert_refused!(read(&for_server), "pop_audience_mismatch", "ABC-2");
}
