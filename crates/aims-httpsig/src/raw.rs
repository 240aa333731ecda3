//! Messages put together by hand.

use std::collections::HashMap;
use std::fmt;

use crate::{Message, Part};

/// A message of one's own: in tests, in programs without a library of HTTP, or read from a file.
///
/// ```
/// use aims_httpsig::RawMessage;
///
/// let request = RawMessage::request("POST", "/v1/search")
///     .with_scheme("https")
///     .with_authority("tools.example")
///     .with_header("Content-Type", "application/json");
/// # let _ = request;
/// ```
#[derive(Clone, Default)]
pub struct RawMessage {
    method: Option<String>,
    scheme: Option<String>,
    authority: Option<String>,
    target: Option<String>,
    status: Option<u16>,
    headers: Fields,
    trailers: Fields,
}

/// Lines by name: looked up, not searched for.
#[derive(Clone, Default)]
struct Fields(HashMap<String, Vec<Vec<u8>>>);

impl RawMessage {
    /// A request, with its target as in the request line.
    #[must_use]
    pub fn request(method: &str, target: &str) -> Self {
        Self { method: Some(method.to_owned()), target: Some(target.to_owned()), ..Self::default() }
    }

    /// A response.
    #[must_use]
    pub fn response(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// With the scheme of the connection.
    #[must_use]
    pub fn with_scheme(mut self, scheme: &str) -> Self {
        self.scheme = Some(scheme.to_owned());
        self
    }

    /// With the value of `Host` or `:authority`. The field `Host`, where it is to be covered as a field, is a header besides.
    #[must_use]
    pub fn with_authority(mut self, authority: &str) -> Self {
        self.authority = Some(authority.to_owned());
        self
    }

    /// With one more line of a header field.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(name, value.as_ref());
        self
    }

    /// With one more line of a trailer field.
    #[must_use]
    pub fn with_trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.add(name, value.as_ref());
        self
    }
}

/// Shows the names of the fields: credentials may be among their values.
impl fmt::Debug for RawMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |fields: &Fields| {
            let mut names: Vec<_> = fields.0.keys().cloned().collect();
            names.sort_unstable();
            names
        };
        f.debug_struct("RawMessage")
            .field("method", &self.method)
            .field("status", &self.status)
            .field("headers", &names(&self.headers))
            .field("trailers", &names(&self.trailers))
            .finish_non_exhaustive()
    }
}

impl Fields {
    fn add(&mut self, name: &str, value: &[u8]) {
        self.0.entry(name.to_ascii_lowercase()).or_default().push(value.to_owned());
    }
}

impl Message for RawMessage {
    fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    fn scheme(&self) -> Option<&str> {
        self.scheme.as_deref()
    }

    fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn status(&self) -> Option<u16> {
        self.status
    }

    fn lines<'m>(&'m self, part: Part, name: &str, each: &mut dyn FnMut(&'m [u8])) {
        let fields = match part {
            Part::Headers => &self.headers,
            Part::Trailers => &self.trailers,
        };
        for line in fields.0.get(name).into_iter().flatten() {
            each(line);
        }
    }
}
