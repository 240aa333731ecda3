//! Getting documents from elsewhere.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aims_keys::BoxFuture;

use crate::{HttpsUrl, HttpsUrlError};

/// What gets a document by its URL: bundles, key sets, metadata.
///
/// URLs come out of configuration, and at times out of what a stranger sent. Whoever implements this therefore guards the network that
/// it stands in (FED-14): `GuardedFetch` of `aims-workload-api` does, and is meant for all fetching. An implementation keeps to every
/// limit of the request, sends no credentials and no cookies, and yields only what was answered with status 200.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// Gets one document.
    ///
    /// # Errors
    ///
    /// The future yields [`FetchError`].
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>>;
}

impl<F: Fetch + ?Sized> Fetch for std::sync::Arc<F> {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        (**self).fetch(request)
    }
}

/// What to get, and within which bounds.
///
/// ```
/// use aims_credential::{FetchRequest, HttpsUrl};
///
/// let url: HttpsUrl = "https://agents.acme.example/client.json".parse()?;
/// let request = FetchRequest::new(&url).accept(&["application/json"]).insist_on_media_type().max_len(5 * 1024);
/// assert_eq!(request.redirects(), 0);
/// # Ok::<(), aims_credential::HttpsUrlError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is given to a `Fetch`"]
pub struct FetchRequest<'a> {
    url: &'a HttpsUrl,
    media_types: &'a [&'a str],
    fields: &'a [&'a str],
    insists: bool,
    max_len: usize,
    max_redirects: u8,
    timeout: Duration,
}

impl<'a> FetchRequest<'a> {
    /// The largest number of redirects that can be asked for (FED-7).
    pub const MAX_REDIRECTS: u8 = 3;

    /// Asks for the document at `url`.
    pub fn new(url: &'a HttpsUrl) -> Self {
        let (max_len, timeout) = (DEFAULT_MAX_LEN, DEFAULT_TIMEOUT);
        Self { url, media_types: &[], fields: &[], insists: false, max_len, max_redirects: 0, timeout }
    }

    /// Asks for one of these media types, in lower case and without parameters. Default: for any.
    pub fn accept(mut self, media_types: &'a [&'a str]) -> Self {
        self.media_types = media_types;
        self
    }

    /// Refuses an answer of another media type than those asked for. Default: the answer is taken, since many servers say nothing of
    /// use about files.
    pub fn insist_on_media_type(mut self) -> Self {
        self.insists = true;
        self
    }

    /// Keeps these fields of the answer, by their names in lower case: what says how long the document is fresh, what signs it.
    /// Default: none but `content-type`.
    pub fn keep(mut self, fields: &'a [&'a str]) -> Self {
        self.fields = fields;
        self
    }

    /// The longest document, in bytes. Default: 1 MiB.
    pub fn max_len(mut self, max: usize) -> Self {
        self.max_len = max;
        self
    }

    /// Follows so many redirects, at most [`MAX_REDIRECTS`](Self::MAX_REDIRECTS), to wherever the same checks pass. Default: none, as
    /// the rules of most documents want it.
    pub fn follow(mut self, redirects: u8) -> Self {
        self.max_redirects = redirects.min(Self::MAX_REDIRECTS);
        self
    }

    /// How long all of it may take, from the first look-up to the last byte. Default: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where the document is.
    #[must_use]
    pub fn url(&self) -> &'a HttpsUrl {
        self.url
    }

    /// The media types that are asked for; none means any.
    #[must_use]
    pub fn media_types(&self) -> &'a [&'a str] {
        self.media_types
    }

    /// The fields of the answer to be kept, by their names in lower case.
    #[must_use]
    pub fn fields(&self) -> &'a [&'a str] {
        self.fields
    }

    /// Whether an answer of this media type may be taken.
    #[must_use]
    pub fn takes(&self, media_type: Option<&str>) -> bool {
        !self.insists || media_type.is_some_and(|got| self.media_types.contains(&got))
    }

    /// The longest document, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.max_len
    }

    /// How many redirects to follow.
    #[must_use]
    pub fn redirects(&self) -> u8 {
        self.max_redirects
    }

    /// How long all of it may take.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.timeout
    }
}

/// A document that was fetched.
#[derive(Clone, Eq, PartialEq)]
pub struct Fetched {
    url: HttpsUrl,
    media_type: Option<String>,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Fetched {
    /// For implementations of [`Fetch`]: the URL that answered, the value of `Content-Type` in full, and the body.
    #[must_use]
    pub fn new(url: HttpsUrl, content_type: Option<&str>, body: Vec<u8>) -> Self {
        let media_type = content_type.and_then(essence);
        Self { url, media_type, fields: Vec::new(), body }
    }

    /// For implementations of [`Fetch`]: one more line of a field that [was asked for](FetchRequest::fields), as it was received.
    #[must_use]
    pub fn with_field(mut self, name: &str, line: &[u8]) -> Self {
        self.fields.push((name.to_ascii_lowercase(), line.to_owned()));
        self
    }

    /// For implementations of [`Fetch`]: with this body in place of the other.
    #[must_use]
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// The URL that answered: after redirects, another one than was asked. It is not for storing.
    #[must_use]
    pub fn url(&self) -> &HttpsUrl {
        &self.url
    }

    /// The media type that the server stated, in lower case and without parameters, such as `application/json`.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The lines of a field that was asked for, by its name in lower case, in order.
    pub fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, line)| &**line)
    }

    /// The document.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The document as text.
    ///
    /// # Errors
    ///
    /// [`FetchError::Encoding`] when it is not UTF-8.
    pub fn text(&self) -> Result<&str, FetchError> {
        str::from_utf8(&self.body).map_err(|_| FetchError::Encoding)
    }
}

/// Shows how long the document is, and not what is in it.
impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("url", &self.url)
            .field("media_type", &self.media_type)
            .field("len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no document, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The host is, or its name resolves to, an address that is not dialled: not one of the public network, and not allowed.
    #[error("{0} is not an address of the public network")]
    Address(IpAddr),
    /// The connection broke off, or what came over it is not HTTP within the limits.
    #[error("the answer broke off or is malformed")]
    Answer,
    /// The answer is compressed, or not in UTF-8 where a text was to come.
    #[error("the answer has an encoding that was not asked for")]
    Encoding,
    /// The answer has another media type than was asked for.
    #[error("the answer is of another media type: {0:?}")]
    MediaType(Option<String>),
    /// The port is not one that is dialled.
    #[error("port {0} is not allowed")]
    Port(u16),
    /// A redirect leads to no URL that would have been asked by itself.
    #[error("the redirect is refused: {0}")]
    Redirect(#[source] HttpsUrlError),
    /// A redirect came where none is followed, or one too many.
    #[error("the answer is one redirect too many")]
    Redirects,
    /// The name of the host has no address.
    #[error("the host has no address")]
    Resolve,
    /// The server is not the one that was expected.
    #[error("the server is not the one that was expected: {code}")]
    Server {
        /// Why its certificate was refused: the code of that check.
        code: &'static str,
        /// The requirement that servers of this kind meet.
        rule: &'static str,
    },
    /// The answer has another status than 200.
    #[error("the answer has status {0}")]
    Status(u16),
    /// It took too long.
    #[error("it took too long")]
    Timeout,
    /// There was no TLS connection, for another reason than the server's certificate.
    #[error("the TLS handshake failed")]
    Tls,
    /// The document is longer than allowed.
    #[error("the document is too large")]
    TooLarge,
    /// No address of the host accepts connections.
    #[error("the host is not reachable")]
    Unreachable,
}

impl FetchError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "address_not_allowed",
            Self::Answer => "malformed_answer",
            Self::Encoding => "content_encoding",
            Self::MediaType(_) => "media_type",
            Self::Port(_) => "port_not_allowed",
            Self::Redirect(error) => error.code(),
            Self::Redirects => "too_many_redirects",
            Self::Resolve => "unknown_host",
            Self::Server { code, .. } => code,
            Self::Status(_) => "http_status",
            Self::Timeout => "timed_out",
            Self::Tls => "tls_handshake",
            Self::TooLarge => "document_too_large",
            Self::Unreachable => "unreachable",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Redirect(error) => error.rule(),
            Self::Redirects => "FED-7",
            Self::Server { rule, .. } => rule,
            Self::Encoding | Self::MediaType(_) | Self::Status(_) => "FED-6",
            Self::Address(_)
            | Self::Answer
            | Self::Port(_)
            | Self::Resolve
            | Self::Timeout
            | Self::TooLarge
            | Self::Unreachable => "FED-14",
            Self::Tls => "FED-13",
        }
    }
}

/// The media type of a `Content-Type` field, in lower case and without parameters.
pub(crate) fn essence(content_type: &str) -> Option<String> {
    let name = content_type.split(';').next()?.trim().to_ascii_lowercase();
    if name.is_empty() { None } else { Some(name) }
}

const DEFAULT_MAX_LEN: usize = 1024 * 1024;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
