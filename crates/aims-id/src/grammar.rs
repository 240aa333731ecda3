//! The grammar, decided here and nowhere else: `docs/spec/wimse.md` section 2 and `docs/spec/spiffe.md` section 2.
//!
//! One pass over the bytes accepts a text. Only a refused one is looked at again, for the closest reason.

use core::net::Ipv4Addr;

use crate::{ParseIdError, Scheme};

/// The longest identifier, in bytes, scheme and separators included (WID-3, SPF-ID-6).
pub(crate) const MAX_LEN: usize = 2048;

/// The longest trust domain of a `spiffe` identifier, in bytes (SPF-ID-6).
pub(crate) const MAX_SPIFFE_TRUST_DOMAIN_LEN: usize = 255;

/// Where the parts of an identifier, a pattern or an origin lie in its text.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) scheme: Scheme,
    /// INVARIANT: the text up to here is the scheme's prefix and the trust domain, both ASCII; so this is a char
    /// boundary of the text, at or after the end of that prefix. The functions of this module alone make it.
    path_at: u16,
}

impl Parts {
    /// The origin, with its scheme: `spiffe://acme.example`.
    #[expect(clippy::string_slice, reason = "`path_at` is a char boundary of the text it was made from")]
    pub(crate) fn origin(self, text: &str) -> &str {
        &text[..usize::from(self.path_at)]
    }

    /// The path, with its leading slash; empty if there is none.
    #[expect(clippy::string_slice, reason = "`path_at` is a char boundary of the text it was made from")]
    pub(crate) fn path(self, text: &str) -> &str {
        &text[usize::from(self.path_at)..]
    }

    /// The trust domain.
    #[expect(clippy::string_slice, reason = "an origin starts with the ASCII prefix of its scheme")]
    pub(crate) fn trust_domain(self, text: &str) -> &str {
        &self.origin(text)[self.scheme.prefix().len()..]
    }

    fn new(scheme: Scheme, text: &str, path: &str) -> Self {
        let path_at = text.len() - path.len();
        #[expect(clippy::cast_possible_truncation, reason = "the caller refused a text longer than MAX_LEN")]
        Self { scheme, path_at: path_at as u16 }
    }
}

/// The segments of a path, without their slashes; none for an empty path.
pub(crate) fn segments(path: &str) -> impl DoubleEndedIterator<Item = &str> + Clone {
    path.strip_prefix('/').into_iter().flat_map(|segments| segments.split('/'))
}

/// Checks an identifier of either scheme.
pub(crate) fn check_id(text: &str) -> Result<Parts, ParseIdError> {
    check_len(text, Scheme::Wimse)?;
    let (scheme, rest) = split_scheme(text)?;
    check_after_scheme(text, scheme, rest)
}

/// Checks a SPIFFE ID.
pub(crate) fn check_spiffe_id(text: &str) -> Result<Parts, ParseIdError> {
    let scheme = Scheme::Spiffe;
    check_len(text, scheme)?;
    match text.strip_prefix(scheme.prefix()) {
        Some(rest) => check_after_scheme(text, scheme, rest),
        None => Err(near_miss(text, scheme).unwrap_or(ParseIdError::NotSpiffe)),
    }
}

/// Checks an origin: a scheme and a trust domain, and nothing after them.
pub(crate) fn check_origin(text: &str) -> Result<Parts, ParseIdError> {
    check_len(text, Scheme::Wimse)?;
    let (scheme, rest) = split_scheme(text)?;
    let path = check_trust_domain(scheme, rest)?;
    if !path.is_empty() {
        return Err(ParseIdError::UnexpectedPath);
    }
    Ok(Parts::new(scheme, text, path))
}

/// Checks the name of a trust domain by what the schemes have in common.
pub(crate) fn check_name(text: &str) -> Result<(), ParseIdError> {
    // No scheme is known yet: see `ParseIdError`.
    let scheme = Scheme::Wimse;
    check_len(text, scheme)?;
    if text.is_empty() {
        return Err(ParseIdError::EmptyTrustDomain { scheme });
    }
    // A bare name has no place for userinfo, port, query or fragment, so their marks are mere characters here.
    let (_, after) = split_run(text, TRUST_DOMAIN);
    match after.chars().next() {
        Some(found) => Err(name_char_refusal(scheme, found)),
        None => Ok(()),
    }
}

/// Refuses what is too long, before anything else is looked at (WID-3).
pub(crate) fn check_len(text: &str, scheme: Scheme) -> Result<(), ParseIdError> {
    if text.len() > MAX_LEN {
        return Err(ParseIdError::TooLong { scheme, len: text.len() });
    }
    Ok(())
}

fn check_after_scheme(text: &str, scheme: Scheme, rest: &str) -> Result<Parts, ParseIdError> {
    let path = check_trust_domain(scheme, rest)?;
    check_path(scheme, path)?;
    Ok(Parts::new(scheme, text, path))
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), ParseIdError> {
    if let Some(rest) = text.strip_prefix(Scheme::Spiffe.prefix()) {
        return Ok((Scheme::Spiffe, rest));
    }
    if let Some(rest) = text.strip_prefix(Scheme::Wimse.prefix()) {
        return Ok((Scheme::Wimse, rest));
    }
    Err(near_miss(text, Scheme::Spiffe)
        .or_else(|| near_miss(text, Scheme::Wimse))
        .unwrap_or(ParseIdError::UnknownScheme))
}

/// Checks the trust domain at the start of `rest`, and returns what follows it: nothing, or a slash and more.
fn check_trust_domain(scheme: Scheme, rest: &str) -> Result<&str, ParseIdError> {
    let (name, path) = split_run(rest, TRUST_DOMAIN);
    if let Some(found) = path.chars().next()
        && found != '/'
    {
        return Err(authority_refusal(scheme, rest, found));
    }
    if name.is_empty() {
        return Err(ParseIdError::EmptyTrustDomain { scheme });
    }
    match scheme {
        Scheme::Spiffe if name.len() > MAX_SPIFFE_TRUST_DOMAIN_LEN => {
            Err(ParseIdError::TrustDomainTooLong { len: name.len() })
        }
        Scheme::Wimse if name.ends_with('.') => Err(ParseIdError::TrailingDot),
        // WID-5: `Ipv4Addr` reads exactly the `IPv4address` of RFC 3986, section 3.2.2.
        Scheme::Wimse if ends_in_digit(name) && name.parse::<Ipv4Addr>().is_ok() => {
            Err(ParseIdError::Ipv4TrustDomain)
        }
        Scheme::Spiffe | Scheme::Wimse => Ok(path),
    }
}

/// Checks a path that is empty or starts with a slash.
fn check_path(scheme: Scheme, path: &str) -> Result<(), ParseIdError> {
    let Some(mut rest) = path.strip_prefix('/') else {
        return match scheme {
            Scheme::Spiffe => Ok(()),
            Scheme::Wimse => Err(ParseIdError::MissingPath),
        };
    };
    // WID-10, SPF-ID-5. The tilde is the one difference.
    let allowed = match scheme {
        Scheme::Spiffe => SPIFFE_SEGMENT,
        Scheme::Wimse => WIMSE_SEGMENT,
    };
    loop {
        let (segment, after) = split_run(rest, allowed);
        let next = after.strip_prefix('/');
        if next.is_none()
            && let Some(found) = after.chars().next()
        {
            return Err(path_char_refusal(scheme, found));
        }
        match segment {
            "" if next.is_none() => return Err(ParseIdError::TrailingSlash { scheme }),
            "" => return Err(ParseIdError::EmptySegment { scheme }),
            "." | ".." => return Err(ParseIdError::DotSegment { scheme }),
            _ => {}
        }
        match next {
            Some(next) => rest = next,
            None => return Ok(()),
        }
    }
}

/// Splits `text` before its first byte that is not of `class`.
fn split_run(text: &str, class: u8) -> (&str, &str) {
    let end = text.bytes().position(|byte| class_of(byte) & class == 0).unwrap_or(text.len());
    // All bytes before `end` are ASCII, so it is a char boundary.
    text.split_at(end)
}

/// What `byte` may be part of: the bits of [`CLASSES`].
fn class_of(byte: u8) -> u8 {
    // There is an entry for every byte; the compiler sees it too.
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

fn ends_in_digit(name: &str) -> bool {
    name.ends_with(|last: char| last.is_ascii_digit())
}

/// Why `text`, which has not the prefix of `scheme`, fails to have it; `None` if its scheme is another.
#[cold]
fn near_miss(text: &str, scheme: Scheme) -> Option<ParseIdError> {
    let (written, rest) = text.split_once(':')?;
    if !written.eq_ignore_ascii_case(scheme.as_str()) {
        return None;
    }
    Some(if rest.starts_with("//") {
        ParseIdError::UpperCaseScheme { scheme }
    } else {
        ParseIdError::NoAuthority { scheme }
    })
}

/// Why the authority at the start of `rest` is not a trust domain; `found` is its first character that is not of one.
#[cold]
fn authority_refusal(scheme: Scheme, rest: &str, found: char) -> ParseIdError {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if authority.contains('@') {
        return ParseIdError::Userinfo { scheme };
    }
    match found {
        '?' | '#' if authority.is_empty() => ParseIdError::EmptyTrustDomain { scheme },
        '?' => ParseIdError::Query { scheme },
        '#' => ParseIdError::Fragment { scheme },
        ':' => ParseIdError::Port { scheme },
        found => name_char_refusal(scheme, found),
    }
}

fn name_char_refusal(scheme: Scheme, found: char) -> ParseIdError {
    match found {
        '%' => ParseIdError::TrustDomainPercentEncoding { scheme },
        'A'..='Z' => ParseIdError::UpperCaseTrustDomain { scheme },
        found => ParseIdError::TrustDomainChar { scheme, found },
    }
}

/// Why `found`, which neither belongs to a segment nor is a slash, cannot be in a path.
fn path_char_refusal(scheme: Scheme, found: char) -> ParseIdError {
    match found {
        '%' => ParseIdError::PathPercentEncoding { scheme },
        '?' => ParseIdError::Query { scheme },
        '#' => ParseIdError::Fragment { scheme },
        found => ParseIdError::SegmentChar { scheme, found },
    }
}

/// A trust domain may hold this byte (WID-9, SPF-ID-3). `@`, `:`, `%`, `?`, `#` and `[` are none, which rules out all
/// else that an authority can hold.
const TRUST_DOMAIN: u8 = 1;
/// A segment of a `spiffe` path may hold this byte.
const SPIFFE_SEGMENT: u8 = 2;
/// A segment of a `wimse` path may hold this byte.
const WIMSE_SEGMENT: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::indexing_slicing,
            reason = "below 256; and in a constant, out of bounds does not compile"
        )]
        {
            classes[byte] = match byte as u8 {
                b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                    TRUST_DOMAIN | SPIFFE_SEGMENT | WIMSE_SEGMENT
                }
                b'A'..=b'Z' => SPIFFE_SEGMENT | WIMSE_SEGMENT,
                b'~' => WIMSE_SEGMENT,
                _ => 0,
            };
        }
        byte += 1;
    }
    classes
};
