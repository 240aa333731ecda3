//! Access tokens at a resource server.

use aims_jose::JwkSet;
use aims_keys::{Algorithm, AlgorithmSet, UnixTime, backend};
use aims_oauth::{AccessTokenVerifier, ErrorCode, TrustedIssuer};
use aims_testkit::{assert_refused, vectors};

#[test]
fn act_04_every_case_of_the_vectors_is_judged_as_it_says() {
    let Some(file) = vectors::json("oauth/generated/access-token-cases.json") else { return };
    let text = |name: &str| file[name].as_str().unwrap();
    let keys = JwkSet::parse(&file["jwks"].to_string(), backend::ring()).unwrap();
    let issuer = TrustedIssuer::new(text("issuer").parse().unwrap(), keys)
        .with_algorithms(AlgorithmSet::of(&[Algorithm::Es256, Algorithm::EdDsa]));
    let verifier =
        AccessTokenVerifier::builder(text("audience").parse().unwrap(), issuer, backend::ring()).build();
    let now = UnixTime::from_secs(file["now"].as_u64().unwrap());
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 45);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let judged = case["token"].as_str().unwrap().parse().map_err(Into::into);
        let judged = judged.and_then(|token| verifier.verify(&token, now));
        if case["expect"] == "accept" {
            let verified = judged.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(
                (&*verified.subject(), &*verified.client_id()),
                ("user-1", "spiffe://a.example/agents/planner")
            );
            continue;
        }
        let (code, rule) = REFUSED.iter().find(|(known, _)| *known == name).expect(name).1;
        assert_eq!(judged.as_ref().unwrap_err().error_code(), ErrorCode::InvalidToken, "{name}");
        assert_refused!(judged, code, rule, "{name}");
    }
}

/// Why each of the cases is refused.
const REFUSED: [(&str, (&str, &str)); 38] = [
    ("typ-jwt", ("wrong_type", "ACT-1")),
    ("typ-absent", ("wrong_type", "ACT-1")),
    ("typ-txntoken", ("wrong_type", "ACT-1")),
    ("typ-idjag", ("wrong_type", "ACT-1")),
    ("alg-none", ("malformed", "JO-B64-01")),
    ("alg-hs256-with-public-key", ("unsupported_alg", "ACT-1")),
    ("wrong-key-same-kid", ("bad_signature", "ACT-4")),
    ("unknown-kid", ("unknown_key", "ACT-6")),
    ("embedded-jwk-ignored", ("unknown_key", "ACT-6")),
    ("der-signature", ("bad_signature", "ACT-4")),
    ("zero-signature", ("bad_signature", "ACT-4")),
    ("short-signature", ("malformed", "JO-B64-02")),
    ("two-segments", ("malformed", "JO-B64-01")),
    ("four-segments", ("malformed", "JO-B64-01")),
    ("padding", ("malformed", "JO-B64-02")),
    ("crit-unknown", ("malformed", "JO-HDR-03")),
    ("issuer-other", ("issuer_mismatch", "ACT-4")),
    ("issuer-trailing-slash", ("issuer_mismatch", "ACT-4")),
    ("aud-other", ("audience_mismatch", "ACT-4")),
    ("aud-prefix", ("audience_mismatch", "ACT-4")),
    ("aud-number", ("malformed", "ACT-4")),
    ("aud-empty-array", ("malformed", "ACT-4")),
    ("expired", ("expired", "ACT-4")),
    ("exp-string", ("malformed", "ACT-4")),
    ("exp-huge", ("malformed", "ACT-4")),
    ("iat-future", ("not_yet_valid", "ACT-4")),
    ("nbf-future", ("not_yet_valid", "ACT-4")),
    ("missing-iss", ("malformed", "ACT-4")),
    ("missing-exp", ("malformed", "ACT-4")),
    ("missing-aud", ("malformed", "ACT-4")),
    ("missing-sub", ("malformed", "ACT-4")),
    ("missing-client_id", ("malformed", "ACT-4")),
    ("missing-iat", ("malformed", "ACT-4")),
    ("missing-jti", ("malformed", "ACT-4")),
    ("scope-array", ("scope_type", "WIR-7")),
    ("duplicate-member", ("malformed", "JO-JSON-02")),
    ("act-too-deep", ("too_many_actors", "WIR-9")),
    ("act-not-object", ("bad_actor", "EXC-4")),
];
