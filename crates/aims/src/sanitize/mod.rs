//! Keeping credentials out of text that goes to a model.

mod cut;
mod decode;
mod escape;
mod form;
mod known;
mod reading;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

#[cfg(feature = "oauth")]
use aims_oauth::TokenClient;

use self::known::Known;

/// Takes credentials out of text on its way to a model: results and error messages of tools, documents, the agent's own logs.
///
/// A model never needs a credential (AIMS-19): the [`Agent`](crate::Agent) attaches them below it. This is the second line,
/// for what a careless tool echoes. It knows by their form
///
/// - tokens: JWS and JWE in compact form, so every WIT, proof and JWT; also those that lines or quoted pieces cut;
/// - private and symmetric keys: the members of a JWK that carry them, also within a JSON string, and PEM blocks;
///
/// and it knows what it was told of, opaque tokens and passwords: [texts](Self::with_secret), and with the feature `oauth` whatever
/// a [`TokenClient`](Self::knowing) keeps. Of these it removes
///
/// - the exact text, wherever it stands;
/// - if it has at least eight letters and digits: the same letters and digits, whatever else stands between them, in upper or lower
///   case, forwards or backwards; of longer ones every twelve that follow each other, so also the parts of what was divided.
///
/// All but the exact texts are also looked for in what the text says after decoding: escapes (`%41`, `\x41`, `\u0041`, `\101`,
/// `&#65;`), base64 in both alphabets, hexadecimal, decimal character codes; three of them within each other, as UTF-8 or UTF-16.
/// Of these the whole word goes, as far as it decodes to text.
///
/// Text without anything of the kind comes back as it went in.
///
/// # What it does not find
///
/// It stops accidents. Whoever wants to get a secret past it can:
///
/// - what is encrypted, compressed, spelt out in words, or in another encoding: base32, ROT13, Morse, binary digits, character codes
///   without anything between them, calls like `chr(65)`;
/// - a secret with letters or digits between its own, so one with numbered lines; in parts of fewer than twelve letters and
///   digits, or about twenty characters of base64; in look-alike letters of other scripts;
/// - escapes and codes that are cut in their middle; base64 with symbols in it, of which some stand alone;
/// - in the other order: encoded first, and then written backwards or in the other case;
/// - a short secret, or one of three different characters, that is not there exactly; where it is encoded, the symbols at its ends;
/// - what nobody told of: keys in binary, opaque tokens that its `TokenClient` does not keep, and tokens backwards or in parts;
/// - what decodes more than once, from where all of it together is more than 32 times as long as the text.
///
/// It may remove more than the secret: the word behind a token that is cut, or text that has the letters of a secret in words.
///
/// ```
/// use aims::Sanitizer;
///
/// let sanitizer = Sanitizer::new().with_secret("hunter2-hunter2");
/// let text = "401 from the tool: bad token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlIG9mIDY0IGJ5dGVz";
/// assert_eq!(sanitizer.sanitize(text), "401 from the tool: bad token [token removed]");
/// assert_eq!(sanitizer.sanitize("password: hunter2-hunter2"), "password: [secret removed]");
/// assert_eq!(sanitizer.sanitize("Basic Ym90Omh1bnRlcjItaHVudGVyMg=="), "Basic [secret removed]==");
/// ```
#[derive(Clone, Default)]
pub struct Sanitizer {
    known: Known,
    #[cfg(feature = "oauth")]
    token_clients: Vec<TokenClient>,
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
        self.known.add(secret);
        self
    }

    /// Knows all tokens that a client keeps, each time at the moment of sanitising.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn knowing(mut self, tokens: TokenClient) -> Self {
        self.token_clients.push(tokens);
        self
    }

    /// The text without what a model must not see; in time linear in its length and in that of all secrets.
    #[must_use]
    pub fn sanitize<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let kept = self.kept();
        let known: Vec<&Known> = std::iter::once(&self.known).chain(&kept).collect();
        let mut found = reading::find(text, &known);
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

    /// What the token clients keep now.
    #[cfg(feature = "oauth")]
    fn kept(&self) -> Option<Known> {
        if self.token_clients.is_empty() {
            return None;
        }
        let mut kept = Known::default();
        for client in &self.token_clients {
            client.visit_secrets(&mut |secret| kept.add(secret));
        }
        Some(kept)
    }

    #[cfg(not(feature = "oauth"))]
    #[expect(clippy::unused_self, reason = "with `oauth` it does")]
    fn kept(&self) -> Option<Known> {
        None
    }
}

/// Shows how many secrets it was told of.
impl fmt::Debug for Sanitizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sanitizer").field("secrets", &self.known.len()).finish_non_exhaustive()
    }
}

/// A place in the text, of whole characters, and what is said there instead.
type Found = (Range<usize>, &'static str);
