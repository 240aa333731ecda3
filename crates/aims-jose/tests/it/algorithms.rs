//! Which algorithms verify, and under which keys (JO-ALG; JO-ATK-01 to -04, -13).

use aims_jose::{Jwk, JwkSet, JwtVerifier, Limits, UnverifiedJws, base64url};
use aims_keys::{Algorithm, AlgorithmSet, PublicNumbers, Signer, SoftwareKey, backend};
use aims_testkit::assert_refused;
use serde_json::json;

use crate::support::*;

/// The good token of `key` with another `alg`, signed again.
fn with_alg(key: &SoftwareKey, alg: &serde_json::Value) -> String {
    sign(key, edit(&header(key), &[("alg", alg.clone())]), claims(""))
}

#[test]
fn jo_alg_01_every_listed_algorithm_verifies_its_tokens() {
    let verifier = builder().build();
    for key in KEYS.all() {
        let accepted = verifier.verify(&sign(key, header(key), claims("")), NOW).unwrap();
        assert_eq!(accepted.header().algorithm(), Signer::algorithm(key));
        assert_eq!(accepted.header().key_id(), Some(&*kid(key)));
        assert_eq!(accepted.header().typ(), Some("at+jwt"));
        assert_eq!(accepted.key(), &public(key));
    }
}

#[test]
fn jo_alg_01_jo_atk_01_none_is_refused_in_every_case_and_with_any_signature() {
    let verifier = builder().build();
    let good = token();
    let kept = good.rsplit_once('.').unwrap().1;
    for none in ["none", "None", "NONE", "nOnE", "n\\u006fne", " none", "none ", ""] {
        let header = base64url::encode(format!(r#"{{"alg":"{none}","kid":"es256","typ":"at+jwt"}}"#));
        let payload = base64url::encode(claims(""));
        let context = format!("alg {none:?}");
        for signature in [kept, "AA"] {
            let token = format!("{header}.{payload}.{signature}");
            assert_refused!(verifier.verify(&token, NOW), "unknown_algorithm", "JO-ALG-01", "{context}");
        }
        for token in [format!("{header}.{payload}."), format!("{header}.{payload}")] {
            assert_refused!(verifier.verify(&token, NOW), "malformed_token", "JO-B64-01", "{context}");
        }
    }
}

#[test]
fn jo_alg_01_jo_atk_02_macs_are_no_algorithms_whatever_their_key() {
    // The signature is the MAC that the classic confusion attack computes; no algorithm here would look at it.
    let verifier = builder().build();
    for alg in ["HS256", "HS384", "HS512"] {
        for len in [0, 32, 48, 64] {
            let forged = with_alg(&KEYS.es256, &json!(alg));
            let forged = with_signature(&forged, vec![0x5a; len]);
            let (code, rule) =
                if len == 0 { ("malformed_token", "JO-B64-01") } else { ("unknown_algorithm", "JO-ALG-01") };
            assert_refused!(verifier.verify(&forged, NOW), code, rule, "{alg} with {len} bytes");
        }
    }
}

#[test]
fn jo_alg_05_jo_atk_02_symmetric_keys_are_never_loaded() {
    // The key texts that confusion attacks use as the secret: PEM, DER, the raw point, nothing.
    let secrets: [&[u8]; 4] = [b"-----BEGIN PUBLIC KEY-----", b"\x30\x59\x30\x13", b"\x04\x7f\xcd", b""];
    for secret in secrets {
        for alg in ["HS256", "ES256"] {
            let key =
                json!({"kty": "oct", "alg": alg, "kid": "es256", "k": base64url::encode(secret)}).to_string();
            assert_refused!(Jwk::parse(&key, backend::ring()), "symmetric_key", "JO-ALG-05");
            let set = format!(r#"{{"keys":[{},{key}]}}"#, jwk(&KEYS.ed25519).to_json());
            assert_refused!(JwkSet::parse(&set, backend::ring()), "symmetric_key", "JO-ALG-05");
        }
    }
    let escaped = r#"{"kty":"\u006fct","alg":"HS256","k":"AA"}"#;
    assert_refused!(Jwk::parse(escaped, backend::ring()), "symmetric_key", "JO-ALG-05");
}

#[test]
fn jo_alg_01_jo_atk_04_alg_is_exact_and_a_string() {
    let verifier = builder().build();
    let key = &KEYS.es256;
    let unknown = [
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES256\0",
        "ES256\n",
        "ES-256",
        "ES25",
        "ES2567",
        "ES512",
        "ES256K",
        // Look-alikes: Cyrillic Е and Ѕ, full-width, a combining mark.
        "\u{415}S256",
        "E\u{405}256",
        "\u{ff25}S256",
        "ES256\u{301}",
        "RS384",
        "RS512",
        "PS384",
        "Ed448",
        "ed25519",
        "EDDSA",
        "RSA-OAEP",
        "RSA1_5",
        "dir",
        "A128KW",
        "ML-DSA-87",
        "ES256,RS256",
    ];
    for alg in unknown {
        assert_refused!(
            verifier.verify(&with_alg(key, &json!(alg)), NOW),
            "unknown_algorithm",
            "JO-ALG-01",
            "alg {alg:?}"
        );
    }
    for alg in [json!(1), json!(true), json!(["ES256"]), json!({"alg": "ES256"})] {
        assert_refused!(
            verifier.verify(&with_alg(key, &alg), NOW),
            "algorithm_missing",
            "JO-HDR-01",
            "alg {alg}"
        );
    }
    let null = header(key).replace(r#""ES256""#, "null");
    assert_refused!(verifier.verify(&sign(key, null, claims("")), NOW), "algorithm_missing", "JO-HDR-01");
    let missing = edit(&header(key), &[("alg", json!(null))]);
    assert_refused!(verifier.verify(&sign(key, missing, claims("")), NOW), "algorithm_missing", "JO-HDR-01");
    // An escaped spelling is the same string.
    let escaped = header(key).replace("ES256", "\\u0045S256");
    verifier.verify(&sign(key, escaped, claims("")), NOW).unwrap();
}

#[test]
fn jo_alg_02_only_what_the_list_names_verifies() {
    for key in KEYS.all() {
        let token = sign(key, header(key), claims(""));
        let only = AlgorithmSet::of(&[Signer::algorithm(key)]);
        builder().algorithms(only).build().verify(&token, NOW).unwrap();
        let others: AlgorithmSet =
            Algorithm::ALL.into_iter().filter(|&a| a != Signer::algorithm(key)).collect();
        for refused in [AlgorithmSet::EMPTY, others] {
            let verifier = builder().algorithms(refused).build();
            assert_refused!(verifier.verify(&token, NOW), "algorithm_not_allowed", "JO-ALG-02");
            let jws = UnverifiedJws::parse(&token, &Limits::new()).unwrap();
            assert_refused!(jws.verify(&public(key), refused), "algorithm_not_allowed", "JO-ALG-02");
        }
    }
    // RS256 is in no default.
    let key = &KEYS.rs256;
    let default = JwtVerifier::builder(key_set(), "at+jwt", ISSUER).audience(AUDIENCE).build();
    assert_refused!(
        default.verify(&sign(key, header(key), claims("")), NOW),
        "algorithm_not_allowed",
        "JO-ALG-02"
    );
}

#[test]
fn jo_alg_02_jo_alg_03_the_two_names_of_ed25519_are_one_algorithm_and_two_entries() {
    let key = &KEYS.ed25519;
    for name in ["EdDSA", "Ed25519"] {
        let token = with_alg(key, &json!(name));
        let accepted = builder().build().verify(&token, NOW).unwrap();
        assert_eq!(accepted.header().algorithm().name(), name, "kept as received");
        for allowed in [Algorithm::EdDsa, Algorithm::Ed25519] {
            let verifier = builder().algorithms(AlgorithmSet::of(&[allowed])).build();
            if allowed.name() == name {
                verifier.verify(&token, NOW).unwrap();
            } else {
                assert_refused!(verifier.verify(&token, NOW), "algorithm_not_allowed", "JO-ALG-02");
            }
        }
    }
}

#[test]
fn jo_alg_03_jo_alg_04_jo_atk_03_a_key_verifies_its_own_algorithm_only() {
    // The header names another algorithm on the same `kid`; the signature is good under the one that the key is for.
    for key in KEYS.all() {
        for other in Algorithm::ALL {
            if other.is_same_algorithm(Signer::algorithm(key)) {
                continue;
            }
            let token = with_alg(key, &json!(other.name()));
            let allowed: AlgorithmSet = Algorithm::ALL.into_iter().collect();
            let verifier_of_all = builder().algorithms(allowed).build();
            let result = verifier_of_all.verify(&token, NOW);
            assert_refused!(result, "algorithm_mismatch", "JO-ALG-03", "{other} on {}", kid(key));
            let jws = UnverifiedJws::parse(&token, &Limits::new()).unwrap();
            assert_refused!(jws.verify(&public(key), allowed), "algorithm_mismatch", "JO-ALG-03");
        }
    }
    // PS256 and RS256 on one RSA key are two keys here: each signature is refused under the other.
    let both = JwkSet::new(vec![
        Jwk::new(public(&KEYS.ps256)).with_key_id("rsa").unwrap(),
        Jwk::new(public(&KEYS.rs256)).with_key_id("rsa").unwrap(),
    ])
    .unwrap();
    let verifier_of_both =
        JwtVerifier::builder(both, "at+jwt", ISSUER).audience(AUDIENCE).algorithms(every_algorithm()).build();
    for (key, other) in [(&KEYS.ps256, "RS256"), (&KEYS.rs256, "PS256")] {
        let header = |alg: &str| format!(r#"{{"alg":"{alg}","kid":"rsa","typ":"at+jwt"}}"#);
        verifier_of_both.verify(&sign(key, header(Signer::algorithm(key).name()), claims("")), NOW).unwrap();
        let swapped = sign(key, header(other), claims(""));
        assert_refused!(verifier_of_both.verify(&swapped, NOW), "bad_signature", "JO-B64-03");
    }
}

#[test]
fn jo_alg_06_jo_atk_23_both_halves_of_s_verify_so_signatures_name_nothing() {
    let good = token();
    let mut bytes = signature(&good);
    let other_s = subtract(&hex(P256_ORDER), &bytes[32..]);
    bytes[32..].copy_from_slice(&other_s);
    let twin = with_signature(&good, &bytes);
    assert_ne!(twin, good);
    let verifier = builder().build();
    let (a, b) = (verifier.verify(&good, NOW).unwrap(), verifier.verify(&twin, NOW).unwrap());
    assert_eq!(a.claims().as_object().as_text(), b.claims().as_object().as_text());
}

#[test]
fn jo_alg_06_ecdsa_nonces_are_not_repeated() {
    let signatures: Vec<_> = (0..8).map(|_| signature(&token())).collect();
    for (at, one) in signatures.iter().enumerate() {
        for other in &signatures[at + 1..] {
            // Fresh nonces give other signatures; a deterministic backend would give the very same.
            assert!(one == other || one[..32] != other[..32], "one nonce for two signatures");
        }
    }
}

#[test]
fn jo_atk_13_degenerate_ecdsa_signatures_are_refused() {
    let verifier = builder().build();
    let good = token();
    let real = signature(&good);
    let n = hex(P256_ORDER);
    let small = |last: u8| {
        let mut bytes = vec![0; 32];
        bytes[31] = last;
        bytes
    };
    let edges = [small(0), small(1), subtract(&n, &small(1)), n.clone(), vec![0xff; 32]];
    for r in &edges {
        for s in &edges {
            let forged = with_signature(&good, [r.as_slice(), s].concat());
            assert_refused!(
                verifier.verify(&forged, NOW),
                "bad_signature",
                "JO-B64-03",
                "r {r:x?}, s {s:x?}"
            );
        }
        for forged in [[r, &real[32..]].concat(), [&real[..32], r].concat()] {
            let forged = with_signature(&good, forged);
            assert_refused!(verifier.verify(&forged, NOW), "bad_signature", "JO-B64-03", "half {r:x?}");
        }
    }

    let der_integer = |half: &[u8]| [&[2, 33, 0][..], half].concat();
    let der = [&[0x30, 70][..], &der_integer(&real[..32]), &der_integer(&real[32..])].concat();
    let wide = [&[0][..], &real[..32], &[0], &real[32..]].concat();
    let long = [&real[..], &[0]].concat();
    let doubled = [&real[..], &real].concat();
    for forged in [der, wide, long, doubled, real[..63].to_vec(), real[1..].to_vec(), vec![0]] {
        let forged = with_signature(&good, &forged);
        assert_refused!(verifier.verify(&forged, NOW), "bad_signature", "JO-B64-03", "{forged}");
    }
    // Adding the order to s must not give a second signature either.
    let sum = add(&real[32..], &n);
    if sum.len() == 32 {
        let forged = with_signature(&good, [&real[..32], &sum].concat());
        assert_refused!(verifier.verify(&forged, NOW), "bad_signature", "JO-B64-03");
    }
}

#[test]
fn jo_atk_14_ed25519_signatures_with_the_order_added_to_s_are_refused() {
    let verifier = builder().build();
    let key = &KEYS.ed25519;
    let good = sign(key, header(key), claims(""));
    let mut bytes = signature(&good);
    let mut s: Vec<u8> = bytes[32..].iter().rev().copied().collect();
    s = add(&s, &hex("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"));
    assert_eq!(s.len(), 32);
    s.reverse();
    bytes[32..].copy_from_slice(&s);
    assert_refused!(verifier.verify(&with_signature(&good, bytes), NOW), "bad_signature", "JO-B64-03");
}

#[test]
fn jo_atk_15_degenerate_rsa_signatures_are_refused() {
    let verifier = builder().build();
    for key in [&KEYS.rs256, &KEYS.ps256] {
        let PublicNumbers::Rsa { n, .. } = public(key).numbers().clone() else { panic!("an RSA key") };
        let mut one = vec![0; n.len()];
        let good = sign(key, header(key), claims(""));
        for forged in
            [one.clone(), n.clone(), vec![0xff; n.len()], vec![1], vec![0; n.len() - 1], vec![0; 1024]]
        {
            assert_refused!(
                verifier.verify(&with_signature(&good, forged), NOW),
                "bad_signature",
                "JO-B64-03"
            );
        }
        *one.last_mut().unwrap() = 1;
        assert_refused!(verifier.verify(&with_signature(&good, &one), NOW), "bad_signature", "JO-B64-03");
        assert_refused!(
            verifier.verify(&with_signature(&good, subtract(&n, &one)), NOW),
            "bad_signature",
            "JO-B64-03"
        );

        // A signature that is congruent to a good one, and as long.
        let (token, sum) = (0..200)
            .map(|jti| sign(key, header(key), claims(&format!(r#","jti":"{jti}""#))))
            .map(|token| (add(&signature(&token), &n), token))
            .find_map(|(sum, token)| (sum.len() == n.len()).then_some((token, sum)))
            .unwrap();
        verifier.verify(&token, NOW).unwrap();
        assert_refused!(verifier.verify(&with_signature(&token, sum), NOW), "bad_signature", "JO-B64-03");
    }
}

const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
