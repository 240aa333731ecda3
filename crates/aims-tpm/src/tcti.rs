//! Where a TPM is, as the TPM Software Stack writes it.

use core::fmt;
use core::str::FromStr;

/// Where a TPM is, and how it is reached: `device:/dev/tpmrm0`, for instance.
///
/// The form is that of the TPM Software Stack (a TCTI, TPM Command Transmission Interface), and strict: the library below ignores
/// keys it does not know, and would then talk to another TPM than the one that was meant (TPM-7).
///
/// | Text | The TPM |
/// |---|---|
/// | `device:/dev/tpmrm0` | that of this machine, through the kernel's resource manager: the [default](Tcti::default) |
/// | `device:/dev/tpm0` | the same without one: only if nobody else uses it |
/// | `tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=system` | through the resource manager on D-Bus |
/// | `swtpm:host=127.0.0.1,port=2321` | a software TPM; its control channel is at the next port |
/// | `mssim:host=127.0.0.1,port=2321` | the simulator of the reference implementation |
///
/// The last two carry commands as they are over TCP: for tests, on loopback.
///
/// ```
/// use aims_tpm::Tcti;
///
/// let tcti: Tcti = "swtpm:host=127.0.0.1,port=2321".parse()?;
/// assert_eq!(tcti.to_string(), "swtpm:host=127.0.0.1,port=2321");
///
/// let refused = "swtpm:path=/run/tpm.sock".parse::<Tcti>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("tcti_unknown_key", "TPM-7"));
/// # Ok::<(), aims_tpm::TctiError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Tcti(Kind);

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Kind {
    Device(String),
    Network { name: &'static str, host: String, port: u16 },
    Tabrmd { bus_name: String, bus_type: &'static str },
}

impl Tcti {
    /// The path of the device, if it is one.
    pub(crate) fn device(&self) -> Option<&str> {
        match &self.0 {
            Kind::Device(path) => Some(path),
            _ => None,
        }
    }

    /// Whether a resource manager is between: it flushes what a connection leaves behind.
    pub(crate) fn is_managed(&self) -> bool {
        match &self.0 {
            Kind::Device(path) => path.starts_with("/dev/tpmrm"),
            Kind::Network { .. } => false,
            Kind::Tabrmd { .. } => true,
        }
    }
}

/// The TPM of this machine: `device:/dev/tpmrm0`.
impl Default for Tcti {
    fn default() -> Self {
        Self(Kind::Device("/dev/tpmrm0".to_owned()))
    }
}

impl FromStr for Tcti {
    type Err = TctiError;

    fn from_str(text: &str) -> Result<Self, TctiError> {
        if text.len() > MAX_LEN {
            return Err(TctiError::TooLong);
        }
        let (name, conf) = text.split_once(':').ok_or(TctiError::NoAddress)?;
        let kind = match name {
            "device" => Kind::Device(device(conf)?),
            "swtpm" => network("swtpm", conf)?,
            "mssim" => network("mssim", conf)?,
            "tabrmd" => tabrmd(conf)?,
            _ => return Err(TctiError::UnknownKind),
        };
        Ok(Self(kind))
    }
}

impl fmt::Display for Tcti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Device(path) => write!(f, "device:{path}"),
            Kind::Network { name, host, port } => write!(f, "{name}:host={host},port={port}"),
            Kind::Tabrmd { bus_name, bus_type } => {
                write!(f, "tabrmd:bus_name={bus_name},bus_type={bus_type}")
            }
        }
    }
}

fn device(path: &str) -> Result<String, TctiError> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'.' | b'_' | b'-');
    if !path.starts_with('/') || !path.bytes().all(allowed) || path.split('/').any(|part| part == "..") {
        return Err(TctiError::Path);
    }
    Ok(path.to_owned())
}

fn network(name: &'static str, conf: &str) -> Result<Kind, TctiError> {
    let [host, port] = pairs(conf, ["host", "port"])?;
    let named = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b':');
    if host.is_empty() || host.starts_with('-') || !host.bytes().all(named) {
        return Err(TctiError::Host);
    }
    // Above it is the control channel. Signs and leading zeros would be a second way to write a port.
    let number = port.parse().ok().filter(|&number| (1..u16::MAX).contains(&number));
    let number = number.filter(|number| number.to_string() == port).ok_or(TctiError::Port)?;
    Ok(Kind::Network { name, host: host.to_owned(), port: number })
}

fn tabrmd(conf: &str) -> Result<Kind, TctiError> {
    let [bus_name, bus_type] = pairs(conf, ["bus_name", "bus_type"])?;
    let named = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if !bus_name.contains('.') || !bus_name.bytes().all(named) {
        return Err(TctiError::Bus);
    }
    let bus_type = match bus_type {
        "session" => "session",
        "system" => "system",
        _ => return Err(TctiError::Bus),
    };
    Ok(Kind::Tabrmd { bus_name: bus_name.to_owned(), bus_type })
}

/// The values of exactly these keys, in whatever order, each once.
fn pairs<'a>(conf: &'a str, keys: [&str; 2]) -> Result<[&'a str; 2], TctiError> {
    let mut found = [None; 2];
    for pair in conf.split(',') {
        let (key, value) = pair.split_once('=').ok_or(TctiError::Malformed)?;
        let place = keys.iter().zip(&mut found).find(|(name, _)| **name == key);
        let (_, place) = place.ok_or(TctiError::UnknownKey)?;
        if place.replace(value).is_some() {
            return Err(TctiError::RepeatedKey);
        }
    }
    match found {
        [Some(first), Some(second)] => Ok([first, second]),
        _ => Err(TctiError::MissingKey),
    }
}

/// Why a text does not say where a TPM is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TctiError {
    /// The name of the bus, or its type, is not one.
    #[error("the D-Bus name or bus type is not one")]
    Bus,
    /// The host is not a name or an address.
    #[error("the host is not a host name or an address")]
    Host,
    /// What follows the kind is not a list of `key=value`.
    #[error("the configuration is not a list of key=value")]
    Malformed,
    /// A key that is needed is missing; there are no defaults.
    #[error("a key is missing")]
    MissingKey,
    /// There is no colon and nothing after it: the default of the library would be meant.
    #[error("the text names a kind of TPM and no address")]
    NoAddress,
    /// The path of the device is not absolute, or has characters that device paths do not have.
    #[error("the path of the device is not a plain absolute path")]
    Path,
    /// The port is not a number from 1 to 65534.
    #[error("the port is not a number from 1 to 65534")]
    Port,
    /// A key is there twice.
    #[error("a key is there twice")]
    RepeatedKey,
    /// The text is longer than 256 bytes.
    #[error("the text is too long")]
    TooLong,
    /// A key is not known, and the library would ignore it.
    #[error("a key is not known")]
    UnknownKey,
    /// The kind is not `device`, `tabrmd`, `swtpm` or `mssim`.
    #[error("the kind of TPM is not device, tabrmd, swtpm or mssim")]
    UnknownKind,
}

impl TctiError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bus => "tcti_bus",
            Self::Host => "tcti_host",
            Self::Malformed => "tcti_malformed",
            Self::MissingKey => "tcti_missing_key",
            Self::NoAddress => "tcti_no_address",
            Self::Path => "tcti_path",
            Self::Port => "tcti_port",
            Self::RepeatedKey => "tcti_repeated_key",
            Self::TooLong => "tcti_too_long",
            Self::UnknownKey => "tcti_unknown_key",
            Self::UnknownKind => "tcti_unknown_kind",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "TPM-7"
    }
}

const MAX_LEN: usize = 256;
