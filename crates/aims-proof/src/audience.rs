//! What a proof is for.

use std::net::Ipv6Addr;

/// The recipients that a verifier answers to, from its configuration: never from `Host`, or anything else a request says
/// (WPT-7).
///
/// ```
/// use aims_proof::{Audiences, Target};
///
/// let own = Audiences::http("https://tools.example")?;
/// assert!(own.accept("https://tools.example/v1/search", Target::HttpPath("/v1/search")));
/// assert!(!own.accept("https://tools.example/v1/search", Target::HttpPath("/v1/book")));
/// assert!(!own.accept("https://other.example/v1/search", Target::HttpPath("/v1/search")));
/// # Ok::<(), aims_proof::AudienceError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Audiences {
    bases: Vec<HttpBase>,
    aliases: Vec<String>,
}

/// The scheme and authority of a service: `https://tools.example`.
#[derive(Clone, Debug)]
struct HttpBase(String);

impl Audiences {
    /// An HTTP service, by the scheme and authority that its callers use: `https://tools.example`, without a path.
    ///
    /// Behind proxies this is the outside name. `http` is for services reached through a channel that is protected
    /// otherwise, or on loopback: proofs travel over server-authenticated TLS (WPT-19).
    ///
    /// # Errors
    ///
    /// [`AudienceError`] when the text is anything else, in particular not in its one spelling.
    pub fn http(base: &str) -> Result<Self, AudienceError> {
        Ok(Self { bases: vec![HttpBase::parse(base)?], aliases: Vec::new() })
    }

    /// A recipient that is no HTTP service, or where paths are rewritten on the way: one exact string.
    ///
    /// # Errors
    ///
    /// [`AudienceError::Empty`].
    pub fn exact(audience: &str) -> Result<Self, AudienceError> {
        Self { bases: Vec::new(), aliases: Vec::new() }.and_exact(audience)
    }

    /// Another scheme and authority of the same service.
    ///
    /// # Errors
    ///
    /// As [`http`](Self::http).
    pub fn and_http(mut self, base: &str) -> Result<Self, AudienceError> {
        self.bases.push(HttpBase::parse(base)?);
        Ok(self)
    }

    /// Another exact string that senders may use, whatever the path.
    ///
    /// # Errors
    ///
    /// [`AudienceError::Empty`].
    pub fn and_exact(mut self, audience: &str) -> Result<Self, AudienceError> {
        if audience.is_empty() {
            return Err(AudienceError::Empty);
        }
        self.aliases.push(audience.to_owned());
        Ok(self)
    }

    /// The scheme by which callers reach this recipient: `http` where it has no other, and `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        let is_plain = |base: &HttpBase| base.0.starts_with("http://");
        if !self.bases.is_empty() && self.bases.iter().all(is_plain) { "http" } else { "https" }
    }

    /// The schemes and authorities by which callers reach this recipient, in the order in which they were named.
    pub fn http_bases(&self) -> impl Iterator<Item = &str> {
        self.bases.iter().map(|base| &*base.0)
    }

    /// What this recipient is called for a request to `target`, in a form [short](shown) enough for a message.
    pub(crate) fn expected(&self, target: Target<'_>) -> String {
        let mut names = Vec::new();
        if let Some(path) = target.path() {
            names.extend(self.bases.iter().map(|base| shown(&format!("{}{path}", base.0))));
        }
        names.extend(self.aliases.iter().map(|alias| shown(alias)));
        let more = names.len().saturating_sub(MAX_NAMES);
        names.truncate(MAX_NAMES);
        if names.is_empty() {
            return "nothing".to_owned();
        }
        if more > 0 {
            names.push(format!("{more} more"));
        }
        names.join(" or ")
    }

    /// Whether `aud` names this recipient, for a request to `target`; byte for byte, nothing is decoded or normalised.
    #[must_use]
    pub fn accept(&self, aud: &str, target: Target<'_>) -> bool {
        if self.aliases.iter().any(|alias| alias == aud) {
            return true;
        }
        let Some(path) = target.path() else { return false };
        self.bases.iter().any(|base| aud.strip_prefix(base.0.as_str()) == Some(path))
    }
}

/// What a request is addressed to, beyond the recipient itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// Nothing: the audience is one of the exact strings. For carriers other than HTTP.
    Exact,
    /// The path of an HTTP request, as received, without the query. A gRPC method is such a path
    /// (`/acme.Search/Find`), so gRPC needs no target of its own.
    HttpPath(&'a str),
}

impl<'a> Target<'a> {
    /// What follows the scheme and authority in the audience, if the target has an audience that begins with them.
    fn path(self) -> Option<&'a str> {
        match self {
            Self::Exact => None,
            // The asterisk form of a request target has no path (RFC 9110 §7.1). Any other request without one is for a
            // tunnel (`CONNECT`): it names another host, about which the proof says nothing.
            Self::HttpPath("*") => Some(""),
            Self::HttpPath(path) => (!path.is_empty() && is_path(path)).then_some(path),
        }
    }
}

/// The audience of a proof for an HTTP request: the target URI without query and fragment.
///
/// Nothing else is changed. The recipient compares bytes, so the URI is to be in the spelling that it knows itself by: the
/// scheme and host in lower case, no default port, and a path of at least `/`, as the request line will have it.
///
/// ```
/// let aud = aims_proof::http_audience("https://tools.example/v1/search?lang=en#top");
/// assert_eq!(aud, "https://tools.example/v1/search");
/// ```
#[must_use]
pub fn http_audience(target_uri: &str) -> &str {
    target_uri.split(['?', '#']).next().unwrap_or_default()
}

impl HttpBase {
    fn parse(base: &str) -> Result<Self, AudienceError> {
        if base.is_empty() {
            return Err(AudienceError::Empty);
        }
        let (scheme, authority) = base.split_once("://").ok_or(AudienceError::NotHttp)?;
        let default_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(AudienceError::NotHttp),
        };
        if authority.contains(['/', '?', '#']) {
            return Err(AudienceError::HasPath);
        }
        // Callers write the usual spelling; a service configured with another would refuse all of them.
        if !is_authority(authority) {
            return Err(AudienceError::Authority);
        }
        if authority.ends_with(default_port) {
            return Err(AudienceError::DefaultPort);
        }
        Ok(Self(base.to_owned()))
    }
}

/// Whether `path` can follow an authority and ends where a query begins.
///
/// `.evil.example/` behind `https://tools.example` would be the audience of another host, and a query in what the caller
/// took for a path would let proofs with a query in (WPT-6).
fn is_path(path: &str) -> bool {
    (path.is_empty() || path.starts_with('/')) && !path.contains(['?', '#'])
}

/// Host and optional port, in lower case: `tools.example`, `tools.example:8443`, `[2001:db8::1]:8443`.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        // The colon of an IPv6 address.
        Some((_, port)) if port.ends_with(']') => (authority, None),
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_host = if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address)
    } else {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._~".contains(c);
        !host.is_empty() && host.chars().all(allowed) && !host.ends_with('.')
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|parsed| parsed.to_string() == port);
    is_host && port.is_none_or(is_port)
}

/// An audience for a message to the operator: quoted, without userinfo, query and fragment, where secrets travel, and not all
/// of a long one.
pub(crate) fn shown(aud: &str) -> String {
    let (uri, query) = match aud.find(['?', '#']) {
        Some(at) => (aud.get(..at).unwrap_or_default(), "?.."),
        None => (aud, ""),
    };
    let authority_at = uri.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = uri.split_at_checked(authority_at).unwrap_or_default();
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or_default();
    let (userinfo, host) = authority.rsplit_once('@').map_or(("", authority), |(_, host)| ("..@", host));
    let mut text = format!("{scheme}{userinfo}{host}{path}{query}");
    if text.len() > MAX_SHOWN {
        let end = (0..=MAX_SHOWN).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
        text.truncate(end);
        text.push_str("..");
    }
    format!("{text:?}")
}

/// Why a text does not name a recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AudienceError {
    /// The authority is not a host in lower case, with a port or without one.
    #[error("the authority is not a host and port in lower case")]
    Authority,
    /// The port is the one of the scheme, which callers leave out.
    #[error("the port is the default one of the scheme and is left out")]
    DefaultPort,
    /// The text is empty.
    #[error("the audience is empty")]
    Empty,
    /// There is a path, a query or a fragment: a recipient is a whole service.
    #[error("the audience is a whole service, without path, query or fragment")]
    HasPath,
    /// The text does not begin with `https://` or `http://`.
    #[error("the audience is not an http or https origin")]
    NotHttp,
}

impl AudienceError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authority => "bad_authority",
            Self::DefaultPort => "default_port",
            Self::Empty => "empty_audience",
            Self::HasPath => "audience_with_path",
            Self::NotHttp => "audience_not_http",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "WPT-7"
    }
}

/// In bytes, before quoting.
const MAX_SHOWN: usize = 200;

const MAX_NAMES: usize = 3;
