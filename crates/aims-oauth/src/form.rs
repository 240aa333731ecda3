//! Parameters of requests and responses, as forms have them (`application/x-www-form-urlencoded`).

use std::fmt;

use zeroize::Zeroizing;

/// The parameters of a request that was received: of a body, or of the query of a URL.
///
/// Values are secrets as likely as not: `Debug` shows the names alone, and the values are overwritten when they are dropped.
///
/// ```
/// use aims_oauth::Parameters;
///
/// let form = Parameters::parse(b"grant_type=client_credentials&resource=https%3A%2F%2Ftools.example&scope=")?;
/// assert_eq!(form.get("grant_type")?, Some("client_credentials"));
/// assert_eq!(form.get("scope")?, None); // nothing is as good as absent
///
/// let twice = Parameters::parse(b"scope=a&scope=b")?;
/// let refused = twice.get("scope").unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("parameter_repeated", "WIR-2"));
/// # Ok::<(), aims_oauth::FormError>(())
/// ```
#[derive(Clone, Default)]
pub struct Parameters {
    /// Names and values as they were meant, each value behind its name.
    text: Zeroizing<String>,
    /// At most [`MAX_PAIRS`], so that they can be gone through.
    pairs: Vec<Pair>,
}

/// Where a name and its value are. INVARIANT: in the text that they are kept with, at boundaries of characters.
#[derive(Clone, Copy)]
struct Pair {
    start: usize,
    name_end: usize,
    end: usize,
}

impl Parameters {
    /// Reads a body, or a query without its question mark.
    ///
    /// # Errors
    ///
    /// [`FormError`].
    pub fn parse(text: &[u8]) -> Result<Self, FormError> {
        if text.len() > MAX_LEN {
            return Err(FormError::TooLong);
        }
        let mut pairs = Vec::with_capacity(TYPICAL_PAIRS);
        // Nothing gets longer by being decoded, so that this does not grow and leave copies behind.
        let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() >= MAX_PAIRS {
                return Err(FormError::TooMany);
            }
            let mut sides = pair.splitn(2, |byte| *byte == b'=');
            let start = decoded.len();
            decode_to(&mut decoded, sides.next().unwrap_or_default())?;
            let name_end = decoded.len();
            decode_to(&mut decoded, sides.next().unwrap_or_default())?;
            pairs.push(Pair { start, name_end, end: decoded.len() });
        }
        Ok(Self { text: text_of(decoded)?, pairs })
    }

    /// These, none of which is repeated or too much.
    pub(crate) fn of<'v>(all: impl Iterator<Item = (&'v str, &'v str)> + Clone) -> Self {
        let len = all.clone().map(|(name, value)| name.len() + value.len()).sum();
        let mut text = Zeroizing::new(String::with_capacity(len));
        let pairs = all.map(|(name, value)| {
            let start = text.len();
            text.push_str(name);
            let name_end = text.len();
            text.push_str(value);
            Pair { start, name_end, end: text.len() }
        });
        Self { pairs: pairs.collect(), text }
    }

    /// The value of a parameter that may be there once (WIR-2); an empty one is none.
    ///
    /// # Errors
    ///
    /// [`FormError::Repeated`].
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, FormError> {
        let mut values = self.pairs().filter(|(known, _)| *known == name).map(|(_, value)| value);
        let value = values.next();
        match values.next() {
            None => Ok(value.filter(|value| !value.is_empty())),
            Some(_) => Err(FormError::Repeated(name)),
        }
    }

    /// As [`get`](Self::get), of one that must be there.
    ///
    /// # Errors
    ///
    /// [`FormError::Missing`], [`FormError::Repeated`].
    pub fn require(&self, name: &'static str) -> Result<&str, FormError> {
        self.get(name)?.ok_or(FormError::Missing(name))
    }

    /// All values of a parameter that may be there several times (`resource`, `audience`).
    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> + Clone {
        self.pairs().filter(move |(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// The names, in the order in which they came.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs().map(|(name, _)| name)
    }

    /// The names and values, in the order in which they came.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.pairs.iter().map(|pair| {
            let text = |from, to| self.text.get(from..to).unwrap_or_default();
            (text(pair.start, pair.name_end), text(pair.name_end, pair.end))
        })
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The parameters of a request that is to be sent.
///
/// ```
/// use aims_oauth::NewParameters;
///
/// let mut form = NewParameters::new();
/// form.add("grant_type", "client_credentials").add("scope", "trips:read trips:book");
/// assert_eq!(form.as_str(), "grant_type=client_credentials&scope=trips%3Aread+trips%3Abook");
/// ```
#[derive(Clone, Default)]
pub struct NewParameters(Zeroizing<String>);

impl NewParameters {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&mut self, name: &str, value: &str) -> &mut Self {
        // Grows by hand: what `String` leaves behind when it grows is not overwritten.
        let mut text =
            Zeroizing::new(String::with_capacity(self.0.len() + 2 + 3 * (name.len() + value.len())));
        text.push_str(&self.0);
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
        self.0 = text;
        self
    }

    /// One more, if there is a value.
    pub fn add_some(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    /// The body: a secret as likely as not.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows the length alone.
impl fmt::Debug for NewParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewParameters").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// Why a text is no form, or not the one that is needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// A percent sign is no escape, or what was escaped is not UTF-8.
    #[error("the form is not in its encoding")]
    Encoding,
    /// A parameter is missing.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter is there twice.
    #[error("the parameter {0} is there more than once")]
    Repeated(&'static str),
    /// It is longer than 64 KiB.
    #[error("the form is too long")]
    TooLong,
    /// It has more parameters than any request needs.
    #[error("the form has too many parameters")]
    TooMany,
}

impl FormError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encoding => "form_encoding",
            Self::Missing(_) => "parameter_missing",
            Self::Repeated(_) => "parameter_repeated",
            Self::TooLong => "form_too_long",
            Self::TooMany => "too_many_parameters",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Encoding => "WIR-1",
            Self::Missing(_) | Self::Repeated(_) => "WIR-2",
            Self::TooLong | Self::TooMany => "WIR-9",
        }
    }
}

#[cfg(feature = "client-secret")]
pub(crate) fn decode(text: &[u8]) -> Result<Zeroizing<String>, FormError> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    decode_to(&mut decoded, text)?;
    text_of(decoded)
}

/// Appends what was meant, which is UTF-8 by itself.
fn decode_to(decoded: &mut Vec<u8>, text: &[u8]) -> Result<(), FormError> {
    let start = decoded.len();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'+' | b'%')) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or_default();
        decoded.extend_from_slice(plain);
        rest = match from {
            [b'%', high, low, behind @ ..] => {
                decoded.push(digit(*high)? * 16 + digit(*low)?);
                behind
            }
            [b'+', behind @ ..] => {
                decoded.push(b' ');
                behind
            }
            _ => return Err(FormError::Encoding),
        };
    }
    decoded.extend_from_slice(rest);
    let is_text = str::from_utf8(decoded.get(start..).unwrap_or_default()).is_ok();
    if is_text { Ok(()) } else { Err(FormError::Encoding) }
}

/// INVARIANT: it is UTF-8.
fn text_of(mut decoded: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, FormError> {
    String::from_utf8(std::mem::take(&mut *decoded)).map(Zeroizing::new).map_err(|_| FormError::Encoding)
}

fn digit(byte: u8) -> Result<u8, FormError> {
    let value = char::from(byte).to_digit(16).ok_or(FormError::Encoding)?;
    u8::try_from(value).map_err(|_| FormError::Encoding)
}

/// One value, as it stands in a form.
#[cfg(feature = "client-secret")]
pub(crate) fn encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    encode(text, &mut encoded);
    encoded
}

/// As the URL standard has it: all but letters, digits and `*-._` is escaped, a space is `+`.
fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b' ' => to.push('+'),
            b'*' | b'-' | b'.' | b'_' => to.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => to.push(byte.into()),
            byte => {
                to.push('%');
                for digit in [byte >> 4, byte & 15] {
                    to.push(char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase());
                }
            }
        }
    }
}

/// WIR-9.
const MAX_LEN: usize = 64 * 1024;

const TYPICAL_PAIRS: usize = 8;

/// No request of ours has more than twenty kinds; `resource` may repeat.
const MAX_PAIRS: usize = 256;
