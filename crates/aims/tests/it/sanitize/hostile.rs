//! Texts that are made to take long.

use std::time::{Duration, Instant};

use aims::Sanitizer;

const PARTS: [&str; 34] = [
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
        eprintln!("{part} {:?}", start.elapsed());
    }
}
