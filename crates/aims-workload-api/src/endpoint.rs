//! Where a Workload API is.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The address of a Workload API: a Unix socket, or an IP address and port (SPIFFE Workload Endpoint §4).
///
/// ```
/// use aims_workload_api::Endpoint;
///
/// let endpoint: Endpoint = "unix:///run/agent/api.sock".parse()?;
/// assert_eq!(endpoint, Endpoint::Unix("/run/agent/api.sock".into()));
///
/// let refused = "tcp://localhost:8081".parse::<Endpoint>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("endpoint_not_an_address", "WE-5"));
/// # Ok::<(), aims_workload_api::EndpointError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Endpoint {
    /// An IP address and port. The network itself must know who calls (WE-1): loopback does not.
    Tcp(SocketAddr),
    /// The absolute path of a socket.
    Unix(PathBuf),
}

/// The environment variable with the address.
pub const ENDPOINT_VARIABLE: &str = "SPIFFE_ENDPOINT_SOCKET";

impl Endpoint {
    /// The one that the environment names, in the variable `SPIFFE_ENDPOINT_SOCKET`. What is configured goes before it (WE-4).
    ///
    /// # Errors
    ///
    /// [`EndpointError::NotSet`], and those of reading it.
    pub fn from_env() -> Result<Self, EndpointError> {
        let value = std::env::var_os(ENDPOINT_VARIABLE).ok_or(EndpointError::NotSet)?;
        value.to_str().ok_or(EndpointError::NotAUri)?.parse()
    }
}

/// Strict: what is not one of the two forms is refused, whatever could be made of it.
impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text.len() > MAX_LEN || text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(EndpointError::NotAUri);
        }
        if let Some(rest) = text.strip_prefix("unix:") {
            return unix(rest).map(Self::Unix);
        }
        if let Some(rest) = text.strip_prefix("tcp://") {
            let address: SocketAddr = rest.parse().map_err(|_| EndpointError::NotAnAddress)?;
            if address.port() == 0 {
                return Err(EndpointError::NotAnAddress);
            }
            return Ok(Self::Tcp(address));
        }
        Err(EndpointError::Scheme)
    }
}

fn unix(rest: &str) -> Result<PathBuf, EndpointError> {
    // `unix:/path` and `unix:///path` are the same URI; `unix://host/path` has an authority.
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => return Err(EndpointError::Authority),
        None if rest.starts_with('/') => rest,
        None => return Err(EndpointError::RelativePath),
    };
    if path.contains(['?', '#']) {
        return Err(EndpointError::Extra);
    }
    let bytes = percent_decoded(path).ok_or(EndpointError::NotAUri)?;
    if bytes.contains(&0) || bytes == b"/" {
        return Err(EndpointError::NotAUri);
    }
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            decoded.push(u8::try_from(value).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

/// As the environment variable has it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => {
                f.write_str("unix://")?;
                write_path(path, f)
            }
        }
    }
}

fn write_path(path: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'#') {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Why a text does not say where a Workload API is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address of a Unix socket names a host.
    #[error("the address of a Unix socket has an authority")]
    Authority,
    /// There is a query or a fragment.
    #[error("the address of the endpoint has a query or a fragment")]
    Extra,
    /// What follows `tcp://` is not an IP address and a port, and nothing else.
    #[error("what follows tcp:// is not an IP address and a port")]
    NotAnAddress,
    /// It is no URI, or longer than 1024 bytes.
    #[error("the address of the endpoint is not a URI")]
    NotAUri,
    /// The environment does not say.
    #[error("the environment variable SPIFFE_ENDPOINT_SOCKET is not set")]
    NotSet,
    /// The path of the socket is not absolute.
    #[error("the path of the socket is not absolute")]
    RelativePath,
    /// It begins with neither `unix:` nor `tcp://`; a path alone is no address.
    #[error("the address of the endpoint begins with neither unix: nor tcp://")]
    Scheme,
}

impl EndpointError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authority => "endpoint_authority",
            Self::Extra => "endpoint_extra",
            Self::NotAnAddress => "endpoint_not_an_address",
            Self::NotAUri => "endpoint_not_a_uri",
            Self::NotSet => "endpoint_not_set",
            Self::RelativePath => "endpoint_relative_path",
            Self::Scheme => "endpoint_scheme",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotSet => "WE-4",
            _ => "WE-5",
        }
    }
}

const MAX_LEN: usize = 1024;
