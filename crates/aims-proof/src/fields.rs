//! The header fields of a request, whatever library holds them.

/// Access to the fields of a message, line by line: for every field here, two lines are one too many.
///
/// An implementation must not join lines, nor leave any out: a line that the verifier does not see is one that it cannot
/// refuse. Names compare without regard to case.
pub trait Fields {
    /// The values of all lines with this name, which is given in lower case; each value as received, without the white
    /// space around it that HTTP leaves out too.
    fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]>;
}

#[cfg(feature = "http")]
impl Fields for http::HeaderMap {
    fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.get_all(name).iter().map(http::HeaderValue::as_bytes)
    }
}

/// Pairs of name, in any case, and value.
impl Fields for [(&str, &str)] {
    fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_bytes())
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
