//! Asking the endpoints of others.

use std::fmt;
use std::time::Duration;

use aims_keys::BoxFuture;
use zeroize::Zeroizing;

use crate::{Fetch, FetchError, HttpsUrl};

/// What sends a form to an endpoint, and brings what it answers: token endpoints, and those beside them.
///
/// Who the endpoint is comes out of metadata that were fetched, so whoever implements this guards the network that it stands in, as for [`Fetch`]. An implementation
/// keeps to every limit of the request, sends the fields of the request and no others that say who asks, follows no redirect (what is sent is for one server alone),
/// and sends nothing twice: what it sends may be good for once.
pub trait Post: Fetch {
    /// Sends one request.
    ///
    /// # Errors
    ///
    /// The future yields [`FetchError`]: there is no answer. One with another status than 200 is an answer.
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>>;
}

impl<P: Post + ?Sized> Post for std::sync::Arc<P> {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        (**self).post(request)
    }
}

/// What to send, where to, and within which bounds.
#[derive(Clone)]
#[must_use = "a request does nothing until it is given to a `Post`"]
pub struct PostRequest<'a> {
    url: &'a HttpsUrl,
    content_type: &'static str,
    body: &'a str,
    fields: &'a [(&'static str, Zeroizing<String>)],
    accept: &'static str,
    kept: &'a [&'a str],
    max_len: usize,
    timeout: Duration,
}

impl<'a> PostRequest<'a> {
    /// Sends a form, `application/x-www-form-urlencoded`, to `url`.
    pub fn form(url: &'a HttpsUrl, body: &'a str) -> Self {
        Self {
            url,
            content_type: "application/x-www-form-urlencoded",
            body,
            fields: &[],
            accept: "application/json",
            kept: &[],
            max_len: DEFAULT_MAX_LEN,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sends JSON in place of a form.
    pub fn json(url: &'a HttpsUrl, body: &'a str) -> Self {
        Self { content_type: "application/json", ..Self::form(url, body) }
    }

    /// With these fields, by their names in lower case: as likely as not, they are secrets.
    pub fn with_fields(mut self, fields: &'a [(&'static str, Zeroizing<String>)]) -> Self {
        self.fields = fields;
        self
    }

    /// Asks for this media type. Default: `application/json`.
    pub fn accept(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }

    /// Keeps these fields of the answer, by their names in lower case.
    pub fn keep(mut self, fields: &'a [&'a str]) -> Self {
        self.kept = fields;
        self
    }

    /// The longest answer, in bytes. Default: 256 KiB.
    pub fn max_len(mut self, max: usize) -> Self {
        self.max_len = max;
        self
    }

    /// How long all of it may take, from the first look-up to the last byte. Default: 30 s, as a server may take its time until a user has decided (HIL-9).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where to.
    #[must_use]
    pub fn url(&self) -> &'a HttpsUrl {
        self.url
    }

    /// `Content-Type`.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// What is sent: a secret as likely as not.
    #[must_use]
    pub fn body(&self) -> &'a str {
        self.body
    }

    /// The fields that are sent besides.
    #[must_use]
    pub fn fields(&self) -> &'a [(&'static str, Zeroizing<String>)] {
        self.fields
    }

    /// `Accept`.
    #[must_use]
    pub fn accepted(&self) -> &'static str {
        self.accept
    }

    /// The fields of the answer to be kept.
    #[must_use]
    pub fn kept(&self) -> &'a [&'a str] {
        self.kept
    }

    /// The longest answer, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.max_len
    }

    /// How long all of it may take.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.timeout
    }
}

/// Shows where to, and no secret.
impl fmt::Debug for PostRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("PostRequest").field("url", &self.url).field("fields", &names).finish_non_exhaustive()
    }
}

/// What an endpoint answered, whatever its status.
#[derive(Clone)]
pub struct Posted {
    status: u16,
    media_type: Option<String>,
    fields: Vec<(String, Vec<u8>)>,
    body: Zeroizing<Vec<u8>>,
}

impl Posted {
    /// For implementations of [`Post`]: the status, the value of `Content-Type` in full, and the body.
    #[must_use]
    pub fn new(status: u16, content_type: Option<&str>, body: Vec<u8>) -> Self {
        let media_type = content_type.and_then(crate::fetch::essence);
        Self { status, media_type, fields: Vec::new(), body: Zeroizing::new(body) }
    }

    /// For implementations of [`Post`]: one more line of a field that is to be [kept](PostRequest::kept), as it was received.
    #[must_use]
    pub fn with_field(mut self, name: &str, line: &[u8]) -> Self {
        self.fields.push((name.to_ascii_lowercase(), line.to_owned()));
        self
    }

    /// For implementations of [`Post`]: with this body in place of the other.
    #[must_use]
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = Zeroizing::new(body);
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The media type that the server stated, in lower case and without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The lines of a field that was kept, by its name in lower case, in order.
    pub fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, line)| &**line)
    }

    /// The body: a secret as likely as not, overwritten when it is dropped.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// Shows the status, and nothing of what was answered.
impl fmt::Debug for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Posted")
            .field("status", &self.status)
            .field("media_type", &self.media_type)
            .field("len", &self.body.len())
            .finish_non_exhaustive()
    }
}

const DEFAULT_MAX_LEN: usize = 256 * 1024;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
