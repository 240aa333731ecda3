//! Workloads that call, over connections of their own.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aims::credential::{AccessHandle, PeerMap};
use aims::proof::{VerifiedResponse, XFCC_FIELD};
use aims::{Agent as Prover, AgentError, Connector, TraceParent};
use axum::body::{Body, Bytes};
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::{Layer, ServiceExt};

use super::{Message, Outcome, Workload};

/// What is under way.
#[derive(Default)]
pub(super) struct Agent {
    calls: Option<(Arc<AtomicBool>, JoinHandle<Calls>)>,
    watching: Option<JoinHandle<&'static str>>,
}

/// How many calls were answered, and how many were not.
#[derive(Default)]
struct Calls {
    answered: u64,
    failed: u64,
}

impl Agent {
    pub(super) async fn obey(&mut self, workload: &Workload, message: &Message) -> Outcome<Value> {
        match &*message.text("do")? {
            "call" => self.call(workload, message).await,
            "book" => self.book(workload, message).await,
            "begin_calls" => self.begin_calls(workload, message),
            "end_calls" => self.end_calls().await,
            "watch" => self.watch(workload, message).await,
            "watched" => self.watched().await,
            other => Err(format!("`{other}` is not a command").into()),
        }
    }

    /// Calls over a new connection; with a proof of its own for `audience`, and a field that says whom a proxy has seen, where the
    /// message has these.
    async fn call(&self, workload: &Workload, message: &Message) -> Outcome<Value> {
        let trace = TraceParent::begin().to_string();
        let mut request = get(&message.text("url")?)?;
        request.headers_mut().insert("traceparent", trace.parse()?);
        if let Ok(audience) = message.text("audience") {
            Prover::new(workload.0.wit()).attach_for(&audience, request.headers_mut()).await?;
        }
        if let Ok(forged) = message.text("xfcc") {
            request.headers_mut().insert(XFCC_FIELD, forged.parse()?);
        }
        let client = client(workload.connector(&message.text("expect")?)?);
        let Ok(response) = client.request(request).await else {
            // The reason is the server's to tell.
            return Ok(json!({ "traceparent": trace, "status": 0, "body": null }));
        };
        let status = response.status().as_u16();
        let body: Bytes = response.into_body().collect().await?.to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        Ok(json!({ "traceparent": trace, "status": status, "body": body }))
    }

    /// Books through a gateway, signed; and takes no answer that the tool did not sign.
    async fn book(&self, workload: &Workload, message: &Message) -> Outcome<Value> {
        let (url, via): (Uri, Uri) = (message.text("url")?.parse()?, message.text("via")?.parse()?);
        let peers = PeerMap::new();
        peers.insert(AccessHandle::DnsName(url.host().unwrap_or_default()), message.text("tool")?.parse()?);
        let prover = Prover::new(workload.0.wit()).signing(workload.0.bundles(), peers);
        let trace = TraceParent::begin().to_string();
        let request = Request::post(url)
            .header("content-type", "application/json")
            .header("traceparent", &trace)
            .body(Body::from(r#"{"to": "LIS"}"#))?;

        // Below the signature, the way to the tool: its name stays, and the connection goes to the gateway.
        let client = client(workload.connector(&message.text("expect")?)?);
        let wire = tower::service_fn(move |mut request: Request<Body>| {
            let (client, via) = (client.clone(), via.clone().into_parts());
            async move {
                let mut parts = request.uri().clone().into_parts();
                (parts.scheme, parts.authority) = (via.scheme, via.authority);
                *request.uri_mut() = Uri::from_parts(parts)?;
                request.headers_mut().insert(HOST, HeaderValue::from_static("tools.example"));
                Ok::<_, Box<dyn Error + Send + Sync>>(client.request(request).await?)
            }
        });
        match prover.demand_signed_responses().layer().layer(wire).oneshot(request).await {
            Ok(response) => {
                let signer =
                    response.extensions().get::<VerifiedResponse>().map(|by| by.wit().subject().to_string());
                let status = response.status().as_u16();
                let body: Value = serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
                Ok(json!({ "traceparent": trace, "status": status, "body": body, "signer": signer }))
            }
            Err(AgentError::Response { error, .. }) => {
                Ok(json!({ "traceparent": trace, "code": error.code(), "rule": error.rule() }))
            }
            Err(error) => Err(error.to_string().into()),
        }
    }

    /// Calls again and again, each time over a new connection, until it is told to stop.
    fn begin_calls(&mut self, workload: &Workload, message: &Message) -> Outcome<Value> {
        let (url, connector) = (message.text("url")?, workload.connector(&message.text("expect")?)?);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let calls = tokio::spawn(async move {
            let mut calls = Calls::default();
            while !stopped.load(Ordering::SeqCst) {
                let answer = match get(&url) {
                    Ok(request) => client(connector.clone()).request(request).await,
                    Err(_) => break,
                };
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    calls.answered += 1;
                } else {
                    calls.failed += 1;
                }
            }
            calls
        });
        self.calls = Some((stop, calls));
        Ok(json!({}))
    }

    async fn end_calls(&mut self) -> Outcome<Value> {
        let (stop, calls) = self.calls.take().ok_or("there are no calls")?;
        stop.store(true, Ordering::SeqCst);
        let Calls { answered, failed } = calls.await?;
        Ok(json!({ "answered": answered, "failed": failed }))
    }

    /// Opens a stream, and waits for its first message.
    async fn watch(&mut self, workload: &Workload, message: &Message) -> Outcome<Value> {
        let client = client(workload.connector(&message.text("expect")?)?);
        let response = client.request(get(&message.text("url")?)?).await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let first = body.frame().await.ok_or("the stream has no message")??;
        let first = first.into_data().unwrap_or_default();
        self.watching = Some(tokio::spawn(async move {
            // The client goes with it: its connection is what is watched.
            let _client = client;
            loop {
                match body.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return "cut off",
                    None => return "ended",
                }
            }
        }));
        Ok(json!({ "status": status, "first": String::from_utf8_lossy(&first).trim() }))
    }

    /// Waits for the end of the stream, and says how it came.
    async fn watched(&mut self) -> Outcome<Value> {
        let watching = self.watching.take().ok_or("nothing is watched")?;
        Ok(json!({ "end": watching.await? }))
    }
}

fn client(connector: Connector) -> Client<Connector, Body> {
    Client::builder(TokioExecutor::new()).build(connector)
}

fn get(url: &str) -> Outcome<Request<Body>> {
    Ok(Request::get(url).body(Body::empty())?)
}
