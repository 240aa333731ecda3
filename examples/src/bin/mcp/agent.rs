//! The agent: a client of the protocol whose requests go through a [`TokenAgent`].

use std::collections::HashMap;
use std::sync::Arc;

use aims::credential::{Fetch, FetchError, FetchRequest, Fetched, Post, PostRequest, Posted};
use aims::keys::BoxFuture;
use aims::mcp::{InputRequest, InputRequired, InputResponses};
use aims::{AgentError, Connector, TokenAgent, TokenService};
use aims_testkit::TestAuthorizationServer;
use futures_core::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::{Client, Error as HttpError};
use hyper_util::rt::TokioExecutor;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, ClientJsonRpcMessage,
    Implementation, ProtocolVersion,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse,
};
use rmcp::{ClientLifecycleMode, ClientServiceExt};
use serde_json::{Value, json};
use sse_stream::Sse;
use tower_layer::Layer;
use tower_service::Service;

use crate::Failure;

/// Calls the tools, as a model would have it.
pub(crate) async fn run(url: &str, tools: Tools) -> Result<(), Failure> {
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::with_client(tools, config);
    let capabilities = ClientCapabilities::builder().enable_elicitation().build();
    let info = ClientConfig::new(capabilities, Implementation::new("travel", "1"));
    let mode = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let server = info.serve_with_lifecycle(transport, mode).await?;

    let tools = server.list_tools(None).await?.tools;
    println!("tools: {}", tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>().join(", "));
    let to_oslo = json!({"to": "Oslo"}).as_object().cloned().unwrap_or_default();
    let search = CallToolRequestParams::new("search").with_arguments(to_oslo.clone());
    println!("search: {}", said(server.call_tool_once(search).await?)?);

    let mut book = CallToolRequestParams::new("book").with_arguments(to_oslo);
    let asked = server.call_tool_once(book.clone()).await?;
    let (responses, state) = answer(&said(asked)?)?;
    book.input_responses = Some(serde_json::from_str(&responses)?);
    book.request_state = state;
    println!("book: {}", said(server.call_tool_once(book.clone()).await?)?);

    // The same state with another flight.
    book.arguments = json!({"to": "Rome"}).as_object().cloned();
    let refused = server.call_tool_once(book).await.err().map(|error| error.to_string());
    println!("book another flight with it: {}", refused.unwrap_or_default());
    // What nobody listed, nobody calls.
    let refused = server.call_tool_once(CallToolRequestParams::new("cancel")).await;
    println!("cancel: {}", if refused.is_err() { "refused" } else { "done" });
    server.cancel().await?;
    Ok(())
}

/// What a tool says, or, as JSON, what it asks for.
fn said(response: CallToolResponse) -> Result<String, Failure> {
    match response {
        CallToolResponse::Complete(result) => {
            let result = serde_json::to_value(result)?;
            Ok(result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default().to_owned())
        }
        CallToolResponse::InputRequired(asked) => Ok(serde_json::to_string(&asked)?),
        _ => Err("another kind of result".into()),
    }
}

/// Has the user answer what the server asks for. The model sees none of it before it was read here.
fn answer(result: &str) -> Result<(String, Option<String>), Failure> {
    let input = InputRequired::parse(result.as_bytes())?.ok_or("a result, and no question")?;
    let mut answers = InputResponses::new();
    for (key, request) in input.requests() {
        match request {
            InputRequest::Form(form) => {
                println!("asked: {}", form.message());
                answers.fill(key, form, br#"{"row":7}"#)?;
            }
            InputRequest::Url(url) => {
                println!("asked to go to {}", url.host());
                answers.decline(key)?;
            }
            _ => answers.cancel(key)?,
        }
    }
    Ok((answers.to_json()?, input.state().map(str::to_owned)))
}

/// HTTP over connections of workloads.
#[derive(Clone, Debug)]
pub(crate) struct Http(Client<Connector, Full<Bytes>>);

impl Http {
    pub(crate) fn new(connector: Connector) -> Self {
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

/// The client of the protocol sends its requests with this: a token, and a fresh proof, is put into each below it.
#[derive(Clone)]
pub(crate) struct Tools(TokenService<Client<Connector, Full<Bytes>>>);

type Refused = StreamableHttpError<AgentError<HttpError>>;

impl Tools {
    pub(crate) fn new(agent: &TokenAgent, http: Http) -> Self {
        Self(agent.layer().layer(http.0))
    }
}

impl StreamableHttpClient for Tools {
    type Error = AgentError<HttpError>;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        _: Option<Arc<str>>,
        _: Option<String>,
        fields: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Refused> {
        let content = Full::from(serde_json::to_vec(&message)?);
        let mut request = Request::new(content);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.parse().map_err(|_| unexpected("no URL"))?;
        let head = request.headers_mut();
        head.extend(fields);
        head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        head.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let answer = self.0.clone().call(request).await.map_err(StreamableHttpError::Client)?;

        let (head, body) = answer.into_parts();
        if matches!(head.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let media_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        // A problem document, of a guard, is no message of the protocol. This server answers with JSON; others may stream.
        if !media_type.starts_with(b"application/json") {
            return Err(unexpected(&format!("status {}", head.status.as_u16())));
        }
        let body = Limited::new(body, MAX_LEN).collect().await.map_err(|_| unexpected("broken off"))?;
        Ok(StreamableHttpPostResponse::Json(serde_json::from_slice(&body.to_bytes())?, None))
    }

    async fn delete_session(
        &self,
        _: Arc<str>,
        _: Arc<str>,
        _: Option<String>,
        _: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Refused> {
        Err(StreamableHttpError::ServerDoesNotSupportDeleteSession)
    }

    async fn get_stream(
        &self,
        _: Arc<str>,
        _: Option<Arc<str>>,
        _: Option<String>,
        _: Option<String>,
        _: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Refused> {
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }
}

fn unexpected(what: &str) -> Refused {
    StreamableHttpError::UnexpectedServerResponse(what.to_owned().into())
}

/// What the client of tokens reaches: metadata at the tool, and the authorization server. In a deployment, that is `GuardedFetch` of `aims::workload_api`.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    http: Http,
    server: TestAuthorizationServer,
}

impl Network {
    pub(crate) fn new(http: Http, server: TestAuthorizationServer) -> Self {
        Self { http, server }
    }
}

impl Fetch for Network {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let url = request.url();
        if url.authority() == self.server.issuer().as_url().authority() {
            return self.server.fetch(request);
        }
        println!("asks {}", url.path());
        Box::pin(async move {
            let ask =
                Request::get(url.as_str()).body(Full::default()).map_err(|_| FetchError::Unreachable)?;
            let answer = self.http.0.request(ask).await.map_err(|_| FetchError::Unreachable)?;
            if answer.status() != StatusCode::OK {
                return Err(FetchError::Status(answer.status().as_u16()));
            }
            let media_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let media_type = media_type.map(str::to_owned);
            let body = Limited::new(answer.into_body(), request.longest());
            let body = body.collect().await.map_err(|_| FetchError::TooLarge)?;
            Ok(Fetched::new(url.clone(), media_type.as_deref(), body.to_bytes().to_vec()))
        })
    }
}

impl Post for Network {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        println!("gets a token");
        self.server.post(request)
    }
}

/// 1 MiB.
const MAX_LEN: usize = 1024 * 1024;
