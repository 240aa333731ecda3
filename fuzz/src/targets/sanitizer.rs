//! What a model is not shown: whatever stands around a secret, and is mixed with its encodings, it is found; clean text stays clean.

use aims::Sanitizer;

const SECRET: &str = "sk-9fQ2vXr7Lm4K8pTzW1cD";

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let sanitizer = Sanitizer::new().with_secret(SECRET);
    let clean = sanitizer.sanitize(&text);
    assert!(!clean.contains(SECRET), "a secret comes through");
    let halves = text.split_at_checked(text.len() / 2).unwrap_or((&text, ""));
    for secret in [SECRET, "sk-9fQ2vXr7 Lm4K8pTzW1cD", "736b2d396651327658723 74c6d344b3870547a57316344"] {
        let around = format!("{}\u{e9} {secret} \u{e9}{}", halves.0, halves.1);
        let clean = sanitizer.sanitize(&around);
        assert!(!clean.contains(secret), "a secret comes through");
    }
    let encoded = aims_jose::base64url::encode(format!("{}{SECRET}", halves.0));
    let clean = sanitizer.sanitize(&encoded);
    assert!(
        !clean.contains(encoded.get(encoded.len() - 24..).unwrap_or_default()),
        "an encoded secret comes through"
    );
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "401: bad token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlIG9mIDY0IGJ5dGVz",
        "eyJhbGciOi\nJFUzI1NiJ9\n.eyJzdWIiOiJhIn0\n.c2lnbmF0dXJl\nIG9mIDY0IGJ5dGVz",
        "\"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0\" + \"..QUFBQUFBQUFBQUFB.Y2lwaGVy.dGFndGFndGFndGFndGFndA\"",
        "{\"kty\":\"EC\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
        "%73k%2D9fQ2 \\x73\\u006b\\055 &#115;&#x6b;&hyphen; 115,107,45 0x73, 0x6b",
        "c2stOWZRMnZYcjdMbTRLOHBUelcxY0Q= MTE1IDEwNyA0NSA1NyAxMDIgODE",
    ])
}
