//! The header fields of a request, whatever library holds them.

use std::borrow::Cow;

/// Access to the fields of a message, line by line: for most fields here, two lines are one too many.
pub trait Fields {
    /// The values of all lines with this name, which is given in lower case, as received.
    fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]>;
}

#[cfg(feature = "http")]
impl Fields for http::HeaderMap {
    fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.get_all(name).iter().map(http::HeaderValue::as_bytes)
    }
}

/// Pairs of lower-case name and value.
impl Fields for [(&str, &str)] {
    fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.iter().filter(move |(field, _)| *field == name).map(|(_, value)| value.as_bytes())
    }
}

/// What a field says that must not stand twice.
pub(crate) enum Single<'f> {
    Absent,
    Value(&'f str),
    /// More than one line, or not ASCII.
    Invalid,
}

/// The one line of a field; `name` is lower case.
pub(crate) fn single<'f>(fields: &'f (impl Fields + ?Sized), name: &'f str) -> Single<'f> {
    let mut lines = fields.lines(name);
    match (lines.next(), lines.next()) {
        (None, _) => Single::Absent,
        (Some(line), None) => match str::from_utf8(line) {
            Ok(text) if text.is_ascii() => Single::Value(text),
            _ => Single::Invalid,
        },
        (Some(_), Some(_)) => Single::Invalid,
    }
}

/// The name of a field in lower case.
pub(crate) fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
