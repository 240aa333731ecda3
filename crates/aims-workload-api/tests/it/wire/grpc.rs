//! gRPC over HTTP/2 by hand: a server that answers with bytes, and a client that sends them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aims_keys::backend;
use aims_workload_api::{Endpoint, WorkloadApi};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::*;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) headers: HeaderMap,
    /// Without the five bytes before it.
    pub(super) message: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// One message and success.
    Unary(Vec<u8>),
    /// A message, and the stream stays open.
    Stream(Vec<u8>),
    /// Headers alone with a status in them, as grpc-go answers when a handler fails before it has sent anything.
    Refusal(u32, &'static str),
}

type Sender = mpsc::Sender<Result<Frame<Bytes>, Infallible>>;

/// A server that answers what it was told to, by method; what it was not told about it does not implement.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    answers: Arc<Mutex<Vec<(&'static str, Answer)>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Streams that are open.
    open: Arc<Mutex<Vec<(String, Sender)>>>,
    path: PathBuf,
}

impl Agent {
    pub(super) fn new(answers: &[(&'static str, Answer)]) -> Self {
        let path = socket_path();
        let listener = UnixListener::bind(&path).unwrap();
        let answers = Arc::new(Mutex::new(answers.to_vec()));
        let agent = Self { answers, seen: Arc::default(), open: Arc::default(), path };
        let accepting = agent.clone();
        tokio::spawn(async move {
            while let Ok((io, _)) = listener.accept().await {
                let agent = accepting.clone();
                let answer = service_fn(move |request| agent.clone().answer(request));
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(server.serve_connection(TokioIo::new(io), answer));
            }
        });
        agent
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.path.clone())
    }

    pub(super) fn api(&self) -> WorkloadApi {
        WorkloadApi::new(&self.endpoint(), backend::ring())
    }

    pub(super) fn set(&self, method: &'static str, answer: Answer) {
        let mut answers = self.answers.lock().unwrap();
        answers.retain(|(name, _)| *name != method);
        answers.push((method, answer));
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Sends one message more on the stream of `method`.
    pub(super) async fn send(&self, method: &str, message: &[u8]) {
        self.stream(method).send(Ok(Frame::data(framed(message)))).await.unwrap();
    }

    /// Ends the stream of `method` with this status.
    pub(super) async fn end(&self, method: &str, code: u32, text: &str) {
        self.stream(method).send(Ok(Frame::trailers(status(code, text)))).await.unwrap();
        self.open.lock().unwrap().retain(|(name, _)| name != method);
    }

    /// The one that was opened last.
    fn stream(&self, method: &str) -> Sender {
        let open = self.open.lock().unwrap();
        open.iter().rev().find(|(name, _)| name == method).unwrap().1.clone()
    }

    async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<StreamBody<ReceiverStream<Result<Frame<Bytes>, Infallible>>>>, Infallible> {
        let method = request.uri().path().to_owned();
        let headers = request.headers().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        // Not compressed, and as long as it says.
        assert_eq!(body[0], 0);
        assert_eq!(u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize, body.len() - 5);
        let message = body[5..].to_vec();
        self.seen.lock().unwrap().push(Seen { headers, message });

        let answers = self.answers.lock().unwrap().clone();
        let answer = answers.into_iter().find(|(name, _)| *name == method).map(|(_, answer)| answer);
        let answer = answer.unwrap_or(Answer::Refusal(12, "unknown service SpiffeWorkloadAPI"));
        let (sender, receiver) = mpsc::channel(4);
        let mut response = Response::new(StreamBody::new(ReceiverStream::new(receiver)));
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        match answer {
            Answer::Unary(message) => {
                sender.try_send(Ok(Frame::data(framed(&message)))).unwrap();
                sender.try_send(Ok(Frame::trailers(status(0, "")))).unwrap();
            }
            Answer::Stream(message) => {
                sender.try_send(Ok(Frame::data(framed(&message)))).unwrap();
                self.open.lock().unwrap().push((method, sender));
            }
            Answer::Refusal(code, text) => response.headers_mut().extend(status(code, text)),
        }
        Ok(response)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // The task that accepts has one, too.
        if Arc::strong_count(&self.seen) <= 2 {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn status(code: u32, text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-status", code.into());
    if !text.is_empty() {
        let text: String =
            text.chars().map(|c| if c == '%' { "%25".into() } else { c.to_string() }).collect();
        headers.insert("grpc-message", text.parse().unwrap());
    }
    headers
}

/// Not compressed, the length, the message.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &len[..], message].concat().into()
}

/// A client of whatever listens.
pub(super) struct Raw(SendRequest<Full<Bytes>>);

impl Raw {
    pub(super) async fn connect(path: &Path) -> Self {
        Self::over(UnixStream::connect(path).await.unwrap()).await
    }

    pub(super) async fn over(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let (send, connection) = client.handshake(TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        Self(send)
    }

    /// A call with the header that there has to be.
    pub(super) async fn call(&mut self, method: &str, message: &[u8]) -> Call {
        self.send(method, &[("workload.spiffe.io", "true")], framed(message)).await
    }

    pub(super) async fn send(&mut self, method: &str, headers: &[(&str, &str)], body: Bytes) -> Call {
        self.post(&format!("SpiffeWorkloadAPI/{method}"), headers, body).await
    }

    pub(super) async fn post(&mut self, method: &str, headers: &[(&str, &str)], body: Bytes) -> Call {
        let mut request = Request::post(format!("http://localhost/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.ready().await.unwrap();
        let request = request.body(Full::new(body)).unwrap();
        let response = timeout(LONG, self.0.send_request(request)).await.unwrap().unwrap();
        assert_eq!((response.status(), response.version()), (http::StatusCode::OK, http::Version::HTTP_2));
        assert_eq!(response.headers()["content-type"], "application/grpc");
        let (parts, body) = response.into_parts();
        let status = parts.headers.contains_key("grpc-status").then_some(parts.headers);
        Call { status, body, read: VecDeque::new() }
    }
}

/// An answer that is being read.
pub(super) struct Call {
    status: Option<HeaderMap>,
    body: Incoming,
    read: VecDeque<u8>,
}

impl Call {
    /// The next message, or the status with its text.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>, (u32, String)> {
        loop {
            let len = self.read.iter().skip(1).take(4).copied().collect::<Vec<_>>();
            if let Ok(len) = <[u8; 4]>::try_from(len) {
                let len = u32::from_be_bytes(len) as usize;
                if self.read.len() >= 5 + len {
                    let message: Vec<_> = self.read.drain(..5 + len).collect();
                    assert_eq!(message[0], 0, "not compressed");
                    return Ok(message[5..].to_vec());
                }
            }
            let frame = match &self.status {
                None => timeout(LONG, self.body.frame()).await.unwrap(),
                Some(_) => None,
            };
            match frame.map(|frame| frame.unwrap().into_data()) {
                Some(Ok(data)) => self.read.extend(data),
                Some(Err(frame)) => self.status = Some(frame.into_trailers().unwrap()),
                None => {
                    let status = self.status.as_ref().expect("no status");
                    let text = |name: &str| status.get(name).map_or("", |value| value.to_str().unwrap());
                    let (code, message) = (text("grpc-status").parse().unwrap(), text("grpc-message"));
                    return Err((code, message.replace("%20", " ")));
                }
            }
        }
    }

    /// The only message, with success after it.
    pub(super) async fn only(&mut self) -> Vec<u8> {
        let message = self.next().await.unwrap();
        assert_eq!(self.next().await, Err((0, String::new())));
        message
    }
}
