//! Tokens of other implementations.

use aims_credential::{TrustBundle, Wit, WitVerifier};
use aims_keys::{UnixTime, backend};
use aims_testkit::{assert_refused, vectors};
use serde_json::{Value, json};

use crate::support::{World, now, verifier};

/// Trusts `jwk`, its private members left out, for `origin`.
fn trusting(origin: &str, jwk: &Value, kid: &str) -> WitVerifier {
    let mut jwk = jwk.clone();
    jwk.as_object_mut().unwrap().remove("d");
    jwk["kid"] = json!(kid);
    let jwks = json!({"keys": [jwk]}).to_string();
    verifier(TrustBundle::from_jwks(origin.parse().unwrap(), &jwks, backend::ring()).unwrap())
}

fn time(value: &Value) -> UnixTime {
    UnixTime::from_secs(value.as_u64().unwrap())
}

#[test]
fn wit_7_wit_11_the_examples_of_the_drafts() {
    for file in ["wimse/wpt-02-example.json", "wimse/wpt-01-example.json", "wimse/wpt-01-oth-example.json"] {
        let Some(vector) = vectors::json(file) else { continue };
        let token = vector["wit"]["token"].as_str().unwrap();
        let kid = vector["wit"]["header"]["kid"].as_str().unwrap();
        let verifier = trusting("wimse://example.com", &vector["issuer_jwk"], kid);
        let wit = verifier.verify(token, time(&vector["verify_now"])).unwrap();
        let claims = &vector["wit"]["claims"];
        assert_eq!(wit.subject().as_str(), claims["sub"], "{file}");
        assert_eq!(wit.confirmation_key().algorithm().name(), claims["cnf"]["jwk"]["alg"], "{file}");
        assert_eq!(wit.token_id(), claims["jti"].as_str(), "{file}");
        // The same token elsewhere.
        let namesake = trusting("spiffe://example.com", &vector["issuer_jwk"], kid);
        assert_refused!(namesake.verify(token, now()), "unknown_trust_domain", "WIT-5", "{file}");
        assert_refused!(
            trusting("wimse://example.com", &vector["issuer_jwk"], "other").verify(token, now()),
            "unknown_key",
            "WIT-6"
        );
    }
}

#[test]
fn wit_2_the_early_type_is_refused() {
    let Some(vector) = vectors::json("wimse/legacy-s2s-typ-example.json") else { return };
    let token = vector["wit"]["token"].as_str().unwrap();
    assert_refused!(World::new().verifier().verify(token, now()), "wrong_type", "WIT-2");
    assert_refused!(Wit::from_issuer(token, backend::ring()), "wrong_type", "WIT-2");
}

#[test]
fn wit_11_a_key_without_algorithm_is_refused() {
    let Some(vector) = vectors::json("wimse/third-party-wimsey/wit/issue-basic.json") else { return };
    // The public half of the seed in the file.
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"});
    let verifier = trusting("spiffe://example.org", &jwk, vector["kid"].as_str().unwrap());
    let now = time(&vector["verify_now"]);
    assert_refused!(verifier.verify(vector["token"].as_str().unwrap(), now), "bad_confirmation", "WIT-11");
    for negative in vector["negative"].as_array().unwrap() {
        let token = negative["token"].as_str();
        let refusal = match negative["id"].as_str().unwrap() {
            "wrong-typ" => Some(("wrong_type", "WIT-2")),
            "tampered-payload" => Some(("bad_signature", "WIT-7")),
            _ => None,
        };
        if let Some((code, rule)) = refusal {
            assert_refused!(verifier.verify(token.unwrap(), now), code, rule);
        }
    }
    let token = vector["token"].as_str().unwrap();
    let expired = UnixTime::from_secs(1_700_003_600 + 30);
    assert_refused!(verifier.verify(token, expired), "expired", "WIT-8");
    let early = UnixTime::from_secs(1_700_000_000 - 31);
    assert_refused!(verifier.verify(token, early), "not_yet_valid", "WIT-9");
    let stranger =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "gTl3Dqh9F19Wo1Rmw0x-zMuNipG07jeiXfYPW4_Js5Q"});
    let stranger = trusting("spiffe://example.org", &stranger, vector["kid"].as_str().unwrap());
    assert_refused!(stranger.verify(token, now), "bad_signature", "WIT-7");
}

#[test]
fn wit_3_wit_7_another_implementations_current_tokens() {
    let Some(vector) = vectors::json("wimse/third-party-wimsey-0.9.0/current-drafts.json") else { return };
    let now = time(&vector["verify_now"]);
    let sets = vector["sets"].as_array().unwrap();
    assert_eq!(sets.len(), 4);
    for set in sets {
        let id = set["id"].as_str().unwrap();
        let token = set["wit"].as_str().unwrap();
        let claims = &set["wit_decoded"][1];
        let subject = claims["sub"].as_str().unwrap();
        let origin = subject.parse::<aims_id::WorkloadId>().unwrap().origin_str().to_owned();
        let wit = trusting(&origin, &set["issuer_jwk"], "issuer-1").verify(token, now).unwrap();
        assert_eq!((wit.subject().as_str(), wit.key_id()), (subject, Some("issuer-1")), "{id}");
        assert_eq!(wit.issuer(), claims["iss"].as_str(), "{id}");
        assert_eq!(wit.algorithm().name(), set["issuer_jwk"]["alg"], "{id}");
        assert_eq!(wit.confirmation_key().algorithm().name(), set["pop_jwk"]["alg"], "{id}");
        // Under the workload's own key.
        let stranger = trusting(&origin, &set["pop_jwk"], "issuer-1").verify(token, now);
        assert_refused!(stranger, "bad_signature", "WIT-7", "{id}");
    }
}

#[test]
fn ws_2_ws_5_the_example_of_the_wit_svid_standard() {
    let Some(vector) = vectors::json("spiffe/wit-svid-example.json") else { return };
    // The issuer's key was not published, so it is read as its holder reads it.
    let wit = Wit::from_issuer(vector["token"].as_str().unwrap(), backend::ring()).unwrap();
    let claims = &vector["claims"];
    assert_eq!(wit.subject().as_str(), claims["sub"]);
    assert_eq!(wit.not_after(), time(&claims["exp"]));
    assert_eq!(wit.confirmation_key().algorithm().name(), "ES256");
}
