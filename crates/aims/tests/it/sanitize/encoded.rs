//! Tokens and keys that nobody told of, in other encodings.

use aims::Sanitizer;
use aims_keys::{Algorithm, PrivateKey, backend};

use super::support::{CUTS, ENCODINGS, shares};
use crate::support::{NOW, SEARCH, Tool};

/// Those that leave a token what it is.
fn is_of_form(encoding: &str) -> bool {
    !encoding.contains("case") && !encoding.contains("backwards") || encoding == "upper case hexadecimal"
}

#[test]
fn aims_19_encoded_tokens_do_not_reach_a_model() {
    let tool = Tool::new();
    let proof = tool.travel().wpt(SEARCH, NOW);
    let (_, signature) = proof.rsplit_once('.').unwrap();
    for (encoding, encode) in ENCODINGS {
        if !is_of_form(encoding) {
            continue;
        }
        let text =
            format!("The tool said: <{}>, and no more.", encode(&format!("Authorization: WPT {proof}\r\n")));
        let clean = Sanitizer::new().sanitize(&text);
        assert!(clean.contains("[token removed]"), "{encoding}: {clean}");
        assert!(!clean.contains(signature) && clean.len() < text.len() / 2, "{encoding}: {clean}");
        assert!(clean.starts_with("The tool said: <") && clean.ends_with(", and no more."), "{clean}");
    }
}

#[test]
fn aims_19_encoded_keys_do_not_reach_a_model() {
    let key = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let pem = key.expose_pem();
    let jwk = r#"{"kty":"EC","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
    let jws = jwk.replace('"', "\\\"");
    for (encoding, encode) in ENCODINGS {
        if !is_of_form(encoding) {
            continue;
        }
        for secret in [&**pem, jwk, &jws] {
            let encoded = encode(secret);
            let clean = Sanitizer::new().sanitize(&encoded).into_owned();
            assert!(clean.contains("[private key removed]"), "{encoding}: {encoded} -> {clean}");
        }
    }
}

#[test]
fn aims_19_base64_of_keys_is_found_however_it_is_cut() {
    let secret = format!("apiVersion: v1\nkind: Config\nusers: [{{\"k\":\"{}\"}}]\n", "0f9A".repeat(11));
    let encoded = aims_jose::base64url::encode(&secret);
    for (cutting, cut) in CUTS {
        let text = format!("data: ({})", cut(&encoded));
        let clean = Sanitizer::new().sanitize(&text).into_owned();
        assert!(clean.contains("[private key removed]"), "{cutting}: {clean}");
        assert!(!shares(&clean, &aims_jose::base64url::encode("0f9A".repeat(11)), 8), "{cutting}: {clean}");
    }
}

#[test]
fn aims_19_three_encodings_within_each_other_are_undone() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlIG9mIDY0IGJ5dGVz";
    let mut text = token.to_owned();
    for _ in 0..3 {
        text = aims_jose::base64url::encode(&text);
        assert_eq!(Sanitizer::new().sanitize(&text), "[token removed]");
    }
    // As the documentation says, not four.
    text = aims_jose::base64url::encode(&text);
    assert_eq!(Sanitizer::new().sanitize(&text), text);
}
