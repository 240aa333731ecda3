//! Distinguished names as text (RFC 4514).

use std::fmt;
use std::str::FromStr;

/// The subject of a certificate, as a client registers it: `CN=travel,O=Acme`, the last part of the name first.
///
/// It is compared part by part, text for text: with regard to case, and to each space.
///
/// ```
/// use aims_oauth::SubjectDn;
///
/// let subject: SubjectDn = r"CN=travel\, agent,O=Acme".parse()?;
/// assert_eq!(subject.to_string(), r"CN=travel\, agent,O=Acme");
///
/// let refused = "CN=a+OU=b".parse::<SubjectDn>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("subject_dn", "MTL-1"));
/// # Ok::<(), aims_oauth::SubjectDnError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct SubjectDn {
    text: Box<str>,
    /// In the order of the certificate. The content of the OID, and the text.
    parts: Vec<(Vec<u8>, String)>,
}

impl SubjectDn {
    /// As it was registered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// In the order of the certificate. The content of the OID, and the text.
    #[cfg(feature = "mtls")]
    pub(super) fn parts(&self) -> impl Iterator<Item = (&[u8], &str)> {
        self.parts.iter().map(|(kind, value)| (kind.as_slice(), value.as_str()))
    }
}

impl FromStr for SubjectDn {
    type Err = SubjectDnError;

    fn from_str(text: &str) -> Result<Self, SubjectDnError> {
        if text.is_empty() || text.len() > MAX_LEN {
            return Err(SubjectDnError);
        }
        let mut parts = Vec::new();
        let mut rest = Some(text);
        while let Some(part) = rest {
            let (kind, value) = part.split_once('=').ok_or(SubjectDnError)?;
            let (value, behind) = unescape(value)?;
            parts.push((oid(kind.trim_start())?, value));
            rest = behind;
        }
        parts.reverse();
        Ok(Self { text: text.into(), parts })
    }
}

impl fmt::Display for SubjectDn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SubjectDn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// The text is no distinguished name of known parts, one by one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not a distinguished name")]
#[non_exhaustive]
pub struct SubjectDnError;

impl SubjectDnError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "subject_dn"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "MTL-1"
    }
}

/// The value at the beginning, and what comes behind its comma.
fn unescape(text: &str) -> Result<(String, Option<&str>), SubjectDnError> {
    let mut value = Vec::new();
    // Spaces at the end count only where they are escaped.
    let mut meant = 0;
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            ',' => {
                value.truncate(meant);
                let behind = text.get(at + 1..).ok_or(SubjectDnError)?;
                return Ok((utf8(value)?, Some(behind)));
            }
            '\\' => {
                let (_, first) = chars.next().ok_or(SubjectDnError)?;
                match first.to_digit(16) {
                    Some(high) => {
                        let low = chars.next().and_then(|(_, low)| low.to_digit(16)).ok_or(SubjectDnError)?;
                        value.push(u8::try_from(high * 16 + low).map_err(|_| SubjectDnError)?);
                    }
                    None if SPECIAL.contains(first) => value.extend(first.to_string().bytes()),
                    None => return Err(SubjectDnError),
                }
                meant = value.len();
            }
            // `+` joins parts that have no order; `#` begins a value in DER.
            '"' | '+' | ';' | '<' | '>' | '\0' => return Err(SubjectDnError),
            '#' if value.is_empty() => return Err(SubjectDnError),
            ' ' if value.is_empty() => {}
            ' ' => value.push(b' '),
            other => {
                value.extend(other.to_string().bytes());
                meant = value.len();
            }
        }
    }
    value.truncate(meant);
    Ok((utf8(value)?, None))
}

fn utf8(value: Vec<u8>) -> Result<String, SubjectDnError> {
    let value = String::from_utf8(value).map_err(|_| SubjectDnError)?;
    if value.is_empty() { Err(SubjectDnError) } else { Ok(value) }
}

/// The content of the identifier of a kind of part: by its short name (RFC 4514 §3), or in numbers.
fn oid(kind: &str) -> Result<Vec<u8>, SubjectDnError> {
    let known = NAMES.iter().find(|(name, _)| kind.eq_ignore_ascii_case(name));
    if let Some((_, oid)) = known {
        return Ok(oid.to_vec());
    }
    let numbers: Option<Vec<u32>> = kind.split('.').map(number).collect();
    let numbers = numbers.ok_or(SubjectDnError)?;
    let [first @ 0..=2, second @ 0..=39, rest @ ..] = numbers.as_slice() else { return Err(SubjectDnError) };
    let mut content = Vec::new();
    for number in std::iter::once(first * 40 + second).chain(rest.iter().copied()) {
        let digits = number.max(1).ilog2() / 7 + 1;
        for digit in (0..digits).rev() {
            let more = if digit == 0 { 0 } else { 0x80 };
            content.push(u8::try_from(number >> (7 * digit) & 0x7f).unwrap_or_default() | more);
        }
    }
    Ok(content)
}

/// In its one spelling.
fn number(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// What RFC 4514 §3 escapes with a backslash alone.
const SPECIAL: &str = r##" "#+,;<=>\"##;

const NAMES: [(&str, &[u8]); 10] = [
    ("C", &[0x55, 4, 6]),
    ("CN", &[0x55, 4, 3]),
    ("DC", &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25]),
    ("L", &[0x55, 4, 7]),
    ("O", &[0x55, 4, 10]),
    ("OU", &[0x55, 4, 11]),
    ("SERIALNUMBER", &[0x55, 4, 5]),
    ("ST", &[0x55, 4, 8]),
    ("STREET", &[0x55, 4, 9]),
    ("UID", &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1]),
];

const MAX_LEN: usize = 2048;
