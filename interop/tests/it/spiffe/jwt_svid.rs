//! JWT-SVIDs. `spiffe` issues none, so josekit signs what we do not issue.

use std::sync::Arc;

use aims_credential::{BundleSet, JwtSvidIssuer, JwtSvidVerifier, TrustBundle};
use aims_jose::{Jwk, JwkSet, PrivateJwk};
use aims_keys::{Algorithm, SoftwareKey, backend};
use josekit::jwk::Jwk as OtherJwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ed::EdCurve;
use josekit::jws::{self, ES256, ES384, EdDSA, JwsHeader, PS256};
use serde_json::{Value, json};
use spiffe::{JwtBundle, JwtBundleSet, JwtSvid};

use crate::support::now;

const AGENT: &str = "spiffe://acme.example/agents/travel";
const TOOL: &str = "https://tools.example";

/// One key, in both libraries, and what both trust.
struct World {
    algorithm: Algorithm,
    other: OtherJwk,
    ours: Arc<SoftwareKey>,
    theirs: JwtBundleSet,
    verifier: JwtSvidVerifier,
}

impl World {
    fn new(algorithm: Algorithm) -> Self {
        let mut other = match algorithm {
            Algorithm::Es256 => OtherJwk::generate_ec_key(EcCurve::P256),
            Algorithm::Es384 => OtherJwk::generate_ec_key(EcCurve::P384),
            Algorithm::Ps256 => OtherJwk::generate_rsa_key(2048),
            _ => OtherJwk::generate_ed_key(EdCurve::Ed25519),
        }
        .unwrap();
        other.set_algorithm(algorithm.name());
        let ours = PrivateJwk::parse(&serde_json::to_string(&other).unwrap()).unwrap();
        let ours = Arc::new(ours.load(backend::ring()).unwrap());
        let named = Jwk::new(ours.public_key().clone()).with_key_id("k").unwrap();
        let bundle = TrustBundle::new("spiffe://acme.example".parse().unwrap(), JwkSet::default())
            .with_jwt_keys(JwkSet::new(vec![named]).unwrap());
        let document = bundle.to_spiffe_json().unwrap();
        let mut theirs = JwtBundleSet::new();
        theirs.add_bundle(
            JwtBundle::from_jwt_authorities("acme.example".try_into().unwrap(), document.as_bytes()).unwrap(),
        );
        let verifier = JwtSvidVerifier::builder(BundleSet::from(bundle), TOOL).build();
        Self { algorithm, other, ours, theirs, verifier }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let header = JwsHeader::from_map(header.as_object().unwrap().clone()).unwrap();
        let payload = claims.to_string();
        let payload = payload.as_bytes();
        match self.algorithm {
            Algorithm::Es256 => {
                jws::serialize_compact(payload, &header, &ES256.signer_from_jwk(&self.other).unwrap())
            }
            Algorithm::Es384 => {
                jws::serialize_compact(payload, &header, &ES384.signer_from_jwk(&self.other).unwrap())
            }
            Algorithm::Ps256 => {
                jws::serialize_compact(payload, &header, &PS256.signer_from_jwk(&self.other).unwrap())
            }
            _ => jws::serialize_compact(payload, &header, &EdDSA.signer_from_jwk(&self.other).unwrap()),
        }
        .unwrap()
    }

    fn spiffe_accepts(&self, token: &str) -> bool {
        JwtSvid::parse_and_validate(token, &self.theirs, &[TOOL]).is_ok()
    }

    fn our_refusal(&self, token: &str) -> Option<(&'static str, &'static str)> {
        self.verifier.verify(token, now()).err().map(|error| (error.code(), error.rule()))
    }
}

/// JS-1 to JS-11: what we issue.
#[test]
fn spiffe_verifies_our_tokens() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256] {
        let world = World::new(algorithm);
        let issuer = JwtSvidIssuer::new("acme.example".parse().unwrap(), world.ours.clone(), "k").unwrap();
        let token = issuer.issue(&AGENT.parse().unwrap(), TOOL, now()).unwrap();
        let svid = JwtSvid::parse_and_validate(&token, &world.theirs, &[TOOL]).unwrap();
        assert_eq!((svid.spiffe_id().to_string().as_str(), svid.key_id()), (AGENT, "k"));
        assert!(JwtSvid::parse_and_validate(&token, &world.theirs, &["https://other.example"]).is_err());
        let other = World::new(algorithm);
        assert!(!other.spiffe_accepts(&token), "{algorithm}: another key");
        assert_eq!(world.our_refusal(&token), None);
        assert_eq!(other.our_refusal(&token), Some(("bad_signature", "JS-11")));
    }
}

/// Name, header, claims; whether `spiffe` accepts; code and rule of our refusal.
type Case = (&'static str, Value, Value, bool, Option<(&'static str, &'static str)>);

#[test]
fn both_verify_the_same_tokens_except_where_the_table_says_so() {
    let world = World::new(Algorithm::Es256);
    for (name, header, claims, spiffe_accepts, we_refuse) in cases(now().as_secs()) {
        let token = world.sign(&header, &claims);
        let theirs = JwtSvid::parse_and_validate(&token, &world.theirs, &[TOOL]);
        assert_eq!(theirs.is_ok(), spiffe_accepts, "{name}: {:?}", theirs.err());
        assert_eq!(world.our_refusal(&token), we_refuse, "{name}");
    }
}

fn cases(now: u64) -> Vec<Case> {
    let header = json!({"alg": "ES256", "kid": "k", "typ": "JWT"});
    let claims = json!({"sub": AGENT, "aud": [TOOL], "exp": now + 300, "iat": now});
    let with = |base: &Value, name: &str, value: Value| {
        let mut changed = base.clone();
        changed[name] = value;
        changed
    };
    let without = |base: &Value, name: &str| {
        let mut changed = base.clone();
        changed.as_object_mut().unwrap().remove(name);
        changed
    };
    vec![
        ("as it should be", header.clone(), claims.clone(), true, None),
        ("without typ", without(&header, "typ"), claims.clone(), true, None),
        ("typ JOSE", with(&header, "typ", json!("JOSE")), claims.clone(), true, None),
        ("one audience as text", header.clone(), with(&claims, "aud", json!(TOOL)), true, None),
        ("two audiences", header.clone(), with(&claims, "aud", json!([TOOL, "x"])), true, None),
        ("without iat", header.clone(), without(&claims, "iat"), true, None),
        // We accept: `kid` is optional, and one key fits (JS-4).
        ("without kid", without(&header, "kid"), claims.clone(), false, None),
        // We accept: clocks may differ by a minute (JS-8).
        ("ended just now", header.clone(), with(&claims, "exp", json!(now - 2)), false, None),
        // We refuse what `spiffe` accepts.
        (
            "issued in the future",
            header.clone(),
            with(&claims, "iat", json!(now + 3600)),
            true,
            Some(("not_yet_valid", "JS-9")),
        ),
        (
            "a trust domain",
            header.clone(),
            with(&claims, "sub", json!("spiffe://acme.example")),
            true,
            Some(("bad_subject", "JS-6")),
        ),
        // Both refuse.
        ("typ jwt", with(&header, "typ", json!("jwt")), claims.clone(), false, Some(("wrong_type", "JS-5"))),
        (
            "a WIT",
            with(&header, "typ", json!("wit+jwt")),
            claims.clone(),
            false,
            Some(("wrong_type", "JS-5")),
        ),
        (
            "another header member",
            with(&header, "cty", json!("x")),
            claims.clone(),
            false,
            Some(("header_member", "JS-2")),
        ),
        (
            "another audience",
            header.clone(),
            with(&claims, "aud", json!(["x"])),
            false,
            Some(("audience_mismatch", "JS-7")),
        ),
        (
            "without audience",
            header.clone(),
            without(&claims, "aud"),
            false,
            Some(("audience_missing", "JS-7")),
        ),
        ("ended", header.clone(), with(&claims, "exp", json!(now - 3600)), false, Some(("expired", "JS-8"))),
        ("without end", header.clone(), without(&claims, "exp"), false, Some(("malformed", "JS-8"))),
        (
            "not begun",
            header.clone(),
            with(&claims, "nbf", json!(now + 3600)),
            false,
            Some(("not_yet_valid", "JS-9")),
        ),
        (
            "no identifier",
            header.clone(),
            with(&claims, "sub", json!("travel")),
            false,
            Some(("bad_subject", "JS-6")),
        ),
        (
            "another trust domain",
            header.clone(),
            with(&claims, "sub", json!("spiffe://other.example/a")),
            false,
            Some(("unknown_trust_domain", "JS-11")),
        ),
        (
            "another key",
            with(&header, "kid", json!("other")),
            claims.clone(),
            false,
            Some(("unknown_key", "JS-11")),
        ),
    ]
}
