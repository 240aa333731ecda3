//! One request and its answer, over a connection of its own.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use aims_credential::{FetchError, FetchRequest, HttpsUrl, PostRequest};
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue,
    LOCATION, USER_AGENT,
};
use http::request::Builder;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{DnsName, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::trust::ServerTrust;

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// What of an answer is read.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// The body of one with status 200, and where a redirect leads.
    Document,
    /// The body, whatever the status.
    Anything,
    /// No body, whatever the status.
    Fields,
}

impl Answer {
    pub(super) fn content_type(&self) -> Option<&str> {
        text(&self.fields, &CONTENT_TYPE)
    }

    /// Where it leads, if it is a redirect.
    pub(super) fn redirect(&self, url: &HttpsUrl) -> Result<Option<HttpsUrl>, FetchError> {
        if !is_redirect(self.status) {
            return Ok(None);
        }
        let location = text(&self.fields, &LOCATION).ok_or(FetchError::Answer)?;
        url.redirected(location).map(Some).map_err(FetchError::Redirect)
    }

    /// The lines of these fields.
    pub(super) fn kept<'k>(&'k self, names: &'k [&'k str]) -> impl Iterator<Item = (&'k str, &'k [u8])> {
        let lines = |name: &&'k str| {
            let name = *name;
            self.fields.get_all(name).iter().map(move |line| (name, line.as_bytes()))
        };
        names.iter().flat_map(lines)
    }
}

/// Asks at one of these addresses, which were checked, and reads an answer of at most `max` bytes.
pub(super) async fn exchange(
    url: &HttpsUrl,
    addresses: &[SocketAddr],
    trust: &ServerTrust,
    asked: Request<Full<Bytes>>,
    (wanted, max): (Wanted, usize),
) -> Result<Answer, FetchError> {
    let stream = connect(url, addresses, trust).await?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Answer)?;
    let mut exchange = pin!(async {
        let response = sender.send_request(asked).await.map_err(|_| FetchError::Answer)?;
        read(response, wanted, max).await
    });
    let mut connection = pin!(connection);
    // No task of its own: who drops the fetch drops the connection. It may end before all that it brought is read.
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

/// A request for a document.
pub(super) fn get(url: &HttpsUrl, request: &FetchRequest<'_>) -> Result<Request<Full<Bytes>>, FetchError> {
    let accepted = match request.media_types() {
        [] => "*/*".to_owned(),
        types => types.join(", "),
    };
    let asked = with_usual_fields(Request::get(&*url.target()), url).header(ACCEPT, accepted);
    asked.body(Full::default()).map_err(|_| FetchError::Answer)
}

/// A request to an endpoint.
pub(super) fn post(request: &PostRequest<'_>) -> Result<Request<Full<Bytes>>, FetchError> {
    let url = request.url();
    let mut asked = with_usual_fields(Request::post(&*url.target()), url)
        .header(ACCEPT, request.accepted())
        .header(CONTENT_TYPE, request.content_type());
    for (name, value) in request.fields() {
        let mut value = HeaderValue::from_str(value).map_err(|_| FetchError::Answer)?;
        value.set_sensitive(true);
        asked = asked.header(*name, value);
    }
    asked.body(Full::new(Bytes::copy_from_slice(request.body().as_bytes()))).map_err(|_| FetchError::Answer)
}

fn with_usual_fields(asked: Builder, url: &HttpsUrl) -> Builder {
    asked
        .header(HOST, url.authority())
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("aims/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
}

async fn connect(
    url: &HttpsUrl,
    addresses: &[SocketAddr],
    trust: &ServerTrust,
) -> Result<TlsStream<TcpStream>, FetchError> {
    let name = match url.address() {
        Some(address) => ServerName::from(address),
        None => {
            DnsName::try_from(url.host().to_owned()).map(ServerName::from).map_err(|_| FetchError::Tls)?
        }
    };
    for address in addresses {
        let Ok(Ok(tcp)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await else { continue };
        return TlsConnector::from(trust.config())
            .connect(name, tcp)
            .await
            .map_err(|failed| trust.reason(&failed));
    }
    Err(FetchError::Unreachable)
}

async fn read(response: Response<Incoming>, wanted: Wanted, max: usize) -> Result<Answer, FetchError> {
    let (head, mut body) = response.into_parts();
    let (status, fields) = (head.status.as_u16(), head.headers);
    match (wanted, status) {
        (Wanted::Fields, _) => return Ok(Answer { status, fields, body: Vec::new() }),
        // Nobody looks at the body of a redirect.
        (_, status) if is_redirect(status) => return Ok(Answer { status, fields, body: Vec::new() }),
        (Wanted::Anything, _) | (Wanted::Document, 200) => {}
        (Wanted::Document, status) => return Err(FetchError::Status(status)),
    }
    if fields.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return Err(FetchError::Encoding);
    }
    // What announces itself as too long is not read at all.
    let announced = text(&fields, &CONTENT_LENGTH).and_then(|len| len.parse::<u64>().ok());
    if announced.is_some_and(|len| len > max as u64) {
        return Err(FetchError::TooLarge);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(body.size_hint().lower()).unwrap_or(max).min(max));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| FetchError::Answer)?;
        let Some(data) = frame.data_ref() else { continue };
        if data.len() > max - bytes.len() {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(data);
    }
    Ok(Answer { status, fields, body: bytes })
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_HEADERS: usize = 64;
const MAX_HEAD: usize = 16 * 1024;
const MAX_BUFFER: usize = 64 * 1024;
