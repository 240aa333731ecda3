//! `htu`: which URI a proof is for.

use std::fmt;
use std::str::FromStr;

/// The URI of a request without query and fragment, normalised: what two spellings of it have in common (DPO-4, RFC 3986 §6.2.2 and §6.2.3).
///
/// ```
/// use aims_oauth::DpopTarget;
///
/// let target: DpopTarget = "https://tools.example/v1/%7Esearch?q=1".parse()?;
/// assert_eq!(target.as_str(), "https://tools.example/v1/~search");
/// assert_eq!(target, "HTTPS://Tools.example:443/v1/./x/../~search".parse()?);
/// # Ok::<(), aims_oauth::DpopTargetError>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct DpopTarget(Box<str>);

impl DpopTarget {
    /// The longest URI, in bytes.
    pub const MAX_LEN: usize = 8 * 1024;

    /// The URI, normalised.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text is a spelling of it.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        // Mostly it is the same one.
        *self.0 == *text || text.parse().is_ok_and(|other: Self| other == *self)
    }
}

impl FromStr for DpopTarget {
    type Err = DpopTargetError;

    fn from_str(text: &str) -> Result<Self, DpopTargetError> {
        use DpopTargetError as E;

        if text.len() > Self::MAX_LEN {
            return Err(E::TooLong);
        }
        let text = text.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = text.split_once("://").ok_or(E::NotHttp)?;
        let (scheme, usual_port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => ("https", "443"),
            "http" => ("http", "80"),
            _ => return Err(E::NotHttp),
        };
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let mut normal = format!("{scheme}://");
        write_authority(authority, usual_port, &mut normal)?;
        write_path(path, &mut normal)?;
        Ok(Self(normal.into()))
    }
}

impl fmt::Display for DpopTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DpopTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Why a text is no URI that a proof can be for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DpopTargetError {
    /// The authority is none, or has a userinfo.
    #[error("the URI has no sound authority")]
    Authority,
    /// It is neither `https` nor `http`.
    #[error("the URI is not one of HTTP")]
    NotHttp,
    /// The path has a character that none has.
    #[error("the path of the URI is malformed")]
    Path,
    /// It is longer than [`DpopTarget::MAX_LEN`].
    #[error("the URI is too long")]
    TooLong,
}

impl DpopTargetError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authority => "target_authority",
            Self::NotHttp => "target_scheme",
            Self::Path => "target_path",
            Self::TooLong => "target_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        if matches!(self, Self::TooLong) { "WIR-9" } else { "DPO-4" }
    }
}

/// In lower case, without the usual port.
fn write_authority(authority: &str, usual_port: &str, to: &mut String) -> Result<(), DpopTargetError> {
    let wrong = DpopTargetError::Authority;
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an address are within its brackets.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let inner = address.unwrap_or(host);
    let is_sound = !inner.is_empty()
        && inner.bytes().all(|byte| is_name(byte) || address.is_some() && byte == b':')
        && port.bytes().all(|byte| byte.is_ascii_digit());
    if !is_sound {
        return Err(wrong);
    }
    to.push_str(&host.to_ascii_lowercase());
    if !port.is_empty() && port != usual_port {
        to.push(':');
        to.push_str(port);
    }
    Ok(())
}

/// Without dot segments; what is escaped and need not be, is not, and escapes are in upper case. An empty path is `/`.
fn write_path(path: &str, to: &mut String) -> Result<(), DpopTargetError> {
    let start = to.len();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let segment = normal_segment(segment)?;
        let is_last = segments.peek().is_none();
        match segment.as_str() {
            "." => {}
            ".." => {
                to.truncate(to.get(start..).and_then(|path| path.rfind('/')).map_or(start, |at| start + at));
            }
            _ => {
                to.push('/');
                to.push_str(&segment);
                continue;
            }
        }
        // What is left of a dot segment at the end is the slash before it.
        if is_last {
            to.push('/');
        }
    }
    Ok(())
}

fn normal_segment(segment: &str) -> Result<String, DpopTargetError> {
    let mut normal = String::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        match (first, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let value = digit(*high)? * 16 + digit(*low)?;
                if is_unreserved(value) {
                    normal.push(value.into());
                } else {
                    normal.push('%');
                    normal.push(char::from(*high).to_ascii_uppercase());
                    normal.push(char::from(*low).to_ascii_uppercase());
                }
                rest = behind;
            }
            // `pchar` (RFC 3986 §3.3)
            (byte, _) if is_unreserved(*byte) || b"!$&'()*+,;=:@".contains(byte) => {
                normal.push((*byte).into());
            }
            _ => return Err(DpopTargetError::Path),
        }
    }
    Ok(normal)
}

fn digit(byte: u8) -> Result<u8, DpopTargetError> {
    let value = char::from(byte).to_digit(16).ok_or(DpopTargetError::Path)?;
    u8::try_from(value).map_err(|_| DpopTargetError::Path)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
