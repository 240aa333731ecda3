//! The bundle of one trust domain, over HTTP.

use std::convert::Infallible;
use std::fmt::{self, Write};
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use aims_credential::{BundleSource, HttpsUrl, TrustBundle};
use aims_id::Origin;
use aims_keys::Backend;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

/// Answers requests for the bundle of one trust domain with its current document (FED-6).
///
/// A service of tower, for whatever server there is; [`BundleServer`](super::BundleServer) is one. Nobody has to say who asks (FED-5).
/// Whatever is not a request for the document is answered with 404 or 405.
#[derive(Clone)]
pub struct BundleEndpoint {
    source: Arc<dyn BundleSource>,
    origin: Origin,
    path: Arc<str>,
    backend: Backend,
    written: Arc<ArcSwapOption<Written>>,
}

/// A document, and the bundle that it was made from.
struct Written {
    bundle: Arc<TrustBundle>,
    document: Bytes,
    tag: HeaderValue,
}

impl BundleEndpoint {
    /// Serves the bundle of `origin`, as it is in `source` at each request, at the path of `url`, which is the URL that others are given.
    /// `backend` hashes the document, for its entity tag.
    #[must_use]
    pub fn new(
        source: impl BundleSource + 'static,
        origin: Origin,
        url: &HttpsUrl,
        backend: Backend,
    ) -> Self {
        let path = if url.path().is_empty() { "/" } else { url.path() };
        Self {
            source: Arc::new(source),
            origin,
            path: path.into(),
            backend,
            written: Arc::new(ArcSwapOption::empty()),
        }
    }

    /// The answer to a request, whose body nobody looks at.
    #[must_use]
    pub fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if request.uri().path() != &*self.path {
            return empty(StatusCode::NOT_FOUND);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let written = match self.written() {
            Ok(written) => written,
            Err(status) => return empty(status),
        };
        if is_known(request.headers(), &written.tag) {
            let mut response = empty(StatusCode::NOT_MODIFIED);
            describe(response.headers_mut(), &written);
            return response;
        }
        let body = if request.method() == Method::HEAD { Bytes::new() } else { written.document.clone() };
        let mut response = Response::new(Full::new(body));
        let headers = response.headers_mut();
        describe(headers, &written);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(written.document.len()));
        response
    }

    /// The document of the bundle in force, which is written once per bundle.
    fn written(&self) -> Result<Arc<Written>, StatusCode> {
        let bundle = self.source.bundle(self.origin.as_str());
        // A source could answer for another origin than it was asked for.
        let bundle = bundle.filter(|bundle| *bundle.origin() == self.origin);
        let bundle = bundle.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
        if let Some(written) = self.written.load_full()
            && Arc::ptr_eq(&written.bundle, &bundle)
        {
            return Ok(written);
        }
        let document = bundle.to_spiffe_json().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let tag = self.tag(&document).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let written = Arc::new(Written { bundle, document: document.into(), tag });
        self.written.store(Some(Arc::clone(&written)));
        Ok(written)
    }

    fn tag(&self, document: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let mut tag = String::from("\"");
        for byte in self.backend.sha256(document.as_bytes()) {
            // Writing to a string does not fail.
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        tag.parse()
    }
}

impl<B> Service<Request<B>> for BundleEndpoint {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(&request)))
    }
}

/// Shows whose bundle is where.
impl fmt::Debug for BundleEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundleEndpoint")
            .field("origin", &self.origin.as_str())
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Caches ask again each time: a key that is gone was revoked.
fn describe(headers: &mut HeaderMap, written: &Written) {
    headers.insert(ETAG, written.tag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

/// RFC 9110 §13.1.2
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default();
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
