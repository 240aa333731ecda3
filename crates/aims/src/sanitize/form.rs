//! What is known by its form: tokens in compact form, members of private JWKs, PEM blocks.

use super::Found;

/// Tokens and keys that stand in a text as they are.
pub(super) fn find(text: &str, found: &mut Vec<Found>) {
    find_tokens(text, found);
    find_jwk_members(text, found);
    find_pem_keys(text, found);
}

/// Runs of base64url segments with dots between them, from the first that begins like a JOSE header on.
fn find_tokens(text: &str, found: &mut Vec<Found>) {
    let mut at = 0;
    for run in text.split(|c: char| !is_base64url(c) && c != '.') {
        let start = at;
        // Whatever separates runs is one character.
        at = start + run.len();
        at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);

        let token = run.trim_end_matches('.');
        let segments: Vec<&str> = token.split('.').collect();
        let mut offset = start;
        for (index, header) in segments.iter().enumerate() {
            // The signature; of a JWE initialization vector, ciphertext and tag, of which some may be short or empty.
            let mut rest = segments.iter().skip(index + 2).take(3);
            if let Some(header_at) = header_start(header).filter(|_| rest.any(|s| s.len() >= MIN_SECRET)) {
                found.push((offset + header_at..start + token.len(), TOKEN));
                break;
            }
            offset += header.len() + 1;
        }
    }
}

/// Where the base64url of `{"`, or of `{` and white space, first stands.
fn header_start(segment: &str) -> Option<usize> {
    segment.as_bytes().windows(3).position(|start| {
        matches!(start, [b'e', b'y', b'A'..=b'D' | b'I'..=b'L'] | [b'e', b'w', b'k'..=b'r' | b'0'..=b'3'])
    })
}

/// The values of members that carry private or symmetric keys (RFC 7518 §6; `priv` of ML-DSA keys).
fn find_jwk_members(text: &str, found: &mut Vec<Found>) {
    let mut rest = text;
    // Within `oth` of an RSA key: its further primes, under names that say nothing elsewhere.
    let mut in_primes = false;
    while let Some((between, after)) = rest.split_once('"') {
        rest = after;
        in_primes &= !between.contains(']');
        let (name, after) = split_while(after, |c| c.is_ascii_lowercase());
        let is_key = match name {
            "d" | "dp" | "dq" | "k" | "p" | "priv" | "q" | "qi" => true,
            "r" | "t" => in_primes,
            "oth" => false,
            _ => continue,
        };
        // In a JSON string quotes are escaped, perhaps more than once.
        let Some(after) = after.trim_start_matches('\\').strip_prefix('"') else { continue };
        let Some(after) = skip_space(after).strip_prefix(':') else { continue };
        let after = skip_space(after);
        if !is_key {
            in_primes |= name == "oth" && after.starts_with('[');
            continue;
        }
        let Some(value) = after.trim_start_matches('\\').strip_prefix('"') else { continue };
        // Whoever wrote the value in the other alphabet, or with padding, leaked it all the same.
        let (key, _) = split_while(value, |c| is_base64url(c) || matches!(c, '+' | '/' | '='));
        if key.len() >= MIN_SECRET {
            let start = text.len() - value.len();
            found.push((start..start + key.len(), PRIVATE_KEY));
        }
    }
}

/// PEM blocks of private keys, to the end of the text if theirs is missing.
fn find_pem_keys(text: &str, found: &mut Vec<Found>) {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";

    let mut rest = text;
    while let Some((_, block)) = rest.split_once(BEGIN) {
        rest = block;
        let Some((label, body)) = block.split_once("-----") else { return };
        if !label.ends_with("PRIVATE KEY") && !label.ends_with("PRIVATE KEY BLOCK") {
            continue;
        }
        let after =
            body.split_once(END).and_then(|(_, end)| end.split_once("-----")).map_or("", |(_, after)| after);
        found.push((text.len() - block.len() - BEGIN.len()..text.len() - after.len(), PRIVATE_KEY));
        rest = after;
    }
}

/// What follows white space; in a JSON string that is escaped, too.
fn skip_space(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(escape) = rest.strip_prefix('\\') {
        let Some(after) = escape.trim_start_matches('\\').strip_prefix(['n', 'r', 't']) else { break };
        rest = after.trim_start();
    }
    rest
}

pub(super) fn split_while(text: &str, is: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is(c)).unwrap_or(text.len()))
}

pub(super) fn is_base64url(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// In characters. Shorter than any signature, MAC or key worth the name.
pub(super) const MIN_SECRET: usize = 16;

const PRIVATE_KEY: &str = "[private key removed]";

pub(super) const TOKEN: &str = "[token removed]";
