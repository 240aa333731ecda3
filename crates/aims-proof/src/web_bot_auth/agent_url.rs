//! What a bot is known by.

use std::fmt::{self, Write};
use std::str::FromStr;

use aims_credential::{HttpsUrl, HttpsUrlError};

/// The URL that a bot is known by: where its keys are, in its one normal form (RFC 3986 sections 6.2.2 and 6.2.3), without query and
/// fragment (HS-WBA-07).
///
/// Who speaks for it is whoever decides what is served there: for the well-known directory of an origin that is the origin; for any
/// other path it is whoever may put a document under that path, whatever the query.
///
/// ```
/// use aims_proof::web_bot_auth::AgentUrl;
///
/// let url: AgentUrl = "HTTPS://Bot.Example:443/a/../keys%2ejson?v=2#x".parse()?;
/// assert_eq!(url.as_str(), "https://bot.example/keys.json");
/// # Ok::<(), aims_credential::HttpsUrlError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AgentUrl(HttpsUrl);

impl AgentUrl {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Of a URL that is fetched, in normal form already.
    pub(super) fn of(url: &HttpsUrl) -> Result<Self, HttpsUrlError> {
        url.as_str().split('?').next().unwrap_or_default().parse().map(Self)
    }
}

impl FromStr for AgentUrl {
    type Err = HttpsUrlError;

    fn from_str(text: &str) -> Result<Self, HttpsUrlError> {
        Self::of(&normal(text)?)
    }
}

impl fmt::Display for AgentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The URL in normal form, its query as it was sent.
pub(super) fn normal(text: &str) -> Result<HttpsUrl, HttpsUrlError> {
    if text.len() > HttpsUrl::MAX_LEN {
        return Err(HttpsUrlError::TooLong);
    }
    // The fragment goes, and is looked at before.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(HttpsUrlError::Path);
    }
    let text = text.split('#').next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").ok_or(HttpsUrlError::Scheme)?;
    if !scheme.eq_ignore_ascii_case("https") {
        return Err(HttpsUrlError::Scheme);
    }
    // A backslash is one of the path to some readers, and none of any part here: the parser refuses it, wherever it is.
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(end).ok_or(HttpsUrlError::Path)?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let authority = authority.to_ascii_lowercase();
    let authority = match authority.rsplit_once(':') {
        // A host has colons within brackets alone.
        Some((host, "" | "443")) if !host.contains(':') || host.ends_with(']') => host,
        _ => &authority,
    };
    let path = without_dot_segments(&decoded(path)?);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    // What is not a URL after all is refused here.
    format!("https://{authority}{path}{query}").parse()
}

/// Unreserved characters stand for themselves; other escapes have upper-case digits.
fn decoded(path: &str) -> Result<String, HttpsUrlError> {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            decoded.push(character);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| digit.to_digit(16)).ok_or(HttpsUrlError::Path);
        let byte = u8::try_from(digit()? * 16 + digit()?).map_err(|_| HttpsUrlError::Path)?;
        match char::from(byte) {
            plain if plain.is_ascii_alphanumeric() || matches!(plain, '-' | '.' | '_' | '~') => {
                decoded.push(plain);
            }
            _ => {
                // Writing to a `String` cannot fail.
                let _ = write!(decoded, "%{byte:02X}");
            }
        }
    }
    Ok(decoded)
}

/// RFC 3986 section 5.2.4; an empty path is `/`.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // What ends in a dot segment is a folder.
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}
