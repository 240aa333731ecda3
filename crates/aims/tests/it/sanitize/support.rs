//! Ways to write a text that an attentive reader undoes.

use std::fmt::Write;

/// What each writes may stand in any other text.
pub(super) type Encoding = (&'static str, fn(&str) -> String);

pub(super) const ENCODINGS: [Encoding; 24] = [
    ("as it is", str::to_owned),
    ("upper case", |s| s.to_uppercase()),
    ("lower case", |s| s.to_lowercase()),
    ("backwards", |s| s.chars().rev().collect()),
    ("base64url", |s| base64(s, "")),
    ("base64url, second alignment", |s| base64(s, "?")),
    ("base64url, third alignment", |s| base64(s, ">~")),
    ("base64", |s| standard(&base64(s, ""))),
    ("base64 with padding", |s| format!("{}==", standard(&base64(s, "x:")))),
    ("base64 twice", |s| base64(&base64(s, ""), "")),
    ("base64 twice, other alignments", |s| base64(&base64(s, "a"), "bc")),
    ("base64 of UTF-16", |s| {
        aims_jose::base64url::encode(s.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
    }),
    ("base64 of backwards", |s| base64(&s.chars().rev().collect::<String>(), "")),
    ("hexadecimal", |s| each(s, |byte| format!("{byte:02x}"))),
    ("upper case hexadecimal", |s| each(s, |byte| format!("{byte:02X}"))),
    ("hexadecimal bytes", |s| each(s, |byte| format!("0x{byte:02x}, "))),
    ("hexadecimal of base64", |s| each(&base64(s, ""), |byte| format!("{byte:02x}"))),
    ("percent", |s| each(s, |byte| format!("%{byte:02X}"))),
    ("percent twice", |s| each(s, |byte| format!("%25{byte:02x}"))),
    ("\\x", |s| each(s, |byte| format!("\\x{byte:02x}"))),
    ("\\u", |s| each(s, |byte| format!("\\u{:04x}", u32::from(byte)))),
    ("decimal", |s| each(s, |byte| format!("{byte},"))),
    ("HTML", |s| each(s, |byte| format!("&#{byte};"))),
    ("HTML in hexadecimal", |s| each(s, |byte| format!("&#x{byte:x};"))),
];

/// Ways to cut a text that leave its letters and digits in their order.
pub(super) const CUTS: [Encoding; 8] = [
    ("not at all", str::to_owned),
    ("lines", |s| pieces(s, 20, "\n")),
    ("indented lines", |s| pieces(s, 16, "\r\n    ")),
    ("quotes", |s| format!("\"{}\"", pieces(s, 17, "\" +\n  \""))),
    ("escaped lines", |s| pieces(s, 24, "\\n")),
    ("letters", |s| pieces(s, 1, " ")),
    ("bullets", |s| format!("- {}", pieces(s, 1, "\n- "))),
    ("dots", |s| pieces(s, 2, "\u{b7}\u{200b}")),
];

pub(super) fn each(text: &str, write: fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

/// What is before the text moves it within the groups of four characters.
pub(super) fn base64(text: &str, before: &str) -> String {
    aims_jose::base64url::encode(format!("{before}{text}"))
}

pub(super) fn standard(base64url: &str) -> String {
    base64url.replace('-', "+").replace('_', "/")
}

pub(super) fn pieces(text: &str, len: usize, between: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % len == 0 {
            out.push_str(between);
        }
        write!(out, "{c}").unwrap();
    }
    out
}

/// Letters and digits in lower case.
pub(super) fn fold(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether so many letters and digits of one text stand in the other.
pub(super) fn shares(text: &str, secret: &str, len: usize) -> bool {
    let (text, secret) = (fold(text), fold(secret));
    let chars: Vec<char> = secret.chars().collect();
    chars.windows(len).any(|window| text.contains(&window.iter().collect::<String>()))
}
