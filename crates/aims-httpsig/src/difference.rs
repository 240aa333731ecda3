//! Where two signature bases differ, for people who look for the reason.

/// A line in which two signature bases differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Difference<'a> {
    /// Which line, from 1.
    pub line: usize,
    /// What it is here.
    pub own: Option<&'a str>,
    /// What it is there.
    pub other: Option<&'a str>,
}

/// The lines in which two signature bases differ: nobody but whoever debugs needs to know (HS-VER-04).
///
/// ```
/// use aims_httpsig::differences;
///
/// let found = differences("\"@method\": GET\n\"@path\": /a", "\"@method\": GET\n\"@path\": /b");
/// assert_eq!((found[0].line, found[0].own, found[0].other), (2, Some("\"@path\": /a"), Some("\"@path\": /b")));
/// ```
#[must_use]
pub fn differences<'a>(own: &'a str, other: &'a str) -> Vec<Difference<'a>> {
    let (mut own, mut other) = (own.split('\n'), other.split('\n'));
    let pairs = std::iter::from_fn(|| match (own.next(), other.next()) {
        (None, None) => None,
        pair => Some(pair),
    });
    let lines = pairs.zip(1..).filter(|((own, other), _)| own != other);
    lines.map(|((own, other), line)| Difference { line, own, other }).collect()
}
