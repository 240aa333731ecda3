//! Encrypted tokens before they are decrypted: what is accepted has one spelling, and is of the one kind there is.

use aims_jose::json::{self, Object};
use aims_jose::jwe::EncryptedJws;
use aims_jose::{Limits, UnverifiedJws, base64url};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match EncryptedJws::parse(text, &Limits::new()) {
        Ok(parsed) => accepted(text, &parsed),
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

fn accepted(text: &str, parsed: &EncryptedJws<'_>) {
    assert!(
        UnverifiedJws::parse(text, &Limits::new()).is_err(),
        "one text is a signed and an encrypted token"
    );
    let segments: Vec<Vec<u8>> = text
        .split('.')
        .map(|segment| {
            let bytes = base64url::decode(segment).expect("every segment is base64url");
            assert_eq!(base64url::encode(&bytes), segment, "two spellings");
            bytes
        })
        .collect();
    let [header, encrypted_key, iv, ciphertext, tag] = segments.as_slice() else {
        panic!("{} segments", segments.len());
    };
    assert!(!encrypted_key.is_empty() && iv.len() == 12 && !ciphertext.is_empty() && tag.len() == 16);

    let header = Object::parse(header.clone(), &json::Limits::new()).expect("the header is an object");
    let is = |name: &str, text: &str| header.get(name).is_some_and(|value| value.is_str(text));
    assert!(is("alg", parsed.algorithm().name()) && is("enc", "A256GCM") && is("cty", "JWT"));
    assert!(["crit", "zip", "p2c", "p2s", "iv", "tag"].iter().all(|name| header.get(name).is_none()));
    assert_eq!(header.get("kid").and_then(|kid| kid.as_str()).as_deref(), parsed.key_id());
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let epk = r#"{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let headers = [
        r#"{"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","kid":"a"}"#.to_owned(),
        format!(r#"{{"alg":"ECDH-ES+A256KW","cty":"JWT","enc":"A256GCM","epk":{epk},"kid":"a"}}"#),
        format!(
            r#"{{"alg":"ECDH-ES+A256KW","apu":"QQ","apv":"QUE","cty":"JWT","enc":"A256GCM","epk":{epk}}}"#
        ),
        r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#.to_owned(),
    ];
    let token = |header: &String| {
        let segments: [&[u8]; 5] = [header.as_bytes(), &[1; 40], &[2; 12], &[3; 50], &[4; 16]];
        segments.map(base64url::encode).join(".").into_bytes()
    };
    let mut seeds: Vec<_> = headers.iter().map(token).collect();
    seeds.extend(super::texts(&["a.b.c.d.e", "e30.AA.AA.AA.AA"]));
    seeds
}
