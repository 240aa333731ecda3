//! Texts that are made to take long.

use std::time::{Duration, Instant};

use aims::Sanitizer;

const PARTS: [&str; 37] = [
    "eyJ",
    "eyJ.",
    "\"d\"",
    "\"d\":",
    "\\",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY",
    " ",
    "\"d\"     :",
    "\"d\"\\n\\n:\\n",
    "\\n",
    "\"oth\":[",
    "eyJ.a",
    // Escapes, and what looks like one.
    "%",
    "%25",
    "&",
    "&amp;",
    "&#",
    "\\u",
    "\\u{",
    "\\\\u005c",
    // Digits that say something, however they are divided.
    "U",
    "UUUU+",
    "VVVV",
    "41",
    "0x",
    "65,",
    "3635",
    "99999999999",
    // Headers without tokens.
    "eyJhbGciOiJub25lIn0.",
    "eyJhbGciOiJub25lIn0.\n",
    "eyJhbGciOiIifX19.fX19.",
    "eyJhbGciOiJFUzI1NiJ9.\na\n",
    "fQ.\n",
    "eyJhbGciOiJkaXIiLCJlbmMiOiIifQ.a.b.",
    "eyJhbGciOiJkaXIiLCJlbmMiOiIifQ.\n\"a.\"+\"",
    "a\u{300}-secret",
];

#[test]
fn aims_19_hostile_text_takes_no_longer_than_other() {
    let sanitizer = Sanitizer::new().with_secret("a-secret-that-is-known");
    for part in PARTS {
        let text = part.repeat(200_000 / part.len());
        let start = Instant::now();
        let _ = sanitizer.sanitize(&text);
        // A quadratic scan takes minutes.
        assert!(start.elapsed() < Duration::from_secs(20), "{part}: {:?}", start.elapsed());
    }
}

#[test]
fn aims_19_much_that_is_found_takes_no_longer() {
    let secret = "a-secret-that-is-known";
    let sanitizer = Sanitizer::new().with_secret(secret);
    let secrets = format!("{secret}?").repeat(2_000);
    let token = "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJlc2lnbmF0dXJl";
    let headers = format!("{}{}", "fX19".repeat(20_000), ".fX19".repeat(20_000));
    // What decodes to text in one stretch: the header has a multiple of three characters.
    let (header, signature) = (
        aims_jose::base64url::encode(r#"{"alg":"XX"}"#),
        aims_jose::base64url::encode("a signature of text"),
    );
    let texts = [
        secrets.clone(),
        aims_jose::base64url::encode(&secrets),
        aims_jose::base64url::encode(aims_jose::base64url::encode(&secrets)),
        super::support::each(&secrets, |byte| format!("{byte},")),
        format!("{token} ").repeat(2_000),
        format!("{token}\n").repeat(2_000),
        format!("{token}.").repeat(2_000),
        format!("{header}..{signature}").repeat(2_000),
        aims_jose::base64url::encode(format!("{token} ").repeat(2_000)),
        format!("eyJhbGciOiIi{headers}"),
        format!("eyJhbGciOiIi{}", "fX19\n".repeat(40_000)),
    ];
    for text in texts {
        let start = Instant::now();
        let _ = sanitizer.sanitize(&text);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}: {:?}", text.get(..40), start.elapsed());
    }
}
