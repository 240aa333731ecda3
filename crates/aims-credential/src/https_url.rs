//! Addresses of documents that are fetched: `https` URLs of one spelling.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// An `https` URL (RFC 3986) from which a document may be fetched.
///
/// What another reader would take for another URL is refused, and nothing is normalised: the scheme and the host are in lower case,
/// there is no userinfo (FED-2), no fragment and no dot segment, and an address has the one spelling that it is printed in. So two
/// URLs that are equal are the same text, and no text means two hosts.
///
/// ```
/// use aims_credential::HttpsUrl;
///
/// let url: HttpsUrl = "https://bundles.acme.example/spiffe?v=1".parse()?;
/// assert_eq!((url.host(), url.port(), url.target().as_ref()), ("bundles.acme.example", 443, "/spiffe?v=1"));
///
/// let refused = "https://acme.example@evil.example/".parse::<HttpsUrl>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("url_userinfo", "FED-2"));
/// # Ok::<(), aims_credential::HttpsUrlError>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HttpsUrl {
    text: Arc<str>,
    host: Host,
    /// Where the authority ends. INVARIANT: a char boundary of `text`, set by the parser.
    authority_end: usize,
    port: Option<u16>,
}

/// A host name stands in the text, at the place where every authority begins.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Host {
    Address(IpAddr),
    /// How long it is.
    Name(usize),
}

impl HttpsUrl {
    /// The longest URL, in bytes.
    pub const MAX_LEN: usize = 2048;

    /// The URL as it was read, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host: a name, or an address, of version 6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        match self.host {
            Host::Name(len) => self.authority().get(..len).unwrap_or_default(),
            Host::Address(IpAddr::V4(_)) => self.authority().split(':').next().unwrap_or_default(),
            Host::Address(IpAddr::V6(_)) => self.authority().split_inclusive(']').next().unwrap_or_default(),
        }
    }

    /// The host, if it is an address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Address(address) => Some(address),
            Host::Name(_) => None,
        }
    }

    /// The port; 443, where the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// Host and port as they are written: what goes into the `Host` field.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.text.get(SCHEME.len()..self.authority_end).unwrap_or_default()
    }

    /// The origin (RFC 6454 §6.2): scheme, host, and the port unless it is 443. URLs of one service have one, however they write the port; two services of one host
    /// have two.
    #[must_use]
    pub fn origin(&self) -> String {
        let port = self.port.filter(|port| *port != DEFAULT_PORT);
        port.map_or_else(|| [SCHEME, self.host()].concat(), |port| format!("{SCHEME}{}:{port}", self.host()))
    }

    /// Path and query, which may both be missing.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        self.text.get(self.authority_end..).unwrap_or_default()
    }

    /// The path; `""` if there is none.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query().split('?').next().unwrap_or_default()
    }

    /// What a request for the document asks for: path and query, with a path in any case (RFC 9112 §3.2.1).
    #[must_use]
    pub fn target(&self) -> std::borrow::Cow<'_, str> {
        let target = self.path_and_query();
        if target.starts_with('/') { target.into() } else { format!("/{target}").into() }
    }

    /// Where a redirect leads that this URL answered with: `location` is the value of its `Location` field, a URL or a reference that
    /// is relative to this one (RFC 9110 §10.2.2).
    ///
    /// References with dot segments are refused, as such URLs are; so are fragments, which nobody would look at.
    ///
    /// # Errors
    ///
    /// [`HttpsUrlError`]: the target is held to what every URL is held to (FED-7).
    pub fn redirected(&self, location: &str) -> Result<Self, HttpsUrlError> {
        if location.len() > Self::MAX_LEN {
            return Err(HttpsUrlError::TooLong);
        }
        let origin = self.text.get(..self.authority_end).unwrap_or_default();
        if location.starts_with("//") {
            return ["https:", location].concat().parse();
        }
        if location.starts_with('/') {
            return [origin, location].concat().parse();
        }
        if location.starts_with('?') {
            return [origin, self.path(), location].concat().parse();
        }
        if has_scheme(location) {
            return location.parse();
        }
        if location.is_empty() {
            return Err(HttpsUrlError::Path);
        }
        let folder = self.path().rfind('/').and_then(|at| self.path().get(..at)).unwrap_or_default();
        [origin, folder, "/", location].concat().parse()
    }
}

impl FromStr for HttpsUrl {
    type Err = HttpsUrlError;

    fn from_str(text: &str) -> Result<Self, HttpsUrlError> {
        use HttpsUrlError as E;

        if text.len() > Self::MAX_LEN {
            return Err(E::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(E::Scheme)?;
        if text.contains('#') {
            return Err(E::Fragment);
        }
        let authority_len = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(authority_len);
        if authority.contains('@') {
            return Err(E::Userinfo);
        }
        let (host, port) = split_port(authority)?;
        let host = read_host(host)?;
        let port = port.map(read_port).transpose()?;
        check_target(target)?;
        Ok(Self { text: text.into(), host, authority_end: SCHEME.len() + authority_len, port })
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a text is not a URL from which a document may be fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpsUrlError {
    /// It has a fragment.
    #[error("the URL has a fragment")]
    Fragment,
    /// The host is missing, or neither a name in lower case nor an address in its one spelling.
    #[error("the host is not a name in lower case or an address in its usual spelling")]
    Host,
    /// Path or query hold what they may not, or the path has a dot segment.
    #[error("the path or query is malformed, or has a dot segment")]
    Path,
    /// The port is not a number from 1 to 65535 without leading zeros.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// It does not start with `https://`.
    #[error("the scheme is not https")]
    Scheme,
    /// It is longer than [`HttpsUrl::MAX_LEN`].
    #[error("the URL is too long")]
    TooLong,
    /// There is a userinfo.
    #[error("the URL has a userinfo")]
    Userinfo,
}

impl HttpsUrlError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fragment => "url_fragment",
            Self::Host => "url_host",
            Self::Path => "url_path",
            Self::Port => "url_port",
            Self::Scheme => "url_scheme",
            Self::TooLong => "url_too_long",
            Self::Userinfo => "url_userinfo",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Scheme | Self::Userinfo => "FED-2",
            Self::Fragment | Self::Host | Self::Path | Self::Port | Self::TooLong => "FED-14",
        }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), HttpsUrlError> {
    let name_end = if authority.starts_with('[') {
        authority.find(']').ok_or(HttpsUrlError::Host)? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(name_end);
    if rest.is_empty() {
        return Ok((host, None));
    }
    let port = rest.strip_prefix(':').ok_or(HttpsUrlError::Host)?;
    Ok((host, Some(port)))
}

fn read_host(host: &str) -> Result<Host, HttpsUrlError> {
    use HttpsUrlError as E;

    if let Some(inside) = host.strip_prefix('[') {
        let inside = inside.strip_suffix(']').ok_or(E::Host)?;
        let address: Ipv6Addr = inside.parse().map_err(|_| E::Host)?;
        return one_spelling(inside, IpAddr::V6(address));
    }
    if host.is_empty() || host.len() > MAX_NAME || !host.split('.').all(is_label) {
        return Err(E::Host);
    }
    // What ends in a number, others read as an address, in spellings such as 0x7f.1 or 2130706433.
    if host.rsplit('.').next().is_some_and(is_numeric) {
        let address: Ipv4Addr = host.parse().map_err(|_| E::Host)?;
        return one_spelling(host, IpAddr::V4(address));
    }
    Ok(Host::Name(host.len()))
}

fn one_spelling(text: &str, address: IpAddr) -> Result<Host, HttpsUrlError> {
    if address.to_string() == text { Ok(Host::Address(address)) } else { Err(HttpsUrlError::Host) }
}

/// RFC 1123 §2.1, in lower case; with the underscore that some names within companies have.
fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    !label.is_empty()
        && label.len() <= MAX_LABEL
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// As WHATWG's URL standard has it ("ends in a number").
fn is_numeric(label: &str) -> bool {
    let is_hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    label.bytes().all(|byte| byte.is_ascii_digit()) || label.strip_prefix("0x").is_some_and(is_hexadecimal)
}

fn read_port(port: &str) -> Result<u16, HttpsUrlError> {
    let is_plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    port.parse().ok().filter(|_| is_plain).ok_or(HttpsUrlError::Port)
}

fn check_target(target: &str) -> Result<(), HttpsUrlError> {
    let mut rest = target.bytes();
    while let Some(byte) = rest.next() {
        let is_allowed = match byte {
            b'%' => [rest.next(), rest.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            b'/' | b'?' => true,
            // `pchar` (RFC 3986 §3.3)
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte),
        };
        if !is_allowed {
            return Err(HttpsUrlError::Path);
        }
    }
    let path = target.split('?').next().unwrap_or_default();
    if path.split('/').any(is_dot_segment) { Err(HttpsUrlError::Path) } else { Ok(()) }
}

fn is_dot_segment(segment: &str) -> bool {
    // None is longer, so that nothing long is copied.
    segment.len() <= "%2e%2e".len()
        && matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..")
}

/// Whether a reference begins with a scheme (RFC 3986 §4.1): a colon in a later segment is none.
fn has_scheme(reference: &str) -> bool {
    reference.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'))
}

const SCHEME: &str = "https://";
const DEFAULT_PORT: u16 = 443;
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
