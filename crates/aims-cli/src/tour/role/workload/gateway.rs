//! A gateway that ends TLS: it may look at all that passes, and alter it.

use std::sync::{Arc, Mutex, PoisonError};

use aims::keys::backend;
use aims::{Connection, Connector};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{Message, Outcome, Workload, patterns};

/// Forwards to one tool what its clients send, until it is told to meddle.
pub(super) async fn serve(workload: &Workload, message: &Message) -> Outcome<(Gateway, Value)> {
    let (listener, url) = workload.listen(patterns(message, "peers")?).await?;
    let client = Client::builder(TokioExecutor::new()).build(workload.connector(&message.text("expect")?)?);
    let gateway = Gateway(Arc::new(Upstream {
        client,
        base: message.text("to")?.parse()?,
        meddling: Mutex::default(),
        kept: Mutex::default(),
    }));
    let app = Router::new().fallback(forward).with_state(gateway.clone());
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((gateway, json!({ "url": url })))
}

#[derive(Clone)]
pub(super) struct Gateway(Arc<Upstream>);

struct Upstream {
    client: Client<Connector, Body>,
    base: Uri,
    /// What it does to the next call.
    meddling: Mutex<String>,
    /// The answer to the last call.
    kept: Mutex<Option<(http::response::Parts, Bytes)>>,
}

impl Gateway {
    /// Alters the next call, in this one way.
    pub(super) fn meddle(&self, message: &Message) -> Outcome<Value> {
        *self.0.meddling.lock().unwrap_or_else(PoisonError::into_inner) = message.text("with")?;
        Ok(json!({}))
    }

    /// As gateways do: another host, fields that are added, and all of them in another order.
    async fn pass(&self, mut head: Parts, content: Bytes) -> Outcome<(http::response::Parts, Bytes)> {
        let path = head.uri.path_and_query().cloned().ok_or("no path")?;
        let base = self.0.base.clone().into_parts();
        let uri = Uri::builder().scheme(base.scheme.ok_or("no scheme")?);
        head.uri = uri.authority(base.authority.ok_or("no authority")?).path_and_query(path).build()?;
        head.headers.remove(HOST);
        head.headers.insert("via", HeaderValue::from_static("1.1 gateway"));
        head.headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.7"));
        head.headers = reversed(head.headers);
        let response = self.0.client.request(Request::from_parts(head, Body::from(content))).await?;
        let (head, body) = response.into_parts();
        Ok((head, body.collect().await?.to_bytes()))
    }

    async fn forward(&self, request: Request) -> Outcome<Response> {
        let meddling = std::mem::take(&mut *self.0.meddling.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut head, body) = request.into_parts();
        let mut content = body.collect().await?.to_bytes();
        match &*meddling {
            "body" => content = Bytes::from_static(OTHER),
            "component" => drop(head.headers.remove("content-type")),
            "digest" => {
                content = Bytes::from_static(OTHER);
                let digest = aims::httpsig::Digests::field(OTHER, backend::ring());
                head.headers.insert("content-digest", digest.parse()?);
            }
            "label" => again(&mut head.headers, "")?,
            "method" => head.method = Method::PUT,
            "query" => {
                let query =
                    head.uri.query().unwrap_or_default().split('&').rev().collect::<Vec<_>>().join("&");
                head.uri = format!("{}?{query}", head.uri.path()).parse()?;
            }
            "tag" => again(&mut head.headers, "x")?,
            _ => {}
        }
        let answer = self.pass(head.clone(), content.clone()).await?;
        if meddling == "replay" {
            // Its own answer is for the gateway alone.
            self.pass(head, content).await?;
        }
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).replace(answer.clone());
        let (mut head, mut content) = match (&*meddling, kept) {
            ("other_answer", Some(kept)) => kept,
            _ => answer,
        };
        match &*meddling {
            "answer" => content = Bytes::from_static(br#"{"booked": "nothing"}"#),
            "strip" => {
                head.headers.remove("signature");
                head.headers.remove("signature-input");
            }
            _ => {}
        }
        head.headers.remove("content-length");
        Ok(Response::from_parts(head, Body::from(content)))
    }
}

async fn forward(State(gateway): State<Gateway>, request: Request) -> Response {
    match gateway.forward(request).await {
        Ok(response) => response,
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// The signature a second time, under a label that is the same, or begins with something.
fn again(fields: &mut HeaderMap, before: &str) -> Outcome<()> {
    for name in ["signature-input", "signature"] {
        let line = fields.get(name).ok_or("not signed")?.to_str()?.to_owned();
        fields.append(name, format!("{before}{line}").parse()?);
    }
    Ok(())
}

fn reversed(fields: HeaderMap) -> HeaderMap {
    let mut last: Option<HeaderName> = None;
    let mut lines = Vec::new();
    for (name, value) in fields {
        // The lines of one field stay in order.
        let name = name.or(last.take());
        last.clone_from(&name);
        lines.extend(name.map(|name| (name, value)));
    }
    lines.sort_by(|(one, _), (other, _)| other.as_str().cmp(one.as_str()));
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        fields.append(name, value);
    }
    fields
}

/// What nobody ordered.
const OTHER: &[u8] = br#"{"to": "OPO"}"#;
