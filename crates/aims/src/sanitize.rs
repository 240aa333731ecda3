//! Keeping credentials out of text that goes to a model.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

/// Takes credentials out of text on its way to a model: results and error messages of tools, documents, the agent's own logs.
///
/// A model never needs a credential (AIMS-19): the [`Agent`](crate::Agent) attaches them below it. This is the second line,
/// for what a careless tool echoes. It removes
///
/// - tokens: JWS and JWE in compact form, so every WIT, proof and JWT;
/// - private and symmetric keys: the members of a JWK that carry them, also within a JSON string, and PEM blocks;
/// - the exact texts it was [told of](Self::with_secret), for opaque tokens and passwords of old systems.
///
/// It knows these forms as they are. What was encoded once more, cut into lines or spelt out it does not find; text without
/// anything of the kind comes back as it went in.
///
/// ```
/// use aims::Sanitizer;
///
/// let sanitizer = Sanitizer::new().with_secret("hunter2");
/// let text = "401 from the tool: bad token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlIG9mIDY0IGJ5dGVz";
/// assert_eq!(sanitizer.sanitize(text), "401 from the tool: bad token [token removed]");
/// assert_eq!(sanitizer.sanitize("password: hunter2"), "password: [secret removed]");
/// ```
#[derive(Clone, Default)]
pub struct Sanitizer {
    secrets: Vec<Zeroizing<String>>,
}

impl Sanitizer {
    /// Knows tokens and keys by their form.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows one more text, which must not be shown wherever it stands. An empty one is ignored.
    #[must_use]
    pub fn with_secret(mut self, secret: &str) -> Self {
        if !secret.is_empty() {
            self.secrets.push(Zeroizing::new(secret.to_owned()));
        }
        self
    }

    /// The text without what a model must not see; in time linear in its length, for each secret.
    #[must_use]
    pub fn sanitize<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found = Vec::new();
        find_tokens(text, &mut found);
        find_jwk_members(text, &mut found);
        find_pem_keys(text, &mut found);
        for secret in &self.secrets {
            found.extend(
                text.match_indices(secret.as_str()).map(|(at, found)| (at..at + found.len(), SECRET)),
            );
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_by_key(|(range, _)| range.start);

        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (range, label) in found {
            // What overlaps was found twice, and has its label.
            if range.start >= done {
                out.push_str(text.get(done..range.start).unwrap_or_default());
                out.push_str(label);
            }
            done = done.max(range.end);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }
}

/// Shows how many secrets it knows.
impl fmt::Debug for Sanitizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sanitizer").field("secrets", &self.secrets.len()).finish()
    }
}

/// A place in the text, of whole characters, and what is said there instead.
type Found = (Range<usize>, &'static str);

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

fn split_while(text: &str, is: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is(c)).unwrap_or(text.len()))
}

fn is_base64url(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// In characters. Shorter than any signature, MAC or key worth the name.
const MIN_SECRET: usize = 16;

const PRIVATE_KEY: &str = "[private key removed]";

const SECRET: &str = "[secret removed]";

const TOKEN: &str = "[token removed]";
