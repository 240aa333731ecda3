//! What is no secret comes back as it is.

use std::borrow::Cow;

use aims::Sanitizer;

#[test]
fn aims_19_innocent_text_is_left_alone() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let code = include_str!("../../../src/sanitize/decode.rs");
    let image = aims_jose::base64url::encode(noise(20_000)).replace('-', "+").replace('_', "/");
    let image = format!("<img src=\"data:image/png;base64,{}==\">", super::support::pieces(&image, 76, "\n"));
    let hex: String = noise(2_000).iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect();
    let numbers = format!("{:?}", noise(4_000));
    let letter =
        aims_jose::base64url::encode("Dear reader, this is a text in which nothing is secret. ".repeat(20));
    let texts = [
        &readme,
        code,
        &image,
        &hex,
        &numbers,
        &letter,
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8\nsha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "id 6ba7b810-9dad-11d1-80b4-00c04fd430c8, f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "diff --git a/src/lib.rs b/src/lib.rs\nindex 83db48f..bf269f4 100644\n--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,4 +1,5 @@\n fn main() {\n-    println!(\"a\");\n+    println!(\"b\");\n+    return;\n }",
        "https://example.com/search?q=caf%C3%A9%20%22menu%22&lang=fr&amp;page=2 C:\\new\\table \\u00e9",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@host",
        "127.0.0.1, 10.20.30.40, 2026-11-27T07:09:10Z, +49 30 123456, 3.14159265358979323846",
        "eyJhbGciOiJFUzI1NiJ9.\nThis is how a header begins. Its payload follows.\n",
        "{\"alg\":\"ES256\"}. And then? \"alg\" is a member.",
        "🦀 ünïcödé – „quotes“ … \u{0}\u{feff}\u{200b}",
    ];
    for sanitizer in [
        Sanitizer::new(),
        Sanitizer::new().with_secret("sk_live-9fQ2.vXr7~Lm4K8pTzW1").with_secret("tr0ub4dor"),
    ] {
        for text in texts {
            let clean = sanitizer.sanitize(text);
            assert_eq!(clean, text);
            assert!(matches!(clean, Cow::Borrowed(_)));
        }
    }
}

fn digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap()
}

/// Bytes without any order, the same each time.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}
