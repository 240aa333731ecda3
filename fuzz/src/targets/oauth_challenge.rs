//! `WWW-Authenticate`: what is read is written so that it reads the same.

use aims_oauth::{Challenge, Challenges};

/// Each line is one of the field.
pub(super) fn run(input: &[u8]) {
    match Challenges::parse(input.split(|byte| *byte == b'\n')) {
        Ok(challenges) => challenges.iter().for_each(check),
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

fn check(challenge: &Challenge) {
    for refused in [
        challenge.error().err(),
        challenge.scope().err(),
        challenge.resource_metadata().err(),
        challenge.acr_values().err(),
        challenge.max_age().err(),
    ] {
        assert!(refused.is_none_or(|error| error.rule() == "CHA-2"));
    }
    if let Ok(Some(metadata)) = challenge.resource_metadata() {
        assert!(metadata.is_ascii());
    }
    let written = challenge.to_string();
    assert!(!written.contains(['\r', '\n']), "two lines");
    // Escapes can make it longer than what is read.
    if written.len() > 8 * 1024 {
        return;
    }
    let once = only(&written);
    assert_eq!(once.scheme(), challenge.scheme());
    assert_eq!(once.token68(), challenge.token68());
    assert_eq!(only(&once.to_string()), once, "a second spelling");
    for name in ["error", "scope", "resource_metadata", "acr_values", "max_age"] {
        let is_printable = challenge.text(name).is_some_and(|text| text.bytes().all(|byte| byte >= b' '));
        assert!(!is_printable || once.text(name) == challenge.text(name), "{name} has changed");
    }
}

fn only(line: &str) -> Challenge {
    let challenges = Challenges::parse([line]).expect("what was written is read");
    let mut all = challenges.iter();
    let first = all.next().expect("a challenge").clone();
    assert!(all.next().is_none(), "one has become two");
    first
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"Bearer realm="a", error="insufficient_scope", scope="a b", resource_metadata="https://t.example/x""#,
        r#"DPoP algs="ES256 EdDSA", error="use_dpop_nonce", Bearer"#,
        "Negotiate abc==, Basic realm = \"x, \\\"y\\\"\" ,\tcharset=UTF-8 ,\nBearer max_age=5, acr_values=\"x y\"",
        "WPT, ,, NTLM",
        "Bearer realm=",
    ])
}
