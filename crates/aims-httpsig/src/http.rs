//! Messages of the crate `http`.

use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, request, response};

use crate::{Message, Part, SignedFields};

/// A request of the crate `http`.
///
/// Its URI says different things before it is sent and after it was received, so there is a constructor for each.
///
/// ```
/// use aims_httpsig::{Component, Context, HttpRequest};
///
/// let request = http::Request::post("https://tools.example/v1/search?to=LIS").body(())?;
/// let message = HttpRequest::outgoing(&request);
/// assert_eq!(Context::request(&message).value(&Component::authority())?, "tools.example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HttpRequest<'m> {
    method: &'m Method,
    headers: &'m HeaderMap,
    trailers: Option<&'m HeaderMap>,
    scheme: Option<&'m str>,
    authority: Option<&'m str>,
    /// `Host`, where it stands beside `:authority`.
    host: Option<&'m str>,
    target: Cow<'m, str>,
}

/// A response of the crate `http`.
#[derive(Clone, Copy, Debug)]
pub struct HttpResponse<'m> {
    status: u16,
    headers: &'m HeaderMap,
    trailers: Option<&'m HeaderMap>,
}

impl<'m> HttpRequest<'m> {
    /// A request that will be sent: to the authority of its URI, or as another host where it has a field `Host`.
    #[must_use]
    pub fn outgoing<B>(request: &'m Request<B>) -> Self {
        Self::sent(request.method(), request.uri(), request.headers())
    }

    /// The same of a request without its body.
    #[must_use]
    pub fn outgoing_head(head: &'m request::Parts) -> Self {
        Self::sent(&head.method, &head.uri, &head.headers)
    }

    /// The same of a request that is in pieces.
    #[must_use]
    pub fn sent(method: &'m Method, uri: &'m Uri, headers: &'m HeaderMap) -> Self {
        let mut message = Self::new(method, uri, headers);
        if let Some(host) = host(message.headers) {
            message.authority = Some(host);
        }
        message
    }

    /// A request that was received. Its scheme is that of the connection, which an HTTP/1.1 request does not say.
    #[must_use]
    pub fn received<B>(request: &'m Request<B>, scheme: &'m str) -> Self {
        Self::arrived(request.version(), request.method(), request.uri(), request.headers(), scheme)
    }

    /// The same of a request without its body.
    #[must_use]
    pub fn received_head(head: &'m request::Parts, scheme: &'m str) -> Self {
        Self::arrived(head.version, &head.method, &head.uri, &head.headers, scheme)
    }

    fn arrived(
        version: Version,
        method: &'m Method,
        uri: &'m Uri,
        headers: &'m HeaderMap,
        scheme: &'m str,
    ) -> Self {
        let mut message = Self::new(method, uri, headers);
        // Before HTTP/2 a scheme in the URI means that the target was absolute; what `Host` says is compared with it.
        if version <= Version::HTTP_11 {
            if uri.scheme().is_some() {
                message.target = Cow::Owned(uri.to_string());
            }
            message.authority = host(headers);
        } else {
            (message.authority, message.host) = match (message.authority, host(headers)) {
                (None, host) => (host, None),
                both => both,
            };
        }
        message.scheme = message.scheme.or(Some(scheme));
        message
    }

    /// With the trailers, once they are there.
    #[must_use]
    pub fn with_trailers(mut self, trailers: &'m HeaderMap) -> Self {
        self.trailers = Some(trailers);
        self
    }

    fn new(method: &'m Method, uri: &'m Uri, headers: &'m HeaderMap) -> Self {
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let path = uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let target = match path {
            // Of CONNECT.
            None => authority.unwrap_or_default(),
            Some("") => "/",
            Some(path) => path,
        };
        Self {
            method,
            headers,
            trailers: None,
            scheme: uri.scheme_str(),
            authority,
            host: None,
            target: Cow::Borrowed(target),
        }
    }
}

impl<'m> HttpResponse<'m> {
    /// A response.
    #[must_use]
    pub fn new<B>(response: &'m Response<B>) -> Self {
        Self { status: response.status().as_u16(), headers: response.headers(), trailers: None }
    }

    /// A response without its body.
    #[must_use]
    pub fn head(head: &'m response::Parts) -> Self {
        Self { status: head.status.as_u16(), headers: &head.headers, trailers: None }
    }

    /// With the trailers, once they are there.
    #[must_use]
    pub fn with_trailers(mut self, trailers: &'m HeaderMap) -> Self {
        self.trailers = Some(trailers);
        self
    }
}

impl Message for HttpRequest<'_> {
    fn method(&self) -> Option<&str> {
        Some(self.method.as_str())
    }

    fn scheme(&self) -> Option<&str> {
        self.scheme
    }

    fn authority(&self) -> Option<&str> {
        self.authority
    }

    fn host(&self) -> Option<&str> {
        self.host
    }

    fn target(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn lines<'m>(&'m self, part: Part, name: &str, each: &mut dyn FnMut(&'m [u8])) {
        lines(self.headers, self.trailers, part, name, each);
    }
}

impl Message for HttpResponse<'_> {
    fn status(&self) -> Option<u16> {
        Some(self.status)
    }

    fn lines<'m>(&'m self, part: Part, name: &str, each: &mut dyn FnMut(&'m [u8])) {
        lines(self.headers, self.trailers, part, name, each);
    }
}

fn lines<'m>(
    headers: &'m HeaderMap,
    trailers: Option<&'m HeaderMap>,
    part: Part,
    name: &str,
    each: &mut dyn FnMut(&'m [u8]),
) {
    let fields = match part {
        Part::Headers => Some(headers),
        Part::Trailers => trailers,
    };
    for value in fields.into_iter().flat_map(|fields| fields.get_all(name)) {
        each(value.as_bytes());
    }
}

impl SignedFields {
    /// Adds both fields to those of a message, each as a line of its own, behind what is there.
    ///
    /// ```
    /// # use aims_httpsig::{Component, Context, HttpRequest, NewSignature};
    /// # use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
    /// # let (key, now) = (SoftwareKey::generate(Algorithm::Es256, backend::ring())?, UnixTime::from_secs(1_790_000_000));
    /// let mut request = http::Request::get("https://shop.example/orders?since=7").body(())?;
    /// let signed = NewSignature::covering([Component::method(), Component::target_uri()])
    ///     .created(now)
    ///     .prepare(&Context::request(&HttpRequest::outgoing(&request)))?
    ///     .sign(&key)?;
    /// signed.append_to(request.headers_mut())?;
    /// assert!(request.headers().contains_key("signature"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`http::Error`] when the map has no room: nothing was added, or the message is to be thrown away.
    pub fn append_to(&self, fields: &mut HeaderMap) -> Result<(), http::Error> {
        for (name, value) in self.iter() {
            fields.try_append(name, HeaderValue::try_from(value)?)?;
        }
        Ok(())
    }
}

/// The one field `Host`. Several, or one that is no text, are no authority: the empty one.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok();
    Some(host.filter(|_| hosts.next().is_none()).unwrap_or_default())
}
