//! One request and its answer, over a connection of its own.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use aims_credential::{FetchError, FetchRequest, HttpsUrl};
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::{BodyExt, Empty};
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
pub(super) enum Answer {
    Document { content_type: Option<String>, fields: HeaderMap, body: Vec<u8> },
    Redirect(HttpsUrl),
}

/// Asks for `url` at one of these addresses, which were checked.
pub(super) async fn exchange(
    url: &HttpsUrl,
    addresses: &[SocketAddr],
    trust: &ServerTrust,
    request: &FetchRequest<'_>,
) -> Result<Answer, FetchError> {
    let stream = connect(url, addresses, trust).await?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Answer)?;
    let asked = ask(url, request)?;
    let mut exchange = pin!(async {
        let response = sender.send_request(asked).await.map_err(|_| FetchError::Answer)?;
        read(url, response, request).await
    });
    let mut connection = pin!(connection);
    // No task of its own: who drops the fetch drops the connection. It may end before all that it brought is read.
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
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

fn ask(url: &HttpsUrl, request: &FetchRequest<'_>) -> Result<Request<Empty<Bytes>>, FetchError> {
    let accepted = match request.media_types() {
        [] => "*/*".to_owned(),
        types => types.join(", "),
    };
    Request::get(&*url.target())
        .header(HOST, url.authority())
        .header(ACCEPT, accepted)
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("aims/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| FetchError::Answer)
}

async fn read(
    url: &HttpsUrl,
    response: Response<Incoming>,
    request: &FetchRequest<'_>,
) -> Result<Answer, FetchError> {
    let (head, mut body) = response.into_parts();
    match head.status.as_u16() {
        200 => {}
        301 | 302 | 303 | 307 | 308 => {
            let location = text(&head.headers, &LOCATION).ok_or(FetchError::Answer)?;
            return url.redirected(location).map(Answer::Redirect).map_err(FetchError::Redirect);
        }
        status => return Err(FetchError::Status(status)),
    }
    if head.headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return Err(FetchError::Encoding);
    }
    let content_type = text(&head.headers, &CONTENT_TYPE);
    let max = request.longest();
    // What announces itself as too long is not read at all.
    let announced = text(&head.headers, &CONTENT_LENGTH).and_then(|len| len.parse::<u64>().ok());
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
    let content_type = content_type.map(ToOwned::to_owned);
    Ok(Answer::Document { content_type, fields: head.headers, body: bytes })
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_HEADERS: usize = 64;
const MAX_HEAD: usize = 16 * 1024;
const MAX_BUFFER: usize = 64 * 1024;
